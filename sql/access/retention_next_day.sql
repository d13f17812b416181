-- title: Next-day retention | 活跃日留存与新增日留存
-- question: Of the users who were active or new the day before, what share opened the mini program again on this day?
-- days: ..to+1
-- param from date = first_day : first day on which they are seen again
-- param to date = last_day : last day on which they are seen again
-- column ref_date = day | 日期 : the day on which they are seen again, yyyymmdd; the cohort is that of the day before
-- column visit_uv_before = active the day before | 前一日访问人数 : distinct users with a page view on the day before
-- column retained_uv = of them on the day | 活跃留存人数 : those of them with a page view on the day, too
-- column retention_rate = active retention | 活跃日留存 : active of the day before who came / active of the day before, fraction of 1, 4 decimals,
--   rounded half up; empty without such users
-- column visit_uv_new_before = new the day before | 前一日新增人数 : distinct users whose first page view ever fell on the day before
-- column retained_uv_new = of them on the day | 新增留存人数 : those of them with a page view on the day, too
-- column retention_rate_new = new retention | 新增日留存 : new of the day before who came / new of the day before, fraction of 1, 4 decimals, rounded
--   half up; empty without such users
-- column complete = complete | 已完整 : false: the day is not over at the newest event
-- chart: line x=ref_date y=retention_rate,retention_rate_new
-- check: coalesce(bool_and(retained_uv <= visit_uv_before and retained_uv_new <= retained_uv), true)
-- We 分析 gives these rates to the day on which users come again; in the retention by day they belong to the cohort's day, key 1.
-- The newest day in the store counts as finished.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
active AS (
    SELECT user_id, dt FROM visits WHERE dt >= $from - 1 AND dt <= $to GROUP BY user_id, dt
),
seen AS (
    SELECT user_id, dt, lead(dt) OVER (PARTITION BY user_id ORDER BY dt) - dt = 1 AS came_again FROM active
),
returned AS (
    SELECT
        seen.dt + 1 AS day,
        count(*) AS visitors,
        count(*) FILTER (WHERE came_again) AS retained,
        count(*) FILTER (WHERE users.first_dt = seen.dt) AS new_users,
        count(*) FILTER (WHERE users.first_dt = seen.dt AND came_again) AS retained_new
    FROM seen
    JOIN users ON users.user_id = seen.user_id
    WHERE seen.dt < $to
    GROUP BY seen.dt
)
SELECT
    to_char(days.day, '%Y%m%d') AS ref_date,
    coalesce(visitors, 0) AS visit_uv_before,
    coalesce(retained, 0) AS retained_uv,
    (retained * 20000 + visitors) / (2 * visitors) / 10000.0 AS retention_rate,
    coalesce(new_users, 0) AS visit_uv_new_before,
    coalesce(retained_new, 0) AS retained_uv_new,
    (retained_new * 20000 + new_users) / (2 * nullif(new_users, 0)) / 10000.0 AS retention_rate_new,
    newest.newest >= days.day AS complete
FROM days
CROSS JOIN newest
LEFT JOIN returned ON returned.day = days.day
ORDER BY ref_date
