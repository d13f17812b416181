-- title: Event analysis | 事件分析
-- question: How often did an event happen, how many users had it, and what do its properties add up to, by group and time?
--   | 某个事件发生多少次，多少用户触发，属性合计是多少，按分组和时间看怎样？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param event text of events.event = page_view : the event's id
-- param metric text = count in (count, users, per_user, sum, avg, min, max, median, distinct, per_user_sum) : what is computed
-- param property column = none : the property for sum and the metrics after it, p_NAME if it is declared, or props.NAME; none: no one
-- param group1 column = none : groups by a column of events or users, or props.NAME; none: not at all
-- param group2 column = none : … and by this one
-- param group3 column = none : … and by this one
-- param group4 column = none : … and by this one
-- param group5 column = none : … and by this one
-- param filter filter = true : which of the events count
-- param grain text = day in (hour, day, week, whole) : what one row is
-- param limit int = 50 from 1 : how many groups, those with the most events first
-- param zone zone = time_zone : time zone of the hours
-- column period = period | 时间 : first day of the period, YYYY-MM-DD, of an hour with its local time; a week is named by its
--   Monday | 时间段的首日，YYYY-MM-DD，按小时则带本地时刻；周以其周一表示
-- column group1 = group 1 | 分组1 : value of the first grouping; empty where the event has none, or nothing is grouped by
--   | 第一个分组的取值；事件没有该值或没有设分组时为空
-- column group2 = group 2 | 分组2 : of the second one | 第二个分组的取值
-- column group3 = group 3 | 分组3 : of the third one | 第三个分组的取值
-- column group4 = group 4 | 分组4 : of the fourth one | 第四个分组的取值
-- column group5 = group 5 | 分组5 : of the fifth one | 第五个分组的取值
-- column value = value | 指标值 : the metric, 4 decimals, rounded half up; empty where it has no value, such as an average of
--   nothing | 指标的值，保留 4 位小数，四舍五入；没有值时为空，例如没有可平均的数据
-- chart: line x=period y=value series=group1
-- check: count(period) = count(*)
-- Metrics: count = events (总次数); users = distinct users with the event (去重人数); per_user = events / users (人均次数);
-- sum, avg, min, max, median = of the property's values; distinct = different values of the property;
-- per_user_sum = sum / users (人均值), by all users with the event in the row.
-- A value that is no number does not count in sum, avg, min, max and median. They add decimals, not binary fractions: values are
-- rounded to 6 decimals first, so that the order of events makes no difference. The median of an even number of values is the
-- mean of the middle two.
-- Groups and filter may name columns of `events` (page, scene, platform, p_NAME, props.NAME; in a filter props['NAME']) and of
-- `users` (gender, province, first_dt, …). Conditions on a property x: 有值 x IS NOT NULL, 没值 x IS NULL, 为空 x = '',
-- 不为空 x <> ''. An event of a new user: first_dt = dt.
-- A period or group without such events has no row. Of a week only the days of the range count.
WITH
chosen AS (
    SELECT
        CASE $grain
            WHEN 'hour' THEN date_trunc('hour', to_local_time(ts AT TIME ZONE $zone))
            WHEN 'day' THEN CAST(dt AS TIMESTAMP)
            WHEN 'week' THEN date_trunc('week', CAST(dt AS TIMESTAMP))
            ELSE CAST($from AS TIMESTAMP)
        END AS period,
        CAST($group1 AS VARCHAR) AS group1,
        CAST($group2 AS VARCHAR) AS group2,
        CAST($group3 AS VARCHAR) AS group3,
        CAST($group4 AS VARCHAR) AS group4,
        CAST($group5 AS VARCHAR) AS group5,
        user_id,
        CAST($property AS VARCHAR) AS property,
        TRY_CAST(TRY_CAST(CAST($property AS VARCHAR) AS DOUBLE) AS DECIMAL(38, 6)) AS number
    FROM events
    LEFT JOIN users USING (user_id)
    WHERE event = $event AND dt >= $from AND dt <= $to AND $filter
),
counted AS (
    SELECT
        period, group1, group2, group3, group4, group5,
        count(*) AS events,
        CASE WHEN $metric IN ('users', 'per_user', 'per_user_sum') THEN count(DISTINCT user_id) END AS users,
        CASE WHEN $metric IN ('sum', 'avg', 'per_user_sum') THEN sum(number) END AS total,
        CASE WHEN $metric = 'avg' THEN count(number) END AS numbers,
        CASE $metric
            WHEN 'min' THEN CAST(min(number) AS DOUBLE)
            WHEN 'max' THEN CAST(max(number) AS DOUBLE)
            WHEN 'median' THEN median(CAST(number AS DOUBLE))
            WHEN 'distinct' THEN CAST(count(DISTINCT property) AS DOUBLE)
        END AS other
    FROM chosen
    GROUP BY period, group1, group2, group3, group4, group5
),
sized AS (
    SELECT *, sum(events) OVER (PARTITION BY group1, group2, group3, group4, group5) AS size
    FROM counted
),
ranked AS (
    SELECT *, dense_rank() OVER (ORDER BY size DESC, group1, group2, group3, group4, group5) AS rank
    FROM sized
)
SELECT
    to_char(period, CASE WHEN $grain = 'hour' THEN '%Y-%m-%d %H:00' ELSE '%Y-%m-%d' END) AS period,
    group1, group2, group3, group4, group5,
    CASE $metric
        WHEN 'count' THEN CAST(events AS DOUBLE)
        WHEN 'users' THEN CAST(users AS DOUBLE)
        WHEN 'per_user' THEN (events * 20000 + users) / (2 * users) / 10000.0
        WHEN 'sum' THEN round(CAST(total AS DOUBLE), 4)
        WHEN 'avg' THEN round(CAST(total AS DOUBLE) / numbers, 4)
        WHEN 'per_user_sum' THEN round(CAST(total AS DOUBLE) / users, 4)
        ELSE round(other, 4)
    END AS value
FROM ranked
WHERE rank <= $limit
ORDER BY rank, period
