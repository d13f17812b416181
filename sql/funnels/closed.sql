-- title: Funnel, closed | 闭环漏斗
-- question: How many users took the steps one after the other, where were the others lost, and how long did it take?
--   | 多少用户依次完成了各步骤，其余用户在哪一步流失，用了多长时间？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param steps list of events.event = page_view,share : ids of the events in order, 1 to 10; one may come again
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
-- param window interval = '100 years' : how long after step 1 the last step may come, the bound included
-- param by column = none : breaks the funnel down by a column of events or users, or props.NAME; none: not at all
-- param limit int = 50 from 1 : how many groups, those with the most users first
-- column group = group | 分组 : value of the column `by`, for a user that of the first event of a step that has one; empty
--   without it | `by` 列的取值，每个用户取其第一个有该值的步骤事件；未设 `by` 时为空
-- column step = step | 步骤 : number of the step | 步骤的序号
-- column event = event | 事件 : the step's event | 该步骤的事件
-- column users = users | 人数 : distinct users who took steps 1 to this one in order | 按顺序完成第 1 步至本步骤的去重用户数
-- column conv_prev = step rate | 步骤转化率 : users / users of the step before, 4 decimals, rounded half up; 1 at step 1; empty
--   without any | 人数 / 上一步骤的人数，保留 4 位小数，四舍五入；第 1 步为 1；无用户时为空
-- column conv_total = overall rate | 总转化率 : users / users of step 1, 4 decimals, rounded half up; empty without any
--   | 人数 / 第 1 步的人数，保留 4 位小数，四舍五入；无用户时为空
-- column drop = lost | 流失人数 : users of the step before who did not take this one | 完成上一步骤、没有完成本步骤的用户数
-- column median_time = median time | 转化时长中位数 : time since the step before, of users who took both, s, 1 decimal
--   | 两步都完成的用户，从上一步骤到本步骤所用时间的中位数，单位秒，保留 1 位小数
-- column p90_time = 90th percentile time | 转化时长90分位 : nine in ten of them were at most so long, s, 1 decimal
--   | 其中九成用户所用时间不超过此值，单位秒，保留 1 位小数
-- chart: funnel step=event value=users
-- check: coalesce(bool_and(conv_prev <= 1 AND conv_total <= 1), true)
-- check: bool_and(drop >= 0)
-- Closed (闭环): a user counts at step k if the events of the range hold steps 1 to k in this order, whatever lies between them.
-- Each step takes an event of its own; events of the same time stand in the order of `seq`. A filter narrows
-- its step, and so all later ones. All steps lie in the range.
-- Of a user's ways the one that gets furthest counts, then that which gets there first, then that which began last; times are
-- its times. Median and percentile are those of percentile_cont, off by at most 0.4 %.
-- A filter may name columns of `events` (page, scene, p_NAME, props['NAME']) and of `users` (gender, first_dt, …), see
-- events/analysis. Steps that are pages: steps = page_view,page_view with filter1 = page = 'a' and filter2 = page = 'b'.
WITH
walked AS (
    SELECT
        funnel(
            ts,
            [
                event = $steps[1] AND $filter1,
                event = $steps[2] AND $filter2,
                event = $steps[3] AND $filter3,
                event = $steps[4] AND $filter4,
                event = $steps[5] AND $filter5,
                event = $steps[6] AND $filter6,
                event = $steps[7] AND $filter7,
                event = $steps[8] AND $filter8,
                event = $steps[9] AND $filter9,
                event = $steps[10] AND $filter10
            ],
            {window: $window, breakdown: CAST($by AS VARCHAR), tie: seq}
        ) AS way
    FROM events
    LEFT JOIN users USING (user_id)
    WHERE dt >= $from AND dt <= $to AND event IN ($steps) AND $filter
    GROUP BY user_id
),
ways AS (
    SELECT way['breakdown'] AS breakdown, way['level'] AS level, way['times'] AS times
    FROM walked
    WHERE way['level'] >= 1
    UNION ALL
    SELECT NULL, 0, NULL
),
grouped AS (
    SELECT breakdown, funnel_rollup(level, 10) AS taken, funnel_times(times, {steps: 10}) AS took
    FROM ways
    GROUP BY breakdown
),
counted AS (
    SELECT
        breakdown,
        step,
        taken[step]['users'] AS users,
        taken[step]['drop'] AS lost,
        took[step]['median_ms'] AS median_ms,
        took[step]['p90_ms'] AS p90_ms,
        taken[1]['users'] AS entered,
        max(taken[1]['users']) OVER () AS entered_most
    FROM grouped
    CROSS JOIN (SELECT unnest(generate_series(1, CAST(least(array_length($steps), 10) AS BIGINT))) AS step) AS numbers
),
ranked AS (
    SELECT
        *,
        nullif(users + lost, 0) AS before,
        nullif(entered, 0) AS base,
        dense_rank() OVER (ORDER BY entered DESC, breakdown) AS rank
    FROM counted
    WHERE entered > 0 OR entered_most = 0
)
SELECT
    breakdown AS "group",
    step,
    $steps[step] AS event,
    users,
    (users * 20000 + before) / (2 * before) / 10000.0 AS conv_prev,
    (users * 20000 + base) / (2 * base) / 10000.0 AS conv_total,
    lost AS drop,
    round(median_ms / 1000, 1) AS median_time,
    round(p90_ms / 1000, 1) AS p90_time
FROM ranked
WHERE rank <= $limit
ORDER BY rank, step
