-- Distinct page-to-page moves inside opens, moves in all, the most frequent move's count.
SELECT count(*), sum(moves), max(moves)
FROM (
    SELECT page, info['next_page'] AS next_page, count(*) AS moves
    FROM (
        SELECT page, session_info(ts, INTERVAL '30 minutes', page) OVER (PARTITION BY user_id ORDER BY ts) AS info
        FROM events
    )
    WHERE info['next_page'] IS NOT NULL
    GROUP BY 1, 2
)
