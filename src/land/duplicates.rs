//! Which events are there already? An `event_id` counts once on a local day.
//!
//! A stored event wins over a later landing. Within one landing the row that was received first wins, a row without
//! `received_at` last, and of equals the first in the input. Only hashes are held, 64 bits an id.
//!
//! A repeat nearly always comes later than what it repeats, so rows are passed on as they come. Where a row turns out to
//! have been received *before* one that was passed on, the landing is begun again ([`EventIds::overtaken`]), now knowing
//! of each id which row is to land.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasherDefault;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, Result};
use futures::TryStreamExt;

use super::id_set::IdSet;
use crate::store::{Hashed, Store, event_id_hash};

pub(super) struct EventIds {
    /// The row of each id that lands.
    winners: HashMap<u64, Winner, BuildHasherDefault<Hashed>>,
    /// Ids in the store, of the days that were looked up.
    stored: BTreeMap<i32, IdSet>,
    /// Days with more ids than there is room for: looked up batch by batch.
    too_large: BTreeSet<i32>,
    /// Ids of those days that are in the store and in the present batch.
    repeated: HashSet<u64, BuildHasherDefault<Hashed>>,
    /// Version of the store at the first look-up: what others add later is compared before the commit.
    version: Option<u64>,
    overtaken: bool,
    /// All winners are known.
    settled: bool,
    limit: usize,
}

#[derive(Clone, Copy)]
struct Winner {
    /// The largest value if the row has none.
    received: i64,
    /// Number in the input.
    number: i64,
    day: i32,
}

impl EventIds {
    /// Holds at most about `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            winners: HashMap::default(),
            stored: BTreeMap::new(),
            too_large: BTreeSet::new(),
            repeated: HashSet::default(),
            version: None,
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

    /// What lands is compared with what others add after this version; `None` without ids.
    pub(super) fn added(&self) -> Option<(u64, HashSet<u64, BuildHasherDefault<Hashed>>)> {
        self.version.map(|version| (version, self.winners.keys().copied().collect()))
    }

    /// Others have added some of these events: everything is looked up anew.
    pub(super) fn start_over(&mut self) {
        *self = Self::new(self.limit);
    }

    /// What was judged has been committed as `version`: it is stored now, and the next input follows. What others have
    /// committed in between is looked up with it.
    pub(super) async fn follow_on(&mut self, store: &Store, version: u64) -> Result<()> {
        let seen = self.version.replace(version);
        let own = std::mem::take(&mut self.winners);
        (self.overtaken, self.settled) = (false, false);
        for (id, winner) in own {
            if let Some(day) = self.stored.get_mut(&winner.day) {
                day.insert(id);
            }
        }
        if let Some(seen) = seen
            && seen + 1 < version
        {
            let mut others = store.added_event_ids(seen).await?;
            while let Some(ids) = others.try_next().await? {
                for (day, id) in ids {
                    if let Some(day) = self.stored.get_mut(&day) {
                        day.insert(id);
                    }
                }
            }
        }
        Ok(())
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
        if days.iter().any(|day| self.too_large.contains(day)) {
            let rows =
                (0..ids.len()).filter(|row| ids.is_valid(*row) && self.too_large.contains(&days[*row]));
            let asked = rows.map(|row| (days[row], event_id_hash(ids.value(row), days[row]))).collect();
            self.look_up_batch(store, &asked).await?;
        }
        let received =
            events.column(schema.index_of("received_at")?).as_primitive::<TimestampMicrosecondType>();
        let lands: Vec<bool> = (0..ids.len())
            .map(|row| {
                let received = if received.is_valid(row) { received.value(row) } else { i64::MAX };
                let winner = Winner { received, number: numbers.value(row), day: days[row] };
                // An empty id tells nothing apart.
                ids.is_null(row) || ids.value(row).is_empty() || self.lands(ids.value(row), winner)
            })
            .collect();
        self.make_room(days);
        self.check_memory()?;
        Ok(lands.contains(&false).then(|| BooleanArray::from(lands)))
    }

    fn lands(&mut self, id: &str, row: Winner) -> bool {
        let id = event_id_hash(id, row.day);
        if self.repeated.contains(&id) || self.stored.get(&row.day).is_some_and(|stored| stored.contains(id))
        {
            return false;
        }
        if self.settled {
            return self.winners.get(&id).is_some_and(|winner| winner.number == row.number);
        }
        match self.winners.get_mut(&id) {
            None => {
                self.winners.insert(id, row);
                true
            }
            Some(winner) if row.received < winner.received => {
                *winner = row;
                self.overtaken = true;
                true
            }
            Some(_) => false,
        }
    }

    /// Reads the stored ids of days that were not seen before, a run of adjacent days at a time.
    async fn look_up(&mut self, store: &Store, days: &[i32]) -> Result<()> {
        let is_new = |day: &i32| !self.stored.contains_key(day) && !self.too_large.contains(day);
        let new: BTreeSet<i32> = days.iter().copied().filter(is_new).collect();
        let mut runs: Vec<(i32, i32)> = vec![];
        for day in &new {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == *day => *last = *day,
                _ => runs.push((*day, *day)),
            }
        }
        for run in runs {
            let (version, mut stored) = store.stored_event_ids(run).await?;
            self.version.get_or_insert(version);
            (run.0..=run.1).for_each(|day| {
                self.stored.entry(day).or_default();
            });
            while let Some(ids) = stored.try_next().await? {
                for (day, id) in ids {
                    // A day that turned out too large meanwhile is not there any more.
                    if let Some(day) = self.stored.get_mut(&day) {
                        day.insert(id);
                    }
                }
                self.make_room(days);
            }
        }
        Ok(())
    }

    /// Which of the ids, each with its day, are in the store?
    async fn look_up_batch(&mut self, store: &Store, asked: &HashSet<(i32, u64)>) -> Result<()> {
        self.repeated.clear();
        let days = || asked.iter().map(|(day, _)| *day);
        let (Some(first), Some(last)) = (days().min(), days().max()) else { return Ok(()) };
        let (version, mut stored) = store.stored_event_ids((first, last)).await?;
        self.version.get_or_insert(version);
        while let Some(ids) = stored.try_next().await? {
            self.repeated.extend(ids.into_iter().filter(|id| asked.contains(id)).map(|(_, id)| id));
        }
        Ok(())
    }

    /// Forgets stored days until the rest fits: those that the batch with `days` does not need first, the oldest of them
    /// first. What is forgotten though it is needed is too large to be held.
    fn make_room(&mut self, days: &[i32]) {
        while self.bytes() > self.limit {
            let idle = self.stored.keys().find(|day| !days.contains(day)).copied();
            let Some(day) = idle.or_else(|| self.stored.keys().next().copied()) else { return };
            self.stored.remove(&day);
            if idle.is_none() {
                self.too_large.insert(day);
            }
        }
    }

    fn bytes(&self) -> usize {
        let winners = self.winners.capacity() * (size_of::<(u64, Winner)>() + 1);
        winners + self.stored.values().map(IdSet::bytes).sum::<usize>()
    }

    /// The ids of the input itself are needed to its end.
    fn check_memory(&self) -> Result<()> {
        if self.bytes() <= self.limit {
            return Ok(());
        }
        Err(DataFusionError::ResourcesExhausted(format!(
            "{} event ids of one input take {} MiB, the limit for them is {} MiB; raise --memory-limit or split the file",
            self.winners.len(),
            self.bytes() >> 20,
            self.limit >> 20
        )))
    }
}
