-- title: Segment size | 用户分群规模
-- question: How many users belong to a segment, and how do they differ from the others?
--   | 多少用户属于某个分群，与其他用户有何不同？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param member filter = event = 'share' : an event that makes its user a member, by columns of events and users
-- param times int = 1 from 1 : how many such events it takes
-- column segment = segment | 分群 : members, others, or all | 分群成员（members）、其他用户（others）或全部用户（all）
-- column users = users | 人数 : distinct users with an event in the range | 范围内有事件的去重用户数
-- column share = share | 占比 : users / all users, 4 decimals, rounded half up; empty without any
--   | 人数 / 全部用户数，保留 4 位小数，四舍五入；无用户时为空
-- column visit_pv = visits | 访问次数 : page views of these users in the range | 这些用户在范围内的页面访问次数
-- column visit_pv_uv = visits per user | 人均访问次数 : page views / users, 4 decimals, rounded half up; empty without users
--   | 访问次数 / 人数，保留 4 位小数，四舍五入；无用户时为空
-- column active_days = active days per user | 人均活跃天数 : days with a page view, summed over users / users, 4 decimals, rounded
--   half up | 各用户有页面访问的天数之和 / 人数，保留 4 位小数，四舍五入
-- chart: bar x=segment y=users
-- check: count(*) = 3
-- check: sum(users) FILTER (WHERE segment <> 'all') = sum(users) FILTER (WHERE segment = 'all')
-- check: sum(visit_pv) FILTER (WHERE segment <> 'all') = sum(visit_pv) FILTER (WHERE segment = 'all')
-- A member has at least `times` events in the range for which `member` is true; see events/analysis for what it may name.
WITH
people AS (
    SELECT
        user_id,
        count(*) FILTER (WHERE $member) >= $times AS is_member,
        count(*) FILTER (WHERE event = 'page_view') AS visits,
        count(DISTINCT CASE WHEN event = 'page_view' THEN dt END) AS days
    FROM events
    LEFT JOIN users USING (user_id)
    WHERE dt >= $from AND dt <= $to
    GROUP BY user_id
),
parts AS (
    SELECT is_member, count(*) AS users, sum(visits) AS visits, sum(days) AS days FROM people GROUP BY is_member
),
counted AS (
    SELECT
        segment,
        place,
        coalesce(sum(users), 0) AS users,
        coalesce(sum(visits), 0) AS visits,
        coalesce(sum(days), 0) AS days
    FROM (VALUES (1, 'members'), (2, 'others'), (3, 'all')) AS segments(place, segment)
    LEFT JOIN parts ON segment = 'all' OR (segment = 'members') = is_member
    GROUP BY segment, place
),
totals AS (
    SELECT *, nullif(max(users) OVER (), 0) AS everybody, nullif(users, 0) AS divisor FROM counted
)
SELECT
    segment,
    users,
    (users * 20000 + everybody) / (2 * everybody) / 10000.0 AS share,
    visits AS visit_pv,
    (visits * 20000 + divisor) / (2 * divisor) / 10000.0 AS visit_pv_uv,
    (days * 20000 + divisor) / (2 * divisor) / 10000.0 AS active_days
FROM totals
ORDER BY place
