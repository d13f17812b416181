//! Which events are there already? An `event_id` counts once.
//!
//! A stored event wins over a later landing. Within one landing the row that was received first wins, a row without
//! `received_at` last, and of equals the first in the input. Only hashes are held, 64 bits an id.
//!
//! A repeat nearly always comes later than what it repeats, so rows are passed on as they come. Where a row turns out to
//! have been received *before* one that was passed on, the landing is begun again ([`EventIds::overtaken`]), now knowing
//! of each id which row is to land.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use datafusion::arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, Result};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::Store;

pub(super) struct EventIds {
    /// The row of each id that lands: its `received_at`, the largest value if it has none, and its number in the input.
    winners: HashMap<u64, (i64, i64), BuildHasherDefault<Hashed>>,
    /// Ids in the store on `days`.
    stored: HashSet<u64, BuildHasherDefault<Hashed>>,
    days: BTreeSet<i32>,
    overtaken: bool,
    /// All winners are known.
    settled: bool,
    limit: usize,
}

impl EventIds {
    /// Holds at most about `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            winners: HashMap::default(),
            stored: HashSet::default(),
            days: BTreeSet::new(),
            overtaken: false,
            settled: false,
            limit,
        }
    }

    /// Whether rows were passed on that do not win, so that the input has to be read again.
    pub(super) fn overtaken(&self) -> bool {
        self.overtaken && !self.settled
    }

    /// From now on rows are judged by the winners of the whole input.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// Which rows land; `None` if all do. `numbers` are the rows' numbers in the input.
    pub(super) async fn judge(
        &mut self,
        store: &Store,
        events: &RecordBatch,
        numbers: &Int64Array,
    ) -> Result<Option<BooleanArray>> {
        let schema = events.schema();
        let ids = events.column(schema.index_of("event_id")?).as_string_view();
        if ids.null_count() == ids.len() {
            return Ok(None);
        }
        let days = events.column(schema.index_of("dt")?).as_primitive::<Date32Type>().values();
        self.look_up(store, days).await?;
        let received =
            events.column(schema.index_of("received_at")?).as_primitive::<TimestampMicrosecondType>();
        let lands: Vec<bool> = (0..ids.len())
            .map(|row| {
                let received = if received.is_valid(row) { received.value(row) } else { i64::MAX };
                // An empty id tells nothing apart.
                ids.is_null(row)
                    || ids.value(row).is_empty()
                    || self.lands(xxh3_64(ids.value(row).as_bytes()), received, numbers.value(row))
            })
            .collect();
        self.check_memory()?;
        Ok(lands.contains(&false).then(|| BooleanArray::from(lands)))
    }

    fn lands(&mut self, id: u64, received: i64, number: i64) -> bool {
        if self.stored.contains(&id) {
            return false;
        }
        if self.settled {
            return self.winners.get(&id).is_some_and(|(_, winner)| *winner == number);
        }
        match self.winners.get_mut(&id) {
            None => {
                self.winners.insert(id, (received, number));
                true
            }
            Some(winner) if received < winner.0 => {
                *winner = (received, number);
                self.overtaken = true;
                true
            }
            Some(_) => false,
        }
    }

    /// Reads the stored ids of days that were not seen before, a run of adjacent days at a time.
    async fn look_up(&mut self, store: &Store, days: &[i32]) -> Result<()> {
        let new: BTreeSet<i32> = days.iter().copied().filter(|day| !self.days.contains(day)).collect();
        let mut runs: Vec<(i32, i32)> = vec![];
        for day in &new {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == *day => *last = *day,
                _ => runs.push((*day, *day)),
            }
        }
        for run in runs {
            self.stored.extend(store.stored_event_ids(run).await?);
        }
        self.days.extend(new);
        Ok(())
    }

    fn check_memory(&self) -> Result<()> {
        let bytes = self.winners.capacity() * size_of::<(u64, (i64, i64))>()
            + self.stored.capacity() * size_of::<u64>();
        if bytes > self.limit {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{} event ids to compare take {} MiB, the limit for them is {} MiB; raise the memory limit or split the file",
                self.winners.len() + self.stored.len(),
                bytes >> 20,
                self.limit >> 20
            )));
        }
        Ok(())
    }
}

/// The keys are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
