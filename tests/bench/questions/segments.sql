-- Scene x event cells, events, users summed, cells above 50,000 events. A cell's users are (user, cell) groups.
SELECT count(*), sum(n), sum(users), count(*) FILTER (WHERE n > 50000)
FROM (
    SELECT scene, event, sum(n) AS n, count(*) AS users
    FROM (SELECT user_id, scene, event, count(*) AS n FROM events GROUP BY user_id, scene, event)
    GROUP BY scene, event
)
