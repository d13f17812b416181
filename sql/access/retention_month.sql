-- title: Retention by month (访问留存, 月)
-- question: Of the users who were new or active in a natural month, how many were seen again in the next one?
-- The newest day in the store counts as finished: land whole days before asking.
-- param from date = first_day : a day of the first cohort's month
-- param to date = last_day : a day of the last cohort's month
-- Every month that the range touches is a whole cohort.
-- kind: visit_uv_new is the cohort of users whose first visit ever fell in the month, visit_uv all who visited in it.
-- value is a head count: the size of the cohort at key 0, those seen again in the next month at key 1.
-- rate is value / size of the cohort, 4 decimals, rounded half up.
-- complete = false: the month of that key is not over at the newest event; before it has begun there is no value.
-- Months are compared by their number, 12 × year + month.
WITH
months AS (
    SELECT unnest(generate_series(CAST(date_trunc('month', $from) AS DATE), $to, INTERVAL '1 month')) AS month
),
keys AS (
    SELECT key FROM (VALUES (0), (1)) AS keys(key)
),
newest AS (
    SELECT
        date_part('year', max(dt)) * 12 + date_part('month', max(dt)) AS open_month,
        date_part('year', max(dt) + INTERVAL '1 day') * 12 + date_part('month', max(dt) + INTERVAL '1 day') AS next_day_month
    FROM events
),
active AS (
    SELECT DISTINCT user_id, date_part('year', dt) * 12 + date_part('month', dt) AS month_no
    FROM visits
    WHERE dt >= CAST(date_trunc('month', $from) AS DATE)
        AND dt < CAST(date_trunc('month', $to) AS DATE) + INTERVAL '2 months'
),
returned AS (
    SELECT
        cohort.month_no AS month_no,
        later.month_no - cohort.month_no AS key,
        count(*) AS visit_uv,
        count(*) FILTER (
            WHERE cohort.month_no = date_part('year', users.first_dt) * 12 + date_part('month', users.first_dt)
        ) AS visit_uv_new
    FROM active AS cohort
    JOIN users ON users.user_id = cohort.user_id
    JOIN active AS later
        ON later.user_id = cohort.user_id AND later.month_no - cohort.month_no IN (0, 1)
    GROUP BY 1, 2
),
numbered AS (
    SELECT month, date_part('year', month) * 12 + date_part('month', month) AS month_no FROM months
),
cells AS (
    SELECT
        numbered.month AS month,
        keys.key AS key,
        newest.open_month >= numbered.month_no + keys.key AS begun,
        newest.next_day_month > numbered.month_no + keys.key AS complete,
        coalesce(returned.visit_uv_new, 0) AS visit_uv_new,
        coalesce(returned.visit_uv, 0) AS visit_uv
    FROM numbered
    CROSS JOIN keys
    CROSS JOIN newest
    LEFT JOIN returned ON returned.month_no = numbered.month_no AND returned.key = keys.key
),
counted AS (
    SELECT month, 1 AS place, 'visit_uv_new' AS kind, key, complete, CASE WHEN begun THEN visit_uv_new END AS value FROM cells
    UNION ALL
    SELECT month, 2 AS place, 'visit_uv' AS kind, key, complete, CASE WHEN begun THEN visit_uv END AS value FROM cells
),
sized AS (
    SELECT *, nullif(max(CASE WHEN key = 0 THEN value END) OVER (PARTITION BY month, kind), 0) AS size FROM counted
)
SELECT
    to_char(month, '%Y%m') AS ref_date,
    kind,
    key,
    value,
    (value * 20000 + size) / (2 * size) / 10000.0 AS rate,
    complete
FROM sized
ORDER BY month, place, key
