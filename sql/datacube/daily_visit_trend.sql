-- title: Data API: visit trend by day | 数据接口：访问日趋势
-- question: How many opens, visits and visitors did each day have, and how long and deep were they?
--   | 每天的打开次数、访问次数和访问人数各是多少，停留多久，访问多深？
-- days: ..to+1
-- param from date = first_day : first day
-- param to date = last_day : last day
-- column list = days | 数据列表 : one item a day, in order: `ref_date` the day as yyyymmdd; `session_cnt` (打开次数) opens
--   with a page view that start in the day; `visit_pv` (访问次数) page views; `visit_uv` (访问人数) distinct users with a
--   page view; `visit_uv_new` (新用户数) users whose first visit ever falls in the day; `stay_time_uv` (人均停留时长) stay /
--   `visit_uv`, s; `stay_time_session` (次均停留时长) stay / `session_cnt`, s; `visit_depth` (平均访问深度) distinct pages of
--   each open, summed / `session_cnt`; averages with 4 decimals, rounded half up
--   | 每天一项，依次排列；`ref_date` 为日期 yyyymmdd；`session_cnt` 打开次数，当日开始且有页面访问的打开；`visit_pv`
--   访问次数，即页面访问次数；`visit_uv` 访问人数，有页面访问的去重用户数；`visit_uv_new`
--   新用户数，历史首次访问发生在当日的用户数；`stay_time_uv` 人均停留时长，停留总时长 / `visit_uv`，单位秒；`stay_time_session`
--   次均停留时长，停留总时长 / `session_cnt`，单位秒；`visit_depth`
--   平均访问深度，各次打开的去重页面数之和 / `session_cnt`；平均值保留 4 位小数，四舍五入
-- check: count(*) = 1
-- json: object
-- The answer of the official endpoint getDailyVisitTrend, datacube/getweanalysisappiddailyvisittrend, for any range.
-- Days are those of the store's zone. A day without events has an item of zeros; so has an average over nothing, as in the
-- official sample.
-- Opens, their stay and their depth belong to the day on which the open starts; visits and visitors to the day of the visit.
-- Both stay averages share one numerator: each open's stay in whole seconds, summed. Averages are rounded in whole numbers,
-- (20000 n + d) / 2d ten-thousandths, so that 3.53125 becomes 3.5313 on every machine.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
opened AS (
    SELECT
        session_dt AS day,
        count(*) AS opens, sum(stay_ms / 1000) AS stay_s, sum(depth) AS depth
    FROM sessions
    WHERE views > 0 AND session_dt >= $from AND session_dt <= $to
    GROUP BY 1
),
visited AS (
    SELECT dt AS day, count(*) AS visits, count(DISTINCT user_id) AS visitors
    FROM visits
    WHERE dt >= $from AND dt <= $to
    GROUP BY 1
),
arrived AS (
    SELECT first_dt AS day, count(*) AS new_users
    FROM users
    WHERE first_dt >= $from AND first_dt <= $to
    GROUP BY 1
),
figures AS (
    SELECT
        days.day AS day,
        coalesce(opens, 0) AS opens,
        coalesce(visits, 0) AS visits,
        coalesce(visitors, 0) AS visitors,
        coalesce(new_users, 0) AS new_users,
        coalesce(stay_s, 0) AS stay_s,
        coalesce(depth, 0) AS depth
    FROM days
    LEFT JOIN opened ON opened.day = days.day
    LEFT JOIN visited ON visited.day = days.day
    LEFT JOIN arrived ON arrived.day = days.day
),
items AS (
    SELECT
        day,
        named_struct(
            'ref_date', to_char(day, '%Y%m%d'),
            'session_cnt', opens,
            'visit_pv', visits,
            'visit_uv', visitors,
            'visit_uv_new', new_users,
            'stay_time_uv', coalesce((stay_s * 20000 + visitors) / (2 * nullif(visitors, 0)), 0) / 10000.0,
            'stay_time_session', coalesce((stay_s * 20000 + opens) / (2 * nullif(opens, 0)), 0) / 10000.0,
            'visit_depth', coalesce((depth * 20000 + opens) / (2 * nullif(opens, 0)), 0) / 10000.0
        ) AS item
    FROM figures
)
SELECT coalesce(array_agg(item ORDER BY day), []) AS list
FROM items
