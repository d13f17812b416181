-- title: Sources | 访问来源
-- question: From which sources of WeChat was the mini program opened, how often and by how many?
--   | 小程序从微信的哪些来源被打开，多少次，多少人？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param leave_out_tests bool = false : leave out the opens of crawlers and tests, scenes 1017, 1030, 1059, 1101, 1129 and 1203
-- column key = key | 来源编号 : key of the source in the data API (access_source_session_cnt); 10 is 其他, every scene that the table
--   source_keys does not list, and opens without a scene
--   | 数据接口（access_source_session_cnt）中的来源编号；10 为其他，即 source_keys 表未列出的场景，以及没有场景的打开
-- column source = source | 来源 : its name | 来源的名称
-- column opens = opens | 打开次数 : opens (sessions with a page view) whose scene belongs to the source
--   | 场景属于该来源的打开次数（有页面访问的会话）
-- column opens_share = share of opens | 打开次数占比 : opens / all opens, fraction of 1, 4 decimals, rounded half up
--   | 打开次数 / 全部打开次数，小数（1 即 100%），保留 4 位小数，四舍五入
-- column users = users | 访问人数 : distinct users with such an open; a user counts in each source that he came from
--   | 有这样的打开的去重用户数；用户从几个来源打开，就计入几个来源
-- column users_share = share of users | 访问人数占比 : users / all users with an open, fraction of 1, 4 decimals, rounded half up; these may
--   add up to more than 1 | 访问人数 / 有打开的全部用户数，小数（1 即 100%），保留 4 位小数，四舍五入；各来源之和可以大于 1
-- chart: bar x=source y=opens
-- check: coalesce(abs(sum(opens_share) - 1) < 0.01, true)
-- check: coalesce(bool_and(users <= opens), true)
-- An open belongs to the day on which it starts; its scene is the first one that its events name. Only sources with opens are rows.
WITH
opened AS (
    SELECT user_id, scene, count(*) AS opens
    FROM sessions
    WHERE views > 0
        AND session_dt >= $from
        AND session_dt <= $to
        AND (NOT $leave_out_tests OR scene IS NULL OR scene NOT IN (1017, 1030, 1059, 1101, 1129, 1203))
    GROUP BY user_id, scene
),
keyed AS (
    SELECT
        opened.user_id AS user_id,
        coalesce(source_keys.key, 10) AS key,
        coalesce(source_keys.source, '其他') AS source,
        opened.opens AS opens
    FROM opened
    LEFT JOIN source_keys ON source_keys.scene = opened.scene
),
counted AS (
    SELECT
        grouping(key) AS is_total,
        key,
        max(source) AS source,
        sum(opens) AS opens,
        count(DISTINCT user_id) AS users
    FROM keyed
    GROUP BY GROUPING SETS ((key), ())
),
shared AS (
    SELECT
        is_total, key, source, opens, users,
        max(CASE WHEN is_total = 1 THEN opens END) OVER () AS all_opens,
        max(CASE WHEN is_total = 1 THEN users END) OVER () AS all_users
    FROM counted
)
SELECT
    key,
    source,
    opens,
    (opens * 20000 + all_opens) / (2 * all_opens) / 10000.0 AS opens_share,
    users,
    (users * 20000 + all_users) / (2 * all_users) / 10000.0 AS users_share
FROM shared
WHERE is_total = 0
ORDER BY opens DESC, key
