//! The share of exits among the distinct visits that saw a page: a count and a set of visits a group.
//!
//! A visit's key may be of any type, so a set holds 128-bit hashes of the keys: 16 bytes a visit whatever the key is. Two
//! of a thousand million keys collide with a probability below 10^-20.

use std::collections::{HashMap, HashSet};
use std::mem::{size_of, size_of_val};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, Int64Array, ListArray,
};
use datafusion::arrow::buffer::{Buffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use xxhash_rust::xxh3::xxh3_128;

use super::option_column;
use super::rate::{Rate, Rows, ones, quotient, quotients};

const KEY: DataType = DataType::FixedSizeBinary(16);

pub(super) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    let name = |part: &str| format_state_name(args.name, part);
    vec![
        Arc::new(Field::new(name("hits"), DataType::Int64, false)),
        Arc::new(Field::new(name("visits"), DataType::new_list(KEY, false), false)),
    ]
}

/// The rows of a rate, and the visit that each belongs to.
#[derive(Debug)]
pub(super) struct VisitReader<R> {
    rate: R,
    /// The argument that holds the options.
    options: usize,
}

impl<R: Rate> VisitReader<R> {
    pub(super) fn new(rate: R, options: usize) -> Self {
        Self { rate, options }
    }

    /// The rows that have a key, and the hashes of all keys.
    fn read(&self, values: &[ArrayRef]) -> Result<(Rows, Vec<u128>)> {
        let rows = self.rate.rows(values)?;
        let keys = option_column(values, self.options, "visit_key")?;
        let rows = match keys.logical_nulls() {
            None => rows,
            Some(nulls) => Rows { counted: &rows.counted & nulls.inner(), hits: &rows.hits & nulls.inner() },
        };
        Ok((rows, hashes(keys)?))
    }
}

/// Row encoding makes equal values of any type equal bytes, plain or in a dictionary.
fn hashes(keys: &ArrayRef) -> Result<Vec<u128>> {
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let rows = converter.convert_columns(&[Arc::clone(keys)])?;
    Ok(rows.iter().map(|row| xxh3_128(row.as_ref())).collect())
}

/// Many groups at once.
pub(super) struct VisitGroups<R> {
    reader: VisitReader<R>,
    hits: Vec<i64>,
    /// Per group, how many pairs of `visits` are its own.
    counts: Vec<i64>,
    visits: HashSet<(usize, u128)>,
}

impl<R: Rate> VisitGroups<R> {
    pub(super) fn new(reader: VisitReader<R>) -> Self {
        Self { reader, hits: Vec::new(), counts: Vec::new(), visits: HashSet::new() }
    }

    fn resize(&mut self, groups: usize) {
        self.hits.resize(groups, 0);
        self.counts.resize(groups, 0);
    }

    fn insert(&mut self, group: usize, key: u128) {
        if self.visits.insert((group, key)) {
            self.counts[group] += 1;
        }
    }

    /// The visits of the groups that leave, in no particular order; those that stay are renumbered.
    fn take_visits(&mut self, emit_to: EmitTo) -> Vec<(usize, u128)> {
        let visits = std::mem::take(&mut self.visits);
        let EmitTo::First(groups) = emit_to else {
            return visits.into_iter().collect();
        };
        let mut taken = Vec::new();
        for (group, key) in visits {
            match group.checked_sub(groups) {
                Some(group) => {
                    self.visits.insert((group, key));
                }
                None => taken.push((group, key)),
            }
        }
        taken
    }
}

