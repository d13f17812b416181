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

use std::collections::VecDeque;

use datafusion::arrow::array::{Array, Date32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::cast::{as_date32_array, as_int64_array, as_string_view_array, as_timestamp_microsecond_array};
use datafusion::common::{Result, exec_datafusion_err};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use gather::{Segment, gather};

type Batches = BoxStream<'static, Result<RecordBatch>>;

/// Merges `inputs`, each sorted by user_id and, where the schema has them, ts (else dt) and seq. Equal rows of different inputs
/// keep the order of the inputs.
pub(crate) fn merge(
    inputs: Vec<Batches>,
    schema: SchemaRef,
    batch_size: usize,
) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
    let merge = Merge {
        inputs: inputs.into_iter().map(|stream| Input { stream, current: None }).collect(),
        held: Vec::new(),
        schema,
        batch_size,
        started: false,
    };
    futures::stream::try_unfold(merge, |mut merge| async move {
        Ok(merge.next_batch().await?.map(|batch| (batch, merge)))
    })
}

struct Merge {
    inputs: Vec<Input>,
    /// Batches that segments point into.
    held: Vec<RecordBatch>,
    schema: SchemaRef,
    batch_size: usize,
    started: bool,
}

struct Input {
    stream: Batches,
    current: Option<Current>,
}

/// The batch that an input stands in.
struct Current {
    /// Its place in `held`.
    batch: usize,
    users: StringViewArray,
    times: Times,
    seq: Option<Int64Array>,
    row: usize,
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
            let Some((lowest, shared, limit)) = self.lowest() else { break };
            if shared.is_empty() {
                rows += self.take_until(lowest, limit, self.batch_size - rows, &mut segments).await?;
            } else {
                rows += self.take_shared(lowest, &shared, &mut segments).await?;
            }
        }
        if rows == 0 {
            return Ok(None);
        }
        gather(&self.held, &segments, rows, &self.schema).map(Some)
    }

    /// The input with the lowest user, the other inputs with the same one, and else the input with the next user.
    fn lowest(&self) -> Option<(usize, Vec<usize>, Option<usize>)> {
        let mut lowest: Option<(usize, &str)> = None;
        let mut next: Option<(usize, &str)> = None;
        let mut shared = Vec::new();
        for (index, input) in self.inputs.iter().enumerate() {
            let Some(user) = input.current.as_ref().map(|current| current.users.value(current.row)) else {
                continue;
            };
            match lowest {
                None => lowest = Some((index, user)),
                Some((first, least)) => match user.cmp(least) {
                    std::cmp::Ordering::Less => {
                        next = Some((first, least));
                        lowest = Some((index, user));
                        shared.clear();
                    }
                    std::cmp::Ordering::Equal => shared.push(index),
                    std::cmp::Ordering::Greater => {
                        if next.is_none_or(|(_, least)| user < least) {
                            next = Some((index, user));
                        }
                    }
                },
            }
        }
        lowest.map(|(index, _)| (index, shared, next.map(|(index, _)| index)))
    }

    /// Takes rows of one input as long as their users come before the current one of `limit`, `most` rows at most.
    async fn take_until(
        &mut self,
        input: usize,
        limit: Option<usize>,
        most: usize,
        segments: &mut Vec<Segment>,
    ) -> Result<usize> {
        let current = self.inputs[input].current.as_ref().expect("the lowest input stands in a batch");
        let start = current.row;
        let last = current.users.len().min(start + most);
        let end = match limit.and_then(|limit| self.inputs[limit].current.as_ref()) {
            None => last,
            Some(limit) => {
                let limit = limit.users.value(limit.row);
                let mut end = start;
                while end < last && (same_view(&current.users, end, start) || current.users.value(end) < limit) {
                    end += 1;
                }
                end
            }
        };
        segments.push(Segment { batch: current.batch, start, rows: end - start });
        self.move_to(input, end).await?;
        Ok(end - start)
    }

    /// Takes all rows of a user that several inputs hold.
    async fn take_shared(
        &mut self,
        lowest: usize,
        shared: &[usize],
        segments: &mut Vec<Segment>,
    ) -> Result<usize> {
        let current = self.inputs[lowest].current.as_ref().expect("the lowest input stands in a batch");
        let user = current.users.value(current.row).to_string();
        let mut runs = Vec::with_capacity(shared.len() + 1);
        for &input in std::iter::once(&lowest).chain(shared) {
            runs.push(self.take_run(input, &user).await?);
        }
        let rows = runs.iter().flatten().map(|piece| piece.keys.len()).sum();
        in_order(runs, segments);
        Ok(rows)
    }

    /// Takes the rows of `user` from one input, in as many pieces as batches.
    async fn take_run(&mut self, input: usize, user: &str) -> Result<VecDeque<Piece>> {
        let mut run = VecDeque::new();
        while let Some(current) = &self.inputs[input].current {
            let start = current.row;
            if current.users.value(start) != user {
                break;
            }
            let mut end = start + 1;
            while end < current.users.len()
                && (same_view(&current.users, end, start) || current.users.value(end) == user)
            {
                end += 1;
            }
            let rows = end - start;
            let seq = |row| current.seq.as_ref().map_or(0, |seq| seq.value(row));
            let keys = (start..end).map(|row| (current.times.value(row), seq(row))).collect();
            run.push_back(Piece { segment: Segment { batch: current.batch, start, rows }, keys });
            self.move_to(input, end).await?;
        }
        Ok(run)
    }

    async fn move_to(&mut self, input: usize, row: usize) -> Result<()> {
        let current = self.inputs[input].current.as_mut().expect("only a standing input moves");
        current.row = row;
        if row == current.users.len() { self.advance(input).await } else { Ok(()) }
    }

    /// Loads the next batch of an input.
    async fn advance(&mut self, input: usize) -> Result<()> {
        self.inputs[input].current = None;
        while let Some(batch) = self.inputs[input].stream.next().await.transpose()? {
            if batch.num_rows() == 0 {
                continue;
            }
            let column = |name: &str| batch.column_by_name(name);
            let users = column("user_id")
                .ok_or_else(|| exec_datafusion_err!("a merge by users needs the column user_id"))?;
            self.inputs[input].current = Some(Current {
                batch: self.held.len(),
                users: as_string_view_array(users)?.clone(),
                times: Times::of(&batch)?,
                seq: column("seq").map(|seq| as_int64_array(seq).cloned()).transpose()?,
                row: 0,
            });
            self.held.push(batch);
            break;
        }
        Ok(())
    }

    /// Keeps only the batches that an input still stands in.
    fn forget_used(&mut self) {
        let held = std::mem::take(&mut self.held);
        for input in &mut self.inputs {
            if let Some(current) = &mut input.current {
                self.held.push(held[current.batch].clone());
                current.batch = self.held.len() - 1;
            }
        }
    }
}

