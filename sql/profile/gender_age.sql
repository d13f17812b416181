-- title: Gender and age | 性别年龄分布
-- question: How do the new and the active users of the last days spread over genders and ages?
--   | 最近这些天的新增用户和活跃用户，性别和年龄如何分布？
-- days: ..to+1
-- param to date = last_day : last day
-- param days int = 1 in (1, 7, 30) : how many days, the last one included
-- column gender = gender | 性别 : 男, 女 or 未知 | 男、女或未知
-- column age = age | 年龄 : one of the six bands of ages, or 未知 | 六个年龄段之一，或未知
-- column visit_uv_new = new users | 新用户数 : such users whose first visit ever fell in these days
--   | 该性别和年龄的用户中，历史首次访问发生在这些天的去重用户数
-- column visit_uv = active users | 活跃用户数 : such users with a page view in these days
--   | 该性别和年龄的用户中，这些天有页面访问的去重用户数
-- column share_new = share of new users | 新用户占比 : new users / all new users, 4 decimals, rounded half up; empty without any
--   | 新用户数 / 全部新用户数，保留 4 位小数，四舍五入；无新用户时为空
-- column share = share of active users | 活跃用户占比 : active users / all active users, 4 decimals, rounded half up; empty without
--   any | 活跃用户数 / 全部活跃用户数，保留 4 位小数，四舍五入；无活跃用户时为空
-- chart: stacked x=age y=visit_uv series=gender
-- check: count(*) = 21
-- Every user counts once, so the rows add up to all active and all new users. What gender and age are is said in
-- profile/portrait. All 21 pairs are there, also those without users.
WITH
active AS (
    SELECT DISTINCT user_id FROM active_days WHERE dt > $to - $days AND dt <= $to
),
described AS (
    SELECT
        first_dt > $to - $days AND first_dt <= $to AS is_new,
        CASE
            WHEN lower(trim(gender)) IN ('男', '1', 'm', 'male') THEN '男'
            WHEN lower(trim(gender)) IN ('女', '2', 'f', 'female') THEN '女'
            ELSE '未知'
        END AS gender,
        date_part('year', $to) - birth_year AS age,
        active.user_id IS NOT NULL AS is_active
    FROM users
    LEFT JOIN active ON active.user_id = users.user_id
),
counted AS (
    SELECT
        gender,
        CASE
            WHEN age IS NULL OR age < 0 OR age > 120 THEN '未知'
            WHEN age <= 17 THEN '17岁以下'
            WHEN age <= 24 THEN '18-24岁'
            WHEN age <= 29 THEN '25-29岁'
            WHEN age <= 39 THEN '30-39岁'
            WHEN age <= 49 THEN '40-49岁'
            ELSE '50岁以上'
        END AS age,
        count(*) FILTER (WHERE is_new) AS new_users,
        count(*) FILTER (WHERE is_active) AS users
    FROM described
    WHERE is_active OR is_new
    GROUP BY 1, 2
),
cells AS (
    SELECT
        genders.place AS gender_place,
        ages.place AS age_place,
        genders.gender AS gender,
        ages.age AS age,
        coalesce(new_users, 0) AS new_users,
        coalesce(users, 0) AS users
    FROM (VALUES (1, '男'), (2, '女'), (3, '未知')) AS genders(place, gender)
    CROSS JOIN (
        VALUES
            (1, '17岁以下'), (2, '18-24岁'), (3, '25-29岁'), (4, '30-39岁'), (5, '40-49岁'), (6, '50岁以上'), (7, '未知')
    ) AS ages(place, age)
    LEFT JOIN counted ON counted.gender = genders.gender AND counted.age = ages.age
),
totals AS (
    SELECT *, nullif(sum(new_users) OVER (), 0) AS all_new, nullif(sum(users) OVER (), 0) AS everybody FROM cells
)
SELECT
    gender,
    age,
    new_users AS visit_uv_new,
    users AS visit_uv,
    (new_users * 20000 + all_new) / (2 * all_new) / 10000.0 AS share_new,
    (users * 20000 + everybody) / (2 * everybody) / 10000.0 AS share
FROM totals
ORDER BY gender_place, age_place
