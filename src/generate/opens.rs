//! What happens in an open: a walk over pages, from launch to hide, with what people do on each.
//!
//! ```text
//! app_launch ─ app_show ─ page_view ─ product_view ─ add_to_cart ─ page_view ─ app_hide … app_show ─ … ─ app_hide
//! └ only a cold start ┘                                            └ in the background, shortly or for long ┘
//! ```

use super::entry::{Landing, land};
use super::event::{Channel, Event, Kind, Props, Query};
use super::pages::Page;
use super::people::{Memory, Planned, Traits};
use super::random::{Purpose, Random, open_key, user_number};
use super::scenes::{FROM_SINGLE_PAGE, RECENT, SINGLE_PAGE};
use super::shares::{Shared, Shares};
use super::shop;
use super::span::Span;
use super::upload::Upload;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
/// Time in the background after which the program is gone from memory.
const IN_MEMORY: i64 = 30 * MINUTE as i64;
/// Views of a walk at most.
const MAX_VIEWS: u32 = 60;

/// Runs one open, and those into which it falls when it comes back from the background.
pub(super) fn run(
    planned: &Planned,
    (seed, day, span): (u64, u32, &Span),
    memory: &mut Memory,
    shares: &mut Shares,
    upload: &mut Upload,
) {
    let mut random = Random::of(seed, Purpose::Open, planned.user, (day << 4) | planned.number);
    let traits = Traits::of(seed, planned.user);
    let free = span.start() + i64::from(memory.free) * 1000;
    let start = match planned.start > free {
        true => planned.start,
        // Still there from the open before.
        false => free + random.between(2 * SECOND, MINUTE) as i64,
    };
    let is_hot = memory.opens > 0 && start - free < IN_MEMORY && random.chance(850);
    let landing = land(planned, (day, start), is_hot, memory, shares, &mut random);
    let newest = if planned.is_first { (day / 12) as u16 } else { traits.version(day) };
    memory.version = memory.version.max(newest);
    // A wrong clock must not lead out of the span.
    let stays_inside = (span.start()..span.end()).contains(&(start + traits.skew));
    let network = random.pick(if traits.is_mobile { [25, 55, 18, 2] } else { [80, 12, 7, 1] }.into_iter());
    upload.begin(start, &mut random);
    let mut walk = Walk {
        seed,
        user: planned.user,
        start: span.start(),
        end: span.end(),
        skew: if stays_inside { traits.skew } else { 0 },
        now: start,
        returns: 0,
        blank: Event {
            received: 0,
            user: user_number(seed, planned.user),
            seq: 0,
            ts: 0,
            open: 0,
            duration: None,
            scene: landing.scene,
            version: memory.version,
            device: traits.device,
            network: network as u8,
            kind: Kind::Show,
            page: None,
            referrer: None,
            channel: None,
            query: Query::None,
            props: Props::None,
        },
        random,
        memory,
        shares,
        upload,
    };
    walk.run(landing, is_hot);
    walk.rest();
}

struct Walk<'a> {
    seed: u64,
    user: u32,
    start: i64,
    end: i64,
    skew: i64,
    /// True time.
    now: i64,
    /// How often it came back from the background.
    returns: u32,
    /// What the rows of the open have in common.
    blank: Event,
    random: Random,
    memory: &'a mut Memory,
    shares: &'a mut Shares,
    upload: &'a mut Upload,
}

/// A page that is open.
#[derive(Clone, Copy)]
struct Here {
    page: Page,
    product: u16,
    query: Query,
    referrer: Option<Page>,
    /// What was searched for.
    keyword: u8,
}

/// How the stay on a page ended.
enum Left {
    /// To wherever the page leads.
    Anywhere,
    To(Page),
    /// Gone without coming back from the background.
    Gone,
}

