//! What happened in a session: its visits (page rows), how deep it went, how long the user stayed.
//!
//! ```text
//! A ──10 s──▶ B ──20 s──▶ hide ░░░ show ──5 s──▶ C ──▶ last row        stay: A 10 s, B 25 s, C until the last row
//! ```
//!
//! A visit's clock runs from its page row to the next page row, to the next hide, or to the session's last row, and runs
//! on when a show follows without a new page. Nothing of a session is known before its last row, so the tracker keeps one
//! record a session and one a visit, and rows only as positions: the caller lays the records over its rows when it hands
//! them on. O(1) a row for sessions of any length. No Arrow, no DataFusion.

use std::collections::VecDeque;
use std::ops::Range;

use hashbrown::HashSet;

use super::unit::Unit;

/// Rows are counted from 0 over the whole input.
#[derive(Debug)]
pub(crate) struct VisitTracker {
    unit: Unit,
    /// In the order of their rows; the last one may still be open.
    sessions: VecDeque<Session>,
    /// `None` where nobody asks for single visits.
    visits: Option<VecDeque<Visit>>,
    /// How many visits were forgotten: the number of the first one in `visits`.
    visits_before: u64,
    is_open: bool,
    clock: Option<Clock>,
    pages: DistinctPages,
    /// Of the user's last session.
    number: u64,
    id: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// From the first to behind the last row. Rows without a time in between belong to no session.
    pub(crate) rows: Range<u64>,
    /// 1 for the user's first session.
    pub(crate) number: u64,
    /// Start in microseconds, one more than the id before where that is not greater: stable when rows arrive late.
    pub(crate) id: i64,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) day: Option<i32>,
    pub(crate) scene: Option<i32>,
    /// Rows with a time, whatever they are.
    pub(crate) events: i64,
    pub(crate) views: i32,
    pub(crate) depth: i32,
    pub(crate) stay_ms: i64,
    /// Rows of the first and the last visit.
    pub(crate) entry: Option<u64>,
    pub(crate) exit: Option<u64>,
    /// Number of the first visit, counted like `visits_before`.
    pub(crate) first_visit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visit {
    pub(crate) row: u64,
    pub(crate) stay_ms: i64,
}

/// The facts of one row with a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VisitRow {
    pub(crate) row: u64,
    pub(crate) ts: i64,
    pub(crate) is_page: bool,
    /// Key of a page row's page, the same one for equal pages of a session; `None` where that is NULL or nobody asks for
    /// the depth.
    pub(crate) page: Option<u128>,
    pub(crate) hide: bool,
    pub(crate) show: bool,
    pub(crate) scene: Option<i32>,
}

/// Of the visit that is on.
#[derive(Debug)]
struct Clock {
    running_since: Option<i64>,
    stay: i64,
}

const DAY_MS: i64 = 86_400_000;

impl VisitTracker {
    pub(crate) fn new(unit: Unit, keeps_visits: bool) -> Self {
        Self {
            unit,
            sessions: VecDeque::new(),
            visits: keeps_visits.then(VecDeque::new),
            visits_before: 0,
            is_open: false,
            clock: None,
            pages: DistinctPages::default(),
            number: 0,
            id: None,
        }
    }

    pub(crate) fn next_user(&mut self) {
        self.close();
        self.number = 0;
        self.id = None;
    }

    /// `row`, at `ts`, is the first one of a session that starts on local day `day`.
    pub(crate) fn start_session(&mut self, row: u64, ts: i64, day: Option<i32>) {
        self.close();
        self.number += 1;
        let micros = self.unit.micros(ts);
        let id = self.id.map_or(micros, |last| micros.max(last.saturating_add(1)));
        self.id = Some(id);
        self.is_open = true;
        self.sessions.push_back(Session {
            rows: row..row,
            number: self.number,
            id,
            start: ts,
            end: ts,
            day,
            scene: None,
            events: 0,
            views: 0,
            depth: 0,
            stay_ms: 0,
            entry: None,
            exit: None,
            first_visit: self.visits_before + self.visits.as_ref().map_or(0, VecDeque::len) as u64,
        });
    }

    /// A row of the open session.
    pub(crate) fn push(&mut self, row: &VisitRow) {
        self.push_rows(row.row, 1, row.ts);
        if let Some(session) = self.sessions.back_mut() {
            session.scene = session.scene.or(row.scene);
        }
        if row.is_page {
            self.start_visit(row.row, row.ts, row.page);
        }
        if let Some(clock) = &mut self.clock {
            if row.hide {
                clock.pause(row.ts);
            } else if row.show {
                clock.running_since.get_or_insert(row.ts);
            }
        }
    }

    /// So many rows of the open session from row `row` on, the last one at `ts`. Those that show a page start a visit each.
    pub(crate) fn push_rows(&mut self, row: u64, rows: usize, ts: i64) {
        if let Some(session) = self.sessions.back_mut() {
            session.rows.end = row + rows as u64;
            session.end = ts;
            session.events += rows as i64;
        }
    }

    /// A row of the open session shows a page.
    pub(crate) fn start_visit(&mut self, row: u64, ts: i64, page: Option<u128>) {
        self.stop_clock(ts);
        let Some(session) = self.sessions.back_mut() else {
            return;
        };
        session.views = session.views.saturating_add(1);
        session.entry = session.entry.or(Some(row));
        session.exit = Some(row);
        if let Some(visits) = &mut self.visits {
            visits.push_back(Visit { row, stay_ms: 0 });
        }
        self.clock = Some(Clock { running_since: Some(ts), stay: 0 });
        if page.is_some_and(|page| self.pages.insert(page)) {
            session.depth = session.depth.saturating_add(1);
        }
    }

