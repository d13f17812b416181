-- Pages, views, visitors summed over pages, entries, exits. A visitor of a page is a (user, page) pair, so pairs are
-- grouped first: pairs of one user are complete as soon as the next user begins, and no set of users is kept per page.
SELECT count(*), sum(views), sum(visitors), sum(entries), sum(exits)
FROM (
    SELECT page, sum(views) AS views, count(*) AS visitors, sum(entries) AS entries, sum(exits) AS exits
    FROM (
        SELECT
            user_id,
            page,
            count(*) AS views,
            sum(CAST(info['is_entry'] AS INT)) AS entries,
            sum(CAST(info['is_exit'] AS INT)) AS exits
        FROM (
            SELECT
                user_id,
                page,
                session_info(ts, INTERVAL '30 minutes', page) OVER (PARTITION BY user_id ORDER BY ts) AS info
            FROM events
        )
        GROUP BY user_id, page
    )
    GROUP BY page
)
