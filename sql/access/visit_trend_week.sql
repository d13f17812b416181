-- title: Visit trend by week | 访问趋势（周）
-- question: How many opens, visits and visitors did each natural week have, Monday to Sunday?
--   | 每个自然周（周一至周日）的打开次数、访问次数和访问人数各是多少？
-- period: week
-- days: ..to+7
-- param from date = first_day : a day of the first week
-- param to date = last_day : a day of the last week
-- column ref_date = week | 周 : Monday and Sunday of the natural week, yyyymmdd-yyyymmdd | 自然周的周一与周日，yyyymmdd-yyyymmdd
-- column session_cnt = opens | 打开次数 : opens (sessions with a page view) that start in the week
--   | 该周开始的打开次数（有页面访问的会话，从打开小程序到主动关闭或超时退出计为一次）
-- column visit_pv = visits | 访问次数 : page views in the week, repeats counted
--   | 该周的页面访问次数，页面之间跳转、同一页面的重复访问计为多次
-- column visit_uv = visitors | 访问人数 : distinct users with a page view in the week | 该周有页面访问的去重用户数
-- column visit_uv_new = new users | 新用户数 : distinct users whose first page view ever falls in the week
--   | 历史首次页面访问发生在该周的去重用户数
-- column stay_time_uv = stay per user | 人均停留时长 : stay of the opens / visitors, seconds, 4 decimals, rounded half up; empty without visitors
--   | 各次打开的停留总时长 / 访问人数，单位秒，保留 4 位小数，四舍五入；无访问用户时为空
-- column stay_time_session = stay per open | 次均停留时长 : stay of the opens / opens, seconds, 4 decimals, rounded half up; empty without opens
--   | 各次打开的停留总时长 / 打开次数，单位秒，保留 4 位小数，四舍五入；无打开时为空
-- column visit_depth = depth | 平均访问深度 : sum over the opens of their different pages / opens, 4 decimals, rounded half up; empty without opens
--   | 各次打开的去重页面数之和 / 打开次数，保留 4 位小数，四舍五入；无打开时为空
-- chart: line x=ref_date y=session_cnt,visit_pv,visit_uv,visit_uv_new
-- check: coalesce(bool_and(visit_uv <= visit_pv), true)
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
