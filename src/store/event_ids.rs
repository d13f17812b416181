//! The ids of stored events, as hashes: an event with the same id on the same local day is the same event.

use std::hash::Hasher;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::cast::{as_date32_array, as_string_view_array};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use xxhash_rust::xxh3::xxh3_64;

use super::reader::UserRange;
use super::schema::event_schema;
use super::{DataFile, Store};

/// What an event is known by: 64 bits of its id and its day. Two of 10 million ids of a day collide with a chance of 1 in
/// 400,000.
pub fn event_id_hash(id: &str, day: i32) -> u64 {
    // Not as the seed of the hash: with ids of three bytes, ids and days that differ in a bit or two would collide.
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    xxh3_64(id.as_bytes()) ^ u64::from(day.cast_unsigned()).wrapping_mul(ODD)
}

impl Store {
    /// Day and hash of the event ids in a file, of the days `first..=last` or of all.
    pub(crate) async fn event_ids_of(
        &self,
        file: &DataFile,
        days: Option<(i32, i32)>,
    ) -> Result<BoxStream<'static, Result<Vec<(i32, u64)>>>> {
        let inside = move |day: i32| days.is_none_or(|(first, last)| (first..=last).contains(&day));
        let all = event_schema();
        let schema: SchemaRef =
            std::sync::Arc::new(all.project(&[all.index_of("event_id")?, all.index_of("dt")?])?);
        let batches = self.read(file, &schema, UserRange::default())?.open().await?;
        let ids = batches.and_then(move |batch| async move {
            let ids = as_string_view_array(batch.column(0))?;
            let days = as_date32_array(batch.column(1))?.values();
            let here = ids.iter().zip(days).filter(|(_, day)| inside(**day));
            Ok(here.filter_map(|(id, day)| id.map(|id| (*day, event_id_hash(id, *day)))).collect())
        });
        Ok(ids.boxed())
    }

    /// The version of the store, and day and hash of the event ids that it holds for the days `first..=last`.
    pub(crate) async fn stored_event_ids(
        &self,
        days: (i32, i32),
    ) -> Result<(u64, BoxStream<'static, Result<Vec<(i32, u64)>>>)> {
        let snapshot = self.snapshot().await?;
        let overlaps = |file: &DataFile| {
            file.range.as_ref().is_none_or(|range| range.dt.0 <= days.1 && range.dt.1 >= days.0)
        };
        let files: Vec<_> = snapshot.files.into_iter().filter(|file| overlaps(file)).collect();
        let store = self.clone();
        let ids = futures::stream::iter(files.into_iter().map(Ok))
            .and_then(move |file| {
                let store = store.clone();
                async move { store.event_ids_of(&file, Some(days)).await }
            })
            .try_flatten();
        Ok((snapshot.version, ids.boxed()))
    }

    /// Day and hash of the event ids that were added after `version`.
    pub(crate) async fn added_event_ids(
        &self,
        version: u64,
    ) -> Result<BoxStream<'static, Result<Vec<(i32, u64)>>>> {
        let files = self.events().added_since(version).await?;
        let store = self.clone();
        let ids = futures::stream::iter(files.into_iter().map(Ok))
            .and_then(move |(_, file)| {
                let store = store.clone();
                async move { store.event_ids_of(&file, None).await }
            })
            .try_flatten();
        Ok(ids.boxed())
    }
}

/// A hasher of what is a hash already.
#[derive(Debug, Default)]
pub struct Hashed(u64);

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
