//! The events of all groups, kept until a group is complete: how does a funnel see its events in time order?
//!
//! Every function of this folder asks the same of its input: per group, the events that satisfy at least one step,
//! ascending in time, whatever the order, batches and partial states they came in. [`Events`] is one flat vector of
//! `(group, ts, mask)` for all groups and remembers whether it was filled in order. Over a store, where a plan delivers
//! users in order and each user's events in time order, complete groups leave after every batch: no sort, and memory for
//! a batch of groups. Over any other input the same code sorts each group when it is asked for.

use std::mem::size_of;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, UInt64Array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type, UInt64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::EmitTo;
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;

use crate::error::footfall_internal_err;
use crate::functions::conditions::Conditions;
use crate::functions::time::TimeType;

/// One event of one group; bit `i` of the mask: it satisfies step `i + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) ts: i64,
    pub(crate) mask: u64,
    pub(crate) group: u32,
}

/// Turns evaluated arguments into events.
#[derive(Debug, Clone)]
pub(crate) struct EventReader {
    pub(crate) ts: usize,
    pub(crate) time: TimeType,
    pub(crate) conditions: Conditions,
}

impl EventReader {
    /// Calls `visit(row, ts, mask)` for each row that has a time and satisfies a step; `masks` is scratch space.
    pub(crate) fn read(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        masks: &mut Vec<u64>,
        mut visit: impl FnMut(usize, i64, u64) -> Result<()>,
    ) -> Result<()> {
        self.conditions.masks(values, masks)?;
        let ticks = self.time.ticks(&values[self.ts])?;
        for (row, &mask) in masks.iter().enumerate() {
            if mask != 0
                && ticks.is_valid(row)
                && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
            {
                visit(row, ticks.value(row), mask)?;
            }
        }
        Ok(())
    }
}

/// The events of many groups.
#[derive(Debug)]
pub(crate) struct Events {
    events: Vec<Event>,
    /// Whether `events` ascends by (group, ts).
    ordered: bool,
    groups: usize,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { events: Vec::new(), ordered: true, groups: 0 }
    }

    /// Makes room for groups that may have no event at all.
    pub(crate) fn set_groups(&mut self, groups: usize) -> Result<()> {
        if u32::try_from(groups).is_err() {
            return exec_err!(
                "more than {} groups in one partition of a funnel; raise datafusion.execution.target_partitions",
                u32::MAX
            );
        }
        self.groups = self.groups.max(groups);
        Ok(())
    }

    pub(crate) fn push(&mut self, group: usize, ts: i64, mask: u64) {
        // Fits: `set_groups` was told of every group.
        let group = group as u32;
        if let Some(last) = self.events.last()
            && (last.group, last.ts) > (group, ts)
        {
            self.ordered = false;
        }
        self.events.push(Event { ts, mask, group });
    }

    /// Takes out the first groups and shows each one's events in time order, groups without events too.
    ///
    /// Events of the same time come in any order: whoever looks at them treats them as a set.
    pub(crate) fn emit(&mut self, emit_to: EmitTo, mut visit: impl FnMut(&[Event])) -> Result<()> {
        let groups = self.emitted(emit_to);
        let events = self.take(emit_to, groups);
        self.groups -= groups;
        if is_ordered(&events) {
            let mut rest = events.as_slice();
            for group in 0..groups {
                let len = rest.iter().position(|event| event.group as usize != group).unwrap_or(rest.len());
                let (events, tail) = rest.split_at(len);
                visit(events);
                rest = tail;
            }
            return Ok(());
        }
        if u32::try_from(events.len()).is_err() {
            return exec_err!(
                "more than {} events in one partition of a funnel; raise datafusion.execution.target_partitions",
                u32::MAX
            );
        }
        // A counting sort by group keeps the order of arrival, which is often the order of time already; only the
        // groups where it is not are sorted. It moves 4 bytes an event where sorting the buffer would move 24.
        let mut starts = vec![0_u32; groups + 1];
        for event in &events {
            starts[event.group as usize + 1] += 1;
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut order = vec![0_u32; events.len()];
        for (i, event) in events.iter().enumerate() {
            let slot = &mut next[event.group as usize];
            order[*slot as usize] = i as u32;
            *slot += 1;
        }
        let mut mine: Vec<Event> = Vec::new();
        for group in 0..groups {
            let range = starts[group] as usize..starts[group + 1] as usize;
            mine.clear();
            mine.extend(order[range].iter().map(|&i| events[i as usize]));
            sort_by_time(&mut mine);
            visit(&mine);
        }
        Ok(())
    }

    /// How many groups leave with `emit_to`.
    pub(crate) fn emitted(&self, emit_to: EmitTo) -> usize {
        match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups,
        }
    }

    /// Heap bytes, by capacity.
    pub(crate) fn size(&self) -> usize {
        self.events.capacity() * size_of::<Event>()
    }

    /// The events of the first `groups` groups; those that stay are renumbered from 0.
    fn take(&mut self, emit_to: EmitTo, groups: usize) -> Vec<Event> {
        if matches!(emit_to, EmitTo::All) {
            self.ordered = true;
            return std::mem::take(&mut self.events);
        }
        let groups = groups as u32;
        let taken = if self.ordered {
            let len = self.events.partition_point(|event| event.group < groups);
            EmitTo::First(len).take_needed(&mut self.events)
        } else {
            let taken = self.events.extract_if(.., |event| event.group < groups).collect();
            self.ordered = is_ordered(&self.events);
            taken
        };
        for event in &mut self.events {
            event.group -= groups;
        }
        taken
    }
}