/// What orders a user's rows: their time, or their day where nobody reads the time.
enum Times {
    Instants(TimestampMicrosecondArray),
    Days(Date32Array),
    Unread,
}

impl Times {
    fn of(batch: &RecordBatch) -> Result<Self> {
        Ok(match (batch.column_by_name("ts"), batch.column_by_name("dt")) {
            (Some(ts), _) => Times::Instants(as_timestamp_microsecond_array(ts)?.clone()),
            (None, Some(dt)) => Times::Days(as_date32_array(dt)?.clone()),
            (None, None) => Times::Unread,
        })
    }

    fn value(&self, row: usize) -> i64 {
        match self {
            Times::Instants(ts) => ts.value(row),
            Times::Days(dt) => dt.value(row).into(),
            Times::Unread => 0,
        }
    }
}

/// A part of a user's run within one batch.
struct Piece {
    segment: Segment,
    keys: Vec<(i64, i64)>,
}

/// Equal views are equal texts; unequal ones may still be.
fn same_view(users: &StringViewArray, a: usize, b: usize) -> bool {
    users.views()[a] == users.views()[b]
}

/// Appends the runs of one user in the order of (ts, seq), the earlier input first where these are equal.
fn in_order(mut runs: Vec<VecDeque<Piece>>, segments: &mut Vec<Segment>) {
    runs.retain(|run| !run.is_empty());
    // Different days: the runs do not interleave.
    let first = |run: &VecDeque<Piece>| run[0].keys[0];
    let last = |run: &VecDeque<Piece>| run[run.len() - 1].keys[run[run.len() - 1].keys.len() - 1];
    runs.sort_by_key(first);
    if runs.windows(2).all(|pair| last(&pair[0]) < first(&pair[1])) {
        segments.extend(runs.into_iter().flatten().map(|piece| piece.segment));
        return;
    }
    let mut rows: Vec<((i64, i64), Segment)> = runs
        .into_iter()
        .flatten()
        .flat_map(|piece| {
            let Segment { batch, start, .. } = piece.segment;
            piece
                .keys
                .into_iter()
                .enumerate()
                .map(move |(row, key)| (key, Segment { batch, start: start + row, rows: 1 }))
        })
        .collect();
    rows.sort_by_key(|(key, _)| *key);
    segments.extend(rows.into_iter().map(|(_, segment)| segment));
}
