-- title: Page ratios | 页面访问明细（We 分析）
-- question: For each page, what share of its visits, opens and users began or ended there, and how long did it hold them?
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param limit int = 200 : at most so many pages, those with most visits first
-- column page_path = page | 页面路径 : path without query; empty: page views that name no page
-- column visit_uv = visitors | 访问人数 : distinct users who viewed the page
-- column session_cnt = opens | 打开次数 : opens in which the page was viewed
-- column visit_pv = visits | 访问页面数 : page views of the page, repeats counted
-- column stay_time_uv = stay per user | 人均停留时长 : stay of the page in whole seconds / visitors, 4 decimals, rounded half up
-- column stay_time_session = stay per open | 次均停留时长 : stay of the page in whole seconds / opens, 4 decimals, rounded half up
-- column entries = entries | 入口页次数 : opens whose first page it is
-- column entry_share = entry share | 入口页占比 : entries / visits, fraction of 1, 4 decimals, rounded half up
-- column exits = exits | 退出页次数 : opens whose last page it is
-- column exit_share = exit share | 退出页占比 : exits / visits, fraction of 1, 4 decimals, rounded half up
-- column exit_rate_users = exit rate of users | 页面退出率（访问人数维度） : visitors with an open that ended on the page / visitors, fraction of 1,
--   4 decimals, rounded half up
-- column exit_rate_opens = exit rate of opens | 页面退出率（打开次数维度） : exits / opens, fraction of 1, 4 decimals, rounded half up
-- chart: bar x=page_path y=visit_pv
-- check: coalesce(bool_and(exits <= session_cnt and session_cnt <= visit_pv and visit_uv <= session_cnt), true)
-- All figures are those of the opens that start in the range, so that no ratio exceeds 1. Pages with as many visits stand in order of their path.
WITH
in_opens AS (
    SELECT
        user_id,
        page,
        count(*) AS visits,
        count(*) FILTER (WHERE is_entry) AS entries,
        count(*) FILTER (WHERE is_exit) AS exits,
        sum(stay_ms) AS stay_ms
    FROM visits
    WHERE session_dt >= $from AND session_dt <= $to
    GROUP BY user_id, session, page
),
of_users AS (
    SELECT
        page,
        count(*) AS opens,
        sum(visits) AS visits,
        sum(entries) AS entries,
        sum(exits) AS exits,
        sum(stay_ms) AS stay_ms
    FROM in_opens
    GROUP BY user_id, page
),
pages AS (
    SELECT
        page,
        count(*) AS users,
        count(*) FILTER (WHERE exits > 0) AS users_who_left,
        sum(opens) AS opens,
        sum(visits) AS visits,
        sum(entries) AS entries,
        sum(exits) AS exits,
        sum(stay_ms) / 1000 AS stay_s
    FROM of_users
    GROUP BY page
)
SELECT
    page AS page_path,
    users AS visit_uv,
    opens AS session_cnt,
    visits AS visit_pv,
    (stay_s * 20000 + users) / (2 * users) / 10000.0 AS stay_time_uv,
    (stay_s * 20000 + opens) / (2 * opens) / 10000.0 AS stay_time_session,
    entries,
    (entries * 20000 + visits) / (2 * visits) / 10000.0 AS entry_share,
    exits,
    (exits * 20000 + visits) / (2 * visits) / 10000.0 AS exit_share,
    (users_who_left * 20000 + users) / (2 * users) / 10000.0 AS exit_rate_users,
    (exits * 20000 + opens) / (2 * opens) / 10000.0 AS exit_rate_opens
FROM pages
ORDER BY visit_pv DESC, page_path
LIMIT $limit
