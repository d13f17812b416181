-- Cells of the (first day, days later) matrix, users summed, users back after 1, 7 and 14 days.
SELECT
    count(*),
    sum(users),
    coalesce(sum(users) FILTER (WHERE later = 1), 0),
    coalesce(sum(users) FILTER (WHERE later = 7), 0),
    coalesce(sum(users) FILTER (WHERE later = 14), 0)
FROM (
    SELECT first_dt, dt - first_dt AS later, count(*) AS users
    FROM (SELECT user_id, dt FROM events GROUP BY user_id, dt) AS active
    JOIN (SELECT user_id AS who, min(dt) AS first_dt FROM events GROUP BY user_id) AS cohort ON who = user_id
    GROUP BY 1, 2
)
