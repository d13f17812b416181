-- title: Retention by day (访问留存)
-- question: Of the users who were new or active on a day, how many were seen again 1 to 7, 14 and 30 days later?
-- The newest day in the store counts as finished: land whole days before asking.
-- param from date = first_day : first day of the cohorts
-- param to date = last_day : last day of the cohorts
-- kind: visit_uv_new is the cohort of users whose first visit ever fell on ref_date, visit_uv all who visited on it.
-- value is a head count: the size of the cohort at key 0, those seen again exactly `key` days later at the others.
-- rate is value / size of the cohort, 4 decimals, rounded half up.
-- A day beyond the newest event is a row with complete = false and no value yet.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
keys AS (
    SELECT key FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (14), (30)) AS keys(key)
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
active AS (
    SELECT DISTINCT user_id, dt FROM visits WHERE dt >= $from AND dt <= $to + INTERVAL '30 days'
),
returned AS (
    SELECT
        cohort.dt AS day,
        later.dt - cohort.dt AS key,
        count(*) AS visit_uv,
        count(*) FILTER (WHERE cohort.dt = users.first_dt) AS visit_uv_new
    FROM active AS cohort
    JOIN users ON users.user_id = cohort.user_id
    JOIN active AS later
        ON later.user_id = cohort.user_id AND later.dt - cohort.dt IN (0, 1, 2, 3, 4, 5, 6, 7, 14, 30)
    WHERE cohort.dt <= $to
    GROUP BY 1, 2
),
cells AS (
    SELECT
        days.day AS day,
        keys.key AS key,
        newest.newest - days.day >= keys.key AS complete,
        coalesce(returned.visit_uv_new, 0) AS visit_uv_new,
        coalesce(returned.visit_uv, 0) AS visit_uv
    FROM days
    CROSS JOIN keys
    CROSS JOIN newest
    LEFT JOIN returned ON returned.day = days.day AND returned.key = keys.key
),
counted AS (
    SELECT day, 1 AS place, 'visit_uv_new' AS kind, key, complete, CASE WHEN complete THEN visit_uv_new END AS value FROM cells
    UNION ALL
    SELECT day, 2 AS place, 'visit_uv' AS kind, key, complete, CASE WHEN complete THEN visit_uv END AS value FROM cells
),
sized AS (
    SELECT *, nullif(max(CASE WHEN key = 0 THEN value END) OVER (PARTITION BY day, kind), 0) AS size FROM counted
)
SELECT
    to_char(day, '%Y%m%d') AS ref_date,
    kind,
    key,
    value,
    (value * 20000 + size) / (2 * size) / 10000.0 AS rate,
    complete
FROM sized
ORDER BY day, place, key
