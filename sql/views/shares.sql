-- One row a share: counted when the user asks to forward, on the page from which it was sent.
-- `scene` is what the share event itself carries; the scene of the open is in `visits` and `sessions`.
SELECT
    user_id,
    ts,
    seq,
    dt,
    page,
    query,
    share_channel,
    scene
FROM events
WHERE event = 'share'
