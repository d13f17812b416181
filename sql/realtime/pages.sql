-- title: Pages in real time | 实时页面
-- question: Which pages were visited most on the day so far, and what share of all visits did each have?
--   | 当日到目前为止哪些页面访问最多，各占全部访问的多少？
-- days: to-1..to+1
-- param day date = last_day : the day
-- param against date = '' : the day beside it; empty: the day before
-- param since timestamp = 1970-01-01 : counts the day only from this time on
-- param until timestamp = 2200-01-01 : counts the day only up to this time
-- param limit int = 200 from 1 : how many pages
-- param zone zone = time_zone : time zone of the clock
-- column page_path = page | 受访页 : path of the page, without query; empty where the event names none
--   | 页面路径，不含参数；事件没有写明页面时为空
-- column visit_pv = visits | 访问次数 : page views | 页面访问次数
-- column visit_uv = visitors | 访问人数 : distinct users with such a page view | 有这样的页面访问的去重用户数
-- column share = share of visits | 访问次数占比 : page views / page views of all pages in the same stretch, 4 decimals, rounded half
--   up | 页面访问次数 / 同一时间段内全部页面的访问次数，保留 4 位小数，四舍五入
-- column against_visit_pv = visits of the other day | 对比日访问次数 : page views of the other day in the same stretch of the clock
--   | 对比日同一时间段内的页面访问次数
-- column against_share = share of the other day | 对比日占比 : page views / page views of all pages there, 4 decimals, rounded half
--   up; empty without any | 对比日该页面的访问次数 / 全部页面的访问次数，保留 4 位小数，四舍五入；无访问时为空
-- chart: bar x=page_path y=visit_pv
-- check: coalesce(sum(share), 0) <= 1 + 0.00005 * count(*)
-- check: coalesce(bool_and(visit_uv <= visit_pv), true)
-- While the day goes on, the other day is cut at the clock time of the newest event, so that both have had the same time.
-- Nothing depends on the clock of the machine, see realtime/trend.
WITH
known AS (
    SELECT
        to_local_time(($since AT TIME ZONE 'UTC') AT TIME ZONE $zone) AS since,
        least(
            CASE WHEN max(dt) > $day THEN CAST($day AS TIMESTAMP) + INTERVAL '1 day'
                ELSE coalesce(to_local_time(max(ts) AT TIME ZONE $zone) + INTERVAL '1 microsecond', CAST($day AS TIMESTAMP)) END,
            to_local_time(($until AT TIME ZONE 'UTC') AT TIME ZONE $zone)
        ) AS until
    FROM (
        SELECT max(dt) AS dt, CAST(NULL AS TIMESTAMP) AS ts FROM events
        UNION ALL
        SELECT $day AS dt, max(ts) AS ts FROM events WHERE dt = $day
    ) AS newest
),
views AS (
    SELECT
        dt,
        user_id,
        page,
        to_local_time(ts AT TIME ZONE $zone) + (CAST($day AS TIMESTAMP) - CAST(dt AS TIMESTAMP)) AS at
    FROM visits
    WHERE dt IN ($day, coalesce(CAST($against AS DATE), CAST($day - INTERVAL '1 day' AS DATE)))
),
pages AS (
    SELECT
        page,
        count(*) FILTER (WHERE dt = $day) AS visits,
        count(DISTINCT user_id) FILTER (WHERE dt = $day) AS visitors,
        count(*) FILTER (WHERE dt <> $day OR coalesce($against = $day, false)) AS against_visits
    FROM views
    CROSS JOIN known
    WHERE at >= since AND at < until
    GROUP BY page
),
shares AS (
    SELECT
        *,
        nullif(sum(visits) OVER (), 0) AS all_visits,
        nullif(sum(against_visits) OVER (), 0) AS all_against
    FROM pages
)
SELECT
    page AS page_path,
    visits AS visit_pv,
    visitors AS visit_uv,
    (visits * 20000 + all_visits) / (2 * all_visits) / 10000.0 AS share,
    against_visits AS against_visit_pv,
    (against_visits * 20000 + all_against) / (2 * all_against) / 10000.0 AS against_share
FROM shares
ORDER BY visit_pv DESC, against_visit_pv DESC, page_path
LIMIT $limit
