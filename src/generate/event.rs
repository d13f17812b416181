//! An event as the mini program sends it: codes where text repeats, so that a million of them are a few dozen megabytes.

use super::devices::{DEVICES, Device, NETWORKS};
use super::pages::Page;
use super::shop::{self, CAMPAIGNS, KEYWORDS};
use super::spelling;

/// One row of the traffic. A retry is the same event with a later time of receipt.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Time of receipt in milliseconds since 1970.
    pub(super) received: i64,
    /// The number from which the user's id is spelled.
    pub(super) user: u64,
    pub(super) seq: u32,
    /// By the phone's clock.
    pub(super) ts: i64,
    /// The open to which it belongs.
    pub(super) open: u64,
    pub(super) duration: Option<u32>,
    pub(super) scene: u16,
    pub(super) version: u16,
    pub(super) device: u16,
    pub(super) network: u8,
    pub(super) kind: Kind,
    pub(super) page: Option<Page>,
    pub(super) referrer: Option<Page>,
    pub(super) channel: Option<Channel>,
    pub(super) query: Query,
    pub(super) props: Props,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Launch,
    Show,
    Hide,
    View,
    Leave,
    Share,
    ProductView,
    AddToCart,
    OrderSubmit,
    PaySuccess,
    Search,
}

/// To whom something is shared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Channel {
    Friend,
    Group,
    Timeline,
}

/// What stands behind the path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Query {
    None,
    Product(u16),
    /// Opened from a share: which open sent it, and the product if it is one; 0 is none.
    Shared(u16, u64),
    Campaign(u8),
    ProductOfCampaign(u16, u8),
    Category(u8),
    Keyword(u8),
    Store(u8),
}

/// Properties of the shop's own events.
#[derive(Clone, Copy, Debug)]
pub(super) enum Props {
    None,
    Product { product: u16 },
    Cart { product: u16, quantity: u8 },
    Order { product: u16, quantity: u8, coupon: bool, at: i64 },
    Search { keyword: u8, results: u16 },
}

/// Value of a property.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Text(&'static str),
    /// A number that is a name.
    Number(u64),
    Int(u64),
    Cents(u64),
    Bool(bool),
    Instant(i64),
}

impl Event {
    /// An openid: 28 characters.
    pub fn user_id(&self) -> String {
        text(|out| spelling::user_id(out, self.user))
    }

    /// Milliseconds since 1970 by the phone's clock.
    pub fn ts(&self) -> i64 {
        self.ts
    }

    /// Milliseconds since 1970 at which the server got it.
    pub fn received_at(&self) -> i64 {
        self.received
    }

    /// Number of the event among its user's.
    pub fn seq(&self) -> u32 {
        self.seq
    }

    pub fn event_id(&self) -> String {
        text(|out| self.put_event_id(out))
    }

    /// `page_view`, `share`, `add_to_cart`, …
    pub fn event(&self) -> &'static str {
        match self.kind {
            Kind::Launch => "app_launch",
            Kind::Show => "app_show",
            Kind::Hide => "app_hide",
            Kind::View => "page_view",
            Kind::Leave => "page_leave",
            Kind::Share => "share",
            Kind::ProductView => "product_view",
            Kind::AddToCart => "add_to_cart",
            Kind::OrderSubmit => "order_submit",
            Kind::PaySuccess => "pay_success",
            Kind::Search => "search",
        }
    }

    /// Path of the page; none for what the whole mini program does.
    pub fn page(&self) -> Option<&'static str> {
        self.page.map(Page::path)
    }

    /// What stands behind the path; empty if nothing does.
    pub fn query(&self) -> String {
        text(|out| self.query.put(out))
    }

    pub fn scene(&self) -> i32 {
        i32::from(self.scene)
    }

    pub(super) fn put_event_id(&self, out: &mut Vec<u8>) {
        spelling::open_key(out, self.open);
        out.push(b'.');
        spelling::integer(out, i64::from(self.seq));
    }

    /// Clients know the key of an open, and tell when a page is closed, from the second release on.
    pub(super) fn has_session_key(&self) -> bool {
        self.version > 0
    }

    pub(super) fn device(&self) -> &'static Device {
        &DEVICES[usize::from(self.device)]
    }

    /// The model and the version of the program stand where something opens.
    pub(super) fn has_model(&self) -> bool {
        matches!(self.kind, Kind::Launch | Kind::Show | Kind::View)
    }

    /// What the system must be asked for stands on launches and shows.
    pub(super) fn has_system(&self) -> bool {
        matches!(self.kind, Kind::Launch | Kind::Show)
    }

    pub(super) fn network(&self) -> &'static str {
        NETWORKS[usize::from(self.network)]
    }

    pub(super) fn share_channel(&self) -> Option<&'static str> {
        self.channel.map(|channel| match channel {
            Channel::Friend => "friend",
            Channel::Group => "group",
            Channel::Timeline => "timeline",
        })
    }

    pub(super) fn put_version(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"2.");
        spelling::integer(out, i64::from(self.version));
        out.extend_from_slice(b".0");
    }
}

