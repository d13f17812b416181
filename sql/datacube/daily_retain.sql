-- title: Data API: retention by day | 数据接口：访问日留存
-- question: Of the users who were new or active on a day, how many were seen again 1 to 7, 14 and 30 days later?
--   | 某日新增或活跃的用户中，有多少在 1 至 7 天、14 天和 30 天后再次访问？
-- days: ..to+30
-- param from date = first_day : first day of the cohorts
-- param to date = last_day : last day of the cohorts
-- column ref_date = day | 日期 : the day as yyyymmdd | 日期，yyyymmdd
-- column visit_uv_new = retention of new users | 新增用户留存 : items of `key` and `value`, keys 0 to 7, 14, 30 ascending. At
--   key 0 the users whose first visit ever falls on the day; at the others those of them who visited exactly `key` days later
--   | 由 `key` 与 `value` 组成的各项，key 依次为 0 至 7、14、30；key 为 0 时是历史首次访问发生在当日的用户数，其他为其中恰好在
--   `key` 天后访问的用户数
-- column visit_uv = retention of active users | 活跃用户留存 : the same of the users who visited on the day
--   | 同上，初始用户为当日访问过的用户
-- check: count(*) = count(DISTINCT ref_date)
-- json: object
-- The answer of the official endpoint getDailyRetain, datacube/getweanalysisappiddailyretaininfo: one object a day, in
-- order, for any range. `value` is a head count, not a rate; key 0 is the day's `visit_uv_new` and `visit_uv` of the trend.
-- Days are those of the store's zone.
-- A key is there once its day is over, key 0 too. The newest day in the store counts as over: land whole days before asking.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
keys AS (
    SELECT key FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (14), (30)) AS keys(key)
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
-- One row a user: the days with a visit, and the day of the first visit ever.
seen AS (
    SELECT user_id, active_bitmap(dt, 'day') AS days
    FROM active_days
    WHERE dt >= $from AND dt <= $to + 30
    GROUP BY user_id
),
arrived AS (
    SELECT user_id, active_bitmap(first_dt, 'day') AS days
    FROM users
    WHERE first_dt >= $from AND first_dt <= $to
    GROUP BY user_id
),
-- Cohorts and offsets of both kinds, side by side so that the users are read once.
counted AS (
    SELECT
        unnest(retention_rollup(arrived.days, seen.days, 30)) AS new_users,
        unnest(retention_rollup(seen.days, 30, {kind: 'recurring', from: $from, to: $to})) AS visitors
    FROM seen
    FULL JOIN arrived ON arrived.user_id = seen.user_id
),
returned AS (
    SELECT cell['cohort'] AS day, cell['offset'] AS key, sum(new_users) AS new_users, sum(visitors) AS visitors
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
        days.day AS day,
        keys.key AS key,
        newest.newest - days.day >= keys.key AS is_over,
        coalesce(returned.new_users, 0) AS new_users,
        coalesce(returned.visitors, 0) AS visitors
    FROM days
    CROSS JOIN keys
    CROSS JOIN newest
    LEFT JOIN returned ON returned.day = days.day AND returned.key = keys.key
)
SELECT
    to_char(day, '%Y%m%d') AS ref_date,
    coalesce(array_agg(named_struct('key', key, 'value', new_users) ORDER BY key) FILTER (WHERE is_over), []) AS visit_uv_new,
    coalesce(array_agg(named_struct('key', key, 'value', visitors) ORDER BY key) FILTER (WHERE is_over), []) AS visit_uv
FROM cells
GROUP BY day
ORDER BY day
