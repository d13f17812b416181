-- title: Overview | 概况
-- question: How did the last day do, against 1 day, 7 days and one month earlier?
--   | 最近一天的关键指标如何，对比一天前、一周前和一月前怎样？
-- days: ..to+1
-- param to date = last_day : the day
-- column figure = figure | 指标 : the figure's name in the data API | 指标在数据接口中的名称
-- column meaning = meaning | 含义 : its name in Chinese and English, with the unit; the page shows that of its language
--   | 指标的中英文名称，带单位；页面只显示其语言的名称
-- column value = value | 数值 : of the day; counts are whole, averages have 4 decimals, rounded half up; an average over nothing is empty
--   | 当日的数值；次数和人数为整数，平均值保留 4 位小数，四舍五入；没有可平均的数据时为空
-- column change_day = vs 1 day earlier | 日环比 : change in percent of the earlier day's value, 2 decimals, rounded half away from zero;
--   empty where that was 0 or nothing
--   | 相对一天前数值的增长率，单位为百分比，保留 2 位小数，四舍五入（负数按绝对值）；一天前的数值为 0 或没有时为空
-- column change_week = vs 7 days earlier | 周同比 : the same, in percent, against the day 7 days earlier | 同上，单位为百分比，对比一周前，即 7 天前
-- column change_month = vs 1 month earlier | 月同比 : the same, in percent, against the same day of the previous month, or that month's
--   last day | 同上，单位为百分比，对比一月前，即上月同一日；上月没有这一日时为上月最后一日
-- chart: cards figure=figure value=value change=change_day,change_week,change_month
-- check: count(*) = 10
-- Opens, their stay and their depth belong to the day on which the open starts; visits, visitors and shares to their own day.
-- Figures are carried as whole ten-thousandths, so that no sum or quotient is rounded twice.
-- Opens are asked of one day after the other, so that those between them are not read.
WITH
compared AS (
    SELECT 'value' AS which, $to AS day
    UNION ALL
    SELECT 'day', CAST($to - INTERVAL '1 day' AS DATE)
    UNION ALL
    SELECT 'week', CAST($to - INTERVAL '7 days' AS DATE)
    UNION ALL
    SELECT 'month', CAST($to - INTERVAL '1 month' AS DATE)
),
opened AS (
    SELECT session_dt AS day, count(*) AS opens, sum(stay_ms / 1000) AS stay_s, sum(depth) AS depth
    FROM sessions
    WHERE views > 0 AND session_dt >= CAST($to - INTERVAL '1 day' AS DATE) AND session_dt <= $to
    GROUP BY session_dt
    UNION ALL
    SELECT session_dt AS day, count(*) AS opens, sum(stay_ms / 1000) AS stay_s, sum(depth) AS depth
    FROM sessions
    WHERE views > 0 AND session_dt = CAST($to - INTERVAL '7 days' AS DATE)
    GROUP BY session_dt
    UNION ALL
    SELECT session_dt AS day, count(*) AS opens, sum(stay_ms / 1000) AS stay_s, sum(depth) AS depth
    FROM sessions
    WHERE views > 0 AND session_dt = CAST($to - INTERVAL '1 month' AS DATE)
    GROUP BY session_dt
),
visited AS (
    SELECT dt AS day, sum(views) AS visits, count(*) AS visitors
    FROM active_days
    WHERE dt IN (
        $to, CAST($to - INTERVAL '1 day' AS DATE), CAST($to - INTERVAL '7 days' AS DATE), CAST($to - INTERVAL '1 month' AS DATE)
    )
    GROUP BY dt
),
shared AS (
    SELECT dt AS day, count(*) AS shares, count(DISTINCT user_id) AS sharers
    FROM shares
    WHERE dt IN (
        $to, CAST($to - INTERVAL '1 day' AS DATE), CAST($to - INTERVAL '7 days' AS DATE), CAST($to - INTERVAL '1 month' AS DATE)
    )
    GROUP BY dt
),
arrived AS (
    SELECT first_dt, count(*) AS new_users FROM users WHERE first_dt <= $to GROUP BY first_dt
),
grown AS (
    SELECT
        compared.which AS which,
        sum(arrived.new_users) AS users_so_far,
        sum(arrived.new_users) FILTER (WHERE arrived.first_dt = compared.day) AS new_users
    FROM compared
    JOIN arrived ON arrived.first_dt <= compared.day
    GROUP BY compared.which
),
facts AS (
    SELECT
        compared.which AS which,
        coalesce(users_so_far, 0) * 10000 AS visit_total,
        coalesce(opens, 0) * 10000 AS session_cnt,
        coalesce(visits, 0) * 10000 AS visit_pv,
        coalesce(visitors, 0) * 10000 AS visit_uv,
        coalesce(new_users, 0) * 10000 AS visit_uv_new,
        coalesce(shares, 0) * 10000 AS share_pv,
        coalesce(sharers, 0) * 10000 AS share_uv,
        (coalesce(stay_s, 0) * 20000 + visitors) / (2 * visitors) AS stay_time_uv,
        (stay_s * 20000 + opens) / (2 * opens) AS stay_time_session,
        (depth * 20000 + opens) / (2 * opens) AS visit_depth
    FROM compared
    LEFT JOIN opened ON opened.day = compared.day
    LEFT JOIN visited ON visited.day = compared.day
    LEFT JOIN shared ON shared.day = compared.day
    LEFT JOIN grown ON grown.which = compared.which
),
figures AS (
    SELECT
        place, figure, meaning, which,
        CASE figure
            WHEN 'visit_total' THEN visit_total
            WHEN 'session_cnt' THEN session_cnt
            WHEN 'visit_pv' THEN visit_pv
            WHEN 'visit_uv' THEN visit_uv
            WHEN 'visit_uv_new' THEN visit_uv_new
            WHEN 'share_pv' THEN share_pv
            WHEN 'share_uv' THEN share_uv
            WHEN 'stay_time_uv' THEN stay_time_uv
            WHEN 'stay_time_session' THEN stay_time_session
            WHEN 'visit_depth' THEN visit_depth
        END AS value
    FROM facts
    CROSS JOIN (VALUES
        (1, 'session_cnt', '打开次数 opens'),
        (2, 'visit_pv', '访问次数 visits'),
        (3, 'visit_uv', '访问人数 visitors'),
        (4, 'visit_uv_new', '新访问用户数 new users'),
        (5, 'visit_total', '累计访问用户数 users so far'),
        (6, 'share_pv', '分享次数 shares'),
        (7, 'share_uv', '分享人数 sharers'),
        (8, 'stay_time_uv', '人均停留时长，秒 stay per user, s'),
        (9, 'stay_time_session', '次均停留时长，秒 stay per open, s'),
        (10, 'visit_depth', '平均访问深度，页 depth, pages')
    ) AS figure_list(place, figure, meaning)
),
side_by_side AS (
    SELECT
        place, figure, meaning,
        max(CASE WHEN which = 'value' THEN value END) AS value,
        nullif(max(CASE WHEN which = 'day' THEN value END), 0) AS day,
        nullif(max(CASE WHEN which = 'week' THEN value END), 0) AS week,
        nullif(max(CASE WHEN which = 'month' THEN value END), 0) AS month
    FROM figures
    GROUP BY place, figure, meaning
)
SELECT
    figure,
    meaning,
    value / 10000.0 AS value,
    CASE WHEN value < day THEN -1 ELSE 1 END * ((abs(value - day) * 20000 + day) / (2 * day)) / 100.0 AS change_day,
    CASE WHEN value < week THEN -1 ELSE 1 END * ((abs(value - week) * 20000 + week) / (2 * week)) / 100.0 AS change_week,
    CASE WHEN value < month THEN -1 ELSE 1 END * ((abs(value - month) * 20000 + month) / (2 * month)) / 100.0 AS change_month
FROM side_by_side
ORDER BY place
