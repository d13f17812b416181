-- title: Top pages | Top 页面
-- question: Which pages are visited most, or begin most opens, and what share of all do they have?
--   | 哪些页面访问最多，或最常作为入口页，各占全部的多少？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param by text = visits in (visits, entries) : visits for visited pages (受访页), entries for entry pages (入口页)
-- param limit int = 10 from 1 : at most so many pages
-- column page_path = page | 页面路径 : path without query; empty: page views that name no page
--   | 页面路径，不含参数；空值为没有写明页面的访问
-- column times = times | 次数 : page views of the page; with by=entries the opens whose first page it is
--   | 该页面的访问次数；by=entries 时为以该页面为入口页（第一个页面）的打开次数
-- column share = share | 占比 : times / those of all pages, also of pages below the limit; fraction of 1, 4 decimals, rounded half up
--   | 次数 / 全部页面的次数之和，包括未列出的页面；小数（1 即 100%），保留 4 位小数，四舍五入
-- chart: bar x=page_path y=times
-- check: coalesce(sum(share) <= 1 + count(*) * 0.0001, true)
-- Visits belong to their own day, entries to the day on which the open starts. Pages with as many stand in order of their path.
WITH counted AS (
    SELECT page, count(*) AS times
    FROM visits
    WHERE $by = 'visits' AND dt >= $from AND dt <= $to
    GROUP BY page
    UNION ALL
    SELECT page, count(*)
    FROM visits
    WHERE $by = 'entries' AND is_entry AND session_dt >= $from AND session_dt <= $to
    GROUP BY page
),
shared AS (
    SELECT page, times, sum(times) OVER () AS of_all FROM counted
)
SELECT
    page AS page_path,
    times,
    (times * 20000 + of_all) / (2 * of_all) / 10000.0 AS share
FROM shared
ORDER BY times DESC, page_path
LIMIT $limit
