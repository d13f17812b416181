//! `session_info(ts, gap, page [, {options}]) OVER (PARTITION BY user ORDER BY ts)`: what is each row's place in its
//! session, and what happened in the whole session?
//!
//! ```text
//! page           A ──10 s──▶ B ──20 s──▶ A ──(gap)──▶ C
//! session        1           1           1            2
//! visit_no       1           2           3            1
//! stay_ms        10000       20000       0            0
//! depth          2           2           2            1
//! exit_page      A           A           A            C
//! ```
//!
//! One struct a row. Page rows are visits; other rows lengthen the session and know its figures, but their visit fields are
//! NULL. A row without a time is NULL altogether. Every field but `session` stays the same when earlier sessions of the
//! user are left out of the input.
//! One pass; rows wait until their session is closed, so memory follows the longest open session.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::common::Result;
use datafusion::logical_expr::Documentation;

use super::facts::{Facts, VisitFacts};
use super::info_columns::{InfoField, InfoFields, InfoSource, Unread};
use super::options::SessionSpec;
use super::page_keys::{PageKeys, PageNumbers};
use super::pages::Pages;
use super::sessionizer::Sessionizer;
use super::visits::{VisitRow, VisitTracker};
use super::{SessionFunction, unordered, user_runs};
use crate::error::footfall_internal_err;

const FUNCTION: SessionFunction = SessionFunction::Info;

/// Keeps what is known of the sessions whose rows were not taken yet. Rows are counted from 0 over the whole input.
#[derive(Debug)]
pub(crate) struct InfoRunner {
    spec: Arc<SessionSpec>,
    needed: InfoFields,
    unread: Unread,
    machine: Sessionizer,
    tracker: VisitTracker,
    pages: Pages,
    /// Where the depth is asked for.
    numbers: PageNumbers,
    /// Which rows of each batch have a time, for batches where some have none.
    times: VecDeque<(u64, Option<NullBuffer>)>,
    last_ts: Option<i64>,
    pushed: u64,
    taken: u64,
}

/// The facts of the rows that are pushed.
struct Batch {
    facts: Facts,
    visits: VisitFacts,
    marks: Option<BooleanBuffer>,
    /// Whether all rows show a page.
    shows_pages: bool,
}

const PAGE_FIELDS: [InfoField; 3] = [InfoField::EntryPage, InfoField::ExitPage, InfoField::NextPage];

impl InfoRunner {
    pub(crate) fn new(spec: Arc<SessionSpec>, needed: InfoFields) -> Self {
        Self {
            machine: Sessionizer::new(spec.rule.clone()),
            tracker: VisitTracker::new(spec.rule.unit, needed.any(InfoField::OF_VISITS)),
            unread: Unread::new(spec.time.data_type()),
            spec,
            needed,
            pages: Pages::default(),
            numbers: PageNumbers::default(),
            times: VecDeque::new(),
            last_ts: None,
            pushed: 0,
            taken: 0,
        }
    }

    pub(crate) fn push(&mut self, inputs: &[ArrayRef], user_starts: &[usize]) -> Result<()> {
        let facts = Facts::new(&self.spec, inputs)?;
        let visits = VisitFacts::new(&self.spec, inputs)?;
        let rows = facts.ts.len();
        if self.needed.any(&PAGE_FIELDS) {
            self.pages.push(self.pushed, visits.pages.clone());
        }
        let mut keys = self.needed.contains(InfoField::Depth).then(|| PageKeys::new(visits.pages.clone()));
        self.times.push_back((self.pushed, facts.ts.nulls().cloned()));
        let batch = Batch {
            marks: facts.marks(&visits),
            shows_pages: visits.is_page.count_set_bits() == rows
                // A row that is said to show a page may still have none.
                && (keys.is_none() || visits.pages.null_count() == 0),
            facts,
            visits,
        };
        for (is_new, run) in user_runs(user_starts, rows) {
            if is_new {
                self.machine.next_user();
                self.tracker.next_user();
                self.last_ts = None;
            }
            if !self.push_user(&batch, run, keys.as_mut())? {
                return unordered(FUNCTION, self.spec.time.data_type());
            }
        }
        self.pushed += rows as u64;
        Ok(())
    }

