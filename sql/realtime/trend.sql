-- title: Real time | 实时统计
-- question: How many page views, visitors and opens did each stretch of the day have so far, beside another day?
--   | 当日到目前为止每个时间段有多少访问次数、访问人数和打开次数，对比另一天怎样？
-- days: to-1..to+1
-- param day date = last_day : the day
-- param against date = '' : the day beside it; empty: the day before
-- param every interval = '5 minutes' in ('1 minute', '5 minutes', '10 minutes', '30 minutes', '1 hour') : length of a stretch
-- param page text of events.page = '' : one page only; empty: all pages
-- param until timestamp = 2200-01-01 : counts the day only up to this time
-- param zone zone = time_zone : time zone of the clock
-- column time = time | 时间 : local clock time at which the stretch begins, HH:MM | 时间段开始的本地时刻，HH:MM
-- column visit_pv = visits | 访问次数 : page views in the stretch; empty where it has not begun yet
--   | 该时间段的页面访问次数；尚未开始时为空
-- column visit_uv = visitors | 访问人数 : distinct users with a page view in the stretch; empty where it has not begun yet
--   | 该时间段有页面访问的去重用户数；尚未开始时为空
-- column session_cnt = opens | 打开次数 : opens that began in the stretch and reached a page; empty where it has not begun yet
--   | 在该时间段开始、并到达页面的打开次数；尚未开始时为空
-- column against_visit_pv = visits of the other day | 对比日访问次数 : page views in the same stretch of the other day
--   | 对比日同一时间段的页面访问次数
-- column against_visit_uv = visitors of the other day | 对比日访问人数 : distinct users with a page view there
--   | 对比日同一时间段有页面访问的去重用户数
-- column against_session_cnt = opens of the other day | 对比日打开次数 : opens that began there
--   | 对比日在同一时间段开始的打开次数
-- chart: line x=time y=visit_pv compare=against_visit_pv
-- check: coalesce(bool_and(visit_uv <= visit_pv AND against_visit_uv <= against_visit_pv), true)
-- Nothing depends on the clock of the machine: the day is known up to its newest event, or to `until` if that is earlier, and
-- is over once a later day has events. So the same store always gives the same answer, also while events keep landing.
-- Page views belong to the day and time of the view; an open to the day and time of its start, if its first page view came
-- before `until`. With `page`, opens are those whose first page it is.
-- Where the clock is put back, the hour that comes twice is one.
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
stretches AS (
    SELECT unnest(generate_series(
        CAST($day AS TIMESTAMP), CAST($day AS TIMESTAMP) + INTERVAL '1439 minutes', $every)) AS begins
),
viewed AS (
    SELECT
        dt,
        date_bin($every, to_local_time(ts AT TIME ZONE $zone)) AS begins,
        count(*) AS visits,
        count(DISTINCT user_id) AS visitors
    FROM visits
    WHERE dt IN ($day, coalesce(CAST($against AS DATE), CAST($day - INTERVAL '1 day' AS DATE)))
        AND (dt <> $day OR ts < $until)
        AND ($page = '' OR page = $page)
    GROUP BY 1, 2
),
opened AS (
    SELECT
        session_dt AS dt,
        date_bin($every, to_local_time(session_start AT TIME ZONE $zone)) AS begins,
        count(*) AS opens
    FROM visits
    WHERE is_entry
        AND session_dt IN ($day, coalesce(CAST($against AS DATE), CAST($day - INTERVAL '1 day' AS DATE)))
        AND (session_dt <> $day OR ts < $until)
        AND ($page = '' OR page = $page)
    GROUP BY 1, 2
),
counted AS (
    SELECT dt, to_char(begins, '%H:%M') AS time, visits, visitors, 0 AS opens FROM viewed
    UNION ALL
    SELECT dt, to_char(begins, '%H:%M') AS time, 0, 0, opens FROM opened
),
sums AS (
    SELECT
        time,
        sum(visits) FILTER (WHERE dt = $day) AS visits,
        sum(visitors) FILTER (WHERE dt = $day) AS visitors,
        sum(opens) FILTER (WHERE dt = $day) AS opens,
        sum(visits) FILTER (WHERE dt <> $day OR coalesce($against = $day, false)) AS against_visits,
        sum(visitors) FILTER (WHERE dt <> $day OR coalesce($against = $day, false)) AS against_visitors,
        sum(opens) FILTER (WHERE dt <> $day OR coalesce($against = $day, false)) AS against_opens
    FROM counted
    GROUP BY time
)
SELECT
    to_char(stretches.begins, '%H:%M') AS time,
    CASE WHEN stretches.begins < known.until THEN coalesce(visits, 0) END AS visit_pv,
    CASE WHEN stretches.begins < known.until THEN coalesce(visitors, 0) END AS visit_uv,
    CASE WHEN stretches.begins < known.until THEN coalesce(opens, 0) END AS session_cnt,
    coalesce(against_visits, 0) AS against_visit_pv,
    coalesce(against_visitors, 0) AS against_visit_uv,
    coalesce(against_opens, 0) AS against_session_cnt
FROM stretches
CROSS JOIN known
LEFT JOIN sums ON sums.time = to_char(stretches.begins, '%H:%M')
ORDER BY time
