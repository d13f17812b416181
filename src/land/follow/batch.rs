//! A micro-batch: the rows of one source that have come since the last one, in one commit.
//!
//! The commit's transaction is the source, its version the byte reached. Whoever follows the same source at the same time
//! commits first or finds that it is there already; whoever was killed goes on where the last commit ended.

use std::io::{BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::Utc;
use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat, concat_batches, filter_record_batch, take, take_record_batch};
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};

use super::super::LandOptions;
use super::super::duplicates::EventIds;
use super::super::input::{Text, open_text};
use super::super::pass::{Counts, naming};
use super::super::quarantine::Quarantine;
use super::super::shape::{Shaped, Shaper};
use super::breaks::Places;
use super::source::Part;
use crate::store::{Catalogue, Committed, Followed, InputId, Landing, Store};

/// Lands parts of sources, one after the other.
pub(super) struct Lander {
    store: Store,
    options: Arc<LandOptions>,
    /// Of all that was landed so far, so that they need not be read from the store each time.
    ids: EventIds,
}

/// How a part ended.
pub(super) enum Outcome {
    Landed(Counts),
    /// Another process has landed rows of it, so far.
    Elsewhere(Followed),
}

/// Why a part did not land.
pub(super) enum Failure {
    /// It cannot be read: nothing more of this source can land.
    Source(DataFusionError),
    /// The store does not take it at present.
    Store(DataFusionError),
    /// It will not fit, however often it is tried.
    Memory(DataFusionError),
}

impl Failure {
    fn of_store(error: DataFusionError) -> Self {
        let is_memory = matches!(error.find_root(), DataFusionError::ResourcesExhausted(_));
        if is_memory { Self::Memory(error) } else { Self::Store(error) }
    }

    pub(super) fn into_error(self) -> DataFusionError {
        match self {
            Self::Source(error) | Self::Store(error) | Self::Memory(error) => error,
        }
    }
}

impl Lander {
    pub(super) fn new(store: Store, options: Arc<LandOptions>) -> Self {
        let ids = EventIds::new(options.memory_limit / 2);
        Self { store, options, ids }
    }

    pub(super) async fn land(&mut self, part: &Part) -> Result<Outcome, Failure> {
        let landed = self.attempt(part).await;
        if !matches!(landed, Ok(Outcome::Landed(_))) {
            // The ids of what did not land must not count as those of events that did.
            self.ids.start_over();
        }
        landed
    }

    async fn attempt(&mut self, part: &Part) -> Result<Outcome, Failure> {
        let name = part.path.display().to_string();
        let input = InputId::part(part.head.id, part.from, part.to, part.end, name);
        let landing = self.store.landing(input, self.options.memory_limit / 4).await;
        let Some(mut landing) = landing.map_err(Failure::of_store)? else {
            return self.elsewhere(part).await;
        };
        let counts = match self.fill(part, &mut landing).await {
            Ok(counts) => counts,
            Err(failure) => {
                landing.abandon().await;
                return Err(failure);
            }
        };
        let written = landing.commit().await.map_err(Failure::of_store)?;
        match written.committed {
            Committed::At(version) => {
                if self.ids.follow_on(&self.store, version).await.is_err() {
                    // The part has landed all the same; what else is stored is looked up again with the next one.
                    self.ids.start_over();
                }
                Ok(Outcome::Landed(counts))
            }
            Committed::AlreadyThere | Committed::Overtaken => self.elsewhere(part).await,
        }
    }

    async fn elsewhere(&self, part: &Part) -> Result<Outcome, Failure> {
        self.store.followed(part.head.id).await.map(Outcome::Elsewhere).map_err(Failure::of_store)
    }

