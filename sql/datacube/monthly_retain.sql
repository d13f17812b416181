-- title: Data API: retention by month | 数据接口：访问月留存
-- question: Of the users who were new or active in a natural month, how many were seen again in the next one?
--   | 某自然月新增或活跃的用户中，有多少在下一个月再次访问？
-- period: month
-- days: ..to+61
-- param from date = first_day : a day of the first cohort's month
-- param to date = last_day : a day of the last cohort's month
-- column ref_date = month | 日期 : the month as yyyymm | 月，yyyymm
-- column visit_uv_new = retention of new users | 新增用户留存 : items of `key` and `value`, keys 0, 1 ascending. At key 0 the
--   users whose first visit ever falls in the month; at the others those of them who visited exactly `key` months later
--   | 由 `key` 与 `value` 组成的各项，key 依次为 0、1；key 为 0 时是历史首次访问发生在该月的用户数，其他为其中恰好在 `key`
--   个月后访问的用户数
-- column visit_uv = retention of active users | 活跃用户留存 : the same of the users who visited in the month
--   | 同上，初始用户为该月访问过的用户
-- check: count(*) = count(DISTINCT ref_date)
-- json: object
-- The answer of the official endpoint getMonthlyRetain, datacube/getweanalysisappidmonthlyretaininfo: one object a month, in
-- order, for any range. `value` is a head count, not a rate; key 0 is the month's `visit_uv_new` and `visit_uv` of the trend.
-- Months are natural ones in the store's zone; every month that the range touches is a whole cohort.
-- A key is there once its month is over, key 0 too. The newest day in the store counts as over: land whole days before asking.
WITH
months AS (
    SELECT unnest(generate_series(CAST(date_trunc('month', $from) AS DATE), $to, INTERVAL '1 month')) AS month
),
keys AS (
    SELECT key FROM (VALUES (0), (1)) AS keys(key)
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
-- One row a user: the months with a visit, and the month of the first visit ever.
seen AS (
    SELECT user_id, active_bitmap(dt, 'month') AS months
    FROM active_days
    WHERE dt >= CAST(date_trunc('month', $from) AS DATE)
        AND dt < CAST(date_trunc('month', $to) AS DATE) + INTERVAL '2 months'
    GROUP BY user_id
),
arrived AS (
    SELECT user_id, active_bitmap(first_dt, 'month') AS months
    FROM users
    WHERE first_dt >= CAST(date_trunc('month', $from) AS DATE)
        AND first_dt < CAST(date_trunc('month', $to) AS DATE) + INTERVAL '1 month'
    GROUP BY user_id
),
-- Cohorts and offsets of both kinds, side by side so that the users are read once.
counted AS (
    SELECT
        unnest(retention_rollup(arrived.months, seen.months, 1)) AS new_users,
        unnest(retention_rollup(seen.months, 1, {kind: 'recurring', from: $from, to: $to})) AS visitors
    FROM seen
    FULL JOIN arrived ON arrived.user_id = seen.user_id
),
returned AS (
    SELECT cell['cohort'] AS month, cell['offset'] AS key, sum(new_users) AS new_users, sum(visitors) AS visitors
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
        months.month AS month,
        keys.key AS key,
        date_part('year', newest.newest + 1) * 12 + date_part('month', newest.newest + 1)
            > date_part('year', months.month) * 12 + date_part('month', months.month) + keys.key AS is_over,
        coalesce(returned.new_users, 0) AS new_users,
        coalesce(returned.visitors, 0) AS visitors
    FROM months
    CROSS JOIN keys
    CROSS JOIN newest
    LEFT JOIN returned ON returned.month = months.month AND returned.key = keys.key
)
SELECT
    to_char(month, '%Y%m') AS ref_date,
    coalesce(array_agg(named_struct('key', key, 'value', new_users) ORDER BY key) FILTER (WHERE is_over), []) AS visit_uv_new,
    coalesce(array_agg(named_struct('key', key, 'value', visitors) ORDER BY key) FILTER (WHERE is_over), []) AS visit_uv
FROM cells
GROUP BY month
ORDER BY month
