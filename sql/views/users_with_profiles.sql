-- One row a user who has a profile or has ever viewed a page: the first and the last view, as times and as local days, and
-- what the users files say.
-- A user is new on `first_dt`. A given first_seen (`profile_first_seen`) counts where it is earlier than the first view. Who
-- never viewed a page has no `first_seen`, whatever was given, and so is in no figure of users who came.
-- A user has at most one row in either part, so that max() picks the only value there is. Grouping instead of joining keeps
-- `user_id` a unique key, by which other views leave out the join with this one where they do not need it.
SELECT
    user_id,
    CASE WHEN max(last_seen) IS NOT NULL THEN min(first_seen) END AS first_seen,
    max(last_seen) AS last_seen,
    CASE WHEN max(last_seen) IS NOT NULL THEN min(first_dt) END AS first_dt,
    max(last_dt) AS last_dt,
    {picked}
FROM (
    SELECT
        user_id,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        min(dt) AS first_dt,
        max(dt) AS last_dt,
        {nulls}
    FROM active_days
    GROUP BY user_id
    UNION ALL
    SELECT
        user_id,
        profile_first_seen AS first_seen,
        NULL AS last_seen,
        CAST(profile_first_seen AT TIME ZONE '{time_zone}' AS DATE) AS first_dt,
        NULL AS last_dt,
        {given}
    FROM user_profiles
) AS parts
GROUP BY user_id
