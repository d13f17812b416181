//! Generate: what would the log of a busy mini program look like? Made-up traffic of a shop, the same for the same options
//! on every machine, to try things on and to measure with.
//!
//! ```text
//! people ─▶ planned opens of a day ─▶ opens ─▶ upload ─▶ arrivals ─▶ EventSink
//! who comes back, and when         pages, acts  batches   in order of receipt
//! ```
//!
//! What is in it, as in real traffic:
//! - New users on every day, more in the first days, when the shop opens with a campaign. They come back with a
//!   probability that falls with their age; weekends and evenings are busier, in local time.
//! - Scenes as often as new and returning users come through them, each leading to its entry page: home, search, store,
//!   the landing page of a campaign (`utm_source=…&utm_campaign=…`), a product, the orders, or what a friend has shared.
//!   An open by scene 1007, 1008 or 1154 follows a `share` of another user, whose key is in its query. 1129 is a crawler.
//! - `app_launch` and `app_show` at a cold start, `app_show` alone at a hot one; `app_hide`, except where the program was
//!   killed. Opens go to the background: shortly, through the list of recent programs, or for more than half an hour.
//!   A few opens end before a page is there.
//! - A walk over 13 pages of a shop. From the second release on, clients send `session_key`, and `page_leave` with
//!   `duration_ms` for some pages. A release comes out every 12 days and reaches users within five.
//! - The shop's own events with properties: `search`, `product_view`, `add_to_cart`, `order_submit`, `pay_success`.
//! - Phones: `platform` in every row, `model` and `app_version` where something opens, `os`, `brand` and `network` at
//!   launches and shows.
//! - Uploads in small batches. One batch in eighty arrives twice, the same `event_id` with a later `received_at`; one open
//!   in fifty arrives minutes to days late; eight clocks in a thousand are wrong by minutes or hours.
//!
//! Rows come in the order of `received_at`. Everything happens within the span; what is late is received after it.

mod arrivals;
mod columns;
mod csv;
mod devices;
mod entry;
mod event;
mod form;
mod jsonl;
mod opens;
mod output;
mod pages;
mod people;
mod profiles;
mod random;
mod scenes;
mod shares;
mod shop;
mod span;
mod spelling;
mod upload;
mod users_file;

use chrono::NaiveDate;
use chrono_tz::Tz;
use datafusion::common::{Result, plan_err};

use arrivals::Arrivals;
use people::{Memory, People, Planned};
use shares::Shares;
use span::Span;
use upload::Upload;

pub use event::Event;
pub use form::{Form, Format};
pub use users_file::write_users;

/// Most users: an open's key has room for so many.
const MAX_USERS: u32 = 1 << 30;

/// What traffic is wanted.
#[derive(Clone, Copy, Debug)]
pub struct GenerateOptions {
    /// Users who come in all; every one does.
    pub users: u32,
    /// Days of the span.
    pub days: u32,
    /// Other seeds give other traffic.
    pub seed: u64,
    /// The first local day.
    pub from: NaiveDate,
    /// The zone in which days and hours are meant.
    pub time_zone: Tz,
}

impl GenerateOptions {
    /// So many users and days of seed 1, from 1 March 2026 in Shanghai.
    pub fn new(users: u32, days: u32) -> Self {
        let from = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap_or_default();
        Self { users, days, seed: 1, from, time_zone: Tz::Asia__Shanghai }
    }
}

/// Takes events in the order in which the server gets them.
pub trait EventSink {
    fn write(&mut self, events: &[Event]) -> Result<()>;

    /// After the last event.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What was generated so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Generated {
    /// Rows, retries among them.
    pub rows: u64,
    /// Rows whose event was sent before.
    pub retries: u64,
}

/// All of the traffic into a sink.
pub fn generate(options: &GenerateOptions, sink: &mut dyn EventSink) -> Result<Generated> {
    let mut traffic = Traffic::new(options)?;
    while traffic.step(sink)? {}
    sink.finish()?;
    Ok(traffic.generated())
}

/// Traffic in small steps, for who has something else to do in between.
#[derive(Debug)]
pub struct Traffic {
    seed: u64,
    span: Span,
    people: People,
    memories: Vec<Memory>,
    shares: Shares,
    upload: Upload,
    /// Days whose opens are planned.
    days: u32,
    /// Those of the last planned day, and how many of them have been run.
    planned: Vec<Planned>,
    run: usize,
    rows: u64,
}

impl Traffic {
    pub fn new(options: &GenerateOptions) -> Result<Self> {
        if options.users == 0 || options.users > MAX_USERS {
            return plan_err!("users: found {}, accepted are 1 to {MAX_USERS}", options.users);
        }
        let span = Span::new(options.from, options.days, options.time_zone)?;
        Ok(Self {
            seed: options.seed,
            people: People::new(options.users, options.seed, &span),
            memories: vec![Memory::NEW; options.users as usize],
            shares: Shares::default(),
            upload: Upload::new(Arrivals::new(span.start())),
            days: 0,
            planned: vec![],
            run: 0,
            rows: 0,
            span,
        })
    }

    /// Goes on until some events have been passed on; false at the end.
    pub fn step(&mut self, sink: &mut dyn EventSink) -> Result<bool> {
        loop {
            let Some(next) = self.planned.get(self.run) else {
                if self.days == self.span.days() {
                    return self.passed(None, sink);
                }
                self.people.plan(self.days, &self.span, &mut self.planned);
                self.days += 1;
                self.run = 0;
                continue;
            };
            let next = *next;
            // Opens are run in the order of time, and nothing is received before it happens.
            if self.passed(Some(next.start), sink)? {
                return Ok(true);
            }
            let memory = &mut self.memories[next.user as usize];
            let when = (self.seed, self.days - 1, &self.span);
            opens::run(&next, when, memory, &mut self.shares, &mut self.upload);
            self.run += 1;
        }
    }

    pub fn generated(&self) -> Generated {
        Generated { rows: self.rows, retries: self.upload.retries }
    }

    /// Whether a slot of arrivals was passed on: one that ends by `time`, or any.
    fn passed(&mut self, time: Option<i64>, sink: &mut dyn EventSink) -> Result<bool> {
        let arrivals = &mut self.upload.arrivals;
        let until = time.unwrap_or_else(|| arrivals.end());
        let Some(events) = arrivals.take_until(until) else { return Ok(false) };
        self.rows += events.len() as u64;
        sink.write(&events)?;
        self.upload.arrivals.give_back(events);
        Ok(true)
    }
}
