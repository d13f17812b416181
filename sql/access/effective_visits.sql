-- title: Effective visits | 有效访问
-- question: How many opens lasted longer than 3 seconds, and how many users had one?
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param seconds float = 3 : an open is effective if it lasts longer than this, in seconds
-- column ref_date = day | 日期 : the local day, yyyymmdd
-- column session_cnt = opens | 打开次数 : opens (sessions with a page view) that start on the day
-- column effective_opens = effective opens | 有效访问次数 : those of them whose stay, in milliseconds, is longer
-- column effective_opens_share = share of opens | 有效访问次数占比 : effective opens / opens, fraction of 1, 4 decimals, rounded half up; empty
--   without opens
-- column users = users | 打开人数 : distinct users with an open that starts on the day
-- column effective_users = effective users | 有效访问人数 : distinct users with an effective open
-- column effective_users_share = share of users | 有效访问人数占比 : effective users / users, fraction of 1, 4 decimals, rounded half up; empty
--   without opens
-- chart: line x=ref_date y=effective_opens,effective_users
-- check: coalesce(bool_and(effective_opens <= session_cnt and effective_users <= effective_opens), true)
-- A day without opens is a row of zeros.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
opened AS (
    SELECT
        session_dt AS day,
        count(*) AS opens,
        count(*) FILTER (WHERE stay_ms > $seconds * 1000) AS effective_opens,
        count(DISTINCT user_id) AS users,
        count(DISTINCT user_id) FILTER (WHERE stay_ms > $seconds * 1000) AS effective_users
    FROM sessions
    WHERE views > 0 AND session_dt >= $from AND session_dt <= $to
    GROUP BY session_dt
)
SELECT
    to_char(days.day, '%Y%m%d') AS ref_date,
    coalesce(opens, 0) AS session_cnt,
    coalesce(effective_opens, 0) AS effective_opens,
    (effective_opens * 20000 + opens) / (2 * opens) / 10000.0 AS effective_opens_share,
    coalesce(users, 0) AS users,
    coalesce(effective_users, 0) AS effective_users,
    (effective_users * 20000 + users) / (2 * users) / 10000.0 AS effective_users_share
FROM days
LEFT JOIN opened ON opened.day = days.day
ORDER BY ref_date
