//! What is known of the users beside what they do: an attribute table such as a shop keeps, with gaps.

use super::random::{Purpose, Random, user_number};

/// A row of the users file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    pub(super) user: u64,
    pub(super) gender: Option<&'static str>,
    pub(super) birth_year: Option<i32>,
    pub(super) province: Option<&'static str>,
    pub(super) city: Option<&'static str>,
    pub(super) member_level: Option<&'static str>,
}

/// Quantiles of the age.
const AGES: [u64; 9] = [14, 19, 23, 26, 29, 33, 38, 47, 70];

const LEVELS: [(&str, u32); 3] = [("basic", 70), ("silver", 22), ("gold", 8)];

/// Provinces with their weights and cities; the first city is the likeliest.
const PLACES: [(&str, u32, [&str; 3]); 16] = [
    ("广东省", 160, ["广州", "深圳", "东莞"]),
    ("江苏省", 95, ["南京", "苏州", "无锡"]),
    ("浙江省", 90, ["杭州", "宁波", "温州"]),
    ("山东省", 80, ["青岛", "济南", "烟台"]),
    ("河南省", 75, ["郑州", "洛阳", "南阳"]),
    ("四川省", 70, ["成都", "绵阳", "宜宾"]),
    ("上海", 65, ["上海", "上海", "上海"]),
    ("北京", 65, ["北京", "北京", "北京"]),
    ("湖北省", 55, ["武汉", "襄阳", "宜昌"]),
    ("湖南省", 50, ["长沙", "株洲", "衡阳"]),
    ("福建省", 45, ["福州", "厦门", "泉州"]),
    ("河北省", 45, ["石家庄", "保定", "唐山"]),
    ("陕西省", 35, ["西安", "咸阳", "宝鸡"]),
    ("重庆", 35, ["重庆", "重庆", "重庆"]),
    ("辽宁省", 30, ["沈阳", "大连", "鞍山"]),
    ("云南省", 20, ["昆明", "大理", "曲靖"]),
];

/// What is known of a user in the year in which the span starts; seven in ten are known at all.
pub(super) fn profile(seed: u64, user: u32, year: i32) -> Option<Profile> {
    let mut random = Random::of(seed, Purpose::Profile, user, 0);
    if !random.chance(700) {
        return None;
    }
    let gender = if random.chance(580) { "女" } else { "男" };
    let birth_year = year - random.along(&AGES) as i32;
    let (province, _, cities) = PLACES[random.pick(PLACES.iter().map(|(_, weight, _)| *weight))];
    let city = cities[random.pick([55, 30, 15].into_iter())];
    let level = LEVELS[random.pick(LEVELS.iter().map(|(_, weight)| *weight))].0;
    // Who gives no province gives no city.
    let has_province = random.chance(850);
    Some(Profile {
        user: user_number(seed, user),
        gender: random.chance(860).then_some(gender),
        birth_year: random.chance(800).then_some(birth_year),
        province: has_province.then_some(province),
        city: (has_province && random.chance(940)).then_some(city),
        member_level: random.chance(600).then_some(level),
    })
}
