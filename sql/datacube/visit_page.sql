-- title: Data API: pages | 数据接口：访问页面
-- question: Which pages did each day have: views, visitors, stay, entries, exits and shares?
--   | 每天有哪些页面，访问次数、访问人数、停留、进入、退出和转发各是多少？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param limit int = 200 from 0 : pages a day, those with the most views; 0 for all
-- column ref_date = day | 日期 : the day as yyyymmdd | 日期，yyyymmdd
-- column list = pages | 数据列表 : one item a page, by `page_visit_pv` descending, then by path: `page_path` path without
--   query; `page_visit_pv` (访问次数) page views; `page_visit_uv` (访问人数) distinct users who viewed it; `page_staytime_pv`
--   (次均停留时长) stay on the page in whole seconds / `page_visit_pv`, s, single precision, 6 decimals, 0 without views;
--   `entrypage_pv` (进入页次数) opens that began with it; `exitpage_pv` (退出页次数) opens that ended with it;
--   `page_share_pv` (转发次数) shares sent from it; `page_share_uv` (转发人数) distinct users who shared it
--   | 每个页面一项，按 `page_visit_pv` 从大到小、再按路径排列；`page_path` 页面路径，不含参数；`page_visit_pv`
--   访问次数，即页面访问次数；`page_visit_uv` 访问人数，访问过该页面的去重用户数；`page_staytime_pv`
--   次均停留时长，该页面的停留总时长（整秒） / `page_visit_pv`，单位秒，单精度浮点数，6 位小数，无访问时为 0；`entrypage_pv`
--   进入页次数，以该页面开始的打开次数；`exitpage_pv` 退出页次数，以该页面结束的打开次数；`page_share_pv`
--   转发次数，从该页面分享的次数；`page_share_uv` 转发人数，分享该页面的去重用户数
-- check: count(*) = count(DISTINCT ref_date)
-- json: object
-- The answer of the official endpoint getVisitPage, datacube/getweanalysisappidvisitpage: one object a day, in order, for any range.
-- Views, visitors and shares belong to their own day; entries, exits and stay to the day on which the open starts. So over all
-- pages entries = exits = opens and the stays add up to the day's; a page left after midnight may have an item without views.
-- Page views and shares without a page have the path ''. A day without events has an empty list.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
parts AS (
    SELECT
        dt AS day, coalesce(page, '') AS page,
        count(*) AS views, count(DISTINCT user_id) AS visitors,
        0 AS entries, 0 AS exits, 0 AS stay_ms, 0 AS shares, 0 AS sharers
    FROM visits
    WHERE dt >= $from AND dt <= $to
    GROUP BY 1, 2
    UNION ALL
    SELECT
        session_dt, coalesce(page, ''),
        0, 0,
        count(*) FILTER (WHERE is_entry), count(*) FILTER (WHERE is_exit), sum(stay_ms), 0, 0
    FROM visits
    WHERE session_dt >= $from AND session_dt <= $to
    GROUP BY 1, 2
    UNION ALL
    SELECT
        dt, coalesce(page, ''),
        0, 0,
        0, 0, 0, count(*), count(DISTINCT user_id)
    FROM shares
    WHERE dt >= $from AND dt <= $to
    GROUP BY 1, 2
),
pages AS (
    SELECT
        day, page,
        sum(views) AS views, sum(visitors) AS visitors,
        sum(entries) AS entries, sum(exits) AS exits, sum(stay_ms) / 1000 AS stay_s,
        sum(shares) AS shares, sum(sharers) AS sharers
    FROM parts
    GROUP BY day, page
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY day ORDER BY views DESC, page) AS place
    FROM pages
),
items AS (
    SELECT
        day,
        place,
        named_struct(
            'page_path', page,
            'page_visit_pv', views,
            'page_visit_uv', visitors,
            'page_staytime_pv', CAST(coalesce(CAST(stay_s AS DOUBLE) / nullif(views, 0), 0) AS REAL),
            'entrypage_pv', entries,
            'exitpage_pv', exits,
            'page_share_pv', shares,
            'page_share_uv', sharers
        ) AS item
    FROM placed
    WHERE $limit <= 0 OR place <= $limit
)
SELECT
    to_char(days.day, '%Y%m%d') AS ref_date,
    coalesce(array_agg(item ORDER BY place) FILTER (WHERE place IS NOT NULL), []) AS list
FROM days
LEFT JOIN items ON items.day = days.day
GROUP BY days.day
ORDER BY days.day