/// Ascending by time, unless it is already.
pub(crate) fn sort_by_time(events: &mut [Event]) {
    if !events.is_sorted_by_key(|event| event.ts) {
        events.sort_unstable_by_key(|event| event.ts);
    }
}

fn is_ordered(events: &[Event]) -> bool {
    events.is_sorted_by_key(|event| (event.group, event.ts))
}

/// A partial state: the times and the masks of a group's events, two lists of the same length.
pub(crate) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    ["times", "masks"]
        .into_iter()
        .zip([DataType::Int64, DataType::UInt64])
        .map(|(name, item)| {
            let name = format_state_name(args.name, name);
            Arc::new(Field::new(name, DataType::new_list(item, false), false))
        })
        .collect()
}

/// Builds partial states, one for each group.
#[derive(Debug)]
pub(crate) struct StateBuilder {
    lengths: Vec<usize>,
    times: Vec<i64>,
    masks: Vec<u64>,
}

impl StateBuilder {
    pub(crate) fn with_capacity(groups: usize) -> Self {
        Self { lengths: Vec::with_capacity(groups), times: Vec::new(), masks: Vec::new() }
    }

    pub(crate) fn push_group(&mut self, events: &[Event]) {
        self.lengths.push(events.len());
        for event in events {
            self.times.push(event.ts);
            self.masks.push(event.mask);
        }
    }

    /// A group of no event, or of one, for each row up to and with `row`.
    pub(crate) fn push_row(&mut self, row: usize, ts: i64, mask: u64) {
        self.lengths.resize(row, 0);
        self.lengths.push(1);
        self.times.push(ts);
        self.masks.push(mask);
    }

    pub(crate) fn pad(&mut self, groups: usize) {
        self.lengths.resize(groups, 0);
    }

    pub(crate) fn finish(self) -> Result<Vec<ArrayRef>> {
        if i32::try_from(self.times.len()).is_err() {
            return exec_err!(
                "a funnel's partial state would hold more than {} events; lower datafusion.execution.batch_size \
                 or raise datafusion.execution.target_partitions",
                i32::MAX
            );
        }
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let list = |item: DataType, values: ArrayRef| -> Result<ArrayRef> {
            let field = Arc::new(Field::new_list_field(item, false));
            Ok(Arc::new(ListArray::try_new(field, offsets.clone(), values, None)?))
        };
        Ok(vec![
            list(DataType::Int64, Arc::new(Int64Array::from(self.times)))?,
            list(DataType::UInt64, Arc::new(UInt64Array::from(self.masks)))?,
        ])
    }
}

/// Calls `visit(row, ts, mask)` for each event of partial states.
pub(crate) fn read_states(states: &[ArrayRef], mut visit: impl FnMut(usize, i64, u64)) -> Result<()> {
    let [times, masks] = states else {
        return footfall_internal_err!("a funnel's state has {} columns instead of 2", states.len());
    };
    let (times, masks) = (times.as_list::<i32>(), masks.as_list::<i32>());
    let time_values = times.values().as_primitive::<Int64Type>().values();
    let mask_values = masks.values().as_primitive::<UInt64Type>().values();
    for row in 0..times.len() {
        if times.is_null(row) {
            continue;
        }
        let bounds = |list: &ListArray| {
            let offsets = list.value_offsets();
            offsets[row] as usize..offsets[row + 1] as usize
        };
        let (times, masks) = (&time_values[bounds(times)], &mask_values[bounds(masks)]);
        if times.len() != masks.len() {
            return footfall_internal_err!(
                "a funnel's state has {} times and {} masks",
                times.len(),
                masks.len()
            );
        }
        for (&ts, &mask) in times.iter().zip(masks) {
            visit(row, ts, mask);
        }
    }
    Ok(())
}
