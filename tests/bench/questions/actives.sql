-- Days, daily visitors summed, views, users in all.
SELECT days, visitors, views, users
FROM (
    SELECT count(*) AS days, sum(visitors) AS visitors, sum(views) AS views
    FROM (
        SELECT dt, count(*) AS visitors, sum(views) AS views
        FROM (SELECT user_id, dt, count(*) AS views FROM events GROUP BY user_id, dt)
        GROUP BY dt
    )
)
CROSS JOIN (SELECT count(*) AS users FROM (SELECT user_id FROM events GROUP BY user_id))
