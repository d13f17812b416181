-- title: Shares | 分享
-- question: On which days, from which pages and through which channels was the mini program shared, and by how many?
-- param from date = first_day : first day
-- param to date = last_day : last day
-- param by text = day in (day, page, channel) : what one row is
-- column origin = day, page or channel | 日期、页面或渠道 : the day of the share as yyyymmdd, the page from which it was sent, or share_channel;
--   empty: shares that name none
-- column share_pv = shares | 分享次数 : shares; a share counts when the user asks to forward, whether it was sent cannot be seen
-- column share_uv = sharers | 分享人数 : distinct users with such a share
-- column share = share of all | 占比 : shares / all shares of the range, fraction of 1, 4 decimals, rounded half up
-- column shares_per_user = shares per user | 人均分享次数 : shares / sharers, 4 decimals, rounded half up
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
