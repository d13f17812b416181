-- title: Visit trend by week (访问趋势, 周)
-- question: How many opens, visits and visitors did each natural week have, Monday to Sunday?
-- param from date = first_day : a day of the first week
-- param to date = last_day : a day of the last week
-- Every week that the range touches is counted whole. Opens and visits are sums over the week, people are distinct within it.
-- A week without events is a row of zeros; an average over nothing is empty. Rounding and days as in the trend by day.
WITH
weeks AS (
    SELECT unnest(generate_series(CAST(date_trunc('week', $from) AS DATE), $to, INTERVAL '7 days')) AS week
),
opened AS (
    SELECT CAST(date_trunc('week', session_dt) AS DATE) AS week, count(*) AS opens, sum(stay_ms / 1000) AS stay_s, sum(depth) AS depth
    FROM sessions
    WHERE views > 0
        AND session_dt >= CAST(date_trunc('week', $from) AS DATE)
        AND session_dt < CAST(date_trunc('week', $to) AS DATE) + INTERVAL '7 days'
    GROUP BY 1
),
visited AS (
    SELECT CAST(date_trunc('week', dt) AS DATE) AS week, count(*) AS visits, count(DISTINCT user_id) AS visitors
    FROM visits
    WHERE dt >= CAST(date_trunc('week', $from) AS DATE)
        AND dt < CAST(date_trunc('week', $to) AS DATE) + INTERVAL '7 days'
    GROUP BY 1
),
arrived AS (
    SELECT CAST(date_trunc('week', first_dt) AS DATE) AS week, count(*) AS new_users
    FROM users
    WHERE first_dt >= CAST(date_trunc('week', $from) AS DATE)
        AND first_dt < CAST(date_trunc('week', $to) AS DATE) + INTERVAL '7 days'
    GROUP BY 1
)
SELECT
    to_char(weeks.week, '%Y%m%d') || '-' || to_char(weeks.week + INTERVAL '6 days', '%Y%m%d') AS ref_date,
    coalesce(opens, 0) AS session_cnt,
    coalesce(visits, 0) AS visit_pv,
    coalesce(visitors, 0) AS visit_uv,
    coalesce(new_users, 0) AS visit_uv_new,
    (coalesce(stay_s, 0) * 20000 + visitors) / (2 * visitors) / 10000.0 AS stay_time_uv,
    (stay_s * 20000 + opens) / (2 * opens) / 10000.0 AS stay_time_session,
    (depth * 20000 + opens) / (2 * opens) / 10000.0 AS visit_depth
FROM weeks
LEFT JOIN opened ON opened.week = weeks.week
LEFT JOIN visited ON visited.week = weeks.week
LEFT JOIN arrived ON arrived.week = weeks.week
ORDER BY ref_date
