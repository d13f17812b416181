-- title: Retention by week | 访问留存（周）
-- question: Of the users who were new or active in a natural week, how many were seen again 1 to 4 weeks later?
--   | 某自然周新增或活跃的用户中，有多少在 1 至 4 周后再次访问？
-- period: week
-- days: ..to+34
-- param from date = first_day : a day of the first cohort's week
-- param to date = last_day : a day of the last cohort's week
-- column ref_date = cohort | 日期 : Monday and Sunday of the cohort's week, yyyymmdd-yyyymmdd
--   | 用户新增或活跃的自然周，周一与周日，yyyymmdd-yyyymmdd
-- column kind = cohort of | 用户类型 : visit_uv_new: users whose first visit ever fell in the week; visit_uv: all who visited in it
--   | visit_uv_new 为历史首次访问发生在该周的用户；visit_uv 为该周访问过的全部用户
-- column key = weeks later | 周数 : 0 to 4 | 之后的周数，0 至 4
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
-- Weeks run Monday to Sunday in the store's zone; every week that the range touches is a whole cohort.
-- complete = false: the week of that key is not over at the newest event; before it has begun there is no value.
WITH
periods AS (
    SELECT CAST(day AS DATE) AS day
    FROM (SELECT unnest(generate_series(CAST(date_trunc('week', $from) AS DATE), $to, INTERVAL '7 days')) AS day)
),
keys AS (
    SELECT key FROM (VALUES (0), (1), (2), (3), (4)) AS keys(key)
),
newest AS (
    SELECT max(dt) AS newest FROM events
),
visited AS (
    SELECT user_id, active_bitmap(dt, 'week') AS visits
    FROM active_days
    WHERE dt >= CAST(date_trunc('week', $from) AS DATE) AND dt <= CAST(date_trunc('week', $to) AS DATE) + 34
    GROUP BY user_id
),
arrived AS (
    SELECT user_id, active_bitmap(first_dt, 'week') AS arrival
    FROM users
    WHERE first_dt >= CAST(date_trunc('week', $from) AS DATE) AND first_dt <= CAST(date_trunc('week', $to) AS DATE) + 6
    GROUP BY user_id
),
rolled AS (
    SELECT
        retention_rollup(arrival, visits, 4, {from: $from, to: $to}) AS of_new,
        retention_rollup(visits, 4, {kind: 'recurring', from: $from, to: $to}) AS of_active
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
        newest.newest - periods.day >= 7 * keys.key AS begun,
        newest.newest - periods.day >= 7 * keys.key + 6 AS complete,
        coalesce(returned.users, 0) AS users,
        max(CASE WHEN keys.key = 0 THEN returned.users END) OVER (PARTITION BY periods.day, kinds.place) AS size
    FROM periods
    CROSS JOIN keys
    CROSS JOIN (VALUES (1, 'visit_uv_new'), (2, 'visit_uv')) AS kinds(place, kind)
    CROSS JOIN newest
    LEFT JOIN returned ON returned.place = kinds.place AND returned.day = periods.day AND returned.key = keys.key
)
SELECT
    to_char(sized.day, '%Y%m%d') || '-' || to_char(sized.day + 6, '%Y%m%d') AS ref_date,
    kind,
    key,
    CASE WHEN begun THEN users END AS value,
    CASE WHEN begun THEN (users * 20000 + size) / (2 * nullif(size, 0)) / 10000.0 END AS rate,
    complete
FROM sized
ORDER BY sized.day, place, key
