-- title: Retention by week (访问留存, 周)
-- question: Of the users who were new or active in a natural week, how many were seen again 1 to 4 weeks later?
-- The newest day in the store counts as finished: land whole days before asking.
-- param from date = first_day : a day of the first cohort's week
-- param to date = last_day : a day of the last cohort's week
-- Weeks run Monday to Sunday; every week that the range touches is a whole cohort.
-- kind: visit_uv_new is the cohort of users whose first visit ever fell in the week, visit_uv all who visited in it.
-- value is a head count: the size of the cohort at key 0, those seen again exactly `key` weeks later at the others.
-- rate is value / size of the cohort, 4 decimals, rounded half up.
-- complete = false: the week of that key is not over at the newest event; before it has begun there is no value.
WITH
weeks AS (
    SELECT unnest(generate_series(CAST(date_trunc('week', $from) AS DATE), $to, INTERVAL '7 days')) AS week
),
keys AS (
    SELECT key FROM (VALUES (0), (1), (2), (3), (4)) AS keys(key)
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
active AS (
    SELECT DISTINCT user_id, CAST(date_trunc('week', dt) AS DATE) AS week
    FROM visits
    WHERE dt >= CAST(date_trunc('week', $from) AS DATE)
        AND dt < CAST(date_trunc('week', $to) AS DATE) + INTERVAL '35 days'
),
returned AS (
    SELECT
        cohort.week AS week,
        (later.week - cohort.week) / 7 AS key,
        count(*) AS visit_uv,
        count(*) FILTER (WHERE cohort.week = CAST(date_trunc('week', users.first_dt) AS DATE)) AS visit_uv_new
    FROM active AS cohort
    JOIN users ON users.user_id = cohort.user_id
    JOIN active AS later
        ON later.user_id = cohort.user_id AND later.week - cohort.week IN (0, 7, 14, 21, 28)
    WHERE cohort.week <= $to
    GROUP BY 1, 2
),
cells AS (
    SELECT
        weeks.week AS week,
        keys.key AS key,
        newest.newest - weeks.week >= 7 * keys.key AS begun,
        newest.newest - weeks.week >= 7 * keys.key + 6 AS complete,
        coalesce(returned.visit_uv_new, 0) AS visit_uv_new,
        coalesce(returned.visit_uv, 0) AS visit_uv
    FROM weeks
    CROSS JOIN keys
    CROSS JOIN newest
    LEFT JOIN returned ON returned.week = weeks.week AND returned.key = keys.key
),
counted AS (
    SELECT week, 1 AS place, 'visit_uv_new' AS kind, key, complete, CASE WHEN begun THEN visit_uv_new END AS value FROM cells
    UNION ALL
    SELECT week, 2 AS place, 'visit_uv' AS kind, key, complete, CASE WHEN begun THEN visit_uv END AS value FROM cells
),
sized AS (
    SELECT *, nullif(max(CASE WHEN key = 0 THEN value END) OVER (PARTITION BY week, kind), 0) AS size FROM counted
)
SELECT
    to_char(week, '%Y%m%d') || '-' || to_char(week + INTERVAL '6 days', '%Y%m%d') AS ref_date,
    kind,
    key,
    value,
    (value * 20000 + size) / (2 * size) / 10000.0 AS rate,
    complete
FROM sized
ORDER BY week, place, key
