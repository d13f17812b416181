-- title: Event retention | 事件留存
-- question: Of the users who had one event in a period, how many had another (or the same) in later periods?
--   | 某个时间段触发某事件的用户中，多少人在之后的时间段触发另一事件（或同一事件）？
-- param from date = first_day : a day of the first cohort
-- param to date = last_day : a day of the last cohort
-- param event text of events.event = page_view : id of the initial event
-- param filter filter = true : which initial events count
-- param follow text of events.event = page_view : id of the follow-up event
-- param follow_filter filter = true : which follow-up events count
-- param grain text = day in (day, week, month) : what a period is
-- param periods int = 7 from 0 : how many periods later
-- param by column = none : groups by a column of the initial event or its user, or props.NAME; none: not at all
-- param limit int = 50 from 1 : how many groups, those with the most users first
-- column period = cohort | 日期 : first day of the cohort's period, YYYY-MM-DD | 初始事件所在时间段的首日，YYYY-MM-DD
-- column group = group | 分组 : value of the column `by` of the initial event; empty where it has none, or without `by`
--   | 初始事件的 `by` 列的取值；事件没有该值或未设 `by` 时为空
-- column size = users | 初始人数 : distinct users with the initial event in the period | 该时间段有初始事件的去重用户数
-- column offset = later | 间隔 : periods since then; 0 is the period itself | 此后的时间段数；0 为该时间段本身
-- column value = came back | 留存人数 : those of them with the follow-up event in that period; empty if it has not begun
--   | 其中在那个时间段有后续事件的用户数；尚未开始时为空
-- column rate = rate | 留存率 : came back / users, 4 decimals, rounded half up; empty if the period has not begun
--   | 留存人数 / 初始人数，保留 4 位小数，四舍五入；那个时间段尚未开始时为空
-- column complete = complete | 已完整 : whether that period is over at the newest day of the store
--   | 到数据的最新一天为止，那个时间段是否已经结束
-- chart: heat x=offset y=period value=rate
-- check: coalesce(bool_and(value <= size), true)
-- Retention in exactly that period, not by then. In the period itself the order of the two events plays no part. A user who had
-- the initial event with several values of `by` in a period counts under each.
-- Days are those of the store's zone. Weeks run Monday to Sunday, months are those of the calendar; every week or month that
-- the range touches is a whole cohort.
-- The newest day in the store counts as finished: land whole days before asking. Cohorts without users have no row.
-- Filters and `by` may name columns of `events` and of `users`, see events/analysis. Users who are new: filter = first_dt = dt.
WITH
-- The newest day, up to the last one of any cohort's periods: what comes later changes nothing.
newest AS (
    SELECT least(max(dt), CAST(date_trunc($grain, $to) + CAST(($periods + 1) || ' ' || $grain AS INTERVAL) AS DATE) - 1) AS newest
    FROM events
),
started AS (
    -- Not the cast alone: it has the name of what is cast, and user_id is one already.
    SELECT user_id, coalesce(CAST($by AS VARCHAR)) AS breakdown, active_bitmap(dt, $grain) AS periods
    FROM events
    LEFT JOIN users USING (user_id)
    WHERE event = $event AND $filter
        AND dt >= CAST(date_trunc($grain, $from) AS DATE)
        AND dt < CAST(date_trunc($grain, $to) + CAST('1 ' || $grain AS INTERVAL) AS DATE)
    GROUP BY 1, 2
),
followed AS (
    SELECT user_id, active_bitmap(dt, $grain) AS periods
    FROM events
    LEFT JOIN users USING (user_id)
    WHERE event = $follow AND $follow_filter
        AND dt >= CAST(date_trunc($grain, $from) AS DATE)
        AND dt < CAST(date_trunc($grain, $to) + CAST(($periods + 1) || ' ' || $grain AS INTERVAL) AS DATE)
    GROUP BY user_id
),
rolled AS (
    SELECT breakdown, retention_rollup(started.periods, followed.periods, $periods, {kind: 'recurring'}) AS cells
    FROM started
    LEFT JOIN followed ON followed.user_id = started.user_id
    GROUP BY breakdown
),
cells AS (
    SELECT
        breakdown,
        cell['cohort'] AS cohort,
        cell['size'] AS size,
        cell['offset'] AS later,
        cell['users'] AS users,
        CAST(cell['cohort'] + CAST(cell['offset'] || ' ' || $grain AS INTERVAL) AS DATE) AS begins,
        CAST(cell['cohort'] + CAST((cell['offset'] + 1) || ' ' || $grain AS INTERVAL) AS DATE) AS next
    FROM (SELECT breakdown, unnest(cells) AS cell FROM rolled) AS unrolled
),
ranked AS (
    SELECT *, dense_rank() OVER (ORDER BY most DESC, breakdown) AS rank
    FROM (SELECT *, sum(size) OVER (PARTITION BY breakdown) AS most FROM cells) AS sized
    CROSS JOIN newest
)
SELECT
    to_char(cohort, '%Y-%m-%d') AS period,
    breakdown AS "group",
    size,
    later AS "offset",
    CASE WHEN begins <= newest THEN users END AS value,
    CASE WHEN begins <= newest THEN (users * 20000 + size) / (2 * size) / 10000.0 END AS rate,
    next <= newest + 1 AS complete
FROM ranked
WHERE rank <= $limit
ORDER BY rank, cohort, "offset"
