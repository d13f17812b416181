-- 2025-01-15 alone: views, visitors, opens that start on the day. The day before tells which opens began earlier.
SELECT sum(views), count(*), sum(opens)
FROM (
    SELECT user_id, count(*) AS views, sum(CAST(info['is_entry'] AS INT)) AS opens
    FROM (
        SELECT
            user_id, dt,
            session_info(ts, INTERVAL '30 minutes', page) OVER (PARTITION BY user_id ORDER BY ts) AS info
        FROM events
        WHERE dt >= DATE '2025-01-14' AND dt <= DATE '2025-01-15'
    )
    WHERE dt = DATE '2025-01-15'
    GROUP BY user_id
)
