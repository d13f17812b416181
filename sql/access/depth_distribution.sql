-- title: Distribution of depth | 访问深度分布
-- question: How many different pages did an open see, or a user over all his opens?
--   | 每次打开访问了多少个不同页面，每个用户各次打开合计又是多少？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param by text = opens in (opens, users) : what is counted; a user's depth is the sum over his opens in the range, so 3 pages and 2 pages are 5
-- column key = key | 编号 : key of the bucket in the data API (access_depth_info), 1 to 7
--   | 数据接口（access_depth_info）中的区间编号，1 至 7
-- column depth = depth | 访问深度 : different pages, by path without query | 去重页面数，按不含参数的页面路径
-- column times = times | 数量 : opens (sessions with a page view) in the bucket; with by=users the users
--   | 该区间的打开次数（有页面访问的会话）；by=users 时为用户数
-- column share = share | 占比 : times / those of all buckets, fraction of 1, 4 decimals, rounded half up; empty without opens
--   | 数量 / 全部区间的数量之和，小数（1 即 100%），保留 4 位小数，四舍五入；无打开时为空
-- chart: bar x=depth y=times
-- check: count(*) = 7
-- check: coalesce(abs(sum(share) - 1) < 0.001, true)
-- An open belongs to the day on which it starts; one whose views name no page counts as one page. A bucket without opens is a row of zero.
WITH
buckets AS (
    SELECT key, depth
    FROM (VALUES (1, '1'), (2, '2'), (3, '3'), (4, '4'), (5, '5'), (6, '6-10'), (7, '>10')) AS buckets(key, depth)
),
depths AS (
    SELECT CAST(depth AS BIGINT) AS depth
    FROM sessions
    WHERE $by = 'opens' AND views > 0 AND session_dt >= $from AND session_dt <= $to
    UNION ALL
    SELECT sum(depth)
    FROM sessions
    WHERE $by = 'users' AND views > 0 AND session_dt >= $from AND session_dt <= $to
    GROUP BY user_id
),
counted AS (
    SELECT
        CASE WHEN depth <= 1 THEN 1 WHEN depth <= 5 THEN depth WHEN depth <= 10 THEN 6 ELSE 7 END AS key,
        count(*) AS times
    FROM depths
    GROUP BY 1
),
shared AS (
    SELECT
        buckets.key AS key,
        buckets.depth AS depth,
        coalesce(counted.times, 0) AS times,
        sum(counted.times) OVER () AS of_all
    FROM buckets
    LEFT JOIN counted ON counted.key = buckets.key
)
SELECT
    key,
    depth,
    times,
    (times * 20000 + of_all) / (2 * of_all) / 10000.0 AS share
FROM shared
ORDER BY key
