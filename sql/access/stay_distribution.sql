-- title: Distribution of stay | 访问时长分布
-- question: How long did the opens last, or the users stay in all? | 每次打开停留多久，每个用户累计停留又是多久？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param by text = opens in (opens, users) : what is counted; the stay of a user is that of all his opens in the range
-- column key = key | 编号 : key of the bucket in the data API (access_staytime_info), 1 to 8
--   | 数据接口（access_staytime_info）中的区间编号，1 至 8
-- column stay = stay | 停留时长 : seconds; an open's milliseconds are summed, then rounded down once
--   | 单位秒；每次打开的停留毫秒数先求和，再向下取整一次
-- column times = times | 数量 : opens (sessions with a page view) in the bucket; with by=users the users
--   | 该区间的打开次数（有页面访问的会话）；by=users 时为用户数
-- column share = share | 占比 : times / those of all buckets, fraction of 1, 4 decimals, rounded half up; empty without opens
--   | 数量 / 全部区间的数量之和，小数（1 即 100%），保留 4 位小数，四舍五入；无打开时为空
-- chart: bar x=stay y=times
-- check: count(*) = 8
-- check: coalesce(abs(sum(share) - 1) < 0.001, true)
-- An open belongs to the day on which it starts. A bucket without opens is a row of zero.
WITH
buckets AS (
    SELECT key, stay
    FROM (VALUES
        (1, '0-2'), (2, '3-5'), (3, '6-10'), (4, '11-20'), (5, '21-30'), (6, '31-50'), (7, '51-100'), (8, '>100')
    ) AS buckets(key, stay)
),
stays AS (
    SELECT stay_ms / 1000 AS stay_s
    FROM sessions
    WHERE $by = 'opens' AND views > 0 AND session_dt >= $from AND session_dt <= $to
    UNION ALL
    SELECT sum(stay_ms / 1000)
    FROM sessions
    WHERE $by = 'users' AND views > 0 AND session_dt >= $from AND session_dt <= $to
    GROUP BY user_id
),
counted AS (
    SELECT
        CASE
            WHEN stay_s <= 2 THEN 1
            WHEN stay_s <= 5 THEN 2
            WHEN stay_s <= 10 THEN 3
            WHEN stay_s <= 20 THEN 4
            WHEN stay_s <= 30 THEN 5
            WHEN stay_s <= 50 THEN 6
            WHEN stay_s <= 100 THEN 7
            ELSE 8
        END AS key,
        count(*) AS times
    FROM stays
    GROUP BY 1
),
shared AS (
    SELECT
        buckets.key AS key,
        buckets.stay AS stay,
        coalesce(counted.times, 0) AS times,
        sum(counted.times) OVER () AS of_all
    FROM buckets
    LEFT JOIN counted ON counted.key = buckets.key
)
SELECT
    key,
    stay,
    times,
    (times * 20000 + of_all) / (2 * of_all) / 10000.0 AS share
FROM shared
ORDER BY key
