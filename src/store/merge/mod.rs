//! Merging sorted streams of events by runs of equal users.
//!
//! A row-by-row merge compares and copies 20 million rows; but a user's rows stand together in every input, so it is
//! enough to find the input with the lowest user and to take that user's whole run. Only where several inputs hold
//! the same user their rows are put in order by (ts, seq), and even then whole runs follow each other where the
//! inputs are different days:
//!
//! ```text
//! input 0   u1 u1 u1 u1 │ u4 u4            output   0:u1… 2:u1  1:u2…  0:u4… 1:u4
//! input 1   u2 u2 │ u4                     as segments of rows, copied column by column
//! input 2   u1
//! ```

mod gather;

use std::cmp::Ordering;

use datafusion::arrow::array::{
    Array, Date32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::cast::{
    as_date32_array, as_int64_array, as_string_view_array, as_timestamp_microsecond_array,
};
use datafusion::common::{Result, exec_datafusion_err};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use super::data_file::Rank;
use gather::{Segment, gather};

/// Batches, each with the rank of the file it comes from.
pub(crate) type Ranked = BoxStream<'static, Result<(Rank, RecordBatch)>>;

/// Merges `inputs`, each sorted by user_id and, where the schema has them, ts (else dt) and seq. Equal rows of different inputs
/// come in the order of their files' ranks, so that neither a compaction nor a partitioning changes it.
pub(crate) fn merge(
    inputs: Vec<Ranked>,
    schema: SchemaRef,
    batch_size: usize,
) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
    let merge = Merge {
        inputs: inputs.into_iter().map(|stream| Input { stream, current: None }).collect(),
        held: Held::default(),
        schema,
        batch_size,
        started: false,
        shared: Vec::new(),
        user: String::new(),
        runs: Vec::new(),
    };
    futures::stream::try_unfold(merge, |mut merge| async move {
        Ok(merge.next_batch().await?.map(|batch| (batch, merge)))
    })
}

struct Merge {
    inputs: Vec<Input>,
    held: Held,
    schema: SchemaRef,
    batch_size: usize,
    started: bool,
    /// Kept between steps for their memory only.
    shared: Vec<usize>,
    user: String,
    runs: Vec<Run>,
}

/// Batches that segments point into, and what orders the rows of one user in them.
#[derive(Default)]
struct Held {
    batches: Vec<RecordBatch>,
    order: Vec<RowOrder>,
}

struct Input {
    stream: Ranked,
    current: Option<Current>,
}

/// The batch that an input stands in.
struct Current {
    /// Its place in [`Held`].
    batch: usize,
    users: StringViewArray,
    row: usize,
    /// The first bytes of the row's user, which nearly always tell two users apart.
    head: u128,
}

impl Current {
    fn new(batch: usize, users: StringViewArray) -> Self {
        let mut current = Self { batch, users, row: 0, head: 0 };
        current.move_to(0);
        current
    }

    fn user(&self) -> &str {
        self.users.value(self.row)
    }

    /// Whether that row exists, where the input then stands.
    fn move_to(&mut self, row: usize) -> bool {
        self.row = row;
        let stands = row < self.users.len();
        if stands {
            self.head = head(self.user());
        }
        stands
    }

    fn compare(&self, other: &Self) -> Ordering {
        let view = self.users.views()[self.row];
        if view as u32 <= IN_VIEW && view == other.users.views()[other.row] {
            return Ordering::Equal;
        }
        self.head.cmp(&other.head).then_with(|| self.user().cmp(other.user()))
    }
}

/// A text of up to so many bytes stands in its view, which is then the same in every array.
const IN_VIEW: u32 = 12;

/// The first bytes of a text as a number in their order.
fn head(text: &str) -> u128 {
    let mut bytes = [0; 16];
    let length = text.len().min(bytes.len());
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    u128::from_be_bytes(bytes)
}

/// What decides between equal rows: the rank of the file, then the number of the input.
type Place = (Rank, usize);

/// One user's rows in one batch of one input.
struct Run {
    place: Place,
    segment: Segment,
    first: (i64, i64),
    last: (i64, i64),
}

