-- title: Visit trend by month (访问趋势, 月)
-- question: How many opens, visits and visitors did each natural month have?
-- param from date = first_day : a day of the first month
-- param to date = last_day : a day of the last month
-- Every month that the range touches is counted whole. Opens and visits are sums over the month, people are distinct within it.
-- A month without events is a row of zeros; an average over nothing is empty. Rounding and days as in the trend by day.
WITH
months AS (
    SELECT unnest(generate_series(CAST(date_trunc('month', $from) AS DATE), $to, INTERVAL '1 month')) AS month
),
opened AS (
    SELECT CAST(date_trunc('month', session_dt) AS DATE) AS month, count(*) AS opens, sum(stay_ms / 1000) AS stay_s, sum(depth) AS depth
    FROM sessions
    WHERE views > 0
        AND session_dt >= CAST(date_trunc('month', $from) AS DATE)
        AND session_dt < CAST(date_trunc('month', $to) AS DATE) + INTERVAL '1 month'
    GROUP BY 1
),
visited AS (
    SELECT CAST(date_trunc('month', dt) AS DATE) AS month, count(*) AS visits, count(DISTINCT user_id) AS visitors
    FROM visits
    WHERE dt >= CAST(date_trunc('month', $from) AS DATE)
        AND dt < CAST(date_trunc('month', $to) AS DATE) + INTERVAL '1 month'
    GROUP BY 1
),
arrived AS (
    SELECT CAST(date_trunc('month', first_dt) AS DATE) AS month, count(*) AS new_users
    FROM users
    WHERE first_dt >= CAST(date_trunc('month', $from) AS DATE)
        AND first_dt < CAST(date_trunc('month', $to) AS DATE) + INTERVAL '1 month'
    GROUP BY 1
)
SELECT
    to_char(months.month, '%Y%m') AS ref_date,
    coalesce(opens, 0) AS session_cnt,
    coalesce(visits, 0) AS visit_pv,
    coalesce(visitors, 0) AS visit_uv,
    coalesce(new_users, 0) AS visit_uv_new,
    (coalesce(stay_s, 0) * 20000 + visitors) / (2 * visitors) / 10000.0 AS stay_time_uv,
    (stay_s * 20000 + opens) / (2 * opens) / 10000.0 AS stay_time_session,
    (depth * 20000 + opens) / (2 * opens) / 10000.0 AS visit_depth
FROM months
LEFT JOIN opened ON opened.month = months.month
LEFT JOIN visited ON visited.month = months.month
LEFT JOIN arrived ON arrived.month = months.month
ORDER BY ref_date
