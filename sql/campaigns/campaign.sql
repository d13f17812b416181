-- title: Campaign | 推广分析
-- question: How many users did a link lead in, how many of them were new, how long did they stay, and what did they buy?
--   | 一个推广链接引来了多少用户，其中多少是新用户，停留多久，产生了哪些交易？
-- days: ..to+1
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param page text of events.page = '' : the page that the link opens, by path without query; empty: any page
-- param p1 text = '' : a query parameter of the link as name=value, such as utm_source=moments; empty: any query
-- param p2 text = '' : a second one
-- param p3 text = '' : a third one
-- param where filter = true : a further condition on the visit by which the open began, such as scene in (1045, 1046)
-- param by text = day in (day, whole) : one row a day, or one for the whole range, in which people count once
-- param trade filter = event = 'pay_success' : the events that are trades
-- param amount column = props.amount : column or property with a trade's amount, p_NAME or props.NAME of a declared one
-- param attribution_days int = 7 from 0 : a trade belongs to the link if it came at most so many times 24 hours after the user was led in
-- column ref_date = day | 日期 : the local day, yyyymmdd; of the whole range its first and last day as yyyymmdd-yyyymmdd
--   | 本地日期，yyyymmdd；按整个范围统计时为首日与末日，yyyymmdd-yyyymmdd
-- column led_in = opens led in | 引流次数 : opens that began with a visit of the page, with all the parameters in its query
--   | 第一次页面访问即为该页面、且其参数包含全部所选参数的打开次数
-- column led_in_uv = users led in | 引流人数 : distinct users with such an open | 有这样的打开的去重用户数
-- column led_in_share = share of visitors | 占访问人数 : users led in / distinct users with a page view, fraction of 1, 4 decimals, rounded half up;
--   empty without visitors | 引流人数 / 有页面访问的去重用户数，小数（1 即 100%），保留 4 位小数，四舍五入；无访问用户时为空
-- column led_in_uv_new = new users led in | 引流新用户数 : users led in whose first page view ever falls in the same day or range
--   | 引流用户中历史首次页面访问发生在同一日（或同一范围）的用户数
-- column led_in_new_share = share of new users | 占新增用户数 : new users led in / all new users, fraction of 1, 4 decimals, rounded half up; empty
--   without new users | 引流新用户数 / 全部新用户数，小数（1 即 100%），保留 4 位小数，四舍五入；无新用户时为空
-- column stay_time_session = stay per open | 次均停留时长 : stay of the opens led in / opens led in, seconds, 4 decimals, rounded half up
--   | 引流打开的停留总时长 / 引流次数，单位秒，保留 4 位小数，四舍五入
-- column bounce_rate_uv = bounce rate | 页面跳出率 : users with an open led in that saw no other page view / users led in, fraction of 1, 4 decimals,
--   rounded half up | 有引流打开只产生一次页面访问的用户数 / 引流人数，小数（1 即 100%），保留 4 位小数，四舍五入
-- column share_uv = sharers | 分享人数 : users led in who shared on the same day, or in the whole range
--   | 引流用户中当日（或整个范围内）有分享的用户数
-- column trades = trades | 交易笔数 : trades of users led in, each once, within the attribution time of the last open led in before it, and counted on
--   the day of that open | 引流用户的交易笔数，每笔只计一次，须在此前最近一次引流打开之后的归因时限内，计入该次打开的日期
-- column trade_uv = buyers | 交易人数 : distinct users with such a trade | 有这样的交易的去重用户数
-- column trade_amount = amount | 交易金额 : sum of the amounts of such trades, each rounded to 2 decimals; values that are no number count 0
--   | 这些交易的金额之和，每笔先四舍五入到 2 位小数；不是数字的值计为 0
-- chart: line x=ref_date y=led_in,led_in_uv,led_in_uv_new
-- check: coalesce(bool_and(led_in_uv <= led_in and led_in_uv_new <= led_in_uv and trade_uv <= trades), true)
-- Parameters are compared as they stand in the query, in any order, percent signs and all. A day without such opens is a row of zeros.
-- Opens, their users and their stay belong to the day on which the open starts; visitors and shares to their own day.
WITH
periods AS (
    SELECT day, to_char(day, '%Y%m%d') AS ref_date
    FROM (SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day)
    WHERE $by = 'day'
    UNION ALL
    SELECT $from, to_char($from, '%Y%m%d') || '-' || to_char($to, '%Y%m%d')
    WHERE $by = 'whole'
),
opened AS (
    SELECT
        user_id,
        CASE WHEN $by = 'day' THEN session_dt ELSE $from END AS day,
        CAST(min(session_start) AS BIGINT) AS start_us,
        sum(stay_ms) / 1000 AS stay_s,
        bool_or(is_bounce) AS is_bounce
    FROM (
        SELECT
            user_id, session, session_dt, session_start, stay_ms, is_bounce,
            is_entry
                AND ($page = '' OR page = $page)
                AND ($p1 = '' OR strpos('&' || query || '&', '&' || $p1 || '&') > 0)
                AND ($p2 = '' OR strpos('&' || query || '&', '&' || $p2 || '&') > 0)
                AND ($p3 = '' OR strpos('&' || query || '&', '&' || $p3 || '&') > 0)
                AND ($where) AS is_led_in
        FROM visits
        WHERE session_dt >= $from AND session_dt <= $to
    )
    GROUP BY user_id, session, session_dt
    HAVING bool_or(is_led_in)
),
led AS (
    SELECT
        day,
        count(*) AS opens,
        count(DISTINCT user_id) AS users,
        sum(stay_s) AS stay_s,
        count(DISTINCT user_id) FILTER (WHERE is_bounce) AS bounced
    FROM opened
    GROUP BY day
),
visited AS (
    SELECT CASE WHEN $by = 'day' THEN dt ELSE $from END AS day, count(DISTINCT user_id) AS visitors
    FROM visits
    WHERE dt >= $from AND dt <= $to
    GROUP BY 1
),
led_users AS (
    SELECT DISTINCT user_id, day FROM opened
),
arrived AS (
    SELECT all_new.day AS day, count(*) AS new_users, count(led_users.user_id) AS led_in
    FROM (
        SELECT user_id, CASE WHEN $by = 'day' THEN first_dt ELSE $from END AS day
        FROM users
        WHERE first_dt >= $from AND first_dt <= $to
    ) AS all_new
    LEFT JOIN led_users ON led_users.user_id = all_new.user_id AND led_users.day = all_new.day
    GROUP BY all_new.day
),
shared AS (
    SELECT led_users.day AS day, count(*) AS sharers
    FROM (
        SELECT DISTINCT user_id, CASE WHEN $by = 'day' THEN dt ELSE $from END AS day
        FROM shares
        WHERE dt >= $from AND dt <= $to
    ) AS sharing
    JOIN led_users ON led_users.user_id = sharing.user_id AND led_users.day = sharing.day
    GROUP BY led_users.day
),
-- Opens led in and trades of a user on one line of time: each trade belongs to the last open before it.
line AS (
    SELECT user_id, start_us AS us, 0 AS is_trade, start_us, day, 0 AS cents FROM opened
    UNION ALL
    SELECT
        user_id,
        CAST(ts AS BIGINT),
        1,
        NULL,
        NULL,
        coalesce(TRY_CAST(round(TRY_CAST($amount AS DOUBLE) * 100) AS BIGINT), 0)
    FROM events
    WHERE ($trade) AND dt >= $from AND dt <= $to + $attribution_days + 1
),
credited AS (
    SELECT
        user_id, is_trade, us, cents,
        max(start_us) OVER (PARTITION BY user_id ORDER BY us, is_trade) AS start_us,
        max(day) OVER (PARTITION BY user_id ORDER BY us, is_trade) AS day
    FROM line
),
traded AS (
    SELECT day, count(*) AS trades, count(DISTINCT user_id) AS buyers, sum(cents) AS cents
    FROM credited
    WHERE is_trade = 1 AND us - start_us <= $attribution_days * 86400000000
    GROUP BY day
)
SELECT
    periods.ref_date AS ref_date,
    coalesce(led.opens, 0) AS led_in,
    coalesce(led.users, 0) AS led_in_uv,
    (coalesce(led.users, 0) * 20000 + visitors) / (2 * visitors) / 10000.0 AS led_in_share,
    coalesce(arrived.led_in, 0) AS led_in_uv_new,
    (arrived.led_in * 20000 + new_users) / (2 * new_users) / 10000.0 AS led_in_new_share,
    (led.stay_s * 20000 + led.opens) / (2 * led.opens) / 10000.0 AS stay_time_session,
    (led.bounced * 20000 + led.users) / (2 * led.users) / 10000.0 AS bounce_rate_uv,
    coalesce(sharers, 0) AS share_uv,
    coalesce(trades, 0) AS trades,
    coalesce(buyers, 0) AS trade_uv,
    coalesce(cents, 0) / 100.0 AS trade_amount
FROM periods
LEFT JOIN led ON led.day = periods.day
LEFT JOIN visited ON visited.day = periods.day
LEFT JOIN arrived ON arrived.day = periods.day
LEFT JOIN shared ON shared.day = periods.day
LEFT JOIN traded ON traded.day = periods.day
ORDER BY ref_date