impl Merge {
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if !self.started {
            self.started = true;
            for input in 0..self.inputs.len() {
                self.advance(input).await?;
            }
        }
        self.forget_used();
        let mut segments = Vec::new();
        let mut rows = 0;
        while rows < self.batch_size {
            let Some((lowest, next)) = self.lowest() else { break };
            rows += if self.shared.is_empty() {
                self.take_until(lowest, next, self.batch_size - rows, &mut segments).await?
            } else {
                self.take_shared(lowest, &mut segments).await?
            };
        }
        if rows == 0 {
            return Ok(None);
        }
        gather(&self.held.batches, &segments, rows, &self.schema).map(Some)
    }

    /// The input with the lowest user and the one with the next user. Other inputs with the lowest one: `shared`.
    fn lowest(&mut self) -> Option<(usize, Option<usize>)> {
        let mut lowest: Option<(usize, &Current)> = None;
        let mut next: Option<(usize, &Current)> = None;
        self.shared.clear();
        for (index, input) in self.inputs.iter().enumerate() {
            let Some(current) = &input.current else {
                continue;
            };
            match lowest {
                None => lowest = Some((index, current)),
                Some((first, least)) => match current.compare(least) {
                    Ordering::Less => {
                        next = Some((first, least));
                        lowest = Some((index, current));
                        self.shared.clear();
                    }
                    Ordering::Equal => self.shared.push(index),
                    Ordering::Greater => {
                        if next.is_none_or(|(_, least)| current.compare(least) == Ordering::Less) {
                            next = Some((index, current));
                        }
                    }
                },
            }
        }
        lowest.map(|(index, _)| (index, next.map(|(index, _)| index)))
    }

    /// Takes rows of one input as long as their users come before the current one of `next`, `most` rows at most.
    async fn take_until(
        &mut self,
        input: usize,
        next: Option<usize>,
        most: usize,
        segments: &mut Vec<Segment>,
    ) -> Result<usize> {
        let current = standing(&self.inputs[input]);
        let start = current.row;
        let last = current.users.len().min(start + most);
        let end = match next.and_then(|next| self.inputs[next].current.as_ref()) {
            None => last,
            Some(next) => {
                let limit = next.user();
                let mut end = start;
                while end < last && current.users.value(end) < limit {
                    end = end_of_run(&current.users, end, last);
                }
                end
            }
        };
        segments.push(Segment { batch: current.batch, start, rows: end - start });
        if !self.move_to(input, end) {
            self.advance(input).await?;
        }
        Ok(end - start)
    }

    /// Takes all rows of a user that several inputs hold.
    async fn take_shared(&mut self, lowest: usize, segments: &mut Vec<Segment>) -> Result<usize> {
        self.user.clear();
        self.user.push_str(standing(&self.inputs[lowest]).user());
        self.runs.clear();
        let shared = std::mem::take(&mut self.shared);
        for &input in std::iter::once(&lowest).chain(&shared) {
            let mut is_done = self.take_run(input);
            // The user may go on in the input's next batch.
            while is_done {
                self.advance(input).await?;
                is_done = self.stands_at_user(input) && self.take_run(input);
            }
        }
        self.shared = shared;
        in_order(&mut self.runs, &self.held.order, segments);
        Ok(self.runs.iter().map(|run| run.segment.rows).sum())
    }

    fn stands_at_user(&self, input: usize) -> bool {
        self.inputs[input].current.as_ref().is_some_and(|current| current.user() == self.user)
    }

    /// Takes the rows of the current user from the batch in which an input stands at one; whether that batch is done.
    fn take_run(&mut self, input: usize) -> bool {
        let Some(current) = &self.inputs[input].current else {
            return false;
        };
        let start = current.row;
        let end = end_of_run(&current.users, start, current.users.len());
        let order = &self.held.order[current.batch];
        self.runs.push(Run {
            place: (order.rank, input),
            segment: Segment { batch: current.batch, start, rows: end - start },
            first: order.key(start),
            last: order.key(end - 1),
        });
        !self.move_to(input, end)
    }

    /// Whether the input's batch has that row.
    fn move_to(&mut self, input: usize, row: usize) -> bool {
        self.inputs[input].current.as_mut().expect("only a standing input moves").move_to(row)
    }

    /// Loads the next batch of an input.
    async fn advance(&mut self, input: usize) -> Result<()> {
        self.inputs[input].current = None;
        while let Some((rank, batch)) = self.inputs[input].stream.next().await.transpose()? {
            if batch.num_rows() == 0 {
                continue;
            }
            let users = batch
                .column_by_name("user_id")
                .ok_or_else(|| exec_datafusion_err!("a merge by users needs the column user_id"))?;
            let users = as_string_view_array(users)?.clone();
            self.inputs[input].current = Some(Current::new(self.held.batches.len(), users));
            self.held.order.push(RowOrder::of(&batch, rank)?);
            self.held.batches.push(batch);
            break;
        }
        Ok(())
    }

    /// Keeps only the batches that an input still stands in.
    fn forget_used(&mut self) {
        let old = std::mem::take(&mut self.held);
        let mut old: Vec<_> = old.batches.into_iter().zip(old.order).map(Some).collect();
        for input in &mut self.inputs {
            if let Some(current) = &mut input.current
                && let Some((batch, order)) = old[current.batch].take()
            {
                current.batch = self.held.batches.len();
                self.held.batches.push(batch);
                self.held.order.push(order);
            }
        }
    }
}

