-- Users with a product_view, later an add_to_cart, later a purchase at most 1 h after that cart.
-- The first step has no limit of time, so it is a mark rather than a step of the funnel: cutting after every
-- product_view, with a gap that never ends, numbers the rows behind the first one 2 and up.
SELECT count(*)
FROM (
    SELECT window_funnel(INTERVAL '1 hour', ts, event = 'add_to_cart' AND part > 1, event = 'purchase') AS level
    FROM (
        SELECT
            user_id, ts, event,
            sessionize(ts, INTERVAL '36500 days', {close: event = 'product_view'})
                OVER (PARTITION BY user_id ORDER BY ts) AS part
        FROM events
        WHERE event IN ('product_view', 'add_to_cart', 'purchase')
    )
    GROUP BY user_id
)
WHERE level = 2
