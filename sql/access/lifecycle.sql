-- title: New, retained, returning and lost visitors | 新增、留存、回访与流失
-- question: Of the visitors of a day, week or month, how many were new, how many had come in the one before, how many earlier, and who stayed away?
--   | 某日、某周或某月的访问用户中，多少是新增，多少上一周期来过，多少更早来过，又有多少人没有再来？
-- days: ..to+1
-- param from date = first_day : a day of the first period
-- param to date = last_day : a day of the last period
-- param by text = day in (day, week, month) : the period; weeks run Monday to Sunday, and every period that the range touches is whole
-- column ref_date = period | 日期 : yyyymmdd, Monday and Sunday as yyyymmdd-yyyymmdd, or yyyymm
--   | 日为 yyyymmdd，周为周一与周日 yyyymmdd-yyyymmdd，月为 yyyymm
-- column visit_uv = visitors | 访问人数 : distinct users with a page view in the period | 本周期有页面访问的去重用户数
-- column visit_uv_new = new visitors | 新增访问 : those of them whose first page view ever falls in the period
--   | 其中历史首次页面访问发生在本周期的用户数
-- column retained_uv = retained | 留存访问 : those who are not new and had visited in the period before, too
--   | 不是新增、上一周期也访问过的用户数
-- column returning_uv = returning | 回访 : those who are not new and had visited earlier, but not in the period before
--   | 不是新增、更早访问过、但上一周期没有访问的用户数
-- column lost_uv = lost | 流失 : visitors of the period before who did not visit in this one | 上一周期访问过、本周期没有访问的用户数
-- column complete = complete | 已完整 : false: the period is not over at the newest event, so that users may still come
--   | false 表示到最新事件为止该周期尚未结束，还可能有用户到来
-- chart: stacked x=ref_date y=visit_uv_new,retained_uv,returning_uv
-- check: coalesce(bool_and(visit_uv = visit_uv_new + retained_uv + returning_uv), true)
-- The newest day in the store counts as finished. A period without visits is a row of zeros, but for those lost.
-- Users whose users file gives a first visit before the period are not new in it.
WITH
periods AS (
    SELECT DISTINCT CAST(date_trunc($by, day) AS DATE) AS period
    FROM (SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day)
),
bounds AS (
    SELECT
        period,
        CAST(date_trunc($by, period - 1) AS DATE) AS earlier,
        CAST(date_trunc($by, period + CASE $by WHEN 'day' THEN 1 WHEN 'week' THEN 7 ELSE 31 END) AS DATE) AS next
    FROM periods
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
visited AS (
    SELECT user_id, active_bitmap(dt, $by) AS visits
    FROM active_days
    WHERE dt >= CAST(date_trunc($by, CAST(date_trunc($by, $from) AS DATE) - 1) AS DATE)
        AND dt < CAST(date_trunc($by, $to) AS DATE) + CASE $by WHEN 'day' THEN 1 WHEN 'week' THEN 7 ELSE 31 END
    GROUP BY user_id
),
arrived AS (
    SELECT user_id, active_bitmap(first_dt, $by) AS arrival
    FROM users
    WHERE first_dt >= CAST(date_trunc($by, $from) AS DATE)
        AND first_dt < CAST(date_trunc($by, $to) AS DATE) + CASE $by WHEN 'day' THEN 1 WHEN 'week' THEN 7 ELSE 31 END
    GROUP BY user_id
),
rolled AS (
    SELECT
        retention_rollup(arrival, visits, 0) AS of_new,
        retention_rollup(visits, 1, {kind: 'recurring'}) AS of_all
    FROM visited
    LEFT JOIN arrived ON arrived.user_id = visited.user_id
),
lines AS (
    SELECT is_new, unnest(CASE WHEN is_new THEN of_new ELSE of_all END) AS line
    FROM rolled
    CROSS JOIN (VALUES (true), (false)) AS kinds(is_new)
),
counted AS (
    SELECT
        line['cohort'] AS period,
        max(CASE WHEN NOT is_new AND line['offset'] = 0 THEN line['size'] END) AS visitors,
        max(CASE WHEN is_new THEN line['users'] ELSE 0 END) AS new_users,
        max(CASE WHEN NOT is_new AND line['offset'] = 1 THEN line['users'] END) AS came_again
    FROM lines
    GROUP BY line['cohort']
)
SELECT
    CASE $by
        WHEN 'day' THEN to_char(bounds.period, '%Y%m%d')
        WHEN 'week' THEN to_char(bounds.period, '%Y%m%d') || '-' || to_char(bounds.next - 1, '%Y%m%d')
        ELSE to_char(bounds.period, '%Y%m')
    END AS ref_date,
    coalesce(this.visitors, 0) AS visit_uv,
    coalesce(this.new_users, 0) AS visit_uv_new,
    coalesce(last.came_again, 0) AS retained_uv,
    coalesce(this.visitors, 0) - coalesce(this.new_users, 0) - coalesce(last.came_again, 0) AS returning_uv,
    coalesce(last.visitors, 0) - coalesce(last.came_again, 0) AS lost_uv,
    newest.newest >= bounds.next - 1 AS complete
FROM bounds
CROSS JOIN newest
LEFT JOIN counted AS this ON this.period = bounds.period
LEFT JOIN counted AS last ON last.period = bounds.earlier
ORDER BY bounds.period