    /// Reads and checks the part, and gives the landing what lands of it and what does not.
    async fn fill(&mut self, part: &Part, landing: &mut Landing) -> Result<Counts, Failure> {
        let mut options = LandOptions::clone(&self.options);
        options.now = Utc::now();
        let mut quarantine = Quarantine::new(&part.path, options.now);
        let (shaped, has_event_ids) = {
            let (rows, zone, catalogue) =
                (part.clone(), self.store.time_zone(), Arc::clone(landing.catalogue()));
            let shaped = tokio::task::spawn_blocking(move || shape(&rows, &options, zone, &catalogue)).await;
            let shaped = shaped.unwrap_or_else(|_| {
                Err(exec_datafusion_err!("its rows are broken in a way that their reader fails on"))
            });
            shaped.map_err(|e| Failure::Source(naming(&part.path, e)))?
        };
        let mut counts = Counts::default();
        let (mut batches, mut numbers) = (vec![], vec![]);
        for Shaped { events, numbers: rows, rejects, rows: read, left_out, .. } in shaped {
            counts.rows += read;
            counts.left_out += left_out;
            counts.quarantined += rejects.len() as u64;
            if events.num_rows() > 0 {
                batches.push(events);
                numbers.push(rows);
            }
            for reject in rejects {
                quarantine.push(reject);
            }
            if quarantine.is_full() {
                let rows = quarantine.take().map_err(Failure::Source)?;
                landing.quarantine(rows).await.map_err(Failure::of_store)?;
            }
        }
        let rejected = quarantine.take().map_err(Failure::Source)?;
        landing.quarantine(rejected).await.map_err(Failure::of_store)?;
        if has_event_ids && !batches.is_empty() {
            batches = vec![self.without_repeats(&batches, &numbers, &mut counts).await?];
            if let Some((version, ids)) = self.ids.added() {
                landing.compare_ids(version, ids);
            }
        }
        for events in batches {
            counts.landed += events.num_rows() as u64;
            landing.push(events).await.map_err(Failure::of_store)?;
        }
        Ok(counts)
    }

    /// The events without those that are stored already, and of those that repeat each other the one received first.
    async fn without_repeats(
        &mut self,
        batches: &[RecordBatch],
        numbers: &[Int64Array],
        counts: &mut Counts,
    ) -> Result<RecordBatch, Failure> {
        // In the order in which they were received, the first one is the one that lands: nothing is to be judged again.
        let (events, numbers) = by_received(batches, numbers).map_err(Failure::Source)?;
        let lands = self.ids.judge(&self.store, &events, &numbers).await.map_err(Failure::of_store)?;
        let Some(lands) = lands else { return Ok(events) };
        let kept = filter_record_batch(&events, &lands).map_err(|e| Failure::Source(e.into()))?;
        counts.duplicates += (events.num_rows() - kept.num_rows()) as u64;
        Ok(kept)
    }
}

/// Runs on a thread of its own: what a reader fails on is then an error here.
fn shape(
    part: &Part,
    options: &LandOptions,
    zone: Tz,
    catalogue: &Arc<Catalogue>,
) -> Result<(Vec<Shaped>, bool)> {
    let (header, format) = (part.head.header.clone(), part.head.format);
    let places = Places::new(format, &header, &part.text, part.begin);
    let text: Box<dyn Read + Send> = Box::new(Cursor::new(header).chain(Cursor::new(part.text.clone())));
    let text: Text = BufReader::with_capacity(256 << 10, text);
    let mut reader = open_text(text, Arc::new(AtomicU64::new(0)), format, options)?;
    let mut shaper = Shaper::plan(&reader.schema(), options, zone, catalogue)?;
    let mut all = vec![];
    while let Some(mut raw) = reader.next()? {
        let by_line = raw.lines.is_some();
        raw.numbers = places.of_rows(&raw);
        let mut shaped = shaper.shape(raw)?;
        if by_line {
            for reject in &mut shaped.rejects {
                // Counted from 1, so that `tail -c +ROW FILE | head -n 1` shows it.
                reject.row = places.of_line(reject.row) + 1;
            }
        }
        all.push(shaped);
    }
    Ok((all, shaper.has_event_ids()))
}

/// All events as one batch, those that were received first coming first, those without that time last.
fn by_received(batches: &[RecordBatch], numbers: &[Int64Array]) -> Result<(RecordBatch, Int64Array)> {
    let Some(schema) = batches.first().map(RecordBatch::schema) else {
        return Err(exec_datafusion_err!("a part without events"));
    };
    let events = concat_batches(&schema, batches)?;
    let numbers: Vec<&dyn Array> = numbers.iter().map(|numbers| numbers as &dyn Array).collect();
    let numbers: ArrayRef = concat(&numbers)?;
    let received = events.column(schema.index_of("received_at")?).as_primitive::<TimestampMicrosecondType>();
    let time = |row: usize| if received.is_valid(row) { received.value(row) } else { i64::MAX };
    let in_order = (1..events.num_rows()).all(|row| time(row - 1) <= time(row));
    if in_order {
        return Ok((events.clone(), numbers.as_primitive::<Int64Type>().clone()));
    }
    let mut order: Vec<u32> = (0..events.num_rows() as u32).collect();
    order.sort_by_key(|row| time(*row as usize));
    let order = UInt32Array::from(order);
    let numbers = take(&numbers, &order, None)?.as_primitive::<Int64Type>().clone();
    Ok((take_record_batch(&events, &order)?, numbers))
}
