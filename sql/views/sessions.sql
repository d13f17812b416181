-- One row an open (session): the figures of the open stand on its last row, so that row is kept and no grouping is needed.
--
-- `session` is unique within a user: two users' opens may start in the same microsecond.
-- An open without a page view is a row too, with `views` 0; reports of opens ask for `views > 0`.
-- `is_first` is true where the open holds the user's first page view ever. That needs the whole history, which a
-- day filter must not cut, so it comes from `users` by a join on its unique key; a query that does not ask for
-- `is_first` is planned without the join. (Two opens that meet in the microsecond of that first view are both marked.)
SELECT
    opens.user_id AS user_id,
    opens.info['session_id'] AS session,
    opens.info['session_start'] AS start_ts,
    opens.info['session_end'] AS end_ts,
    opens.info['session_dt'] AS session_dt,
    opens.info['session_stay_ms'] AS stay_ms,
    opens.info['views'] AS views,
    opens.info['depth'] AS depth,
    opens.info['entry_page'] AS entry_page,
    opens.info['exit_page'] AS exit_page,
    opens.info['scene'] AS scene,
    opens.info['views'] = 1 AS is_bounce,
    opens.info['views'] > 0
        AND users.first_seen >= opens.info['session_start']
        AND users.first_seen <= opens.info['session_end'] AS is_first
FROM (
    SELECT
        user_id,
        session_info(ts, INTERVAL '30 minutes', page, {
            rule: '30min', event: event, scene: scene, key: session_key,
            is_page: event = 'page_view', day_bound: '{time_zone}'
        }) OVER (PARTITION BY user_id ORDER BY ts, seq) AS info
    FROM events
) AS opens
LEFT JOIN users ON users.user_id = opens.user_id
WHERE opens.info['is_session_end']
