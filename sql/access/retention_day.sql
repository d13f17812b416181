-- title: Retention by day | 访问留存（日）
-- question: Of the users who were new or active on a day, how many were seen again 1 to 7, 14 and 30 days later?
--   | 某日新增或活跃的用户中，有多少在 1 至 7 天、14 天和 30 天后再次访问？
-- days: ..to+30
-- param from date = first_day : first day of the cohorts
-- param to date = last_day : last day of the cohorts
-- column ref_date = cohort | 日期 : day of the cohort, yyyymmdd | 用户新增或活跃的日期，yyyymmdd
-- column kind = cohort of | 用户类型 : visit_uv_new: users whose first visit ever fell on ref_date; visit_uv: all who visited on it
--   | visit_uv_new 为历史首次访问发生在 ref_date 当日的用户；visit_uv 为 ref_date 当日访问过的全部用户
-- column key = days later | 天数 : 0 to 7, 14 and 30 | 之后的天数，0 至 7、14 和 30
-- column value = users | 人数 : head count: the size of the cohort at key 0, those of it seen again exactly `key` periods later at the
--   others; empty where that period has not begun
--   | 人数；key 为 0 时是初始人数，其他为其中恰好在 `key` 个周期后再次访问的人数；该周期尚未开始时为空
-- column rate = retention rate | 留存率 : value / size of the cohort, fraction of 1, 4 decimals, rounded half up; empty without a cohort
--   | 人数 / 初始人数，小数（1 即 100%），保留 4 位小数，四舍五入；无初始用户时为空
-- column complete = complete | 已完整 : false: the period of that key is not over at the newest event
--   | false 表示到最新事件为止，该 key 对应的周期尚未结束
-- chart: heat x=key y=ref_date value=rate series=kind
-- check: coalesce(bool_and(rate between 0 and 1), true)
-- The newest day in the store counts as finished: land whole days before asking.
-- Days are those of the store's zone.
-- A day beyond the newest event is a row with complete = false and no value yet.
WITH
periods AS (
    SELECT CAST(day AS DATE) AS day
    FROM (SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day)
),
keys AS (
    SELECT key FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (14), (30)) AS keys(key)
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
visited AS (
    SELECT user_id, active_bitmap(dt, 'day') AS visits
    FROM active_days
    WHERE dt >= $from AND dt <= $to + 30
    GROUP BY user_id
),
arrived AS (
    SELECT user_id, active_bitmap(first_dt, 'day') AS arrival
    FROM users
    WHERE first_dt >= $from AND first_dt <= $to
    GROUP BY user_id
),
rolled AS (
    SELECT
        retention_rollup(arrival, visits, 30, {from: $from, to: $to}) AS of_new,
        retention_rollup(visits, 30, {kind: 'recurring', from: $from, to: $to}) AS of_active
    FROM visited
    FULL JOIN arrived ON arrived.user_id = visited.user_id
),
lines AS (
    SELECT place, kind, unnest(CASE place WHEN 1 THEN of_new ELSE of_active END) AS line
    FROM rolled
    CROSS JOIN (VALUES (1, 'visit_uv_new'), (2, 'visit_uv')) AS kinds(place, kind)
),
returned AS (
    SELECT
        place,
        line['cohort'] AS day,
        line['offset'] AS key,
        CASE line['offset'] WHEN 0 THEN line['size'] ELSE line['users'] END AS users
    FROM lines
),
sized AS (
    SELECT
        periods.day AS day,
        kinds.place AS place,
        kinds.kind AS kind,
        keys.key AS key,
        newest.newest - periods.day >= keys.key AS begun,
        newest.newest - periods.day >= keys.key AS complete,
        coalesce(returned.users, 0) AS users,
        max(CASE WHEN keys.key = 0 THEN returned.users END) OVER (PARTITION BY periods.day, kinds.place) AS size
    FROM periods
    CROSS JOIN keys
    CROSS JOIN (VALUES (1, 'visit_uv_new'), (2, 'visit_uv')) AS kinds(place, kind)
    CROSS JOIN newest
    LEFT JOIN returned ON returned.place = kinds.place AND returned.day = periods.day AND returned.key = keys.key
)
SELECT
    to_char(sized.day, '%Y%m%d') AS ref_date,
    kind,
    key,
    CASE WHEN begun THEN users END AS value,
    CASE WHEN begun THEN (users * 20000 + size) / (2 * nullif(size, 0)) / 10000.0 END AS rate,
    complete
FROM sized
ORDER BY sized.day, place, key
