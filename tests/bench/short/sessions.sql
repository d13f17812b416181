select count(*), sum(views), sum(depth), sum(stay_ms) from sessions(events, user_id, ts, interval '30 minutes', page)
