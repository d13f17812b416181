-- title: Active days | 活跃天数分布
-- question: Of the users of the last 30 days, how many came on one day, on two, on three?
--   | 最近 30 天的访问用户中，来过一天、两天、三天的各有多少人？
-- param to date = last_day : the last of the days
-- param days int = 30 from 1 : so many days, ending with the last one
-- column active_days = active days | 活跃天数 : number of local days with a page view of the user, 1 to `days`
--   | 该用户有页面访问的本地自然日天数，1 至 `days`
-- column users = users | 人数 : distinct users with so many | 活跃天数为此数的去重用户数
-- column share = share | 占比 : users / all visitors of these days, fraction of 1, 4 decimals, rounded half up; empty without visitors
--   | 人数 / 这些天的全部访问人数，小数（1 即 100%），保留 4 位小数，四舍五入；无访问用户时为空
-- chart: bar x=active_days y=users
-- check: coalesce(abs(sum(share) - 1) < 0.01, true)
-- A number of days that no user has is a row of zero.
WITH
numbers AS (
    SELECT unnest(range(1, $days + 1)) AS active_days
),
per_user AS (
    SELECT CAST(bitmap_count(active_bitmap(dt, 'day')) AS BIGINT) AS active_days
    FROM active_days
    WHERE dt > $to - $days AND dt <= $to
    GROUP BY user_id
),
counted AS (
    SELECT active_days, count(*) AS users FROM per_user GROUP BY active_days
),
shared AS (
    SELECT
        numbers.active_days AS active_days,
        coalesce(counted.users, 0) AS users,
        sum(counted.users) OVER () AS of_all
    FROM numbers
    LEFT JOIN counted ON counted.active_days = numbers.active_days
)
SELECT
    active_days,
    users,
    (users * 20000 + of_all) / (2 * of_all) / 10000.0 AS share
FROM shared
ORDER BY active_days