    /// Goes by stretches of rows that belong to one session because of their times alone. False when the order is broken.
    fn push_user(
        &mut self,
        batch: &Batch,
        run: Range<usize>,
        mut keys: Option<&mut PageKeys>,
    ) -> Result<bool> {
        let Batch { facts, visits, marks, .. } = batch;
        let (ts, gap) = (facts.ts.values(), self.spec.rule.gap);
        let mut start = run.start;
        while start < run.end {
            if facts.ts.is_null(start) {
                start += 1;
                continue;
            }
            let first = ts[start];
            if self.last_ts.is_some_and(|last| first < last) {
                return Ok(false);
            }
            let starts = self.machine.starts(self.last_ts, first, || facts.row(start));
            let row = self.pushed + start as u64;
            if starts {
                self.start_session(row, first, keys.as_deref_mut());
            }
            let until = self.machine.stays_until(first);
            let is_marked = |row: usize| marks.as_ref().is_some_and(|marks| marks.value(row));
            let mut end = start + 1;
            while end < run.end
                && !is_marked(end)
                && (ts[end - 1]..until).contains(&ts[end])
                && ts[end].saturating_sub(ts[end - 1]) <= gap
            {
                end += 1;
            }
            let last = ts[end - 1];
            let mut rest = start..end;
            if marks.is_some() {
                let is_page = visits.is_page.value(start);
                let page = match keys.as_deref_mut() {
                    Some(keys) if is_page => keys.key(start, &mut self.numbers)?,
                    _ => None,
                };
                let (hide, show) = visits.hide_show(facts, start);
                let scene = facts.scene(start);
                self.tracker.push(&VisitRow { row, ts: first, is_page, page, hide, show, scene });
                rest.start += 1;
            }
            if !rest.is_empty() {
                self.push_unmarked(batch, rest, keys.as_deref_mut())?;
                self.machine.pass(last);
            }
            self.last_ts = Some(last);
            start = end;
        }
        Ok(true)
    }

    /// Rows of the open session that say nothing but when, and which page.
    fn push_unmarked(
        &mut self,
        batch: &Batch,
        rows: Range<usize>,
        mut keys: Option<&mut PageKeys>,
    ) -> Result<()> {
        let Batch { facts, visits, .. } = batch;
        let ts = &facts.ts.values()[rows.clone()];
        let first = self.pushed + rows.start as u64;
        if batch.shows_pages {
            let keys = keys.map(|keys| keys.keys(rows, &mut self.numbers)).transpose()?;
            self.tracker.push_pages(first, ts, keys);
            return Ok(());
        }
        self.tracker.push_rows(first, ts.len(), ts[ts.len() - 1]);
        for (at, row) in rows.enumerate().filter(|(_, row)| visits.is_page.value(*row)) {
            let page = match keys.as_deref_mut() {
                Some(keys) => keys.key(row, &mut self.numbers)?,
                None => None,
            };
            self.tracker.start_visit(first + at as u64, ts[at], page);
        }
        Ok(())
    }

    fn start_session(&mut self, row: u64, ts: i64, keys: Option<&mut PageKeys>) {
        let day = if self.needed.contains(InfoField::SessionDt) { self.machine.day(ts) } else { None };
        self.tracker.start_session(row, ts, day);
        if let Some(keys) = keys
            && self.numbers.is_full()
        {
            // Nobody compares pages of two sessions.
            self.numbers.clear();
            keys.forget();
        }
    }

    pub(crate) fn finish(&mut self) {
        self.tracker.close();
    }

    pub(crate) fn ready(&self) -> usize {
        (self.tracker.open_from().unwrap_or(self.pushed) - self.taken) as usize
    }

