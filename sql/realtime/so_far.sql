-- title: Today so far | 今日实时
-- question: How many visitors, opens and page views has the day had so far, and how many had another day by the same time?
--   | 当日到目前为止有多少访问人数、打开次数和访问次数，另一天到同一时刻有多少？
-- days: to-1..to+1
-- param day date = last_day : the day
-- param against date = '' : the day beside it; empty: the day before
-- param until timestamp = 2200-01-01 : counts the day only up to this time
-- param zone zone = time_zone : time zone of the clock
-- column time = until | 截至 : local clock time up to which the row counts, HH:MM; in the running hour the time of the newest
--   event | 该行统计截至的本地时刻，HH:MM；进行中的小时为最新事件的时刻
-- column visit_uv = visitors so far | 累计访问人数 : distinct users with a page view from midnight on; empty where the hour has not
--   begun yet | 零点以来有页面访问的去重用户数；该小时尚未开始时为空
-- column session_cnt = opens so far | 累计打开次数 : opens that began from midnight on and reached a page; empty where the hour has
--   not begun yet | 零点以来开始、并到达页面的打开次数；该小时尚未开始时为空
-- column visit_pv = visits so far | 累计访问次数 : page views from midnight on; empty where the hour has not begun yet
--   | 零点以来的页面访问次数；该小时尚未开始时为空
-- column against_visit_uv = visitors of the other day | 对比日访问人数 : those of the other day up to the same clock time
--   | 对比日截至同一时刻的访问人数
-- column against_session_cnt = opens of the other day | 对比日打开次数 : those of the other day up to the same clock time
--   | 对比日截至同一时刻的打开次数
-- column against_visit_pv = visits of the other day | 对比日访问次数 : those of the other day up to the same clock time
--   | 对比日截至同一时刻的访问次数
-- chart: line x=time y=visit_uv compare=against_visit_uv
-- check: coalesce(bool_and(visit_uv <= visit_pv AND against_visit_uv <= against_visit_pv), true)
-- The last row with figures is the day so far: its hour ends at the newest event, or at `until` if that is earlier, and there
-- the other day is cut at the same clock time. Rows after it show how the other day went on.
-- Nothing depends on the clock of the machine, see realtime/trend. Page views belong to the day of the view, opens to the day
-- of their start, if their first page view came before `until`.
WITH
known AS (
    SELECT
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
    SELECT dt, user_id, ts
    FROM visits
    WHERE dt IN ($day, coalesce(CAST($against AS DATE), CAST($day - INTERVAL '1 day' AS DATE)))
        AND (dt <> $day OR ts < $until)
),
-- Local times of both days, as if they were of the day itself.
facts AS (
    SELECT dt, 'visits' AS figure, to_local_time(ts AT TIME ZONE $zone) + (CAST($day AS TIMESTAMP) - CAST(dt AS TIMESTAMP)) AS at
    FROM views
    UNION ALL
    SELECT dt, 'visitors', to_local_time(min(ts) AT TIME ZONE $zone) + (CAST($day AS TIMESTAMP) - CAST(dt AS TIMESTAMP))
    FROM views
    GROUP BY dt, user_id
    UNION ALL
    SELECT
        session_dt, 'opens',
        to_local_time(session_start AT TIME ZONE $zone) + (CAST($day AS TIMESTAMP) - CAST(session_dt AS TIMESTAMP))
    FROM visits
    WHERE is_entry
        AND session_dt IN ($day, coalesce(CAST($against AS DATE), CAST($day - INTERVAL '1 day' AS DATE)))
        AND (session_dt <> $day OR ts < $until)
),
-- Each hour in two parts, of which the second is that after `until`, if it lies in the hour.
parts AS (
    SELECT
        dt,
        figure,
        2 * date_part('hour', at) + CAST(at >= until AND date_trunc('hour', at) < until AS INT) AS part,
        count(*) AS number
    FROM facts
    CROSS JOIN known
    GROUP BY 1, 2, 3
),
hours AS (
    SELECT
        begins,
        until,
        date_part('hour', begins) AS hour,
        until > begins AND until < begins + INTERVAL '1 hour' AS is_running
    FROM (
        SELECT unnest(generate_series(
            CAST($day AS TIMESTAMP), CAST($day AS TIMESTAMP) + INTERVAL '23 hours', INTERVAL '1 hour')) AS begins
    ) AS clock
    CROSS JOIN known
)
SELECT
    CASE WHEN is_running THEN to_char(until, '%H:%M') ELSE lpad(CAST(hour + 1 AS VARCHAR), 2, '0') || ':00' END AS time,
    CASE WHEN begins < until THEN coalesce(sum(number) FILTER (WHERE figure = 'visitors' AND dt = $day), 0) END AS visit_uv,
    CASE WHEN begins < until THEN coalesce(sum(number) FILTER (WHERE figure = 'opens' AND dt = $day), 0) END AS session_cnt,
    CASE WHEN begins < until THEN coalesce(sum(number) FILTER (WHERE figure = 'visits' AND dt = $day), 0) END AS visit_pv,
    coalesce(sum(number) FILTER (WHERE figure = 'visitors' AND is_against), 0) AS against_visit_uv,
    coalesce(sum(number) FILTER (WHERE figure = 'opens' AND is_against), 0) AS against_session_cnt,
    coalesce(sum(number) FILTER (WHERE figure = 'visits' AND is_against), 0) AS against_visit_pv
FROM hours
LEFT JOIN (SELECT *, dt <> $day OR coalesce($against = $day, false) AS is_against FROM parts) AS parts
    ON parts.part <= 2 * hours.hour + CASE WHEN is_running THEN 0 ELSE 1 END
GROUP BY hour, begins, until, is_running
ORDER BY hour
