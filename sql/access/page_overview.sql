-- title: Page visits at a glance | 页面访问概况
-- question: How many pages did users and opens see, and how many saw one page only?
-- param from date = first_day : first day
-- param to date = last_day : last day
-- column visit_pv = visits | 访问页面数 : page views of the opens that start in the range, repeats counted
-- column visit_uv = visitors | 访问人数 : distinct users with such an open
-- column session_cnt = opens | 打开次数 : opens (sessions with a page view) that start in the range
-- column depth_uv = depth per user | 人均访问深度 : sum over the opens of their different pages / visitors, 4 decimals, rounded half up
-- column visit_depth = depth per open | 次均访问深度 : the same sum / opens, 4 decimals, rounded half up
-- column bounce_rate_uv = bounce rate of users | 跳出率（用户维度） : visitors with exactly one page view in the range / visitors, fraction of 1,
--   4 decimals, rounded half up
-- column bounce_rate = bounce rate of opens | 跳出率（次数维度） : opens with exactly one page view / opens, fraction of 1, 4 decimals, rounded half up
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