    pub(crate) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        let taken = self.taken..self.taken + rows as u64;
        let nulls = match self.times.front() {
            Some((first, nulls)) if rows <= self.ready() => {
                let offset = (taken.start - first) as usize;
                let nulls = nulls.as_ref().filter(|nulls| offset + rows <= nulls.len());
                nulls.map(|nulls| nulls.slice(offset, rows)).filter(|nulls| nulls.null_count() > 0)
            }
            _ => return footfall_internal_err!("session_info was asked for {rows} rows that are not ready"),
        };
        self.unread.reserve(rows);
        let source = InfoSource {
            tracker: &self.tracker,
            pages: &self.pages,
            time: &self.spec.time,
            needed: self.needed,
            unread: &self.unread,
        };
        let column = source.columns(taken.clone(), nulls)?;
        self.taken = taken.end;
        self.tracker.forget(self.taken);
        self.pages.forget(self.tracker.first_page_row().map_or(self.taken, |row| row.min(self.taken)));
        while self.times.get(1).map_or(self.pushed, |(next, _)| *next) <= self.taken
            && self.times.pop_front().is_some()
        {}
        Ok(column)
    }

    pub(crate) fn size(&self) -> usize {
        self.tracker.size() + self.pages.size() + self.numbers.size()
    }
}

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Tells each row its place in its session and what happened in the whole session, so that every figure of pages and \
         opens is a plain aggregate over its result.\n\n\
         Result: a struct for each row, NULL where ts is NULL. Of the session, on each of its rows: `session` UInt64 as \
         `sessionize` counts, `session_id` Int64 (start in microseconds, one more than the id before where that is not \
         greater; it stays the same when earlier rows are left out), `session_start`, `session_end` of the type of ts, \
         `duration_ms` Int64 (from the first to the last row), \
         `session_dt` Date32 (local day of the start in the zone of `day_bound`, else `split_day`, else UTC; NULL for an \
         integer ts), `is_session_end` Boolean (true on the last row only), `events` Int64 (rows with a time), `views` Int32, `depth` Int32 (different pages), \
         `session_stay_ms` Int64, `entry_page`, `exit_page` Utf8View, `scene` Int32 (the first one). Of the visit, on page \
         rows only: `visit_no` Int32, `is_entry`, `is_exit`, `is_bounce` Boolean, `stay_ms` Int64, `next_page` Utf8View.\n\n\
         A visit lasts from its page row to the next page row, to the next hide, or to the session's last row, plus the \
         time after a show that brings back the same page. Its stay is rounded down to milliseconds once; over 24 hours \
         counts 0. For an integer ts it and `duration_ms` are in the unit of ts.\n\n\
         Sessions, errors and the options not listed here are those of `sessionize`.\n\n\
         Cost: one pass; a row waits until its session is closed, so memory follows the longest open session where the \
         input is in order of user and time.",
        "session_info(ts, gap, page [, {name: value, ...}]) OVER (PARTITION BY user ORDER BY ts)",
    )
    .with_argument("ts", "When it happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument("gap", "A literal: an INTERVAL, or an integer in the unit of an integer ts.")
    .with_argument("page", "Text: the page, NULL on rows that show none.")
    .with_argument("is_page", "Option, Boolean: which rows are page views; by default those with a page.")
    .with_argument(
        "hide",
        "Option, Boolean: the row sends the app to the background. With `event` and neither `hide` nor `show`: event = \
         'app_hide'.",
    )
    .with_argument(
        "show",
        "Option, Boolean: the row brings the app back. With `event` and neither `hide` nor `show`: event = 'app_show'.",
    )
    .with_argument("event", "Option, text: the event's name, for `rule`, `hide` and `show`.")
    .with_argument("scene", "Option, integer: the scene from which the app was opened, for `rule` and the field `scene`.")
    .with_sql_example(
        "SELECT page, info['session'] AS session, info['visit_no'] AS visit_no, info['stay_ms'] AS stay_ms\n\
         FROM (SELECT ts, page,\n\
         \x20            session_info(ts, INTERVAL '30 minutes', page) OVER (PARTITION BY u ORDER BY ts) AS info\n\
         \x20     FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'home'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-01 10:00:10', 'list'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-01 11:00:00', 'home')) AS t(u, ts, page))\n\
         ORDER BY ts;\n\
         -- home | 1 | 1 | 10000\n\
         -- list | 1 | 2 | 0\n\
         -- home | 2 | 1 | 0",
    )
    .with_related_udf("sessionize")
    .with_related_udf("next_node")
    .build()
});
