-- title: User portrait | 用户画像
-- question: Who are the new and the active users of the last days, by gender, age, province, city, terminal and model?
--   | 最近这些天的新增用户和活跃用户，性别、年龄、省份、城市、终端和机型如何分布？
-- days: ..to+1
-- param to date = last_day : last day
-- param days int = 1 in (1, 7, 30) : how many days, the last one included
-- param attribute text = all in (all, gender, age, province, city, terminal, model) : one attribute only
-- param limit int = 20 from 0 : how many models have a row of their own
-- column attribute = attribute | 属性 : gender, age, province, city, terminal or model
--   | 性别（gender）、年龄（age）、省份（province）、城市（city）、终端（terminal）或机型（model）
-- column value = value | 取值 : value of the attribute, 未知 where it is not known or the data itself says so
--   | 属性的取值；缺失时，或数据本身写作未知时，为未知
-- column province = province | 省份 : of a city the province in which it lies; empty for other attributes
--   | 城市所在的省份；其他属性为空
-- column visit_uv_new = new users | 新用户数 : users with this value whose first visit ever fell in these days
--   | 属性为该取值、且历史首次访问发生在这些天的用户数
-- column visit_uv = active users | 活跃用户数 : users with this value and a page view in these days
--   | 属性为该取值、且这些天有页面访问的用户数
-- column share_new = share of new users | 新用户占比 : new users / new users of all values, 4 decimals, rounded half up; empty
--   without any | 新用户数 / 全部取值的新用户数，保留 4 位小数，四舍五入；无新用户时为空
-- column share = share of active users | 活跃用户占比 : active users / active users of all values, 4 decimals, rounded half up
--   | 活跃用户数 / 全部取值的活跃用户数，保留 4 位小数，四舍五入
-- chart: bar x=value y=visit_uv,visit_uv_new series=attribute
-- check: coalesce(sum(visit_uv) FILTER (WHERE attribute = 'gender') = sum(visit_uv) FILTER (WHERE attribute = 'age'), true)
-- check: coalesce(sum(visit_uv) FILTER (WHERE attribute = 'gender') = sum(visit_uv) FILTER (WHERE attribute = 'province'), true)
-- check: coalesce(sum(visit_uv) FILTER (WHERE attribute = 'gender') = sum(visit_uv) FILTER (WHERE attribute = 'city'), true)
-- check: coalesce(sum(visit_uv) FILTER (WHERE attribute = 'gender') = sum(visit_uv) FILTER (WHERE attribute = 'terminal'), true)
-- check: coalesce(sum(visit_uv) FILTER (WHERE attribute = 'gender') = sum(visit_uv) FILTER (WHERE attribute = 'model'), true)
-- Every user counts once in each attribute, so the rows of an attribute add up to all active and all new users. A new user whose
-- first visit the users file gives need not be active in these days.
-- Gender, birth year, province and city are those of the table `users`. Age is the year of the last day less the birth year; a
-- birth year after that day or more than 120 years before it is 未知. Genders written as 1, M or male are 男, as 2, F or female
-- 女; anything else is 未知.
-- Terminal: iPhone or android by the last event of these days whose os or platform names iOS or Android; else 其他 where either
-- says anything. The model is that of the last event of these days that has one. So a user with two phones counts for the later.
-- Models are ranked by active users, then by name; those beyond `limit` are one row 其他, and 未知 is not ranked.
WITH
devices AS (
    SELECT
        user_id, ts, seq, event, nullif(model, '') AS model,
        CASE
            WHEN lower(os) LIKE 'ios%' OR lower(os) LIKE 'ip%' OR lower(platform) IN ('ios', 'iphone', 'ipad') THEN 'iPhone'
            WHEN lower(os) LIKE 'android%' OR lower(platform) = 'android' THEN 'android'
            WHEN os <> '' OR platform <> '' THEN '其他'
        END AS terminal
    FROM events
    WHERE dt > $to - $days AND dt <= $to
),
seen AS (
    SELECT
        user_id,
        coalesce(
            last_value(terminal ORDER BY ts, seq) FILTER (WHERE terminal IN ('iPhone', 'android')),
            max(terminal)
        ) AS terminal,
        last_value(model ORDER BY ts, seq) FILTER (WHERE model IS NOT NULL) AS model,
        bool_or(event = 'page_view') AS has_view
    FROM devices
    GROUP BY user_id
),
described AS (
    SELECT
        first_dt > $to - $days AND first_dt <= $to AS is_new,
        coalesce(has_view, false) AS is_active,
        CASE
            WHEN lower(trim(gender)) IN ('男', '1', 'm', 'male') THEN '男'
            WHEN lower(trim(gender)) IN ('女', '2', 'f', 'female') THEN '女'
        END AS gender,
        date_part('year', $to) - birth_year AS age,
        nullif(trim(province), '') AS province,
        nullif(trim(city), '') AS city,
        terminal,
        model
    FROM users
    LEFT JOIN seen ON seen.user_id = users.user_id
),
valued AS (
    SELECT
        place,
        attribute,
        coalesce(
            CASE attribute
                WHEN 'gender' THEN gender
                WHEN 'age' THEN CASE
                    WHEN age < 0 OR age > 120 THEN NULL
                    WHEN age <= 17 THEN '17岁以下'
                    WHEN age <= 24 THEN '18-24岁'
                    WHEN age <= 29 THEN '25-29岁'
                    WHEN age <= 39 THEN '30-39岁'
                    WHEN age <= 49 THEN '40-49岁'
                    WHEN age >= 50 THEN '50岁以上'
                END
                WHEN 'province' THEN province
                WHEN 'city' THEN city
                WHEN 'terminal' THEN terminal
                WHEN 'model' THEN model
            END,
            '未知'
        ) AS value,
        CASE WHEN attribute = 'city' THEN coalesce(province, '未知') END AS province,
        is_new,
        is_active
    FROM described
    CROSS JOIN (
        VALUES (1, 'gender'), (2, 'age'), (3, 'province'), (4, 'city'), (5, 'terminal'), (6, 'model')
    ) AS attributes(place, attribute)
    WHERE $attribute IN ('all', attribute) AND (is_active OR is_new)
),
counted AS (
    SELECT
        place, attribute, value, province,
        count(*) FILTER (WHERE is_new) AS new_users,
        count(*) FILTER (WHERE is_active) AS users
    FROM valued
    GROUP BY place, attribute, value, province
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY attribute ORDER BY value = '未知', users DESC, value, province) AS rank
    FROM counted
),
rows AS (
    SELECT
        place,
        attribute,
        CASE WHEN attribute = 'model' AND rank > $limit AND value <> '未知' THEN '其他' ELSE value END AS value,
        province,
        sum(new_users) AS new_users,
        sum(users) AS users
    FROM ranked
    GROUP BY 1, 2, 3, 4
),
totals AS (
    SELECT
        *,
        nullif(sum(new_users) OVER (PARTITION BY attribute), 0) AS all_new,
        nullif(sum(users) OVER (PARTITION BY attribute), 0) AS everybody
    FROM rows
)
SELECT
    attribute,
    value,
    province,
    new_users AS visit_uv_new,
    users AS visit_uv,
    (new_users * 20000 + all_new) / (2 * all_new) / 10000.0 AS share_new,
    (users * 20000 + everybody) / (2 * everybody) / 10000.0 AS share
FROM totals
ORDER BY
    place,
    value = '未知',
    value = '其他',
    CASE WHEN attribute IN ('gender', 'age') THEN value END,
    visit_uv DESC,
    value,
    province
