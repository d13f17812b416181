//! Through which scene does an open begin, and on which page?

use super::event::Query;
use super::pages::Page;
use super::people::{Memory, Planned};
use super::random::Random;
use super::scenes::{self, Entry, Scene};
use super::shares::Shares;
use super::shop;

/// The first page of an open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Landing {
    pub(super) scene: u16,
    pub(super) page: Page,
    /// The product on a detail page; 0 on others.
    pub(super) product: u16,
    pub(super) query: Query,
}

/// Chooses the scene and the page to which it leads; `is_hot` says that the program is still in memory.
pub(super) fn land(
    planned: &Planned,
    (day, start): (u32, i64),
    is_hot: bool,
    memory: &Memory,
    shares: &Shares,
    random: &mut Random,
) -> Landing {
    let scene = scenes::pick(planned.is_first, random);
    let Entry::Shared(channel) = scene.entry else {
        return through(scene, day, is_hot, memory, random);
    };
    match shares.pick(channel, planned.user, start, random) {
        Some(shared) => Landing {
            scene: scene.value,
            page: shared.page,
            product: shared.product,
            query: Query::Shared(shared.product, shared.open),
        },
        None => through(scenes::instead(planned.is_first), day, is_hot, memory, random),
    }
}

fn through(scene: Scene, day: u32, is_hot: bool, memory: &Memory, random: &mut Random) -> Landing {
    // Campaigns change every ten days; articles and messages have links of their own.
    let is_article = matches!(scene.value, 1012 | 1058 | 1073 | 1074);
    let campaign = (day / 10 % 3) as u8 * 2 + u8::from(is_article);
    let plain = |page| (page, 0, Query::None);
    let (page, product, query) = match scene.entry {
        Entry::Home | Entry::Shared(_) => plain(Page::Home),
        Entry::Kept => match memory.page {
            _ if !is_hot && memory.cart > 0 && random.chance(300) => plain(Page::Cart),
            _ if !is_hot => plain(Page::Home),
            Page::Checkout | Page::PayResult => plain(Page::Home),
            Page::Detail => {
                let product = shop::product(random);
                (Page::Detail, product, Query::Product(product))
            }
            page => plain(page),
        },
        Entry::Store => (Page::Store, 0, Query::Store(1 + random.below(6) as u8)),
        Entry::Search => plain(Page::Search),
        Entry::Detail => {
            let product = shop::product(random);
            (Page::Detail, product, Query::ProductOfCampaign(product, campaign))
        }
        Entry::Activity => (Page::Activity, 0, Query::Campaign(campaign)),
        Entry::Orders => plain(Page::Orders),
        Entry::My => plain(Page::My),
    };
    Landing { scene: scene.value, page, product, query }
}
