-- title: Paths | 路径
-- question: Where do users go, step by step, from a page on or on the way to it?
--   | 用户从某个页面出发，或在到达它之前，一步一步去了哪里？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param side text = start in (start, end) : paths from a page on (start), or on the way to it (end)
-- param page text of events.page = '' : the page; empty: the first page of each open (start) or its last one (end)
-- param depth int = 5 from 2 : how many pages of a path at most
-- param node column = page : what a step shows, a column of visits
-- param filter filter = true : which page views count
-- param limit int = 20 from 1 : how many transitions of a step, the most frequent first
-- column step = step | 步骤 : from a page on, 1 is the transition from the first page to the second; on the way to it, -1 is the
--   last transition, -2 the one before
--   | 从页面出发时，1 为第一个页面到第二个页面的流转；到达页面时，-1 为最后一次流转，-2 为再前一次
-- column from = from | 起点 : page before; (entry) where the open began later in the path
--   | 前一个页面；打开在路径中途才开始时为 (entry)
-- column to = to | 终点 : page after; (exit) where the open ended | 后一个页面；打开在此结束时为 (exit)
-- column value = paths | 路径数 : opens that went this way at this step | 在这一步这样走的打开次数
-- column share = share of the step | 占比 : paths / paths of all transitions of the step, 4 decimals, rounded half up
--   | 路径数 / 这一步全部流转的路径数，保留 4 位小数，四舍五入
-- column mean_time = mean time | 平均用时 : time from the one page to the other, s, 1 decimal, rounded half up; empty for (entry)
--   and (exit) | 从前一个页面到后一个页面的平均用时，单位秒，保留 1 位小数，四舍五入；(entry) 和 (exit) 为空
-- chart: sankey step=step from=from to=to value=value
-- check: coalesce(bool_and(share <= 1), true)
-- An open has one path: its page views in order, repeats of one page in a row being one step. It belongs to the day on which
-- the open starts. From a page on, the path begins at the first view of the page; on the way to it, it ends there. An open
-- without the page has none. A view without a page is shown as (none). A page that is itself named (exit), (entry) or (none)
-- stands in quotation marks, "(exit)"; one that has such marks already gets another pair. The parameter `page` is the name
-- without them.
-- A path that is cut by `depth` has no (exit), on the way to a page no (entry). So at each step as many go on from a page or
-- leave as came to it, unless `limit` cuts.
WITH
viewed AS (
    SELECT
        user_id, session, ts, seq, page, is_entry, is_exit,
        CASE
            WHEN btrim(CAST($node AS VARCHAR), '"') IN ('(exit)', '(entry)', '(none)') THEN '"' || CAST($node AS VARCHAR) || '"'
            ELSE coalesce(CAST($node AS VARCHAR), '(none)')
        END AS node
    FROM visits
    WHERE session_dt >= $from AND session_dt <= $to AND $filter
),
opens AS (
    SELECT
        CASE $side
            WHEN 'start' THEN user_path(ts, node, {
                start: CASE WHEN $page = '' THEN is_entry ELSE coalesce(page, '') = $page END,
                max_steps: $depth, tie: seq})
            ELSE user_path(ts, node, {
                end: CASE WHEN $page = '' THEN is_exit ELSE coalesce(page, '') = $page END,
                max_steps: $depth, tie: seq})
        END[1] AS path
    FROM viewed
    GROUP BY user_id, session
),
-- Paths on the way to a page are turned round, so that step 1 is the last one; what is not cut gets its (exit) or (entry).
turned AS (
    SELECT
        CASE WHEN $side = 'start' THEN path['nodes'] ELSE array_reverse(path['nodes']) END AS nodes,
        CASE WHEN $side = 'start' THEN path['times'] ELSE array_reverse(path['times']) END AS times,
        array_length(path['nodes']) < $depth AS is_whole
    FROM opens
    WHERE path IS NOT NULL
),
rolled AS (
    SELECT path_rollup([named_struct(
        'nodes',
        CASE WHEN is_whole THEN array_append(nodes, CASE WHEN $side = 'start' THEN '(exit)' ELSE '(entry)' END) ELSE nodes END,
        'times',
        CASE WHEN is_whole THEN array_append(times, times[-1]) ELSE times END
    )]) AS edges
    FROM turned
),
moves AS (
    SELECT
        edge['step'] AS step,
        edge['from'] AS near,
        edge['to'] AS far,
        edge['count'] AS paths,
        CASE WHEN edge['to'] NOT IN ('(exit)', '(entry)') THEN edge['mean_time_ms'] END AS mean_ms
    FROM (SELECT unnest(edges) AS edge FROM rolled) AS edges
),
shares AS (
    SELECT
        *,
        sum(paths) OVER (PARTITION BY step) AS all_paths,
        row_number() OVER (PARTITION BY step ORDER BY paths DESC, near, far) AS rank
    FROM moves
)
SELECT
    CASE WHEN $side = 'start' THEN step ELSE -step END AS step,
    CASE WHEN $side = 'start' THEN near ELSE far END AS "from",
    CASE WHEN $side = 'start' THEN far ELSE near END AS "to",
    paths AS value,
    (paths * 20000 + all_paths) / (2 * all_paths) / 10000.0 AS share,
    round(abs(mean_ms) / 1000, 1) AS mean_time
FROM shares
WHERE rank <= $limit
ORDER BY abs(step), value DESC, "from", "to"
