-- Users at level 0 to 4 of page_view > product_view > add_to_cart > purchase within a day of the entry.
SELECT
    count(*) FILTER (WHERE level = 0),
    count(*) FILTER (WHERE level = 1),
    count(*) FILTER (WHERE level = 2),
    count(*) FILTER (WHERE level = 3),
    count(*) FILTER (WHERE level = 4)
FROM (
    SELECT
        window_funnel(
            INTERVAL '1 day', ts,
            event = 'page_view', event = 'product_view', event = 'add_to_cart', event = 'purchase'
        ) AS level
    FROM events
    GROUP BY user_id
)
