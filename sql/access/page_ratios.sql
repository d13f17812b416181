-- title: Page ratios | 页面访问明细（We 分析）
-- question: For each page, what share of its visits, opens and users began or ended there, and how long did it hold them?
--   | 每个页面的访问、打开和用户中，多大比例从这里进入或退出，在页面上停留多久？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param limit int = 200 from 1 : at most so many pages, those with most visits first
-- column page_path = page | 页面路径 : path without query; empty: page views that name no page
--   | 页面路径，不含参数；空值为没有写明页面的访问
-- column visit_uv = visitors | 访问人数 : distinct users who viewed the page | 访问过该页面的去重用户数
-- column session_cnt = opens | 打开次数 : opens in which the page was viewed | 访问过该页面的打开次数
-- column visit_pv = visits | 访问页面数 : page views of the page, repeats counted | 该页面的访问总次数，重复访问计为多次
-- column stay_time_uv = stay per user | 人均停留时长 : stay of the page in whole seconds / visitors, 4 decimals, rounded half up
--   | 该页面的停留总时长（整秒） / 访问人数，保留 4 位小数，四舍五入
-- column stay_time_session = stay per open | 次均停留时长 : stay of the page in whole seconds / opens, 4 decimals, rounded half up
--   | 该页面的停留总时长（整秒） / 打开次数，保留 4 位小数，四舍五入
-- column entries = entries | 入口页次数 : opens whose first page it is | 以该页面为入口页（第一个页面）的打开次数
-- column entry_share = entry share | 入口页占比 : entries / visits, fraction of 1, 4 decimals, rounded half up
--   | 入口页次数 / 访问页面数，小数（1 即 100%），保留 4 位小数，四舍五入
-- column exits = exits | 退出页次数 : opens whose last page it is | 以该页面为退出页（最后一个页面）的打开次数
-- column exit_share = exit share | 退出页占比 : exits / visits, fraction of 1, 4 decimals, rounded half up
--   | 退出页次数 / 访问页面数，小数（1 即 100%），保留 4 位小数，四舍五入
-- column exit_rate_users = exit rate of users | 页面退出率（访问人数维度） : visitors with an open that ended on the page / visitors, fraction of 1,
--   4 decimals, rounded half up | 有打开以该页面为退出页的用户数 / 访问人数，小数（1 即 100%），保留 4 位小数，四舍五入
-- column exit_rate_opens = exit rate of opens | 页面退出率（打开次数维度） : exits / opens, fraction of 1, 4 decimals, rounded half up
--   | 退出页次数 / 打开次数，小数（1 即 100%），保留 4 位小数，四舍五入
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
