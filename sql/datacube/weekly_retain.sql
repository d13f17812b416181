-- title: Data API: retention by week | 数据接口：访问周留存
-- question: Of the users who were new or active in a natural week, how many were seen again 1 to 4 weeks later?
--   | 某自然周新增或活跃的用户中，有多少在 1 至 4 周后再次访问？
-- period: week
-- days: ..to+34
-- param from date = first_day : a day of the first cohort's week
-- param to date = last_day : a day of the last cohort's week
-- column ref_date = week | 日期 : Monday and Sunday as yyyymmdd-yyyymmdd | 周一与周日，yyyymmdd-yyyymmdd
-- column visit_uv_new = retention of new users | 新增用户留存 : items of `key` and `value`, keys 0 to 4 ascending. At key 0
--   the users whose first visit ever falls in the week; at the others those of them who visited exactly `key` weeks later
--   | 由 `key` 与 `value` 组成的各项，key 依次为 0 至 4；key 为 0 时是历史首次访问发生在该周的用户数，其他为其中恰好在 `key`
--   周后访问的用户数
-- column visit_uv = retention of active users | 活跃用户留存 : the same of the users who visited in the week
--   | 同上，初始用户为该周访问过的用户
-- check: count(*) = count(DISTINCT ref_date)
-- json: object
-- The answer of the official endpoint getWeeklyRetain, datacube/getweanalysisappidweeklyretaininfo: one object a week, in
-- order, for any range. `value` is a head count, not a rate; key 0 is the week's `visit_uv_new` and `visit_uv` of the trend.
-- Weeks run Monday to Sunday in the store's zone; every week that the range touches is a whole cohort.
-- A key is there once its week is over, key 0 too. The newest day in the store counts as over: land whole days before asking.
WITH
weeks AS (
    SELECT unnest(generate_series(CAST(date_trunc('week', $from) AS DATE), $to, INTERVAL '7 days')) AS week
),
keys AS (
    SELECT key FROM (VALUES (0), (1), (2), (3), (4)) AS keys(key)
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
-- One row a user: the weeks with a visit, and the week of the first visit ever.
seen AS (
    SELECT user_id, active_bitmap(dt, 'week') AS weeks
    FROM active_days
    WHERE dt >= CAST(date_trunc('week', $from) AS DATE)
        AND dt < CAST(date_trunc('week', $to) AS DATE) + INTERVAL '35 days'
    GROUP BY user_id
),
arrived AS (
    SELECT user_id, active_bitmap(first_dt, 'week') AS weeks
    FROM users
    WHERE first_dt >= CAST(date_trunc('week', $from) AS DATE)
        AND first_dt < CAST(date_trunc('week', $to) AS DATE) + INTERVAL '7 days'
    GROUP BY user_id
),
-- Cohorts and offsets of both kinds, side by side so that the users are read once.
counted AS (
    SELECT
        unnest(retention_rollup(arrived.weeks, seen.weeks, 4)) AS new_users,
        unnest(retention_rollup(seen.weeks, 4, {kind: 'recurring', from: $from, to: $to})) AS visitors
    FROM seen
    FULL JOIN arrived ON arrived.user_id = seen.user_id
),
returned AS (
    SELECT cell['cohort'] AS week, cell['offset'] AS key, sum(new_users) AS new_users, sum(visitors) AS visitors
    FROM (
        SELECT
            unnest([new_users, visitors]) AS cell,
            unnest([CASE WHEN new_users['offset'] = 0 THEN new_users['size'] ELSE new_users['users'] END, 0]) AS new_users,
            unnest([0, visitors['users']]) AS visitors
        FROM counted
    )
    GROUP BY 1, 2
),
cells AS (
    SELECT
        weeks.week AS week,
        keys.key AS key,
        newest.newest - weeks.week >= 7 * keys.key + 6 AS is_over,
        coalesce(returned.new_users, 0) AS new_users,
        coalesce(returned.visitors, 0) AS visitors
    FROM weeks
    CROSS JOIN keys
    CROSS JOIN newest
    LEFT JOIN returned ON returned.week = weeks.week AND returned.key = keys.key
)
SELECT
    to_char(week, '%Y%m%d') || '-' || to_char(week + INTERVAL '6 days', '%Y%m%d') AS ref_date,
    coalesce(array_agg(named_struct('key', key, 'value', new_users) ORDER BY key) FILTER (WHERE is_over), []) AS visit_uv_new,
    coalesce(array_agg(named_struct('key', key, 'value', visitors) ORDER BY key) FILTER (WHERE is_over), []) AS visit_uv
FROM cells
GROUP BY week
ORDER BY week