impl Walk<'_> {
    fn run(&mut self, landing: Landing, is_hot: bool) {
        self.open(landing.scene, !is_hot);
        if self.random.chance(15) {
            // Gone before a page was there.
            self.pass(300, 3 * SECOND);
            return self.hide();
        }
        self.pass(120, 900);
        let Landing { page, product, query, .. } = landing;
        let mut here = Here { page, product, query, referrer: None, keyword: 0 };
        for view in 0..MAX_VIEWS {
            let since = self.now;
            self.view(&here);
            let left = self.stay(&mut here);
            if matches!(left, Left::Gone) {
                return;
            }
            if self.blank.scene == SINGLE_PAGE {
                self.hide();
                if !self.random.chance(300) {
                    return;
                }
                self.pass(800, 3 * SECOND);
                self.open(FROM_SINGLE_PAGE, true);
                self.pass(120, 900);
                continue;
            }
            let next = match left {
                Left::To(page) => Some(page),
                Left::Anywhere if view == 0 && self.random.chance(150) => None,
                _ => here.page.next(&mut self.random),
            };
            if self.blank.has_session_key() && self.random.chance(300) {
                let duration = (self.now - since).clamp(0, i64::from(u32::MAX)) as u32;
                let page = Some(here.page);
                self.send(Event { duration: Some(duration), page, ..self.of(Kind::Leave) });
            }
            self.memory.page = here.page;
            match next {
                Some(page) => here = self.go(here, page),
                None => break,
            }
            self.pass(150, 700);
        }
        // A killed program says nothing.
        if self.random.chance(960) {
            self.pass(20, 200);
            self.hide();
        }
    }

    /// The end: what is left to send is sent, and the user is free for the next open.
    fn rest(&mut self) {
        self.upload.flush(self.now, &mut self.random);
        self.memory.free = ((self.now - self.start) / 1000 + 1).clamp(0, i64::from(u32::MAX)) as u32;
    }

    /// A new open. A cold start launches the program first.
    fn open(&mut self, scene: u16, is_cold: bool) {
        self.memory.opens += 1;
        self.blank.open = open_key(self.seed, self.user, self.memory.opens);
        self.blank.scene = scene;
        if is_cold {
            self.send(self.of(Kind::Launch));
            self.pass(1, 40);
        }
        self.send(self.of(Kind::Show));
    }

    fn hide(&mut self) {
        self.send(self.of(Kind::Hide));
        self.upload.flush(self.now, &mut self.random);
    }

    fn view(&mut self, here: &Here) {
        let Here { page, query, referrer, .. } = *here;
        self.send(Event { page: Some(page), query, referrer, ..self.of(Kind::View) });
    }

    /// The time on a page and what is done there.
    fn stay(&mut self, here: &mut Here) -> Left {
        let stay = here.page.stay(&mut self.random);
        if here.page == Page::Detail {
            self.pass(30, 250);
            let product = here.product;
            self.act(here, Kind::ProductView, Props::Product { product });
        }
        if self.returns < 2 && self.random.chance(110) {
            self.now += (stay / 4) as i64;
            if !self.background(here) {
                return Left::Gone;
            }
        }
        self.now += (stay / 2) as i64;
        let mut left = Left::Anywhere;
        match here.page {
            Page::Detail if self.random.chance(150) => self.add_to_cart(here),
            Page::Search => {
                here.keyword = self.random.below(shop::KEYWORDS.len() as u64) as u8;
                let results = self.random.along(&[0, 3, 8, 15, 30, 60, 140]) as u16;
                self.act(here, Kind::Search, Props::Search { keyword: here.keyword, results });
            }
            Page::Checkout if self.memory.cart > 0 && self.random.chance(700) && self.order(here) => {
                left = Left::To(Page::PayResult);
            }
            _ => {}
        }
        let shares = match here.page {
            Page::Detail | Page::Activity => 75,
            Page::Coupons | Page::PayResult => 45,
            Page::Home => 12,
            _ => 0,
        };
        if self.random.chance(shares) {
            self.share(here);
        }
        self.now += (stay / 2) as i64;
        left
    }

    fn add_to_cart(&mut self, here: &Here) {
        let quantity = self.quantity();
        self.memory.cart = here.product;
        self.act(here, Kind::AddToCart, Props::Cart { product: here.product, quantity });
    }

    /// An order, and mostly its payment; true if it was paid.
    fn order(&mut self, here: &Here) -> bool {
        let (product, quantity, coupon) = (self.memory.cart, self.quantity(), self.random.chance(350));
        let props = Props::Order { product, quantity, coupon, at: self.now / 1000 * 1000 };
        self.act(here, Kind::OrderSubmit, props);
        self.pass(2500, 25 * SECOND);
        let is_paid = self.random.chance(870);
        if is_paid {
            self.memory.cart = 0;
            self.act(here, Kind::PaySuccess, props);
            self.pass(300, 1500);
        }
        is_paid
    }

    /// Counted when the user asks for it; the sheet may cover the program for a moment.
    fn share(&mut self, here: &Here) {
        let channel =
            [Channel::Friend, Channel::Group, Channel::Timeline][self.random.pick([55, 33, 12].into_iter())];
        let (page, product) = (here.page, here.product);
        let query = if product > 0 { Query::Product(product) } else { Query::None };
        self.send(Event { page: Some(page), query, channel: Some(channel), ..self.of(Kind::Share) });
        let shared = Shared { at: self.now, user: self.user, open: self.blank.open, page, product };
        if !self.is_over() {
            self.shares.add(channel, shared);
        }
        if self.random.chance(400) {
            self.pass(800, 4 * SECOND);
            self.hide();
            self.pass(2 * SECOND, 15 * SECOND);
            self.send(self.of(Kind::Show));
        }
    }

    /// Away and back: shortly, through the list of recent programs, or after more than half an hour. False if for good.
    fn background(&mut self, here: &mut Here) -> bool {
        self.returns += 1;
        self.hide();
        let is_same = match self.random.pick([75, 15, 10].into_iter()) {
            0 => {
                self.pass(3 * SECOND, 4 * MINUTE);
                true
            }
            1 => {
                self.pass(20 * SECOND, 25 * MINUTE);
                self.blank.scene == RECENT
            }
            _ if self.random.chance(500) => return false,
            _ => {
                self.pass(31 * MINUTE, 180 * MINUTE);
                false
            }
        };
        if is_same {
            self.send(self.of(Kind::Show));
        } else {
            self.open(RECENT, false);
            self.pass(10, 100);
            here.referrer = None;
            self.view(here);
        }
        true
    }

    /// What the next page shows.
    fn go(&mut self, from: Here, to: Page) -> Here {
        let page = match to {
            // Buying at once puts it into the cart.
            Page::Checkout if self.memory.cart == 0 && from.page == Page::Detail => {
                self.add_to_cart(&from);
                to
            }
            Page::Checkout if self.memory.cart == 0 => Page::Home,
            _ => to,
        };
        let product = match page {
            Page::Detail if from.page == Page::Cart && self.memory.cart > 0 => self.memory.cart,
            Page::Detail => shop::product(&mut self.random),
            _ => 0,
        };
        let query = match (page, from.page) {
            (Page::Detail, _) => Query::Product(product),
            (Page::List, Page::Search) => Query::Keyword(from.keyword),
            (Page::List, Page::Detail) => Query::Category(shop::category_number(from.product)),
            (Page::List, _) => Query::Category(self.random.below(8) as u8),
            _ => Query::None,
        };
        Here { page, product, query, referrer: Some(from.page), keyword: from.keyword }
    }

    fn quantity(&mut self) -> u8 {
        1 + self.random.pick([80, 14, 6].into_iter()) as u8
    }

    fn act(&mut self, here: &Here, kind: Kind, props: Props) {
        self.send(Event { page: Some(here.page), props, ..self.of(kind) });
    }

    fn of(&self, kind: Kind) -> Event {
        Event { kind, ..self.blank }
    }

    /// Records the event now. The log ends with the span.
    fn send(&mut self, event: Event) {
        if !self.is_over() {
            let (ts, seq) = (self.now + self.skew, self.memory.events);
            self.memory.events += 1;
            self.upload.add(Event { ts, seq, ..event }, self.now, &mut self.random);
        }
    }

    fn is_over(&self) -> bool {
        self.now.max(self.now + self.skew) >= self.end
    }

    fn pass(&mut self, low: u64, high: u64) {
        self.now += self.random.between(low, high) as i64;
    }
}
