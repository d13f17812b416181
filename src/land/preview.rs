//! What would land of a file, and what would not? The whole file is read and shaped as for landing; nothing is written.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::array::{Array, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::common::cast::{as_date32_array, as_string_view_array};
use datafusion::common::{Result, exec_datafusion_err};

use super::input;
use super::pass::naming;
use super::quarantine::Reject;
use super::shape::{Shaped, Shaper};
use super::sources::shown;
use super::{LandOptions, Mapping};
use crate::store::{Catalogue, event_id_hash};

/// What a landing of one file would do: `rows = left_out + would_land + duplicates + quarantined`.
#[derive(Clone, Debug)]
pub struct Preview {
    pub source: PathBuf,
    pub rows: u64,
    /// Rows that the mapping's `where` leaves out.
    pub left_out: u64,
    /// Rows that land, if the store does not hold them already.
    pub would_land: u64,
    /// Rows whose `event_id` an earlier row of the file has.
    pub duplicates: u64,
    pub quarantined: u64,
    /// Why rows are quarantined, and how many; most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// The first events, in the columns that one of them has.
    pub events: RecordBatch,
    /// The first rejected rows.
    pub rejected: Vec<Rejected>,
}

/// A row that would not land.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Line of a text file, number of the row in Parquet; counted from 1.
    pub row: i64,
    /// The event column or raw field that is at fault, where it is one.
    pub column: Option<String>,
    pub reason: String,
    pub text: String,
}

/// Events and rejected rows that are shown.
const SHOWN: usize = 10;
/// Reasons that are told apart; a file of nothing but bad rows may have one each.
const REASONS: usize = 1000;

/// Reads `source` as a landing into a store with this zone and catalogue would.
pub async fn preview(
    source: &Path,
    options: &LandOptions,
    zone: Tz,
    catalogue: &Arc<Catalogue>,
) -> Result<Preview> {
    let thread = {
        let (source, options, catalogue) = (source.to_owned(), options.clone(), Arc::clone(catalogue));
        tokio::task::spawn_blocking(move || {
            read(&source, &options, zone, &catalogue).map_err(|e| naming(&source, e))
        })
    };
    thread.await.map_err(|_| {
        exec_datafusion_err!("{}: the file is broken in a way that its reader fails on", shown(source))
    })?
}

fn read(source: &Path, options: &LandOptions, zone: Tz, catalogue: &Arc<Catalogue>) -> Result<Preview> {
    input::file_at(source)?;
    let mut reader = input::open(source, options)?;
    let mut shaper = Shaper::plan(&reader.schema(), options, zone, catalogue)?;
    let mut seen = Seen::new(source, catalogue, &options.map);
    while let Some(raw) = reader.next()? {
        seen.add(shaper.shape(raw)?)?;
    }
    seen.finish()
}

/// What was seen of the file so far.
struct Seen {
    preview: Preview,
    first: Vec<RecordBatch>,
    ids: HashSet<u64>,
    has_ids: bool,
    reasons: HashMap<String, u64>,
}

impl Seen {
    fn new(source: &Path, catalogue: &Catalogue, mapping: &Mapping) -> Self {
        let preview = Preview {
            source: source.to_owned(),
            rows: 0,
            left_out: 0,
            would_land: 0,
            duplicates: 0,
            quarantined: 0,
            reasons: vec![],
            events: RecordBatch::new_empty(catalogue.schema()),
            rejected: vec![],
        };
        let has_ids = mapping.columns.iter().any(|(name, _)| name == "event_id");
        Self { preview, first: vec![], ids: HashSet::new(), has_ids, reasons: HashMap::new() }
    }

    fn add(&mut self, shaped: Shaped) -> Result<()> {
        let all = shaped.events.num_rows();
        let events = if self.has_ids { self.without_repeated(&shaped.events)? } else { shaped.events };
        let preview = &mut self.preview;
        preview.rows += shaped.rows;
        preview.left_out += shaped.left_out;
        preview.duplicates += (all - events.num_rows()) as u64;
        preview.would_land += events.num_rows() as u64;
        preview.quarantined += shaped.rejects.len() as u64;
        let shown: usize = self.first.iter().map(RecordBatch::num_rows).sum();
        if shown < SHOWN {
            self.first.push(events.slice(0, events.num_rows().min(SHOWN - shown)));
        }
        shaped.rejects.into_iter().for_each(|reject| self.reject(reject));
        Ok(())
    }

    /// The events whose id was not seen before on their day. Which of equal ones lands does not change their number.
    fn without_repeated(&mut self, events: &RecordBatch) -> Result<RecordBatch> {
        let ids = as_string_view_array(events.column(events.schema_ref().index_of("event_id")?))?;
        let days = as_date32_array(events.column(events.schema_ref().index_of("dt")?))?;
        let is_new = |(id, day): (Option<&str>, &i32)| match id {
            Some(id) if !id.is_empty() => self.ids.insert(event_id_hash(id, *day)),
            _ => true,
        };
        let new: Vec<bool> = ids.iter().zip(days.values()).map(is_new).collect();
        Ok(filter_record_batch(events, &BooleanArray::from(new))?)
    }

    fn reject(&mut self, reject: Reject) {
        // Where in the line the JSON breaks off makes no other reason of it.
        let reason = reject.fault.reason.split(" at line ").next().unwrap_or_default();
        let is_known = self.reasons.contains_key(reason);
        let reason = if is_known || self.reasons.len() < REASONS { reason } else { "other reasons" };
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
        if self.preview.rejected.len() < SHOWN {
            self.preview.rejected.push(Rejected {
                row: reject.row,
                column: reject.fault.column,
                reason: reject.fault.reason,
                text: reject.text,
            });
        }
    }

    fn finish(self) -> Result<Preview> {
        let mut preview = self.preview;
        let events = concat_batches(preview.events.schema_ref(), &self.first)?;
        let filled: Vec<usize> = (0..events.num_columns())
            .filter(|index| events.column(*index).null_count() < events.num_rows())
            .collect();
        preview.events = events.project(&filled)?;
        preview.reasons = self.reasons.into_iter().collect();
        preview.reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(preview)
    }
}
