-- One row a user who has ever viewed a page: the first and the last view, as times and as local days.
-- A user is new on `first_dt`. Who only ever opened the app without reaching a page is no visitor and has no row.
SELECT
    user_id,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    min(dt) AS first_dt,
    max(dt) AS last_dt
FROM events
WHERE event = 'page_view'
GROUP BY user_id
