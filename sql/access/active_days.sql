-- title: Active days | 活跃天数分布
-- question: Of the users of the last 30 days, how many came on one day, on two, on three?
-- param to date = last_day : the last of the days
-- param days int = 30 : so many days, ending with the last one
-- column active_days = active days | 活跃天数 : number of local days with a page view of the user, 1 to `days`
-- column users = users | 人数 : distinct users with so many
-- column share = share | 占比 : users / all visitors of these days, fraction of 1, 4 decimals, rounded half up; empty without visitors
-- chart: bar x=active_days y=users
-- check: coalesce(abs(sum(share) - 1) < 0.01, true)
-- A number of days that no user has is a row of zero.
WITH
numbers AS (
    SELECT unnest(range(1, $days + 1)) AS active_days
),
per_user AS (
    SELECT CAST(bitmap_count(active_bitmap(dt, 'day')) AS BIGINT) AS active_days
    FROM visits
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
