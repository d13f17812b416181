-- One row a user who has a profile or has ever viewed a page: the first and the last view, as times and as local days, and
-- what the users files say. This is the view of a store without profiles; with them it is users_with_profiles.sql.
-- A user is new on `first_dt`. Who only ever opened the app without reaching a page is no visitor and has no row.
SELECT
    user_id,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen,
    min(dt) AS first_dt,
    max(dt) AS last_dt,
    CAST(NULL AS VARCHAR) AS gender,
    CAST(NULL AS BIGINT) AS birth_year,
    CAST(NULL AS VARCHAR) AS province,
    CAST(NULL AS VARCHAR) AS city,
    arrow_cast(NULL, 'Timestamp(Microsecond, Some("UTC"))') AS profile_first_seen,
    arrow_cast(NULL, 'Timestamp(Microsecond, Some("UTC"))') AS updated_at
FROM active_days
GROUP BY user_id
