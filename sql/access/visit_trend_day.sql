-- title: Visit trend by day | 访问趋势（日）
-- question: How many opens, visits and visitors did each day have, and how long and deep were they?
--   | 每天的打开次数、访问次数和访问人数各是多少，停留多久，访问多深？
-- days: ..to+1
-- param from date = first_day : first day
-- param to date = last_day : last day
-- column ref_date = day | 日期 : the local day, yyyymmdd | 本地日期，yyyymmdd
-- column session_cnt = opens | 打开次数 : opens (sessions with a page view) that start in the day
--   | 当日开始的打开次数（有页面访问的会话，从打开小程序到主动关闭或超时退出计为一次）
-- column visit_pv = visits | 访问次数 : page views in the day, repeats counted
--   | 当日的页面访问次数，页面之间跳转、同一页面的重复访问计为多次
-- column visit_uv = visitors | 访问人数 : distinct users with a page view in the day | 当日有页面访问的去重用户数
-- column visit_uv_new = new users | 新用户数 : distinct users whose first page view ever falls in the day
--   | 历史首次页面访问发生在当日的去重用户数
-- column stay_time_uv = stay per user | 人均停留时长 : stay of the opens / visitors, seconds, 4 decimals, rounded half up; empty without visitors
--   | 各次打开的停留总时长 / 访问人数，单位秒，保留 4 位小数，四舍五入；无访问用户时为空
-- column stay_time_session = stay per open | 次均停留时长 : stay of the opens / opens, seconds, 4 decimals, rounded half up; empty without opens
--   | 各次打开的停留总时长 / 打开次数，单位秒，保留 4 位小数，四舍五入；无打开时为空
-- column visit_depth = depth | 平均访问深度 : sum over the opens of their different pages / opens, 4 decimals, rounded half up; empty without opens
--   | 各次打开的去重页面数之和 / 打开次数，保留 4 位小数，四舍五入；无打开时为空
-- chart: line x=ref_date y=session_cnt,visit_pv,visit_uv,visit_uv_new
-- check: coalesce(bool_and(visit_uv <= visit_pv), true)
-- A day without events is a row of zeros; an average over nothing is empty.
-- Opens, their stay and their depth belong to the day on which the open starts; visits and visitors to the day of the visit.
-- Both stay averages share one numerator: each open's stay in whole seconds, summed. Averages are rounded half up to
-- 4 decimals in whole numbers, (20000 n + d) / 2d, because 3.53125 must become 3.5313 whatever the processor thinks.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
opened AS (
    SELECT session_dt AS day, count(*) AS opens, sum(stay_ms / 1000) AS stay_s, sum(depth) AS depth
    FROM sessions
    WHERE views > 0 AND session_dt >= $from AND session_dt <= $to
    GROUP BY session_dt
),
visited AS (
    SELECT dt AS day, count(*) AS visits, count(DISTINCT user_id) AS visitors
    FROM visits
    WHERE dt >= $from AND dt <= $to
    GROUP BY dt
),
arrived AS (
    SELECT first_dt AS day, count(*) AS new_users
    FROM users
    WHERE first_dt >= $from AND first_dt <= $to
    GROUP BY first_dt
)
SELECT
    to_char(days.day, '%Y%m%d') AS ref_date,
    coalesce(opens, 0) AS session_cnt,
    coalesce(visits, 0) AS visit_pv,
    coalesce(visitors, 0) AS visit_uv,
    coalesce(new_users, 0) AS visit_uv_new,
    (coalesce(stay_s, 0) * 20000 + visitors) / (2 * visitors) / 10000.0 AS stay_time_uv,
    (stay_s * 20000 + opens) / (2 * opens) / 10000.0 AS stay_time_session,
    (depth * 20000 + opens) / (2 * opens) / 10000.0 AS visit_depth
FROM days
LEFT JOIN opened ON opened.day = days.day
LEFT JOIN visited ON visited.day = days.day
LEFT JOIN arrived ON arrived.day = days.day
ORDER BY ref_date
