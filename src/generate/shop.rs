//! What the shop sells: 400 products in eight categories, asked for very unequally, and what people search for.

use super::random::{Random, mix};

const PRODUCTS: u64 = 400;
/// Number of the first product.
const FIRST: u16 = 1001;

const CATEGORIES: [&str; 8] = ["女装", "男鞋", "数码", "食品", "美妆", "家居", "母婴", "宠物"];

/// Cents; each product has one of them.
const PRICES: [u64; 16] =
    [990, 1490, 1990, 2590, 2990, 3980, 4900, 5990, 6980, 7990, 9900, 12_900, 15_900, 19_900, 29_900, 59_900];

pub(super) const KEYWORDS: [&str; 16] = [
    "运动鞋",
    "连衣裙",
    "耳机",
    "保温杯",
    "零食",
    "口红",
    "书包",
    "台灯",
    "牛奶",
    "毛巾",
    "蓝牙音箱",
    "防晒霜",
    "猫粮",
    "雨伞",
    "T恤",
    "绿茶",
];

/// Campaigns of the first, second and third ten days of each month, as they stand in a link.
pub(super) const CAMPAIGNS: [&str; 6] = [
    "utm_source=moments&utm_campaign=spring_new",
    "utm_source=article&utm_campaign=spring_new",
    "utm_source=moments&utm_campaign=brand_day",
    "utm_source=article&utm_campaign=brand_day",
    "utm_source=moments&utm_campaign=month_end",
    "utm_source=article&utm_campaign=month_end",
];

/// A product; a tenth of them makes a third of the demand.
pub(super) fn product(random: &mut Random) -> u16 {
    let at = random.below(1024);
    // The square of an even distribution, half and half with its cube.
    let rank = if random.chance(500) { (at * at) << 10 } else { at * at * at };
    FIRST + ((rank * PRODUCTS) >> 30) as u16
}

pub(super) fn category_number(product: u16) -> u8 {
    (mix(u64::from(product)) % CATEGORIES.len() as u64) as u8
}

pub(super) fn category(product: u16) -> &'static str {
    CATEGORIES[usize::from(category_number(product))]
}

/// Price of one in cents.
pub(super) fn price(product: u16) -> u64 {
    PRICES[(mix(u64::from(product) + 77) % PRICES.len() as u64) as usize]
}

/// What an order costs in cents; a coupon takes off a tenth.
pub(super) fn amount(product: u16, quantity: u8, coupon: bool) -> u64 {
    let full = price(product) * u64::from(quantity);
    if coupon { full * 9 / 10 } else { full }
}