/// What orders a user's rows: their time, or their day where nobody reads the time; then the order in the source.
struct RowOrder {
    times: Times,
    seq: Option<Int64Array>,
    rank: Rank,
}

enum Times {
    Instants(TimestampMicrosecondArray),
    Days(Date32Array),
    Unread,
}

impl RowOrder {
    fn of(batch: &RecordBatch, rank: Rank) -> Result<Self> {
        let column = |name: &str| batch.column_by_name(name);
        let times = match (column("ts"), column("dt")) {
            (Some(ts), _) => Times::Instants(as_timestamp_microsecond_array(ts)?.clone()),
            (None, Some(dt)) => Times::Days(as_date32_array(dt)?.clone()),
            (None, None) => Times::Unread,
        };
        Ok(Self { times, seq: column("seq").map(|seq| as_int64_array(seq).cloned()).transpose()?, rank })
    }

    fn key(&self, row: usize) -> (i64, i64) {
        let time = match &self.times {
            Times::Instants(ts) => ts.value(row),
            Times::Days(dt) => dt.value(row).into(),
            Times::Unread => 0,
        };
        (time, self.seq.as_ref().map_or(0, |seq| seq.value(row)))
    }
}

fn standing(input: &Input) -> &Current {
    input.current.as_ref().expect("the lowest input stands in a batch")
}

/// First row behind the run of equal users that begins at `start`.
fn end_of_run(users: &StringViewArray, start: usize, last: usize) -> usize {
    let views = users.views();
    let first = views[start];
    // Equal views are equal texts; unequal ones may still be, where long texts have the length and first bytes in common.
    let is_long = first as u32 > IN_VIEW;
    let is_same = |row: usize| {
        views[row] == first
            || (is_long && views[row] as u64 == first as u64 && users.value(row) == users.value(start))
    };
    let mut end = start + 1;
    while end < last && is_same(end) {
        end += 1;
    }
    end
}

/// Appends the runs of one user in the order of (ts, seq), that of the lower rank first where these are equal.
fn in_order(runs: &mut [Run], order: &[RowOrder], segments: &mut Vec<Segment>) {
    runs.sort_by_key(|run| (run.first, run.place));
    // Different days: the runs do not interleave.
    if runs.windows(2).all(|pair| (pair[0].last, pair[0].place) <= (pair[1].first, pair[1].place)) {
        segments.extend(runs.iter().map(|run| run.segment));
        return;
    }
    let mut rows: Vec<((i64, i64), Place, Segment)> = runs
        .iter()
        .flat_map(|run| {
            let (place, Segment { batch, start, rows }) = (run.place, run.segment);
            (start..start + rows)
                .map(move |row| (order[batch].key(row), place, Segment { batch, start: row, rows: 1 }))
        })
        .collect();
    rows.sort_by_key(|(key, place, _)| (*key, *place));
    segments.extend(rows.into_iter().map(|(_, _, segment)| segment));
}
