-- title: Returning and lost users | 回流与流失
-- question: How many users came back after 90 days without a visit, and how many have not come for 90 days?
--   | 有多少用户 90 天没有访问后又回来，有多少用户已经 90 天没有访问？
-- days: ..to+1
-- param from date = first_day : first day
-- param to date = last_day : last day
-- column ref_date = day | 日期 : the local day, yyyymmdd | 本地日期，yyyymmdd
-- column visit_uv = visitors | 访问人数 : distinct users with a page view on the day | 当日有页面访问的去重用户数
-- column returning_uv = returning users | 回流用户数 : those of them who had visited before, but on none of the 90 days before the day
--   | 其中此前访问过、但当日之前的 90 天内没有访问的用户数
-- column returning_share = share of visitors | 回流用户占比 : returning users / visitors, fraction of 1, 4 decimals, rounded half up; empty without
--   visitors | 回流用户数 / 访问人数，小数（1 即 100%），保留 4 位小数，四舍五入；无访问用户时为空
-- column visit_total = users so far | 累计访问用户数 : distinct users whose first page view ever falls on the day or before
--   | 历史首次页面访问发生在当日或之前的去重用户数
-- column lost_uv = lost users | 流失用户数 : those of them without a page view on the 90 days that end with the day
--   | 其中在截至当日的 90 天内没有页面访问的用户数
-- column lost_share = share of users | 流失用户占比 : lost users / users so far, fraction of 1, 4 decimals, rounded half up; empty without users
--   | 流失用户数 / 累计访问用户数，小数（1 即 100%），保留 4 位小数，四舍五入；无用户时为空
-- column newly_lost_uv = newly lost | 新增流失用户数 : users for whom the day is the 90th day in a row without a visit
--   | 到当日恰好连续 90 天没有访问的用户数
-- chart: line x=ref_date y=returning_uv,lost_uv
-- check: coalesce(bool_and(returning_uv <= visit_uv and lost_uv <= visit_total and newly_lost_uv <= lost_uv), true)
-- Who comes 90 days after the last visit is not lost any more and not returning either; after 91 days he is returning.
-- A first visit that the users file gives, earlier than all that is stored, counts as a visit on its day.
-- A user's days are cut into spells wherever more than 90 days lie between two of them: lost users are those whose spell ended 90 days ago or
-- earlier and who have not begun another. The whole history up to the last day is read.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
visited AS (
    SELECT dt AS day, count(*) AS visitors
    FROM active_days
    WHERE dt >= $from AND dt <= $to
    GROUP BY dt
),
active AS (
    SELECT user_id, dt FROM active_days WHERE dt <= $to
),
numbered AS (
    SELECT user_id, dt, sessionize(dt, INTERVAL '90 days') OVER (PARTITION BY user_id ORDER BY dt) AS spell FROM active
),
spells AS (
    SELECT user_id, spell, min(dt) AS first_dt, max(dt) AS last_dt FROM numbered GROUP BY user_id, spell
),
counted AS (
    SELECT
        users.first_dt AS came_on,
        spells.spell IS NULL OR spells.spell = 1 AS is_first,
        spells.first_dt AS first_dt,
        spells.last_dt AS last_dt,
        count(*) AS users
    FROM users
    LEFT JOIN spells ON spells.user_id = users.user_id
    WHERE users.first_dt <= $to
    GROUP BY 1, 2, 3, 4
),
dated AS (
    SELECT
        kind,
        CASE kind
            WHEN 'came' THEN CASE WHEN is_first THEN came_on END
            WHEN 'gone' THEN CASE WHEN is_first AND (first_dt IS NULL OR first_dt - came_on > 90) THEN came_on + 90 END
            WHEN 'back' THEN CASE WHEN NOT is_first OR first_dt - came_on > 90 THEN first_dt END
            ELSE last_dt + 90
        END AS day,
        users
    FROM counted
    CROSS JOIN (VALUES ('came'), ('gone'), ('back'), ('lost')) AS kinds(kind)
),
changes AS (
    SELECT
        day,
        sum(CASE WHEN kind = 'came' THEN users ELSE 0 END) AS came,
        sum(CASE WHEN kind = 'back' THEN users ELSE 0 END) AS returned,
        sum(CASE WHEN kind IN ('gone', 'lost') THEN users ELSE 0 END) AS lost
    FROM dated
    WHERE day <= $to
    GROUP BY day
),
grown AS (
    SELECT
        days.day AS day,
        sum(came) AS users_so_far,
        sum(returned) FILTER (WHERE changes.day = days.day) AS returned,
        sum(lost) - sum(returned) AS lost,
        sum(lost) FILTER (WHERE changes.day = days.day) AS newly_lost
    FROM days
    JOIN changes ON changes.day <= days.day
    GROUP BY days.day
)
SELECT
    to_char(days.day, '%Y%m%d') AS ref_date,
    coalesce(visitors, 0) AS visit_uv,
    coalesce(returned, 0) AS returning_uv,
    (coalesce(returned, 0) * 20000 + visitors) / (2 * visitors) / 10000.0 AS returning_share,
    coalesce(users_so_far, 0) AS visit_total,
    coalesce(lost, 0) AS lost_uv,
    (lost * 20000 + users_so_far) / (2 * nullif(users_so_far, 0)) / 10000.0 AS lost_share,
    coalesce(newly_lost, 0) AS newly_lost_uv
FROM days
LEFT JOIN visited ON visited.day = days.day
LEFT JOIN grown ON grown.day = days.day
ORDER BY ref_date
