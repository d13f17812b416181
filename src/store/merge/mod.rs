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
        let mut lowest: Option<(usize, &str)> = None;
        let mut next: Option<(usize, &str)> = None;
        self.shared.clear();
        for (index, input) in self.inputs.iter().enumerate() {
            let Some(user) = input.current.as_ref().map(|current| current.users.value(current.row)) else {
                continue;
            };
            match lowest {
                None => lowest = Some((index, user)),
                Some((first, least)) => match user.cmp(least) {
                    Ordering::Less => {
                        next = Some((first, least));
                        lowest = Some((index, user));
                        self.shared.clear();
                    }
                    Ordering::Equal => self.shared.push(index),
                    Ordering::Greater => {
                        if next.is_none_or(|(_, least)| user < least) {
                            next = Some((index, user));
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
                let limit = next.users.value(next.row);
                let mut end = start;
                while end < last && current.users.value(end) < limit {
                    end = end_of_run(&current.users, end, last);
                }
                end
            }
        };
        segments.push(Segment { batch: current.batch, start, rows: end - start });
        self.move_to(input, end).await?;
        Ok(end - start)
    }

    /// Takes all rows of a user that several inputs hold.
    async fn take_shared(&mut self, lowest: usize, segments: &mut Vec<Segment>) -> Result<usize> {
        let current = standing(&self.inputs[lowest]);
        self.user.clear();
        self.user.push_str(current.users.value(current.row));
        self.runs.clear();
        let shared = std::mem::take(&mut self.shared);
        for &input in std::iter::once(&lowest).chain(&shared) {
            self.take_run(input).await?;
        }
        self.shared = shared;
        in_order(&mut self.runs, &self.held.order, segments);
        Ok(self.runs.iter().map(|run| run.segment.rows).sum())
    }

    /// Takes the rows of the current user from one input.
    async fn take_run(&mut self, input: usize) -> Result<()> {
        while let Some(current) = &self.inputs[input].current {
            let start = current.row;
            if current.users.value(start) != self.user {
                break;
            }
            let end = end_of_run(&current.users, start, current.users.len());
            let order = &self.held.order[current.batch];
            self.runs.push(Run {
                place: (order.rank, input),
                segment: Segment { batch: current.batch, start, rows: end - start },
                first: order.key(start),
                last: order.key(end - 1),
            });
            if end < current.users.len() {
                self.move_to(input, end).await?;
                break;
            }
            self.move_to(input, end).await?;
        }
        Ok(())
    }

    async fn move_to(&mut self, input: usize, row: usize) -> Result<()> {
        let current = self.inputs[input].current.as_mut().expect("only a standing input moves");
        current.row = row;
        if row == current.users.len() { self.advance(input).await } else { Ok(()) }
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
            self.inputs[input].current = Some(Current { batch: self.held.batches.len(), users, row: 0 });
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
    let mut end = start + 1;
    // Equal views are equal texts; unequal ones may still be.
    while end < last && (views[end] == views[start] || users.value(end) == users.value(start)) {
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
