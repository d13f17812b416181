-- title: Data API: daily summary | 数据接口：概况
-- question: How many users have there been up to each day, and how many shares and sharers did the day have?
--   | 截至每天累计有多少用户，当天有多少转发次数和转发人数？
-- days: ..to
-- param from date = first_day : first day
-- param to date = last_day : last day
-- column list = days | 数据列表 : one item a day of the range, in order: `ref_date` the day as yyyymmdd; `visit_total`
--   (累计用户数) users whose first visit ever falls on the day or earlier; `share_pv` (转发次数) shares on the day;
--   `share_uv` (转发人数) distinct users who shared on it
--   | 范围内每天一项，依次排列；`ref_date` 为日期 yyyymmdd；`visit_total`
--   累计用户数，历史首次访问发生在当日或之前的用户数；`share_pv` 转发次数，当日的分享次数；`share_uv`
--   转发人数，当日分享的去重用户数
-- check: count(*) = 1
-- json: object
-- The answer of the official endpoint getDailySummary, datacube/getweanalysisappiddailysummarytrend, for any number of days.
-- Days are those of the store's zone; each share belongs to the day of the event. A day without events has an item.
-- A user is counted from the first page view on: who never reached a page is in no total.
WITH
-- The day before the range stands for all earlier ones.
calendar AS (
    SELECT unnest(generate_series($from - 1, $to, INTERVAL '1 day')) AS day
),
arrived AS (
    SELECT greatest(first_dt, $from - 1) AS day, count(*) AS new_users
    FROM users
    WHERE first_dt <= $to
    GROUP BY 1
),
shared AS (
    SELECT dt AS day, count(*) AS shares, count(DISTINCT user_id) AS sharers
    FROM shares
    WHERE dt >= $from AND dt <= $to
    GROUP BY dt
),
days AS (
    SELECT
        calendar.day AS day,
        CAST(sum(coalesce(new_users, 0)) OVER (ORDER BY calendar.day) AS BIGINT) AS users_so_far,
        coalesce(shares, 0) AS shares,
        coalesce(sharers, 0) AS sharers
    FROM calendar
    LEFT JOIN arrived ON arrived.day = calendar.day
    LEFT JOIN shared ON shared.day = calendar.day
),
items AS (
    SELECT
        day,
        named_struct(
            'ref_date', to_char(day, '%Y%m%d'),
            'visit_total', users_so_far,
            'share_pv', shares,
            'share_uv', sharers
        ) AS item
    FROM days
    WHERE day >= $from
)
SELECT coalesce(array_agg(item ORDER BY day), []) AS list
FROM items
