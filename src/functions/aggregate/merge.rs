//! Stored states become one state or one answer. The first state tells what was counted; the others must say the same.

use std::fmt;
use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, new_null_array};
use datafusion::arrow::compute::{cast, nullif};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::{Aggregate, Groups};
use crate::functions::states;

pub(super) struct Merged<A: Aggregate> {
    /// What the states are of, told by the first one.
    open: Option<Open<A>>,
    /// For each group, whether a state came at all: the answer of none is NULL.
    seen: Vec<bool>,
    /// The type of the answer; `None` when the answer is a state.
    answer: Option<DataType>,
    zeros: Vec<usize>,
}

struct Open<A: Aggregate> {
    head: Vec<u8>,
    definition: A::Definition,
    groups: A::Groups,
}

impl<A: Aggregate> Open<A> {
    /// The content of a state whose head is written otherwise but says the same.
    fn content_of<'a>(&self, state: &'a [u8]) -> Result<&'a [u8]> {
        let (head, content) = states::split_header(A::NAME, state)?;
        let definition: A::Definition = states::read_parameters(A::NAME, head)?;
        if definition == self.definition {
            Ok(content)
        } else {
            states::other_parameters(A::NAME, &self.head, head)
        }
    }
}

impl<A: Aggregate> Merged<A> {
    pub(super) fn new(answer: Option<DataType>) -> Self {
        Self { open: None, seen: vec![], answer, zeros: vec![] }
    }

    fn push(
        &mut self,
        states: &ArrayRef,
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        if self.seen.len() < groups {
            self.seen.resize(groups, false);
        }
        if let Some(open) = &mut self.open {
            open.groups.set_groups(groups)?;
        }
        let Some(states) = states.as_binary_opt::<i32>() else {
            // All of them NULL.
            return Ok(());
        };
        for (row, &group) in group_indices.iter().enumerate() {
            if states.is_null(row) || filter.is_some_and(|filter| filter.is_null(row) || !filter.value(row)) {
                continue;
            }
            let state = states.value(row);
            let open = match &mut self.open {
                Some(open) => open,
                empty => {
                    let (head, _) = states::split_header(A::NAME, state)?;
                    let definition = states::read_parameters(A::NAME, head)?;
                    let mut groups = A::groups(&definition)?;
                    groups.set_groups(self.seen.len())?;
                    empty.insert(Open { head: head.to_vec(), definition, groups })
                }
            };
            // A head says its own length: whatever begins with it has the same.
            let content = match state.strip_prefix(open.head.as_slice()) {
                Some(content) => content,
                None => open.content_of(state)?,
            };
            open.groups.merge(group, content)?;
            self.seen[group] = true;
        }
        Ok(())
    }

    fn emit(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let seen = emit_to.take_needed(&mut self.seen);
        let data_type = self.answer.clone().unwrap_or(DataType::Binary);
        let Some(open) = &mut self.open else {
            return Ok(new_null_array(&data_type, seen.len()));
        };
        let emitted = match self.answer {
            Some(_) => of_type(A::NAME, open.groups.answers(emit_to)?, &data_type)?,
            None => open.groups.states(emit_to, &open.head)?,
        };
        without_unseen(emitted, &seen)
    }

    fn emit_states(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let seen = emit_to.take_needed(&mut self.seen);
        match &mut self.open {
            None => Ok(Arc::new(BinaryArray::new_null(seen.len()))),
            Some(open) => without_unseen(open.groups.states(emit_to, &open.head)?, &seen),
        }
    }

    fn snapshot(&self) -> Result<Self> {
        let open = match &self.open {
            None => None,
            Some(open) => Some(Open {
                head: open.head.clone(),
                definition: open.definition.clone(),
                groups: open.groups.snapshot()?,
            }),
        };
        Ok(Self { open, seen: self.seen.clone(), answer: self.answer.clone(), zeros: vec![] })
    }

    fn heap(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| {
            // Every state that is given out begins with the head.
            let heads = if self.answer.is_none() { self.seen.len() * open.head.len() } else { 0 };
            open.head.capacity() + heads + open.groups.size()
        });
        open + self.seen.capacity() + self.zeros.capacity() * size_of::<usize>()
    }
}

impl<A: Aggregate> GroupsAccumulator for Merged<A> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.push(&values[0], group_indices, opt_filter, total_num_groups)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.push(&values[0], group_indices, None, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.emit(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.emit_states(emit_to)?])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let states = cast(&values[0], &DataType::Binary)?;
        let Some(filter) = opt_filter else {
            return Ok(vec![states]);
        };
        let dropped = (0..filter.len()).map(|row| Some(filter.is_null(row) || !filter.value(row)));
        Ok(vec![nullif(&states, &dropped.collect::<BooleanArray>())?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.heap()
    }
}

impl<A: Aggregate> Accumulator for Merged<A> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut zeros = std::mem::take(&mut self.zeros);
        zeros.resize(values[0].len(), 0);
        let pushed = self.push(&values[0], &zeros, None, 1);
        self.zeros = zeros;
        pushed
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        Accumulator::update_batch(self, states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.seen.resize(1, false);
        ScalarValue::try_from_array(&self.snapshot()?.emit(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.seen.resize(1, false);
        Ok(vec![ScalarValue::try_from_array(&self.snapshot()?.emit_states(EmitTo::All)?, 0)?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.heap()
    }
}

impl<A: Aggregate> fmt::Debug for Merged<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merged").field("function", &A::NAME).finish_non_exhaustive()
    }
}

fn without_unseen(array: ArrayRef, seen: &[bool]) -> Result<ArrayRef> {
    if seen.iter().all(|seen| *seen) {
        return Ok(array);
    }
    let unseen: BooleanArray = seen.iter().map(|seen| Some(!seen)).collect();
    Ok(nullif(&array, &unseen)?)
}

/// The answers in the type that the plan promised.
fn of_type(function: &str, answers: ArrayRef, planned: &DataType) -> Result<ArrayRef> {
    if answers.data_type() == planned {
        return Ok(answers);
    }
    if !is_same_kind(answers.data_type(), planned) {
        return exec_err!(
            "{function}: the states answer with {}, but the plan was made for {planned}; name the types of the time \
             and of the value that were counted, as in {function}_merge(state, {{ts: ts, value: page}}), by any \
             expression of these types",
            answers.data_type()
        );
    }
    Ok(cast(&answers, planned)?)
}

/// Whether a value changes its unit at most.
fn is_same_kind(found: &DataType, planned: &DataType) -> bool {
    match (found, planned) {
        (DataType::Timestamp(_, _), DataType::Timestamp(_, _)) => true,
        (DataType::List(found), DataType::List(planned)) => {
            is_same_kind(found.data_type(), planned.data_type())
        }
        (DataType::Struct(found), DataType::Struct(planned)) => {
            found.len() == planned.len()
                && found.iter().zip(planned).all(|(f, p)| is_same_kind(f.data_type(), p.data_type()))
        }
        (found, planned) => found == planned || (found.is_string() && planned.is_string()),
    }
}
