-- Cells of the (first day, days later) matrix, users summed, users back after 1, 7 and 14 days.
-- A user's days are gathered while the user's rows pass by, so the first day is known without a second look or a join.
SELECT
    count(*),
    sum(users),
    coalesce(sum(users) FILTER (WHERE later = 1), 0),
    coalesce(sum(users) FILTER (WHERE later = 7), 0),
    coalesce(sum(users) FILTER (WHERE later = 14), 0)
FROM (
    SELECT first_dt, dt - first_dt AS later, count(*) AS users
    FROM (
        SELECT first_dt, unnest(days) AS dt
        FROM (SELECT min(dt) AS first_dt, array_agg(DISTINCT dt) AS days FROM events GROUP BY user_id)
    )
    GROUP BY 1, 2
)
