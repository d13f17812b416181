-- title: Funnel trend | 漏斗趋势
-- question: Of the users who took step 1 in each period, what share went on to each further step?
--   | 每个时间段完成第 1 步的用户中，多大比例继续完成后面的各步骤？
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
-- param grain text = day in (hour, day, week, month) : length of a period
-- param zone zone = time_zone : time zone of the days
-- column period = period | 时间 : first day of the period, YYYY-MM-DD, of an hour with its local time; a week is named by its
--   Monday | 时间段的首日，YYYY-MM-DD，按小时则带本地时刻；周以其周一表示
-- column step = step | 步骤 : number of the step | 步骤的序号
-- column event = event | 事件 : the step's event | 该步骤的事件
-- column users = users | 人数 : distinct users with steps 1 to this one in order, step 1 in this period
--   | 按顺序完成第 1 步至本步骤、且第 1 步在该时间段的去重用户数
-- column conv_prev = step rate | 步骤转化率 : users / users of the step before, 4 decimals, rounded half up; 1 at step 1; empty
--   without any | 人数 / 上一步骤的人数，保留 4 位小数，四舍五入；第 1 步为 1；无用户时为空
-- column conv_total = overall rate | 总转化率 : users / users of step 1, 4 decimals, rounded half up
--   | 人数 / 第 1 步的人数，保留 4 位小数，四舍五入
-- chart: line x=period y=conv_total series=event
-- check: coalesce(bool_and(conv_total <= 1), true)
-- A user counts in every period in which he took step 1, with the furthest way that begins there, wherever in the range it goes
-- on. So periods do not add up to the whole range; a window makes them alike, since the last ones have less time left.
-- Otherwise as funnels/closed. A period in which nobody took step 1 has no row.
WITH
walked AS (
    SELECT
        funnel_slots(
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
            {slot: $grain, zone: $zone, window: $window, tie: seq}
        ) AS slots
    FROM events
    LEFT JOIN users USING (user_id)
    WHERE dt >= $from AND dt <= $to AND event IN ($steps) AND $filter
    GROUP BY user_id
),
entered AS (
    SELECT slots['slot'] AS slot, slots['level'] AS level
    FROM (SELECT unnest(slots) AS slots FROM walked) AS entries
),
rolled AS (
    SELECT slot, funnel_rollup(level, 10) AS taken FROM entered GROUP BY slot
),
counted AS (
    SELECT
        slot,
        step,
        taken[step]['users'] AS users,
        taken[step]['users'] + taken[step]['drop'] AS before,
        taken[1]['users'] AS base
    FROM rolled
    CROSS JOIN (SELECT unnest(generate_series(1, CAST(least(array_length($steps), 10) AS BIGINT))) AS step) AS numbers
)
SELECT
    to_char(to_local_time(slot AT TIME ZONE $zone), CASE WHEN $grain = 'hour' THEN '%Y-%m-%d %H:00' ELSE '%Y-%m-%d' END) AS period,
    step,
    $steps[step] AS event,
    users,
    (users * 20000 + before) / (2 * nullif(before, 0)) / 10000.0 AS conv_prev,
    (users * 20000 + base) / (2 * base) / 10000.0 AS conv_total
FROM counted
ORDER BY slot, step
