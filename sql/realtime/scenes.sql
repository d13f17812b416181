-- title: Scenes in real time | 实时场景
-- question: From which scenes was the app opened on the day so far, and what share of all opens did each have?
--   | 当日到目前为止小程序从哪些场景被打开，各占全部打开的多少？
-- days: to-1..to+1
-- param day date = last_day : the day
-- param against date = '' : the day beside it; empty: the day before
-- param until timestamp = 2200-01-01 : counts the day only up to this time
-- param limit int = 200 from 1 : how many scenes
-- param zone zone = time_zone : time zone of the clock
-- column scene = scene | 场景值 : WeChat's scene value of the open; empty where the log names none
--   | 打开的微信场景值；日志没有写明时为空
-- column session_cnt = opens | 打开次数 : opens from this scene that began on the day and reached a page
--   | 当日从该场景开始、并到达页面的打开次数
-- column visit_uv = visitors | 访问人数 : distinct users of these opens | 这些打开的去重用户数
-- column visit_pv = visits | 访问次数 : page views in these opens | 这些打开中的页面访问次数
-- column share = share of opens | 打开次数占比 : opens / opens of all scenes, 4 decimals, rounded half up
--   | 打开次数 / 全部场景的打开次数，保留 4 位小数，四舍五入
-- column against_session_cnt = opens of the other day | 对比日打开次数 : opens from this scene on the other day, up to the same clock
--   time | 对比日截至同一时刻从该场景的打开次数
-- column against_share = share of the other day | 对比日占比 : opens / opens of all scenes there, 4 decimals, rounded half up; empty
--   without any | 对比日该场景的打开次数 / 全部场景的打开次数，保留 4 位小数，四舍五入；无打开时为空
-- chart: bar x=scene y=session_cnt
-- check: coalesce(sum(share), 0) <= 1 + 0.00005 * count(*)
-- check: coalesce(bool_and(visit_uv <= session_cnt AND session_cnt <= visit_pv), true)
-- An open belongs to the day on which it starts, with all its page views; its first page view has to come before `until`.
-- While the day goes on, the other day is cut at the clock time of the newest event, so that both have had the same time.
-- Nothing depends on the clock of the machine, see realtime/trend.
WITH
known AS (
    SELECT
        least(
            CASE WHEN max(dt) > $day THEN CAST($day AS TIMESTAMP) + INTERVAL '2 days'
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
        session_dt,
        user_id,
        scene,
        is_entry,
        to_local_time(ts AT TIME ZONE $zone) + (CAST($day AS TIMESTAMP) - CAST(session_dt AS TIMESTAMP)) AS at
    FROM visits
    WHERE session_dt IN ($day, coalesce(CAST($against AS DATE), CAST($day - INTERVAL '1 day' AS DATE)))
),
scenes AS (
    SELECT
        scene,
        count(*) FILTER (WHERE session_dt = $day AND is_entry) AS opens,
        count(DISTINCT user_id) FILTER (WHERE session_dt = $day) AS visitors,
        count(*) FILTER (WHERE session_dt = $day) AS visits,
        count(*) FILTER (WHERE (session_dt <> $day OR coalesce($against = $day, false)) AND is_entry) AS against_opens
    FROM views
    CROSS JOIN known
    WHERE at < until
    GROUP BY scene
),
shares AS (
    SELECT
        *,
        nullif(sum(opens) OVER (), 0) AS all_opens,
        nullif(sum(against_opens) OVER (), 0) AS all_against
    FROM scenes
)
SELECT
    scene,
    opens AS session_cnt,
    visitors AS visit_uv,
    visits AS visit_pv,
    (opens * 20000 + all_opens) / (2 * all_opens) / 10000.0 AS share,
    against_opens AS against_session_cnt,
    (against_opens * 20000 + all_against) / (2 * all_against) / 10000.0 AS against_share
FROM shares
ORDER BY session_cnt DESC, against_session_cnt DESC, scene
LIMIT $limit
