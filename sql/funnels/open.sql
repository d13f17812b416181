-- title: Funnel, open | 开环漏斗
-- question: How often was each step taken, by itself and in any order, and how do the steps compare?
--   | 不论先后，每个步骤各发生多少次，步骤之间相比怎样？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param steps list of events.event = page_view,share : ids of the events, 1 to 10; one may come again
-- param filter1 filter = true : which events of step 1 count
-- param filter2 filter = true : which events of step 2 count
-- param filter3 filter = true : which events of step 3 count
-- param filter4 filter = true : which events of step 4 count
-- param filter5 filter = true : which events of step 5 count
-- param filter6 filter = true : which events of step 6 count
-- param filter7 filter = true : which events of step 7 count
-- param filter8 filter = true : which events of step 8 count
-- param filter9 filter = true : which events of step 9 count
-- param filter10 filter = true : which events of step 10 count
-- param filter filter = true : which events count for every step
-- param metric text = uv in (uv, pv) : counts users (uv) or events (pv)
-- param by column = none : breaks the funnel down by a column of events or users, or props.NAME; none: not at all
-- param limit int = 50 from 1 : how many groups, those with the most at step 1 first
-- column group = group | 分组 : value of the column `by` of the event; empty where it has none, or without `by`
--   | 事件的 `by` 列的取值；事件没有该值或未设 `by` 时为空
-- column step = step | 步骤 : number of the step | 步骤的序号
-- column event = event | 事件 : the step's event | 该步骤的事件
-- column value = count | 数量 : distinct users with such an event (uv), or such events (pv)
--   | 有该事件的去重用户数（uv），或该事件的次数（pv）
-- column conv_prev = step rate | 步骤转化率 : count / count of the step before, 4 decimals, rounded half up; may be over 1; empty
--   without any | 数量 / 上一步骤的数量，保留 4 位小数，四舍五入；可以大于 1；上一步骤没有时为空
-- column conv_total = overall rate | 总转化率 : count / count of step 1, 4 decimals, rounded half up; may be over 1; empty without
--   any | 数量 / 第 1 步的数量，保留 4 位小数，四舍五入；可以大于 1；第 1 步没有时为空
-- chart: funnel step=event value=value
-- check: bool_and(value >= 0)
-- Open (开环): each step is counted alone; order plays no part, nor whether the same user took the step before. So a rate may be
-- over 1. With `by` a user counts in each group in which he had the step.
-- A filter may name columns of `events` and `users`, see events/analysis.
WITH
taken AS (
    SELECT
        user_id,
        coalesce(CAST($by AS VARCHAR)) AS breakdown, -- a cast alone has the name of what is cast, and user_id is one already
        count(*) FILTER (WHERE event = $steps[1] AND $filter1) AS n1,
        count(*) FILTER (WHERE event = $steps[2] AND $filter2) AS n2,
        count(*) FILTER (WHERE event = $steps[3] AND $filter3) AS n3,
        count(*) FILTER (WHERE event = $steps[4] AND $filter4) AS n4,
        count(*) FILTER (WHERE event = $steps[5] AND $filter5) AS n5,
        count(*) FILTER (WHERE event = $steps[6] AND $filter6) AS n6,
        count(*) FILTER (WHERE event = $steps[7] AND $filter7) AS n7,
        count(*) FILTER (WHERE event = $steps[8] AND $filter8) AS n8,
        count(*) FILTER (WHERE event = $steps[9] AND $filter9) AS n9,
        count(*) FILTER (WHERE event = $steps[10] AND $filter10) AS n10
    FROM events
    LEFT JOIN users USING (user_id)
    WHERE dt >= $from AND dt <= $to AND event IN ($steps) AND $filter
    GROUP BY 1, 2
),
summed AS (
    SELECT
        breakdown,
        [
            sum(CASE WHEN $metric = 'pv' THEN n1 ELSE CAST(n1 > 0 AS BIGINT) END),
            sum(CASE WHEN $metric = 'pv' THEN n2 ELSE CAST(n2 > 0 AS BIGINT) END),
            sum(CASE WHEN $metric = 'pv' THEN n3 ELSE CAST(n3 > 0 AS BIGINT) END),
            sum(CASE WHEN $metric = 'pv' THEN n4 ELSE CAST(n4 > 0 AS BIGINT) END),
            sum(CASE WHEN $metric = 'pv' THEN n5 ELSE CAST(n5 > 0 AS BIGINT) END),
            sum(CASE WHEN $metric = 'pv' THEN n6 ELSE CAST(n6 > 0 AS BIGINT) END),
            sum(CASE WHEN $metric = 'pv' THEN n7 ELSE CAST(n7 > 0 AS BIGINT) END),
            sum(CASE WHEN $metric = 'pv' THEN n8 ELSE CAST(n8 > 0 AS BIGINT) END),
            sum(CASE WHEN $metric = 'pv' THEN n9 ELSE CAST(n9 > 0 AS BIGINT) END),
            sum(CASE WHEN $metric = 'pv' THEN n10 ELSE CAST(n10 > 0 AS BIGINT) END)
        ] AS numbers
    FROM taken
    GROUP BY breakdown
    UNION ALL
    SELECT NULL, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
),
counted AS (
    SELECT
        breakdown,
        step,
        numbers[step] AS number,
        numbers[greatest(step - 1, 1)] AS before,
        numbers[1] AS base,
        array_max(numbers) AS most,
        max(array_max(numbers)) OVER () AS most_of_all
    FROM summed
    CROSS JOIN (SELECT unnest(generate_series(1, CAST(least(array_length($steps), 10) AS BIGINT))) AS step) AS steps
),
ranked AS (
    SELECT *, dense_rank() OVER (ORDER BY base DESC, most DESC, breakdown) AS rank
    FROM counted
    WHERE most > 0 OR most_of_all = 0
)
SELECT
    breakdown AS "group",
    step,
    $steps[step] AS event,
    number AS value,
    (number * 20000 + before) / (2 * nullif(before, 0)) / 10000.0 AS conv_prev,
    (number * 20000 + base) / (2 * nullif(base, 0)) / 10000.0 AS conv_total
FROM ranked
WHERE rank <= $limit
ORDER BY rank, step
