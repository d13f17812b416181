-- title: Pages by day | 页面详情（日）
-- question: For each day, which pages were visited, by how many, for how long, and where did people enter, leave and share?
--   | 每天哪些页面被访问，多少人访问，停留多久，用户从哪里进入、退出和分享？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- column ref_date = day | 日期 : the local day, yyyymmdd | 本地日期，yyyymmdd
-- column page_path = page | 页面路径 : path without query; empty: page views or shares that name no page
--   | 页面路径，不含参数；空值为没有写明页面的访问或分享
-- column page_visit_pv = visits | 访问次数 : page views of the page, repeats counted | 该页面的访问总次数，重复访问计为多次
-- column page_visit_uv = visitors | 访问人数 : distinct users with a view of the page | 访问过该页面的去重用户数
-- column page_staytime_pv = stay per visit | 次均停留时长 : stay of the page in whole seconds / its visits, seconds, single precision with
--   6 decimals; empty without visits | 该页面的停留总时长（整秒） / 访问次数，单位秒，单精度浮点数，6 位小数；无访问时为空
-- column entrypage_pv = entries | 入口页次数 : opens of the day whose first page it is | 当日以该页面为入口页（第一个页面）的打开次数
-- column exitpage_pv = exits | 退出页次数 : opens of the day whose last page it is | 当日以该页面为退出页（最后一个页面）的打开次数
-- column page_share_pv = shares | 分享次数 : shares of the page | 分享该页面的总次数
-- column page_share_uv = sharers | 分享人数 : distinct users who shared the page | 分享该页面的去重用户数
-- column exit_rate = exit rate | 退出率 : exits / visits of the page, fraction of 1, 4 decimals, rounded half up; empty without visits
--   | 退出页次数 / 该页面的访问次数，小数（1 即 100%），保留 4 位小数，四舍五入；无访问时为空
-- check: coalesce(sum(entrypage_pv) = sum(exitpage_pv), true)
-- check: coalesce(bool_and(page_visit_uv <= page_visit_pv), true)
-- Visits, visitors and shares belong to their own day; entries, exits and stay to the day on which the open starts.
-- So entries = exits = opens, and the stays of the pages add up to the day's stay.
WITH parts AS (
    SELECT
        dt AS day, page,
        count(*) AS visits, count(DISTINCT user_id) AS visitors,
        0 AS entries, 0 AS exits, 0 AS stay_ms, 0 AS shares, 0 AS sharers
    FROM visits
    WHERE dt >= $from AND dt <= $to
    GROUP BY dt, page
    UNION ALL
    SELECT
        session_dt, page,
        0, 0,
        count(*) FILTER (WHERE is_entry), count(*) FILTER (WHERE is_exit), sum(stay_ms), 0, 0
    FROM visits
    WHERE session_dt >= $from AND session_dt <= $to
    GROUP BY session_dt, page
    UNION ALL
    SELECT
        dt, page,
        0, 0,
        0, 0, 0, count(*), count(DISTINCT user_id)
    FROM shares
    WHERE dt >= $from AND dt <= $to
    GROUP BY dt, page
),
pages AS (
    SELECT
        day, page,
        sum(visits) AS visits, sum(visitors) AS visitors,
        sum(entries) AS entries, sum(exits) AS exits, sum(stay_ms) / 1000 AS stay_s,
        sum(shares) AS shares, sum(sharers) AS sharers
    FROM parts
    GROUP BY day, page
)
SELECT
    to_char(day, '%Y%m%d') AS ref_date,
    page AS page_path,
    visits AS page_visit_pv,
    visitors AS page_visit_uv,
    round(CAST(CAST(CAST(stay_s AS DOUBLE) / nullif(visits, 0) AS REAL) AS DOUBLE), 6) AS page_staytime_pv,
    entries AS entrypage_pv,
    exits AS exitpage_pv,
    shares AS page_share_pv,
    sharers AS page_share_uv,
    (exits * 20000 + visits) / (2 * nullif(visits, 0)) / 10000.0 AS exit_rate
FROM pages
ORDER BY ref_date, page_visit_pv DESC, page_path
