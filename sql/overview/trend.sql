-- title: Trend of the key figures | 趋势概况
-- question: How did the nine key figures go day by day, and how did they go in an earlier period?
--   | 九项关键指标逐日如何变化，在更早的一段时间里又如何？
-- days: ..to+1
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param compare_days int = 0 from 0 : the second period lies this many days earlier; 0 for none
-- column ref_date = day | 日期 : the day of the chosen period, yyyymmdd; both periods' rows of the same place have the same
--   | 所选时段的日期，yyyymmdd；两个时段中位置相同的行日期相同
-- column period = period | 时段 : chosen, or earlier for the second period | chosen 为所选时段，earlier 为更早的对比时段
-- column day = day of the figures | 实际日期 : the day to which the figures belong, yyyymmdd | 指标所属的日期，yyyymmdd
-- column visit_total = users so far | 累计访问用户数 : distinct users whose first page view ever falls on the day or before
--   | 历史首次页面访问发生在当日或之前的去重用户数
-- column session_cnt = opens | 打开次数 : opens (sessions with a page view) that start on the day
--   | 当日开始的打开次数（有页面访问的会话，从打开小程序到主动关闭或超时退出计为一次）
-- column visit_pv = visits | 访问次数 : page views on the day, repeats counted
--   | 当日的页面访问次数，页面之间跳转、同一页面的重复访问计为多次
-- column visit_uv = visitors | 访问人数 : distinct users with a page view on the day | 当日有页面访问的去重用户数
-- column visit_uv_new = new users | 新访问用户数 : distinct users whose first page view ever falls on the day
--   | 历史首次页面访问发生在当日的去重用户数
-- column share_pv = shares | 分享次数 : shares on the day | 当日的分享总次数
-- column share_uv = sharers | 分享人数 : distinct users with a share on the day | 当日分享的去重用户数，同一用户多次分享不重复计
-- column stay_time_uv = stay per user | 人均停留时长 : stay of the opens / visitors, seconds, 4 decimals, rounded half up; empty without visitors
--   | 各次打开的停留总时长 / 访问人数，单位秒，保留 4 位小数，四舍五入；无访问用户时为空
-- column stay_time_session = stay per open | 次均停留时长 : stay of the opens / opens, seconds, 4 decimals, rounded half up; empty without opens
--   | 各次打开的停留总时长 / 打开次数，单位秒，保留 4 位小数，四舍五入；无打开时为空
-- chart: line x=ref_date y=visit_total,session_cnt,visit_pv,visit_uv,visit_uv_new,share_pv,share_uv,stay_time_uv,stay_time_session series=period
-- check: coalesce(bool_and(visit_uv <= visit_pv), true)
-- check: coalesce(bool_and(share_uv <= share_pv), true)
-- A day without events is a row of zeros and the users so far; an average over nothing is empty.
-- Opens and their stay belong to the day on which the open starts; visits, visitors and shares to their own day.
-- The two periods are asked apart, so that the days between them are not read.
WITH
days AS (
    SELECT 'chosen' AS period, CAST(day AS DATE) AS ref_day, CAST(day AS DATE) AS day
    FROM (SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day)
    UNION ALL
    SELECT 'earlier', CAST(day AS DATE), CAST(day AS DATE) - $compare_days
    FROM (SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day)
    WHERE $compare_days > 0
),
opened AS (
    SELECT 'chosen' AS period, session_dt AS day, count(*) AS opens, sum(stay_ms / 1000) AS stay_s
    FROM sessions
    WHERE views > 0 AND session_dt >= $from AND session_dt <= $to
    GROUP BY session_dt
    UNION ALL
    SELECT 'earlier', session_dt, count(*), sum(stay_ms / 1000)
    FROM sessions
    WHERE $compare_days > 0
        AND views > 0
        AND session_dt >= $from - $compare_days
        AND session_dt <= $to - $compare_days
    GROUP BY session_dt
),
visited AS (
    SELECT 'chosen' AS period, dt AS day, count(*) AS visits, count(DISTINCT user_id) AS visitors
    FROM visits
    WHERE dt >= $from AND dt <= $to
    GROUP BY dt
    UNION ALL
    SELECT 'earlier', dt, count(*), count(DISTINCT user_id)
    FROM visits
    WHERE $compare_days > 0
        AND dt >= $from - $compare_days
        AND dt <= $to - $compare_days
    GROUP BY dt
),
shared AS (
    SELECT 'chosen' AS period, dt AS day, count(*) AS shares, count(DISTINCT user_id) AS sharers
    FROM shares
    WHERE dt >= $from AND dt <= $to
    GROUP BY dt
    UNION ALL
    SELECT 'earlier', dt, count(*), count(DISTINCT user_id)
    FROM shares
    WHERE $compare_days > 0
        AND dt >= $from - $compare_days
        AND dt <= $to - $compare_days
    GROUP BY dt
),
arrived AS (
    SELECT first_dt, count(*) AS new_users FROM users WHERE first_dt <= $to GROUP BY first_dt
),
grown AS (
    SELECT
        days.period AS period,
        days.day AS day,
        sum(arrived.new_users) AS users_so_far,
        sum(arrived.new_users) FILTER (WHERE arrived.first_dt = days.day) AS new_users
    FROM days
    JOIN arrived ON arrived.first_dt <= days.day
    GROUP BY days.period, days.day
)
SELECT
    to_char(days.ref_day, '%Y%m%d') AS ref_date,
    days.period AS period,
    to_char(days.day, '%Y%m%d') AS day,
    coalesce(users_so_far, 0) AS visit_total,
    coalesce(opens, 0) AS session_cnt,
    coalesce(visits, 0) AS visit_pv,
    coalesce(visitors, 0) AS visit_uv,
    coalesce(new_users, 0) AS visit_uv_new,
    coalesce(shares, 0) AS share_pv,
    coalesce(sharers, 0) AS share_uv,
    (coalesce(stay_s, 0) * 20000 + visitors) / (2 * visitors) / 10000.0 AS stay_time_uv,
    (stay_s * 20000 + opens) / (2 * opens) / 10000.0 AS stay_time_session
FROM days
LEFT JOIN opened ON opened.period = days.period AND opened.day = days.day
LEFT JOIN visited ON visited.period = days.period AND visited.day = days.day
LEFT JOIN shared ON shared.period = days.period AND shared.day = days.day
LEFT JOIN grown ON grown.period = days.period AND grown.day = days.day
ORDER BY ref_date, period
