//! `next_node(page, ts, gap [, {options}]) OVER (PARTITION BY user ORDER BY ts)`: which page came next in the session?
//!
//! ```text
//! page         A ──▶ B ──▶ NULL ──▶ B ──▶ (gap) ──▶ A
//! next_node    B     B     NULL     NULL            NULL
//! ```
//!
//! Of the type of `page`, which may be any. The nodes are the rows with a page, or those that `is_page` marks; a row that is
//! no node has no next one and is none. NULL on the last node of a session and where `ts` is NULL.
//! One pass; only the last node of a session waits, for the one after it.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array, new_null_array};
use datafusion::arrow::compute::{interleave, take};
use datafusion::common::Result;
use datafusion::logical_expr::Documentation;

use super::facts::{Facts, page_rows};
use super::options::SessionSpec;
use super::pages::NO_ROW;
use super::waiting::Waiting;
use super::walk::Walk;
use crate::error::footfall_internal_err;

#[derive(Debug)]
pub(crate) struct NextNodeRunner {
    spec: Arc<SessionSpec>,
    walk: Walk,
    /// The row of each row's next node.
    next: Waiting<u64>,
    /// The first row and the pages of each batch that was not taken yet.
    pages: VecDeque<(u64, ArrayRef)>,
}

impl NextNodeRunner {
    pub(super) fn new(spec: Arc<SessionSpec>) -> Self {
        Self { walk: Walk::new(Arc::clone(&spec)), spec, next: Waiting::new(), pages: VecDeque::new() }
    }

    pub(super) fn push(&mut self, inputs: &[ArrayRef], user_starts: &[usize]) -> Result<()> {
        let facts = Facts::new(&self.spec, inputs)?;
        let is_node = page_rows(&self.spec, inputs)?;
        let first = self.next.push(facts.ts.len(), NO_ROW);
        self.pages.push_back((first, Arc::clone(&inputs[self.spec.columns.page.unwrap_or(0)])));
        let next = &mut self.next;
        self.walk.rows(&facts, user_starts, |row, _, starts| {
            if starts {
                next.close();
            }
            if is_node.value(row) {
                let row = first + row as u64;
                next.fill(row);
                next.open(row);
            }
        })
    }

    pub(super) fn finish(&mut self) {
        self.next.close();
    }

    pub(super) fn ready(&self) -> usize {
        self.next.ready()
    }

    pub(super) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        let Some(next) = self.next.take(rows) else {
            return footfall_internal_err!("next_node was asked for {rows} rows that are no batch");
        };
        let nodes = self.nodes(&next)?;
        self.pages.pop_front();
        Ok(nodes)
    }

    pub(super) fn size(&self) -> usize {
        self.next.size() + self.pages.capacity() * size_of::<(u64, ArrayRef)>()
    }

    /// The pages of the rows `next`, which lie in the first batch that was not taken, or behind it.
    fn nodes(&self, next: &[u64]) -> Result<ArrayRef> {
        let Some((first, pages)) = self.pages.front() else {
            return footfall_internal_err!("next_node has rows without pages");
        };
        let end = first + pages.len() as u64;
        // Only the last node of a batch has its next one elsewhere.
        let Some(elsewhere) = next.iter().copied().find(|row| *row != NO_ROW && *row >= end) else {
            let rows: UInt64Array = next.iter().map(|row| (*row != NO_ROW).then(|| row - first)).collect();
            return Ok(take(pages, &rows, None)?);
        };
        let behind = self.pages.partition_point(|(first, _)| *first <= elsewhere);
        let Some((other_first, other)) = behind.checked_sub(1).and_then(|batch| self.pages.get(batch)) else {
            return footfall_internal_err!("next_node has lost the page of row {elsewhere}");
        };
        let null = new_null_array(pages.data_type(), 1);
        let places: Vec<(usize, usize)> = next
            .iter()
            .map(|row| match *row {
                NO_ROW => (0, 0),
                row if row < end => (1, (row - first) as usize),
                row => (2, (row - other_first) as usize),
            })
            .collect();
        Ok(interleave(&[null.as_ref(), pages.as_ref(), other.as_ref()], &places)?)
    }
}

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Tells each page view which page came next in the same session, so that the moves from page to page are a plain \
         GROUP BY page, next_node.\n\n\
         Result: the type of page, which may be any; NULL on the last page view of a session, on rows that are no page \
         view, and where ts is NULL.\n\n\
         Page views are the rows whose page is not NULL, or with `is_page` those that it marks. Other rows have no next \
         page and are none, but their time counts: they keep a session open, and the options may start one at them. A page \
         may follow itself. Pages of one ts follow each other in the order of the window; add a column to its ORDER BY to \
         say which.\n\n\
         ```text\n\
         page         A ──▶ B ──▶ NULL ──▶ B ──▶ (gap) ──▶ A\n\
         next_node    B     B     NULL     NULL            NULL\n\
         ```\n\n\
         Where page is text it is the field `next_page` of `session_info`. `lead(page)` differs: it knows no sessions and \
         takes the next row, whatever it is. `sequence_next_node` asks for what comes after a chain of events.\n\n\
         Sessions, errors and the options not listed here are those of `sessionize`.\n\n\
         Cost: one pass; only the last page view of a session waits for the next one.",
        "next_node(page, ts, gap [, {name: value, ...}]) OVER (PARTITION BY user ORDER BY ts)",
    )
    .with_argument("page", "Of any type: the page, NULL on rows that show none.")
    .with_argument("ts", "When it happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument("gap", "A literal: an INTERVAL, or an integer in the unit of an integer ts.")
    .with_argument("is_page", "Option, Boolean: which rows are page views; by default those with a page.")
    .with_sql_example(
        "SELECT page, next_node(page, ts, INTERVAL '30 minutes') OVER (PARTITION BY u ORDER BY ts) AS next_page\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'home'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:00:10', 'list'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 11:00:00', 'home')) AS t(u, ts, page)\n\
         ORDER BY ts;\n\
         -- home | list\n\
         -- list | NULL\n\
         -- home | NULL",
    )
    .with_related_udf("time_to_next")
    .with_related_udf("session_info")
    .build()
});
