-- title: Opens per user | 打开次数分布
-- question: How often did a user open the mini program in the last 1, 7 and 30 days? | 最近 1 天、7 天和 30 天，每个用户打开小程序多少次？
-- param to date = last_day : the last of the days
-- column days = days | 天数 : 1, 7 or 30: the days that end with the chosen one | 1、7 或 30，以所选日期为最后一天的天数
-- column opens_per_user = opens per user | 人均打开次数 : opens of these days / users with an open in them, 4 decimals, rounded half up; the same
--   on each row of these days; empty without opens
--   | 这些天的打开次数 / 这些天有打开的去重用户数，保留 4 位小数，四舍五入；天数相同的各行相同；无打开时为空
-- column key = key | 编号 : number of the bucket, 1 to 9 | 区间编号，1 至 9
-- column opens = opens of a user | 打开次数 : how many opens (sessions with a page view) a user of this row has in these days
--   | 该行用户在这些天的打开次数（有页面访问的会话）
-- column users = users | 人数 : distinct users with so many opens | 打开次数在此区间的去重用户数
-- column share = share | 占比 : users / all users with an open in these days, fraction of 1, 4 decimals, rounded half up
--   | 人数 / 这些天有打开的全部用户数，小数（1 即 100%），保留 4 位小数，四舍五入
-- chart: bar x=opens y=users series=days
-- check: count(*) = 27
-- check: coalesce(abs(sum(share) - count(DISTINCT CASE WHEN users > 0 THEN days END)) < 0.01, true)
-- An open belongs to the day on which it starts. WeChat does not publish its buckets; these are ours.
WITH
windows AS (
    SELECT days FROM (VALUES (1), (7), (30)) AS windows(days)
),
buckets AS (
    SELECT key, opens
    FROM (VALUES
        (1, '1'), (2, '2'), (3, '3'), (4, '4'), (5, '5'), (6, '6-10'), (7, '11-20'), (8, '21-50'), (9, '>50')
    ) AS buckets(key, opens)
),
per_user AS (
    SELECT
        count(*) FILTER (WHERE session_dt = $to) AS opens_1,
        count(*) FILTER (WHERE session_dt > $to - 7) AS opens_7,
        count(*) AS opens_30
    FROM sessions
    WHERE views > 0 AND session_dt > $to - 30 AND session_dt <= $to
    GROUP BY user_id
),
combined AS (
    SELECT opens_1, opens_7, opens_30, count(*) AS users FROM per_user GROUP BY opens_1, opens_7, opens_30
),
spread AS (
    SELECT
        windows.days AS days,
        CASE windows.days WHEN 1 THEN opens_1 WHEN 7 THEN opens_7 ELSE opens_30 END AS opens,
        users
    FROM combined
    CROSS JOIN windows
),
counted AS (
    SELECT
        days,
        CASE
            WHEN opens <= 5 THEN opens
            WHEN opens <= 10 THEN 6
            WHEN opens <= 20 THEN 7
            WHEN opens <= 50 THEN 8
            ELSE 9
        END AS key,
        sum(users) AS users,
        sum(users * opens) AS opens
    FROM spread
    WHERE opens > 0
    GROUP BY 1, 2
),
shared AS (
    SELECT
        windows.days AS days,
        buckets.key AS key,
        buckets.opens AS opens,
        coalesce(counted.users, 0) AS users,
        sum(counted.users) OVER (PARTITION BY windows.days) AS all_users,
        sum(counted.opens) OVER (PARTITION BY windows.days) AS all_opens
    FROM windows
    CROSS JOIN buckets
    LEFT JOIN counted ON counted.days = windows.days AND counted.key = buckets.key
)
SELECT
    days,
    (all_opens * 20000 + all_users) / (2 * all_users) / 10000.0 AS opens_per_user,
    key,
    opens,
    users,
    (users * 20000 + all_users) / (2 * all_users) / 10000.0 AS share
FROM shared
ORDER BY days, key
