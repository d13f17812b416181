-- One row a visit: a page view, with its place in the open (session) it belongs to.
-- `session` is unique within a user: two users' opens may start in the same microsecond.
--
-- All of the user's rows decide where an open begins and ends; only page views are visits, so the filter
-- stands outside. `dt` is the day of the view, `session_dt` the day on which its open started.
-- A filter on either day also bounds what is read: the rule of an open looks no further than a day back.
SELECT
    user_id,
    info['session_id'] AS session,
    info['visit_no'] AS visit_no,
    page,
    query,
    referrer,
    ts,
    seq,
    dt,
    info['session_dt'] AS session_dt,
    info['session_start'] AS session_start,
    info['stay_ms'] AS stay_ms,
    info['is_entry'] AS is_entry,
    info['is_exit'] AS is_exit,
    info['is_bounce'] AS is_bounce,
    info['next_page'] AS next_page,
    info['scene'] AS scene,
    os,
    platform,
    brand,
    model,
    network,
    app_version
FROM (
    SELECT
        user_id, ts, seq, event, page, query, referrer, os, platform, brand, model, network, app_version, dt,
        session_info(ts, INTERVAL '30 minutes', page, {
            rule: '30min', event: event, scene: scene, key: session_key,
            is_page: event = 'page_view', day_bound: '{time_zone}'
        }) OVER (PARTITION BY user_id ORDER BY ts, seq) AS info
    FROM events
)
WHERE event = 'page_view'
