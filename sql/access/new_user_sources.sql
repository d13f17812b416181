-- title: Sources of new users | 新用户引流来源
-- question: From where did the users of these days come when they opened the mini program for the first time?
--   | 这些天的新用户第一次打开小程序时来自哪里？
-- days: ..to+1
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param level text = channel in (channel, sub_channel, scene, source) : channel and sub_channel are those of the table scene_tree, source is the
--   one of the data API, from the table source_keys
-- column origin = source | 来源 : name of the channel, of channel and sub-channel or of the source, or the scene value; 其他 for scenes that the
--   tables do not list, users without a scene, and those new by their profile who have no visit in the range
--   | 一级场景、一级与二级场景或来源的名称，或场景值；表中未列出的场景、没有场景的用户，以及按用户资料为新用户但在范围内没有访问的用户，均为其他
-- column visit_uv_new = new users | 新用户数 : distinct users whose first page view ever falls in the range, by the scene of the open it is in
--   | 历史首次页面访问发生在所选范围内的去重用户数，按该次访问所属打开的场景归类
-- column share = share | 占比 : new users / all new users, fraction of 1, 4 decimals, rounded half up
--   | 新用户数 / 全部新用户数，小数（1 即 100%），保留 4 位小数，四舍五入
-- chart: bar x=origin y=visit_uv_new
-- check: coalesce(abs(sum(share) - 1) < 0.01, true)
-- A new user counts once, whatever he opened later.
WITH
arrived AS (
    SELECT user_id FROM users WHERE first_dt >= $from AND first_dt <= $to
),
entered AS (
    SELECT user_id, first_value(scene ORDER BY ts, seq) AS scene
    FROM visits
    WHERE dt >= $from AND dt <= $to
    GROUP BY user_id
),
scenes AS (
    SELECT entered.scene AS scene, count(*) AS new_users
    FROM arrived
    LEFT JOIN entered ON entered.user_id = arrived.user_id
    GROUP BY entered.scene
),
named AS (
    SELECT
        CASE $level
            WHEN 'channel' THEN coalesce(scene_tree.channel, '其他')
            WHEN 'sub_channel' THEN
                concat_ws(' / ', coalesce(scene_tree.channel, '其他'), coalesce(scene_tree.sub_channel, '其他'))
            WHEN 'scene' THEN coalesce(CAST(scenes.scene AS VARCHAR), '其他')
            ELSE coalesce(source_keys.source, '其他')
        END AS origin,
        scenes.new_users AS new_users
    FROM scenes
    LEFT JOIN scene_tree ON scene_tree.scene = scenes.scene
    LEFT JOIN source_keys ON source_keys.scene = scenes.scene
),
counted AS (
    SELECT origin, sum(new_users) AS new_users FROM named GROUP BY origin
),
shared AS (
    SELECT origin, new_users, sum(new_users) OVER () AS of_all FROM counted
)
SELECT
    origin,
    new_users AS visit_uv_new,
    (new_users * 20000 + of_all) / (2 * of_all) / 10000.0 AS share
FROM shared
ORDER BY visit_uv_new DESC, origin
