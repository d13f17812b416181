-- title: Pages over a range | 访问页面
-- question: Over the whole range, which pages were visited, by how many, for how long, and where did people enter, leave and share?
--   | 在整个日期范围内，哪些页面被访问，多少人访问，停留多久，用户从哪里进入、退出和分享？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param sort text = page_visit_pv in (page_path, page_visit_pv, page_visit_uv, page_staytime_pv, page_staytime_session,
--   entrypage_pv, exitpage_pv, page_share_pv, page_share_uv, exit_rate) : the column to sort by
-- param order text = desc in (desc, asc) : the greatest first, or the least
-- param limit int = 200 from 1 : at most so many pages
-- column page_path = page | 页面路径 : path without query; empty: page views or shares that name no page
--   | 页面路径，不含参数；空值为没有写明页面的访问或分享
-- column page_visit_pv = visits | 访问次数 : page views of the page, repeats counted | 该页面的访问总次数，重复访问计为多次
-- column page_visit_uv = visitors | 访问人数 : distinct users with a view of the page in the range | 范围内访问过该页面的去重用户数
-- column page_staytime_pv = stay per visit | 次均停留时长（每次访问） : stay of the page in whole seconds / its visits, as in the data API: seconds,
--   single precision with 6 decimals; empty without visits
--   | 该页面的停留总时长（整秒） / 访问次数，与数据接口相同，单位秒，单精度浮点数，6 位小数；无访问时为空
-- column page_staytime_session = stay per open | 次均停留时长（每次打开） : stay of the page in whole seconds / opens in which it was viewed, as in
--   We 分析: seconds, 4 decimals, rounded half up; empty without such opens
--   | 该页面的停留总时长（整秒） / 访问过该页面的打开次数，与 We 分析相同，单位秒，保留 4 位小数，四舍五入；无这样的打开时为空
-- column entrypage_pv = entries | 入口页次数 : opens whose first page it is | 以该页面为入口页（第一个页面）的打开次数
-- column exitpage_pv = exits | 退出页次数 : opens whose last page it is | 以该页面为退出页（最后一个页面）的打开次数
-- column page_share_pv = shares | 分享次数 : shares of the page | 分享该页面的总次数
-- column page_share_uv = sharers | 分享人数 : distinct users who shared the page in the range | 范围内分享该页面的去重用户数
-- column exit_rate = exit rate | 退出率 : exits / visits of the page, fraction of 1, 4 decimals, rounded half up; empty without visits
--   | 退出页次数 / 该页面的访问次数，小数（1 即 100%），保留 4 位小数，四舍五入；无访问时为空
-- check: coalesce(bool_and(page_visit_uv <= page_visit_pv and page_share_uv <= page_share_pv), true)
-- Visits, visitors and shares belong to their own day; entries, exits, opens and stay to the day on which the open starts. So over all pages
-- entries = exits = opens, and the stays add up to the stay of the opens.
-- Pages that are equal in the column stand in order of their path, and those without a value come last.
WITH
viewed AS (
    SELECT page, count(*) AS visits, count(DISTINCT user_id) AS visitors
    FROM visits
    WHERE dt >= $from AND dt <= $to
    GROUP BY page
),
in_opens AS (
    SELECT
        page,
        count(*) FILTER (WHERE is_entry) AS entries,
        count(*) FILTER (WHERE is_exit) AS exits,
        sum(stay_ms) AS stay_ms
    FROM visits
    WHERE session_dt >= $from AND session_dt <= $to
    GROUP BY user_id, session, page
),
opened AS (
    SELECT page, count(*) AS opens, sum(entries) AS entries, sum(exits) AS exits, sum(stay_ms) / 1000 AS stay_s
    FROM in_opens
    GROUP BY page
),
shared AS (
    SELECT page, count(*) AS shares, count(DISTINCT user_id) AS sharers
    FROM shares
    WHERE dt >= $from AND dt <= $to
    GROUP BY page
),
parts AS (
    SELECT page, visits, visitors, 0 AS opens, 0 AS entries, 0 AS exits, 0 AS stay_s, 0 AS shares, 0 AS sharers FROM viewed
    UNION ALL
    SELECT page, 0, 0, opens, entries, exits, stay_s, 0, 0 FROM opened
    UNION ALL
    SELECT page, 0, 0, 0, 0, 0, 0, shares, sharers FROM shared
),
pages AS (
    SELECT
        page,
        sum(visits) AS visits, sum(visitors) AS visitors,
        sum(opens) AS opens, sum(entries) AS entries, sum(exits) AS exits, sum(stay_s) AS stay_s,
        sum(shares) AS shares, sum(sharers) AS sharers
    FROM parts
    GROUP BY page
),
figures AS (
    SELECT
        page AS page_path,
        visits AS page_visit_pv,
        visitors AS page_visit_uv,
        round(CAST(CAST(CAST(stay_s AS DOUBLE) / nullif(visits, 0) AS REAL) AS DOUBLE), 6) AS page_staytime_pv,
        (stay_s * 20000 + opens) / (2 * nullif(opens, 0)) / 10000.0 AS page_staytime_session,
        entries AS entrypage_pv,
        exits AS exitpage_pv,
        shares AS page_share_pv,
        sharers AS page_share_uv,
        (exits * 20000 + visits) / (2 * nullif(visits, 0)) / 10000.0 AS exit_rate
    FROM pages
),
sortable AS (
    SELECT
        *,
        CASE $sort
            WHEN 'page_visit_pv' THEN CAST(page_visit_pv AS DOUBLE)
            WHEN 'page_visit_uv' THEN CAST(page_visit_uv AS DOUBLE)
            WHEN 'page_staytime_pv' THEN page_staytime_pv
            WHEN 'page_staytime_session' THEN page_staytime_session
            WHEN 'entrypage_pv' THEN CAST(entrypage_pv AS DOUBLE)
            WHEN 'exitpage_pv' THEN CAST(exitpage_pv AS DOUBLE)
            WHEN 'page_share_pv' THEN CAST(page_share_pv AS DOUBLE)
            WHEN 'page_share_uv' THEN CAST(page_share_uv AS DOUBLE)
            WHEN 'exit_rate' THEN exit_rate
        END AS place
    FROM figures
)
SELECT
    page_path, page_visit_pv, page_visit_uv, page_staytime_pv, page_staytime_session,
    entrypage_pv, exitpage_pv, page_share_pv, page_share_uv, exit_rate
FROM sortable
ORDER BY
    CASE WHEN $order = 'desc' THEN -place ELSE place END NULLS LAST,
    CASE WHEN $sort = 'page_path' AND $order = 'desc' THEN page_path END DESC NULLS LAST,
    page_path NULLS LAST
LIMIT $limit