impl Query {
    /// No quotes, commas or line breaks: the text stands as it is in every format.
    pub(super) fn put(self, out: &mut Vec<u8>) {
        let number = |out: &mut Vec<u8>, name: &str, number: i64| {
            out.extend_from_slice(name.as_bytes());
            spelling::integer(out, number);
        };
        match self {
            Self::None => {}
            Self::Product(product) => number(out, "id=", i64::from(product)),
            Self::Shared(product, from) => {
                if product > 0 {
                    number(out, "id=", i64::from(product));
                    out.push(b'&');
                }
                out.extend_from_slice(b"share=");
                spelling::open_key(out, from);
            }
            Self::Campaign(campaign) => {
                out.extend_from_slice(CAMPAIGNS[usize::from(campaign)].as_bytes());
            }
            Self::ProductOfCampaign(product, campaign) => {
                number(out, "id=", i64::from(product));
                out.push(b'&');
                out.extend_from_slice(CAMPAIGNS[usize::from(campaign)].as_bytes());
            }
            Self::Category(category) => number(out, "cat=", i64::from(category)),
            Self::Keyword(keyword) => {
                out.extend_from_slice(b"q=");
                spelling::percent_encoded(out, KEYWORDS[usize::from(keyword)]);
            }
            Self::Store(store) => number(out, "store=", i64::from(store)),
        }
    }
}

impl Props {
    /// Each property in turn.
    pub(super) fn each(self, mut property: impl FnMut(&'static str, Value)) {
        match self {
            Self::None => {}
            Self::Product { product } => of_product(product, &mut property),
            Self::Cart { product, quantity } => {
                of_product(product, &mut property);
                property("quantity", Value::Int(u64::from(quantity)));
            }
            Self::Order { product, quantity, coupon, at } => {
                of_product(product, &mut property);
                property("quantity", Value::Int(u64::from(quantity)));
                property("amount", Value::Cents(shop::amount(product, quantity, coupon)));
                property("currency", Value::Text("CNY"));
                property("coupon", Value::Bool(coupon));
                property("order_time", Value::Instant(at));
            }
            Self::Search { keyword, results } => {
                property("keyword", Value::Text(KEYWORDS[usize::from(keyword)]));
                property("results", Value::Int(u64::from(results)));
            }
        }
    }
}

fn of_product(product: u16, property: &mut impl FnMut(&'static str, Value)) {
    property("product_id", Value::Number(u64::from(product)));
    property("category", Value::Text(shop::category(product)));
    property("price", Value::Cents(shop::price(product)));
}

impl Value {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Number(number) | Self::Int(number) => spelling::integer(out, number as i64),
            Self::Cents(cents) => spelling::cents(out, cents),
            Self::Bool(value) => out.extend_from_slice(if value { "true" } else { "false" }.as_bytes()),
            Self::Instant(instant) => spelling::instant(out, instant),
        }
    }

    /// Whether JSON puts it in quotes.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text(_) | Self::Number(_) | Self::Instant(_))
    }
}

fn text(put: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    put(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}
