-- title: Next-day retention | 活跃日留存与新增日留存
-- question: Of the users who were active or new the day before, what share opened the mini program again on this day?
--   | 前一日活跃或新增的用户中，多大比例在当日再次打开小程序？
-- days: ..to+1
-- param from date = first_day : first day on which they are seen again
-- param to date = last_day : last day on which they are seen again
-- column ref_date = day | 日期 : the day on which they are seen again, yyyymmdd; the cohort is that of the day before
--   | 再次访问的日期，yyyymmdd；初始用户为前一日的用户
-- column visit_uv_before = active the day before | 前一日访问人数 : distinct users with a page view on the day before
--   | 前一日有页面访问的去重用户数
-- column retained_uv = of them on the day | 活跃留存人数 : those of them with a page view on the day, too | 其中当日也有页面访问的用户数
-- column retention_rate = active retention | 活跃日留存 : active of the day before who came / active of the day before, fraction of 1, 4 decimals,
--   rounded half up; empty without such users
--   | 活跃留存人数 / 前一日访问人数，小数（1 即 100%），保留 4 位小数，四舍五入；无这样的用户时为空
-- column visit_uv_new_before = new the day before | 前一日新增人数 : distinct users whose first page view ever fell on the day before
--   | 历史首次页面访问发生在前一日的去重用户数
-- column retained_uv_new = of them on the day | 新增留存人数 : those of them with a page view on the day, too
--   | 其中当日也有页面访问的用户数
-- column retention_rate_new = new retention | 新增日留存 : new of the day before who came / new of the day before, fraction of 1, 4 decimals, rounded
--   half up; empty without such users | 新增留存人数 / 前一日新增人数，小数（1 即 100%），保留 4 位小数，四舍五入；无这样的用户时为空
-- column complete = complete | 已完整 : false: the day is not over at the newest event | false 表示到最新事件为止当日尚未结束
-- chart: line x=ref_date y=retention_rate,retention_rate_new
-- check: coalesce(bool_and(retained_uv <= visit_uv_before and retained_uv_new <= visit_uv_new_before), true)
-- We 分析 gives these rates to the day on which users come again; in the retention by day they belong to the cohort's day, key 1.
-- The newest day in the store counts as finished.
-- Days are those of the store's zone.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
active AS (
    SELECT user_id, dt FROM active_days WHERE dt >= $from - 1 AND dt <= $to
),
seen AS (
    SELECT user_id, dt, lead(dt) OVER (PARTITION BY user_id ORDER BY dt) - dt = 1 AS came_again FROM active
),
returned AS (
    SELECT
        seen.dt + 1 AS day,
        count(*) AS visitors,
        count(*) FILTER (WHERE came_again) AS retained
    FROM seen
    WHERE seen.dt < $to
    GROUP BY seen.dt
),
-- Who is new by the users file need not have a visit on the day.
arrived AS (
    SELECT users.first_dt + 1 AS day, count(*) AS new_users, count(active.user_id) AS retained_new
    FROM users
    LEFT JOIN active ON active.user_id = users.user_id AND active.dt = users.first_dt + 1
    WHERE users.first_dt >= $from - 1 AND users.first_dt < $to
    GROUP BY users.first_dt
)
SELECT
    to_char(days.day, '%Y%m%d') AS ref_date,
    coalesce(visitors, 0) AS visit_uv_before,
    coalesce(retained, 0) AS retained_uv,
    (retained * 20000 + visitors) / (2 * visitors) / 10000.0 AS retention_rate,
    coalesce(new_users, 0) AS visit_uv_new_before,
    coalesce(retained_new, 0) AS retained_uv_new,
    (retained_new * 20000 + new_users) / (2 * new_users) / 10000.0 AS retention_rate_new,
    newest.newest >= days.day AS complete
FROM days
CROSS JOIN newest
LEFT JOIN returned ON returned.day = days.day
LEFT JOIN arrived ON arrived.day = days.day
ORDER BY ref_date
