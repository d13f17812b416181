//! The pages of a shop, how long people stay on each and where they go from there.

use super::random::Random;

/// A page; the list of paths is in the same order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Page {
    Home,
    Category,
    List,
    Search,
    Detail,
    Activity,
    Cart,
    Checkout,
    PayResult,
    My,
    Orders,
    Coupons,
    Store,
}

impl Page {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Home => "pages/home",
            Self::Category => "pages/category",
            Self::List => "pages/list",
            Self::Search => "pages/search",
            Self::Detail => "pages/detail",
            Self::Activity => "pages/activity",
            Self::Cart => "pages/cart",
            Self::Checkout => "pages/checkout",
            Self::PayResult => "pages/pay-result",
            Self::My => "pages/my",
            Self::Orders => "pages/orders",
            Self::Coupons => "pages/coupons",
            Self::Store => "pages/store",
        }
    }

    /// Milliseconds that somebody stays.
    pub(super) fn stay(self, random: &mut Random) -> u64 {
        let per_cent = match self {
            Self::Detail => 160,
            Self::Activity | Self::Checkout => 130,
            Self::Orders | Self::Coupons | Self::Store => 70,
            Self::PayResult | Self::My => 50,
            _ => 100,
        };
        random.along(&STAYS) * per_cent / 100
    }

    /// The next page; `None` leaves the mini program.
    pub(super) fn next(self, random: &mut Random) -> Option<Self> {
        let moves = self.moves();
        let stays: u32 = moves.iter().map(|(_, weight)| *weight).sum();
        let weights = moves.iter().map(|(_, weight)| *weight).chain([1000 - stays]);
        moves.get(random.pick(weights)).map(|(page, _)| *page)
    }

    /// How many of a thousand go where; the rest leave.
    fn moves(self) -> &'static [(Self, u32)] {
        use Page::*;
        match self {
            Home => &[
                (Detail, 240),
                (Category, 160),
                (List, 120),
                (Search, 110),
                (Activity, 70),
                (My, 70),
                (Cart, 50),
                (Coupons, 30),
            ],
            Category => &[(List, 580), (Detail, 170), (Home, 80), (Search, 40)],
            List => &[(Detail, 620), (List, 70), (Home, 60), (Search, 50)],
            Search => &[(List, 650), (Detail, 120), (Home, 60)],
            Detail => &[
                (List, 180),
                (Detail, 140),
                (Cart, 140),
                (Home, 100),
                (Checkout, 45),
                (Category, 45),
                (Store, 30),
            ],
            Activity => &[(Detail, 390), (List, 130), (Coupons, 110), (Home, 90)],
            Cart => &[(Checkout, 350), (Detail, 160), (Home, 140), (List, 60)],
            Checkout => &[(Cart, 280), (Coupons, 130), (Home, 90)],
            PayResult => &[(Home, 290), (Orders, 270)],
            My => &[(Orders, 330), (Home, 190), (Coupons, 160)],
            Orders => &[(My, 200), (Home, 140), (Detail, 120)],
            Coupons => &[(List, 290), (Home, 220), (Detail, 110), (Cart, 80)],
            Store => &[(Home, 270), (List, 210)],
        }
    }
}

/// Evenly spaced quantiles of a stay in milliseconds: half stay under eight seconds, one in sixteen over two minutes.
const STAYS: [u64; 17] = [
    400, 1_100, 1_800, 2_500, 3_300, 4_200, 5_200, 6_400, 7_800, 9_600, 12_000, 15_500, 21_000, 30_000,
    48_000, 120_000, 600_000,
];
