-- title: Moves between pages | 页面流转
-- question: From each page, to which page did users go next, how often, and how long did they stay before?
--   | 用户从每个页面接着去了哪个页面，多少次，之前停留多久？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param page text of events.page = '' : moves from or to one page only; empty: all
-- param filter filter = true : which page views count
-- param limit int = 200 from 1 : how many moves, the most frequent first
-- column from = from | 起点 : the page; empty where the event names none | 页面；事件没有写明时为空
-- column to = to | 终点 : the next page of the same open, which may be the same one; (exit) where the open ended
--   | 同一次打开中的下一个页面，可以是同一页面；打开在此结束时为 (exit)
-- column value = moves | 次数 : page views of `from` that were followed by `to` | `from` 的页面访问中，接下来访问 `to` 的次数
-- column visit_uv = users | 人数 : distinct users with such a move | 有这样流转的去重用户数
-- column share = share | 占比 : moves / page views of `from`, 4 decimals, rounded half up
--   | 次数 / `from` 的页面访问次数，保留 4 位小数，四舍五入
-- column stay_time = stay | 平均停留时长 : mean stay on `from` before the move, s, 4 decimals, rounded half up
--   | 流转之前在 `from` 的平均停留时长，单位秒，保留 4 位小数，四舍五入
-- chart: sankey from=from to=to value=value
-- check: coalesce(bool_and(visit_uv <= value AND share <= 1), true)
-- Page views belong to the day on which their open starts, so the moves from a page to (exit) are its exits of pages of the day.
-- All moves of all pages add up to the page views of these opens.
-- A page that is itself named (exit) stands in quotation marks, "(exit)", so that it is not taken for the end of an open; one
-- that has such marks already gets another pair. The parameter `page` is the name without them.
WITH
of_users AS (
    SELECT
        page AS from_page,
        CASE WHEN NOT is_exit THEN next_page END AS to_page,
        is_exit,
        user_id,
        count(*) AS moves,
        sum(stay_ms) AS stay_ms
    FROM visits
    WHERE session_dt >= $from AND session_dt <= $to AND $filter
    GROUP BY 1, 2, 3, 4
),
moves AS (
    SELECT from_page, to_page, is_exit, sum(moves) AS moves, count(*) AS users, sum(stay_ms) / 1000 AS stay_s
    FROM of_users
    GROUP BY from_page, to_page, is_exit
),
shares AS (
    SELECT *, sum(moves) OVER (PARTITION BY from_page) AS views FROM moves
)
SELECT
    CASE WHEN btrim(from_page, '"') = '(exit)' THEN '"' || from_page || '"' ELSE from_page END AS "from",
    CASE
        WHEN is_exit THEN '(exit)'
        WHEN btrim(to_page, '"') = '(exit)' THEN '"' || to_page || '"'
        ELSE to_page
    END AS "to",
    moves AS value,
    users AS visit_uv,
    (moves * 20000 + views) / (2 * views) / 10000.0 AS share,
    (stay_s * 20000 + moves) / (2 * moves) / 10000.0 AS stay_time
FROM shares
WHERE $page IN ('', from_page, to_page)
ORDER BY value DESC, "from", "to"
LIMIT $limit
