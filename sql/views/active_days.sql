-- One row a user and local day on which the user viewed a page: the days that retention, active days and coming back are about.
SELECT user_id, dt, count(*) AS views, min(ts) AS first_seen, max(ts) AS last_seen
FROM events
WHERE event = 'page_view'
GROUP BY user_id, dt
