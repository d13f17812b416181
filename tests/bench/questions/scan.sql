-- The floor: touch user, time and event of every row.
SELECT
    count(*),
    max(octet_length(user_id)),
    CAST(max(ts) AS BIGINT) / 1000,
    count(*) FILTER (WHERE event = 'purchase')
FROM events
