-- title: Data API: visit trend by week | 数据接口：访问周趋势
-- question: How many opens, visits and visitors did each natural week have, and how long and deep were they?
--   | 每个自然周的打开次数、访问次数和访问人数各是多少，停留多久，访问多深？
-- period: week
-- days: ..to+7
-- param from date = first_day : a day of the first week
-- param to date = last_day : a day of the last week
-- column list = weeks | 数据列表 : one item a week, in order: `ref_date` Monday and Sunday as yyyymmdd-yyyymmdd;
--   `session_cnt` (打开次数) opens with a page view that start in the week; `visit_pv` (访问次数) page views; `visit_uv`
--   (访问人数) distinct users with a page view; `visit_uv_new` (新用户数) users whose first visit ever falls in the week;
--   `stay_time_uv` (人均停留时长) stay / `visit_uv`, s; `stay_time_session` (次均停留时长) stay / `session_cnt`, s;
--   `visit_depth` (平均访问深度) distinct pages of each open, summed / `session_cnt`; averages with 4 decimals, rounded half
--   up
--   | 每周一项，依次排列；`ref_date` 为周一与周日 yyyymmdd-yyyymmdd；`session_cnt`
--   打开次数，该周开始且有页面访问的打开；`visit_pv` 访问次数，即页面访问次数；`visit_uv`
--   访问人数，有页面访问的去重用户数；`visit_uv_new` 新用户数，历史首次访问发生在该周的用户数；`stay_time_uv`
--   人均停留时长，停留总时长 / `visit_uv`，单位秒；`stay_time_session`
--   次均停留时长，停留总时长 / `session_cnt`，单位秒；`visit_depth`
--   平均访问深度，各次打开的去重页面数之和 / `session_cnt`；平均值保留 4 位小数，四舍五入
-- check: count(*) = 1
-- json: object
-- The answer of the official endpoint getWeeklyVisitTrend, datacube/getweanalysisappidweeklyvisittrend, for any range.
-- Weeks run Monday to Sunday in the store's zone; every week that the range touches is counted whole. Opens and visits are
-- sums over the week, people are distinct within it. A week without events has an item of zeros; so has an average over nothing.
-- Opens, their stay and their depth belong to the day on which the open starts; visits and visitors to the day of the visit.
-- Both stay averages share one numerator: each open's stay in whole seconds, summed. Averages are rounded in whole numbers,
-- (20000 n + d) / 2d ten-thousandths, so that 3.53125 becomes 3.5313 on every machine.
WITH
weeks AS (
    SELECT unnest(generate_series(CAST(date_trunc('week', $from) AS DATE), $to, INTERVAL '7 days')) AS week
),
opened AS (
    SELECT
        CAST(date_trunc('week', session_dt) AS DATE) AS week,
        count(*) AS opens, sum(stay_ms / 1000) AS stay_s, sum(depth) AS depth
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
),
figures AS (
    SELECT
        weeks.week AS week,
        coalesce(opens, 0) AS opens,
        coalesce(visits, 0) AS visits,
        coalesce(visitors, 0) AS visitors,
        coalesce(new_users, 0) AS new_users,
        coalesce(stay_s, 0) AS stay_s,
        coalesce(depth, 0) AS depth
    FROM weeks
    LEFT JOIN opened ON opened.week = weeks.week
    LEFT JOIN visited ON visited.week = weeks.week
    LEFT JOIN arrived ON arrived.week = weeks.week
),
items AS (
    SELECT
        week,
        named_struct(
            'ref_date', to_char(week, '%Y%m%d') || '-' || to_char(week + INTERVAL '6 days', '%Y%m%d'),
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
SELECT coalesce(array_agg(item ORDER BY week), []) AS list
FROM items
