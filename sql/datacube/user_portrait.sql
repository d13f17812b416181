-- title: Data API: user portrait | 数据接口：用户画像
-- question: Who are the new and the active users of the last 1, 7 or 30 days: province, city, gender, terminal, model, age?
--   | 最近 1 天、7 天或 30 天的新增用户和活跃用户，省份、城市、性别、终端、机型和年龄如何分布？
-- days: ..to+1
-- param to date = last_day : last day
-- param days int = 1 in (1, 7, 30) : length of the range in days
-- param limit int = 20 from 0 : models, those with the most users; 0 for all
-- column ref_date = days | 日期 : the range as yyyymmdd-yyyymmdd, one day as yyyymmdd
--   | 范围 yyyymmdd-yyyymmdd，只有一天时为 yyyymmdd
-- column visit_uv_new = new users | 新用户画像 : users whose first visit ever falls in the range. Six lists of `id`, `name`
--   and `value`, a head count: `province` and `city`, most users first, then by name; `genders`, `platforms` and `ages` by
--   id; `devices` without `id`, most users first, then by name
--   | 历史首次访问发生在范围内的用户；六个列表，各项有 `id`、`name` 和人数 `value`；`province` 和 `city`
--   按人数从多到少、再按名称排列；`genders`、`platforms` 和 `ages` 按 id 排列；`devices` 没有
--   `id`，按人数从多到少、再按名称排列
-- column visit_uv = active users | 活跃用户画像 : the same of the users with a page view in the range
--   | 同上，为范围内有页面访问的用户
-- check: count(*) = 1
-- json: object
-- The answer of the official endpoint getUserPortrait, datacube/getweanalysisappiduserportrait.
-- Every list adds up to the users of the range: each user counts once in it, as 未知 with id 0 where nothing is known or the
-- data itself says so. Only `devices` may add up to less, when `limit` cuts it.
-- Province, city, gender and year of birth are those of the users files now. WeChat publishes no list of its ids of provinces and
-- cities: their id is 0, the name tells them apart. Genders: 1 男 (also male, m, 1), 2 女 (also female, f, 2).
-- Age is the year of `to` less the year of birth: 1 17岁以下, 2 18-24岁, 3 25-29岁, 4 30-39岁, 5 40-49岁, 6 50岁以上; 未知 where it is
-- negative or over 120.
-- Terminals: 1 iPhone, 2 android, by the last event in the range whose `os` or `platform` names iOS or Android; else 3 其他 where
-- either says anything. The model is that of the last event in the range that has one.
WITH
-- One row a user with an event in the range.
active AS (
    SELECT
        user_id,
        bool_or(event = 'page_view') AS is_visitor,
        last_value(platform_id ORDER BY ts, seq) FILTER (WHERE platform_id < 3) AS known_platform_id,
        max(platform_id) AS some_platform_id,
        last_value(model ORDER BY ts, seq) FILTER (WHERE model <> '') AS model
    FROM (
        SELECT
            user_id, ts, seq, event, model,
            CASE
                WHEN lower(os) LIKE 'ios%' OR lower(os) LIKE 'ip%' OR lower(platform) IN ('ios', 'iphone', 'ipad') THEN 1
                WHEN lower(os) LIKE 'android%' OR lower(platform) = 'android' THEN 2
                WHEN os <> '' OR platform <> '' THEN 3
            END AS platform_id
        FROM events
        WHERE dt >= $to - ($days - 1) AND dt <= $to
    )
    GROUP BY user_id
),
people AS (
    SELECT
        users.first_dt >= $to - ($days - 1) AND users.first_dt <= $to AS is_new,
        coalesce(active.is_visitor, false) AS is_visitor,
        coalesce(nullif(trim(users.province), ''), '未知') AS province,
        coalesce(nullif(trim(users.city), ''), '未知') AS city,
        CASE
            WHEN lower(trim(users.gender)) IN ('男', 'male', 'm', '1') THEN 1
            WHEN lower(trim(users.gender)) IN ('女', 'female', 'f', '2') THEN 2
            ELSE 0
        END AS gender_id,
        coalesce(active.known_platform_id, active.some_platform_id, 0) AS platform_id,
        coalesce(active.model, '未知') AS model,
        date_part('year', $to) - users.birth_year AS age
    FROM users
    LEFT JOIN active ON active.user_id = users.user_id
),
-- Each person six times, once for each list: 1 province, 2 city, 3 genders, 4 platforms, 5 devices, 6 ages.
counted AS (
    SELECT
        place,
        CASE place
            WHEN 3 THEN gender_id
            WHEN 4 THEN platform_id
            WHEN 6 THEN CASE
                WHEN age < 0 OR age > 120 OR age IS NULL THEN 0
                WHEN age < 18 THEN 1
                WHEN age < 25 THEN 2
                WHEN age < 30 THEN 3
                WHEN age < 40 THEN 4
                WHEN age < 50 THEN 5
                ELSE 6
            END
            ELSE 0
        END AS id,
        CASE place WHEN 1 THEN province WHEN 2 THEN city WHEN 5 THEN model ELSE '' END AS name,
        count(*) FILTER (WHERE is_new) AS new_users,
        count(*) FILTER (WHERE is_visitor) AS visitors
    FROM people
    CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6)) AS places(place)
    WHERE is_new OR is_visitor
    GROUP BY 1, 2, 3
),
named AS (
    SELECT
        counted.place AS place,
        counted.id AS id,
        coalesce(labels.name, counted.name) AS name,
        new_users,
        visitors,
        row_number() OVER (PARTITION BY counted.place ORDER BY new_users DESC, counted.name) AS new_rank,
        row_number() OVER (PARTITION BY counted.place ORDER BY visitors DESC, counted.name) AS visitor_rank
    FROM counted
    LEFT JOIN (VALUES
        (3, 0, '未知'), (3, 1, '男'), (3, 2, '女'),
        (4, 0, '未知'), (4, 1, 'iPhone'), (4, 2, 'android'), (4, 3, '其他'),
        (6, 0, '未知'), (6, 1, '17岁以下'), (6, 2, '18-24岁'), (6, 3, '25-29岁'), (6, 4, '30-39岁'), (6, 5, '40-49岁'),
        (6, 6, '50岁以上')
    ) AS labels(place, id, name) ON labels.place = counted.place AND labels.id = counted.id
)
SELECT
    CASE WHEN $days > 1 THEN to_char($to - ($days - 1), '%Y%m%d') || '-' ELSE '' END
        || to_char($to, '%Y%m%d') AS ref_date,
    named_struct(
        'province', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', new_users) ORDER BY new_rank)
                FILTER (WHERE place = 1 AND new_users > 0),
            []
        ),
        'city', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', new_users) ORDER BY new_rank)
                FILTER (WHERE place = 2 AND new_users > 0),
            []
        ),
        'genders', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', new_users) ORDER BY id)
                FILTER (WHERE place = 3 AND new_users > 0),
            []
        ),
        'platforms', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', new_users) ORDER BY id)
                FILTER (WHERE place = 4 AND new_users > 0),
            []
        ),
        'devices', coalesce(
            array_agg(named_struct('name', name, 'value', new_users) ORDER BY new_rank)
                FILTER (WHERE place = 5 AND new_users > 0 AND ($limit <= 0 OR new_rank <= $limit)),
            []
        ),
        'ages', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', new_users) ORDER BY id)
                FILTER (WHERE place = 6 AND new_users > 0),
            []
        )
    ) AS visit_uv_new,
    named_struct(
        'province', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', visitors) ORDER BY visitor_rank)
                FILTER (WHERE place = 1 AND visitors > 0),
            []
        ),
        'city', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', visitors) ORDER BY visitor_rank)
                FILTER (WHERE place = 2 AND visitors > 0),
            []
        ),
        'genders', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', visitors) ORDER BY id)
                FILTER (WHERE place = 3 AND visitors > 0),
            []
        ),
        'platforms', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', visitors) ORDER BY id)
                FILTER (WHERE place = 4 AND visitors > 0),
            []
        ),
        'devices', coalesce(
            array_agg(named_struct('name', name, 'value', visitors) ORDER BY visitor_rank)
                FILTER (WHERE place = 5 AND visitors > 0 AND ($limit <= 0 OR visitor_rank <= $limit)),
            []
        ),
        'ages', coalesce(
            array_agg(named_struct('id', id, 'name', name, 'value', visitors) ORDER BY id)
                FILTER (WHERE place = 6 AND visitors > 0),
            []
        )
    ) AS visit_uv
FROM named