    /// Rows of the open session from row `row` on, at the times `ts`, of which each shows a page and none hides the app:
    /// a visit lasts until the next one. `pages` are the keys of their pages where somebody asks for the depth.
    pub(crate) fn push_pages(&mut self, row: u64, ts: &[i64], pages: Option<&[u128]>) {
        let (Some(first), Some(last)) = (ts.first(), ts.last()) else {
            return;
        };
        self.stop_clock(*first);
        let Some(session) = self.sessions.back_mut() else {
            return;
        };
        session.rows.end = row + ts.len() as u64;
        session.end = *last;
        session.events += ts.len() as i64;
        session.views = session.views.saturating_add(ts.len() as i32);
        session.entry = session.entry.or(Some(row));
        session.exit = Some(session.rows.end - 1);
        let unit = self.unit;
        let stays = ts.windows(2).map(|pair| stay_ms(unit, pair[1].saturating_sub(pair[0])));
        match &mut self.visits {
            None => session.stay_ms = stays.fold(session.stay_ms, i64::saturating_add),
            Some(visits) => {
                for (row, stay_ms) in (row..).zip(stays.chain([0])) {
                    session.stay_ms = session.stay_ms.saturating_add(stay_ms);
                    visits.push_back(Visit { row, stay_ms });
                }
            }
        }
        self.clock = Some(Clock { running_since: Some(*last), stay: 0 });
        for page in pages.unwrap_or_default() {
            if self.pages.insert(*page) {
                session.depth = session.depth.saturating_add(1);
            }
        }
    }

    /// No row follows, or none of this session.
    pub(crate) fn close(&mut self) {
        if !self.is_open {
            return;
        }
        self.is_open = false;
        if let Some(end) = self.sessions.back().map(|session| session.end) {
            self.stop_clock(end);
        }
        self.pages.clear();
    }

    /// From the first to the last row of the session: whole milliseconds, or the unit of an integer ts.
    pub(crate) fn duration_ms(&self, session: &Session) -> i64 {
        self.unit.millis(session.end.saturating_sub(session.start))
    }

    /// The first row about which something may still change, where a session is open.
    pub(crate) fn open_from(&self) -> Option<u64> {
        self.sessions.back().filter(|_| self.is_open).map(|session| session.rows.start)
    }

    /// In row order, all that [`Self::forget`] has left.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter()
    }

    /// In row order with their numbers, all that [`Self::forget`] has left.
    pub(crate) fn visits(&self) -> impl Iterator<Item = (u64, &Visit)> {
        (self.visits_before..).zip(self.visits.iter().flatten())
    }

    /// The earliest row whose page somebody may still ask for: the entry page of what is left.
    pub(crate) fn first_page_row(&self) -> Option<u64> {
        self.sessions.iter().find_map(|session| session.entry)
    }

    /// The rows before `row` were handed on.
    pub(crate) fn forget(&mut self, row: u64) {
        if let Some(visits) = &mut self.visits {
            let done = visits.partition_point(|visit| visit.row < row);
            visits.drain(..done);
            self.visits_before += done as u64;
        }
        // The open session is never forgotten: its next row may be the first that is left.
        let closed = self.sessions.len() - usize::from(self.is_open);
        let done = self.sessions.iter().take(closed).take_while(|session| session.rows.end <= row).count();
        self.sessions.drain(..done);
    }

    /// Heap bytes.
    pub(crate) fn size(&self) -> usize {
        self.sessions.capacity() * size_of::<Session>()
            + self.visits.as_ref().map_or(0, VecDeque::capacity) * size_of::<Visit>()
            + self.pages.size()
    }

    fn stop_clock(&mut self, ts: i64) {
        let Some(mut clock) = self.clock.take() else {
            return;
        };
        clock.pause(ts);
        let stay_ms = stay_ms(self.unit, clock.stay);
        if let Some(session) = self.sessions.back_mut() {
            session.stay_ms = session.stay_ms.saturating_add(stay_ms);
        }
        if let Some(visit) = self.visits.as_mut().and_then(VecDeque::back_mut) {
            visit.stay_ms = stay_ms;
        }
    }
}

/// The stay of a visit that took so many ticks. Over a day is a broken clock or a lost hide, not attention. Of a plain
/// number nobody knows what a day is.
fn stay_ms(unit: Unit, ticks: i64) -> i64 {
    let millis = unit.millis(ticks);
    if millis < 0 || (unit.is_instant() && millis > DAY_MS) { 0 } else { millis }
}

impl Clock {
    fn pause(&mut self, ts: i64) {
        if let Some(since) = self.running_since.take() {
            self.stay = self.stay.saturating_add(ts.saturating_sub(since));
        }
    }
}

/// The different pages of one session. Most sessions have a handful, for which a scan beats any table.
#[derive(Debug, Default)]
struct DistinctPages {
    /// As long as there are few.
    few: Vec<u128>,
    many: HashSet<u128>,
}

const FEW: usize = 16;

impl DistinctPages {
    /// Whether the page was not there yet.
    fn insert(&mut self, page: u128) -> bool {
        if !self.many.is_empty() {
            return self.many.insert(page);
        }
        if self.few.contains(&page) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(page);
            return true;
        }
        self.many.extend(self.few.drain(..));
        self.many.insert(page)
    }

    fn clear(&mut self) {
        self.few.clear();
        if !self.many.is_empty() {
            self.many = HashSet::default();
        }
    }

    fn size(&self) -> usize {
        self.few.capacity() * size_of::<u128>() + self.many.allocation_size()
    }
}
