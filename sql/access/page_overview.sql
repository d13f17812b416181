-- title: Page visits at a glance | 页面访问概况
-- question: How many pages did users and opens see, and how many saw one page only?
--   | 每个用户、每次打开访问了多少页面，有多少只访问了一个页面？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- column visit_pv = visits | 访问页面数 : page views of the opens that start in the range, repeats counted
--   | 所选范围内开始的各次打开的页面访问次数，页面之间跳转、同一页面的重复访问计为多次
-- column visit_uv = visitors | 访问人数 : distinct users with such an open | 有这样的打开的去重用户数
-- column session_cnt = opens | 打开次数 : opens (sessions with a page view) that start in the range
--   | 所选范围内开始的打开次数（有页面访问的会话）
-- column depth_uv = depth per user | 人均访问深度 : sum over the opens of their different pages / visitors, 4 decimals, rounded half up
--   | 各次打开的去重页面数之和 / 访问人数，保留 4 位小数，四舍五入
-- column visit_depth = depth per open | 次均访问深度 : the same sum / opens, 4 decimals, rounded half up
--   | 各次打开的去重页面数之和 / 打开次数，保留 4 位小数，四舍五入
-- column bounce_rate_uv = bounce rate of users | 跳出率（用户维度） : visitors with exactly one page view in the range / visitors, fraction of 1,
--   4 decimals, rounded half up | 范围内访问页面数仅为 1 的用户数 / 访问人数，小数（1 即 100%），保留 4 位小数，四舍五入
-- column bounce_rate = bounce rate of opens | 跳出率（次数维度） : opens with exactly one page view / opens, fraction of 1, 4 decimals, rounded half up
--   | 访问页面数仅为 1 的打开次数 / 打开次数，小数（1 即 100%），保留 4 位小数，四舍五入
-- check: count(*) = 1
-- check: coalesce(bool_and(visit_uv <= session_cnt and session_cnt <= visit_pv), true)
-- One row. Averages and rates over nothing are empty.
WITH
of_users AS (
    SELECT
        count(*) AS opens,
        sum(views) AS visits,
        sum(depth) AS depth,
        count(*) FILTER (WHERE views = 1) AS bounces
    FROM sessions
    WHERE views > 0 AND session_dt >= $from AND session_dt <= $to
    GROUP BY user_id
),
counted AS (
    SELECT
        count(*) AS users,
        count(*) FILTER (WHERE visits = 1) AS bounced_users,
        coalesce(sum(opens), 0) AS opens,
        coalesce(sum(visits), 0) AS visits,
        sum(depth) AS depth,
        sum(bounces) AS bounces
    FROM of_users
)
SELECT
    visits AS visit_pv,
    users AS visit_uv,
    opens AS session_cnt,
    (depth * 20000 + users) / (2 * nullif(users, 0)) / 10000.0 AS depth_uv,
    (depth * 20000 + opens) / (2 * nullif(opens, 0)) / 10000.0 AS visit_depth,
    (bounced_users * 20000 + users) / (2 * nullif(users, 0)) / 10000.0 AS bounce_rate_uv,
    (bounces * 20000 + opens) / (2 * nullif(opens, 0)) / 10000.0 AS bounce_rate
FROM counted
