-- title: Shares | 分享
-- question: On which days, from which pages and through which channels was the mini program shared, and by how many?
--   | 小程序在哪些天、从哪些页面、通过哪些渠道被分享，多少人分享？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param by text = day in (day, page, channel) : what one row is
-- column origin = day, page or channel | 日期、页面或渠道 : the day of the share as yyyymmdd, the page from which it was sent, or share_channel;
--   empty: shares that name none | 分享的日期 yyyymmdd、发起分享的页面，或分享渠道 share_channel；空值为没有写明的分享
-- column share_pv = shares | 分享次数 : shares; a share counts when the user asks to forward, whether it was sent cannot be seen
--   | 分享总次数；用户发起转发即计一次，是否真正发出无法得知
-- column share_uv = sharers | 分享人数 : distinct users with such a share | 有这样的分享的去重用户数，同一用户多次分享不重复计
-- column share = share of all | 占比 : shares / all shares of the range, fraction of 1, 4 decimals, rounded half up
--   | 分享次数 / 范围内的全部分享次数，小数（1 即 100%），保留 4 位小数，四舍五入
-- column shares_per_user = shares per user | 人均分享次数 : shares / sharers, 4 decimals, rounded half up
--   | 分享次数 / 分享人数，保留 4 位小数，四舍五入
-- chart: bar x=origin y=share_pv
-- check: coalesce(bool_and(share_uv <= share_pv), true)
-- check: coalesce(abs(sum(share) - 1) < 0.001 + 0.0001 * count(*), true)
-- Days stand in their order, and those without shares are no rows; pages and channels stand by their shares, then by name.
WITH counted AS (
    SELECT
        CASE $by WHEN 'day' THEN to_char(dt, '%Y%m%d') WHEN 'page' THEN page ELSE share_channel END AS origin,
        count(*) AS shares,
        count(DISTINCT user_id) AS sharers
    FROM shares
    WHERE dt >= $from AND dt <= $to
    GROUP BY 1
),
shared AS (
    SELECT origin, shares, sharers, sum(shares) OVER () AS of_all FROM counted
)
SELECT
    origin,
    shares AS share_pv,
    sharers AS share_uv,
    (shares * 20000 + of_all) / (2 * of_all) / 10000.0 AS share,
    (shares * 20000 + sharers) / (2 * sharers) / 10000.0 AS shares_per_user
FROM shared
ORDER BY CASE WHEN $by = 'day' THEN 0 ELSE -shares END, origin
