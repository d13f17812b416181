-- title: Sources by channel | 访问来源（We 分析场景）
-- question: From which channels, sub-channels and scenes was the mini program opened, how often and by how many?
--   | 小程序从哪些一级场景、二级场景和场景值被打开，多少次，多少人？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param level text = channel in (channel, sub_channel, scene) : what one row is
-- param leave_out_tests bool = false : leave out the opens of crawlers and tests, scenes 1017, 1030, 1059, 1101, 1129 and 1203
-- column origin = source | 来源 : the names of the row's levels, one after the other | 该行各级场景的名称，依次排列
-- column channel = channel | 一级场景 : first level of the table scene_tree; 其他 for scenes that it does not list and opens without one
--   | scene_tree 表中的一级场景；表中未列出的场景和没有场景的打开为其他
-- column sub_channel = sub-channel | 二级场景 : second level; empty where a row is a channel | 二级场景；按一级场景统计时为空
-- column scene = scene | 场景值 : the scene value; empty where a row is not a scene | 场景值；不按场景值统计时为空
-- column opens = opens | 打开次数 : opens (sessions with a page view) that came from there | 来自该处的打开次数（有页面访问的会话）
-- column opens_share = share of opens | 打开次数占比 : opens / all opens, fraction of 1, 4 decimals, rounded half up
--   | 打开次数 / 全部打开次数，小数（1 即 100%），保留 4 位小数，四舍五入
-- column users = users | 访问人数 : distinct users with such an open; a user counts in each source that he came from
--   | 有这样的打开的去重用户数；用户从几个来源打开，就计入几个来源
-- column users_share = share of users | 访问人数占比 : users / all users with an open, fraction of 1, 4 decimals, rounded half up; these may
--   add up to more than 1 | 访问人数 / 有打开的全部用户数，小数（1 即 100%），保留 4 位小数，四舍五入；各来源之和可以大于 1
-- column stay_time_uv = stay per user | 人均停留时长 : stay of these opens / users, seconds, 4 decimals, rounded half up
--   | 这些打开的停留总时长 / 访问人数，单位秒，保留 4 位小数，四舍五入
-- column stay_time_session = stay per open | 次均停留时长 : stay of these opens / opens, seconds, 4 decimals, rounded half up
--   | 这些打开的停留总时长 / 打开次数，单位秒，保留 4 位小数，四舍五入
-- chart: bar x=origin y=opens
-- check: coalesce(abs(sum(opens_share) - 1) < 0.01, true)
-- check: coalesce(bool_and(users <= opens), true)
-- An open belongs to the day on which it starts; its scene is the first one that its events name. Only sources with opens are rows.
WITH
opened AS (
    SELECT user_id, scene, count(*) AS opens, sum(stay_ms / 1000) AS stay_s
    FROM sessions
    WHERE views > 0
        AND session_dt >= $from
        AND session_dt <= $to
        AND (NOT $leave_out_tests OR scene IS NULL OR scene NOT IN (1017, 1030, 1059, 1101, 1129, 1203))
    GROUP BY user_id, scene
),
placed AS (
    SELECT
        opened.user_id AS user_id,
        coalesce(scene_tree.channel, '其他') AS channel,
        CASE WHEN $level <> 'channel' THEN coalesce(scene_tree.sub_channel, '其他') END AS sub_channel,
        CASE WHEN $level = 'scene' THEN opened.scene END AS scene,
        opened.opens AS opens,
        opened.stay_s AS stay_s
    FROM opened
    LEFT JOIN scene_tree ON scene_tree.scene = opened.scene
),
counted AS (
    SELECT
        grouping(channel) AS is_total,
        channel, sub_channel, scene,
        sum(opens) AS opens,
        sum(stay_s) AS stay_s,
        count(DISTINCT user_id) AS users
    FROM placed
    GROUP BY GROUPING SETS ((channel, sub_channel, scene), ())
),
shared AS (
    SELECT
        is_total, channel, sub_channel, scene, opens, stay_s, users,
        max(CASE WHEN is_total = 1 THEN opens END) OVER () AS all_opens,
        max(CASE WHEN is_total = 1 THEN users END) OVER () AS all_users
    FROM counted
)
SELECT
    concat_ws(' / ', channel, sub_channel, CAST(scene AS VARCHAR)) AS origin,
    channel,
    sub_channel,
    scene,
    opens,
    (opens * 20000 + all_opens) / (2 * all_opens) / 10000.0 AS opens_share,
    users,
    (users * 20000 + all_users) / (2 * all_users) / 10000.0 AS users_share,
    (stay_s * 20000 + users) / (2 * users) / 10000.0 AS stay_time_uv,
    (stay_s * 20000 + opens) / (2 * opens) / 10000.0 AS stay_time_session
FROM shared
WHERE is_total = 0
ORDER BY opens DESC, channel, sub_channel, scene
