-- title: Effective visits | 有效访问
-- question: How many opens lasted longer than 3 seconds, and how many users had one?
--   | 有多少次打开停留超过 3 秒，有多少用户有过这样的打开？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param seconds float = 3 from 0 : an open is effective if it lasts longer than this, in seconds
-- column ref_date = day | 日期 : the local day, yyyymmdd | 本地日期，yyyymmdd
-- column session_cnt = opens | 打开次数 : opens (sessions with a page view) that start on the day | 当日开始的打开次数（有页面访问的会话）
-- column effective_opens = effective opens | 有效访问次数 : those of them whose stay, in milliseconds, is longer
--   | 其中停留时长（按毫秒比较）超过 `seconds` 秒的次数
-- column effective_opens_share = share of opens | 有效访问次数占比 : effective opens / opens, fraction of 1, 4 decimals, rounded half up; empty
--   without opens | 有效访问次数 / 打开次数，小数（1 即 100%），保留 4 位小数，四舍五入；无打开时为空
-- column users = users | 打开人数 : distinct users with an open that starts on the day | 有打开在当日开始的去重用户数
-- column effective_users = effective users | 有效访问人数 : distinct users with an effective open | 至少有一次有效访问的去重用户数
-- column effective_users_share = share of users | 有效访问人数占比 : effective users / users, fraction of 1, 4 decimals, rounded half up; empty
--   without opens | 有效访问人数 / 打开人数，小数（1 即 100%），保留 4 位小数，四舍五入；无打开时为空
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
