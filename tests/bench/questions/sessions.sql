-- Opens, views, distinct pages per open summed, stay in ms summed: an open's figures stand on its last row.
SELECT
    count(*),
    sum(info['views']),
    sum(info['depth']),
    sum(info['session_stay_ms'])
FROM (
    SELECT session_info(ts, INTERVAL '30 minutes', page) OVER (PARTITION BY user_id ORDER BY ts) AS info
    FROM events
)
WHERE info['is_session_end']
