-- title: Sources | 访问来源
-- question: From which sources of WeChat was the mini program opened, how often and by how many?
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param leave_out_tests bool = false : leave out the opens of crawlers and tests, scenes 1017, 1030, 1059, 1101, 1129 and 1203
-- column key = key | 来源编号 : key of the source in the data API (access_source_session_cnt); 10 is 其他, every scene that the table
--   source_keys does not list, and opens without a scene
-- column source = source | 来源 : its name
-- column opens = opens | 打开次数 : opens (sessions with a page view) whose scene belongs to the source
-- column opens_share = share of opens | 打开次数占比 : opens / all opens, fraction of 1, 4 decimals, rounded half up
-- column users = users | 访问人数 : distinct users with such an open; a user counts in each source that he came from
-- column users_share = share of users | 访问人数占比 : users / all users with an open, fraction of 1, 4 decimals, rounded half up; these may
--   add up to more than 1
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
