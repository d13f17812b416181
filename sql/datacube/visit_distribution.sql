-- title: Data API: distributions | 数据接口：访问分布
-- question: From where did each day's opens and users come, how long were the opens, and how many pages deep?
--   | 每天的打开和用户来自哪里，每次打开停留多久，访问多少页面？
-- param from date = first_day : first day
-- param to date = last_day : last day
-- column ref_date = day | 日期 : the day as yyyymmdd | 日期，yyyymmdd
-- column list = distributions | 数据列表 : four items, each with its `index` and an `item_list` of `key` and `value`, keys
--   descending, only keys with data: `access_source_session_cnt` (访问来源分布) opens by source; `access_staytime_info`
--   (访问时长分布) opens by stay; `access_depth_info` (访问深度分布) opens by distinct pages; `access_source_visit_uv`
--   (访问来源人数) distinct users with a page view on the day, by the source of the open it belongs to
--   | 四项，各有 `index` 和由 `key` 与 `value` 组成的 `item_list`，key 从大到小，只有有数据的 key；`access_source_session_cnt`
--   访问来源分布，按来源的打开次数；`access_staytime_info` 访问时长分布，按停留时长的打开次数；`access_depth_info`
--   访问深度分布，按去重页面数的打开次数；`access_source_visit_uv` 访问来源人数，当日有页面访问的去重用户数，按所属打开的来源
-- check: count(*) = count(DISTINCT ref_date)
-- json: object
-- The answer of the official endpoint getVisitDistribution, datacube/getweanalysisappidvisitdistribution: one object a day, in order,
-- for any range. The documentation names the first three indexes; real answers hold the fourth.
-- Opens are those with a page view that start on the day, so that each of the first three adds up to the day's `session_cnt`.
-- A user may come from several sources. Days are those of the store's zone; a day without events has four empty lists.
-- Source: the scene of the open by the table `source_keys`; 10 (其他) for a scene that is not in it, and without a scene.
-- Stay in whole seconds, the open's milliseconds rounded down once: 1 is 0-2 s, 2 3-5, 3 6-10, 4 11-20, 5 21-30, 6 31-50,
-- 7 51-100, 8 more. Depth: 1 to 5 are as many pages, 6 is 6-10, 7 more; an open none of whose views names a page has depth 1.
WITH
days AS (
    SELECT unnest(generate_series($from, $to, INTERVAL '1 day')) AS day
),
indexes AS (
    SELECT place, name
    FROM (VALUES
        (1, 'access_source_session_cnt'),
        (2, 'access_staytime_info'),
        (3, 'access_depth_info'),
        (4, 'access_source_visit_uv')
    ) AS indexes(place, name)
),
-- Should a table of one's own name a scene twice, its lowest key counts.
scene_keys AS (
    SELECT scene, min(key) AS key FROM source_keys WHERE scene IS NOT NULL GROUP BY scene
),
opened AS (
    SELECT
        session_dt AS day,
        scene,
        CASE
            WHEN stay_ms < 3000 THEN 1
            WHEN stay_ms < 6000 THEN 2
            WHEN stay_ms < 11000 THEN 3
            WHEN stay_ms < 21000 THEN 4
            WHEN stay_ms < 31000 THEN 5
            WHEN stay_ms < 51000 THEN 6
            WHEN stay_ms < 101000 THEN 7
            ELSE 8
        END AS stay_key,
        CASE WHEN depth > 10 THEN 7 WHEN depth > 5 THEN 6 WHEN depth < 1 THEN 1 ELSE depth END AS depth_key,
        count(*) AS opens
    FROM sessions
    WHERE views > 0 AND session_dt >= $from AND session_dt <= $to
    GROUP BY 1, 2, 3, 4
),
visited AS (
    SELECT visits.dt AS day, coalesce(scene_keys.key, 10) AS key, count(DISTINCT user_id) AS visitors
    FROM visits
    LEFT JOIN scene_keys ON scene_keys.scene = visits.scene
    WHERE visits.dt >= $from AND visits.dt <= $to
    GROUP BY 1, 2
),
counted AS (
    SELECT
        opened.day AS day,
        places.place AS place,
        CASE places.place WHEN 1 THEN coalesce(scene_keys.key, 10) WHEN 2 THEN stay_key ELSE depth_key END AS key,
        sum(opens) AS value
    FROM opened
    CROSS JOIN (VALUES (1), (2), (3)) AS places(place)
    LEFT JOIN scene_keys ON scene_keys.scene = opened.scene
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT day, 4, key, visitors FROM visited
),
lists AS (
    SELECT
        days.day AS day,
        indexes.place AS place,
        indexes.name AS name,
        coalesce(
            array_agg(named_struct('key', counted.key, 'value', counted.value) ORDER BY counted.key DESC)
                FILTER (WHERE counted.key IS NOT NULL),
            []
        ) AS item_list
    FROM days
    CROSS JOIN indexes
    LEFT JOIN counted ON counted.day = days.day AND counted.place = indexes.place
    GROUP BY days.day, indexes.place, indexes.name
)
SELECT
    to_char(day, '%Y%m%d') AS ref_date,
    array_agg(named_struct('index', name, 'item_list', item_list) ORDER BY place) AS list
FROM lists
GROUP BY day
ORDER BY day