impl<R: Rate> GroupsAccumulator for VisitGroups<R> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        let (rows, keys) = self.reader.read(values)?;
        let rows = rows.filtered(opt_filter);
        for row in rows.counted.set_indices() {
            self.insert(group_indices[row], keys[row]);
        }
        for row in rows.hits.set_indices() {
            self.hits[group_indices[row]] += 1;
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        let hits = values[0].as_primitive::<Int64Type>().values();
        for (i, &group) in group_indices.iter().enumerate() {
            self.hits[group] += hits[i];
        }
        read_keys(&values[1], |row, key| {
            self.insert(group_indices[row], key);
        });
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.take_visits(emit_to);
        let hits = emit_to.take_needed(&mut self.hits);
        let counts = emit_to.take_needed(&mut self.counts);
        Ok(quotients(&hits, &counts))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let visits = self.take_visits(emit_to);
        let hits = emit_to.take_needed(&mut self.hits);
        let counts = emit_to.take_needed(&mut self.counts);
        // Where each group's next key goes.
        let mut next = Vec::with_capacity(counts.len());
        let mut end = 0_usize;
        for &count in &counts {
            next.push(end);
            end += count as usize;
        }
        let mut keys = vec![0_u128; end];
        for (group, key) in visits {
            keys[next[group]] = key;
            next[group] += 1;
        }
        let lists = key_lists(&keys, counts.iter().map(|count| *count as usize))?;
        Ok(vec![Arc::new(Int64Array::from(hits)), Arc::new(lists)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let (rows, keys) = self.reader.read(values)?;
        let rows = rows.filtered(opt_filter);
        let kept: Vec<u128> = rows.counted.set_indices().map(|row| keys[row]).collect();
        let lists = key_lists(&kept, rows.counted.iter().map(usize::from))?;
        Ok(vec![ones(&rows.hits), Arc::new(lists)])
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + (self.hits.capacity() + self.counts.capacity()) * size_of::<i64>()
            + hash_table_size::<(usize, u128)>(self.visits.capacity())
    }
}

/// One group, whose rows may leave again: per visit, how many of its rows are there.
#[derive(Debug)]
pub(super) struct VisitRows<R> {
    reader: VisitReader<R>,
    hits: i64,
    visits: HashMap<u128, u64>,
}

impl<R: Rate> VisitRows<R> {
    pub(super) fn new(reader: VisitReader<R>) -> Self {
        Self { reader, hits: 0, visits: HashMap::new() }
    }
}

impl<R: Rate> Accumulator for VisitRows<R> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (rows, keys) = self.reader.read(values)?;
        self.hits += rows.hits.count_set_bits() as i64;
        for row in rows.counted.set_indices() {
            *self.visits.entry(keys[row]).or_default() += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (rows, keys) = self.reader.read(values)?;
        self.hits -= rows.hits.count_set_bits() as i64;
        for row in rows.counted.set_indices() {
            if let Some(count) = self.visits.get_mut(&keys[row]) {
                *count -= 1;
                if *count == 0 {
                    self.visits.remove(&keys[row]);
                }
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let hits = states[0].as_primitive::<Int64Type>().values();
        self.hits += hits.iter().sum::<i64>();
        read_keys(&states[1], |_, key| {
            *self.visits.entry(key).or_default() += 1;
        });
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let visits = self.visits.len() as i64;
        Ok(ScalarValue::Float64(quotient(self.hits, visits)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let keys: Vec<u128> = self.visits.keys().copied().collect();
        let lists = key_lists(&keys, [keys.len()])?;
        Ok(vec![ScalarValue::Int64(Some(self.hits)), ScalarValue::List(Arc::new(lists))])
    }

    fn size(&self) -> usize {
        size_of_val(self) + hash_table_size::<(u128, u64)>(self.visits.capacity())
    }
}

fn key_lists(keys: &[u128], lengths: impl IntoIterator<Item = usize>) -> Result<ListArray> {
    // The bytes of a fixed size binary column are counted in i32 as well.
    if i32::try_from(keys.len()).is_err() {
        return exec_err!(
            "exit_rate: more than {} visits in one partial state; raise datafusion.execution.target_partitions",
            i32::MAX
        );
    }
    let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
    let values = FixedSizeBinaryArray::try_new(16, Buffer::from_vec(bytes), None)?;
    Ok(ListArray::try_new(
        Arc::new(Field::new_list_field(KEY, false)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(values),
        None,
    )?)
}

/// Calls `visit(row, key)` for each key of a column of lists.
fn read_keys(lists: &ArrayRef, mut visit: impl FnMut(usize, u128)) {
    let lists = lists.as_list::<i32>();
    let keys = lists.values().as_fixed_size_binary();
    let offsets = lists.value_offsets();
    for row in 0..lists.len() {
        for i in offsets[row] as usize..offsets[row + 1] as usize {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(keys.value(i));
            visit(row, u128::from_le_bytes(bytes));
        }
    }
}

/// Heap bytes of a standard hash table: at most 7/8 full, one control byte a slot.
fn hash_table_size<T>(capacity: usize) -> usize {
    match capacity {
        0 => 0,
        capacity => (capacity * 8 / 7).next_power_of_two() * (size_of::<T>() + 1),
    }
}
