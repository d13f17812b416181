//! `sequence_count(pattern, ts, c1, …, cn [, {tie, compatibility}])`: how often does this pattern occur, one match after
//! the other?
//!
//! ```text
//! (?1).*(?2)      a  b  b  a  x  b      → 2
//!                 ╰──╯     ╰─────╯
//! ```
//!
//! A match ends as soon as it can, and the next one begins behind it: no other choice of matches that do not overlap has
//! more of them. O(events × pattern); without gates one word of memory a user, with gates 16 bytes an event of one user.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;

use super::matcher::Matcher;
use super::pattern_call::{self, Sequence};
use crate::functions::call::Arguments;
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Payloads};

const NAME: &str = "sequence_count";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct SequenceCount;

impl EventFunction for SequenceCount {
    const NAME: &'static str = NAME;
    const ALIASES: &'static [&'static str] = &["sequencecount"];
    type Parameters = Sequence;
    type Column = CountColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        pattern_call::coerce_types(NAME, types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn read(call: &Arguments) -> Result<(Sequence, EventReader)> {
        let (sequence, _, reader) = pattern_call::read(NAME, call, &["tie", "compatibility"])?;
        Ok((sequence, reader))
    }

    fn column(sequence: &Sequence) -> Result<CountColumn> {
        let pattern = sequence.parse(NAME)?;
        let matcher = Matcher::new(&pattern, sequence.ticks, sequence.clickhouse, false);
        Ok(CountColumn { matcher, answers: Vec::new() })
    }

    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

#[derive(Debug)]
pub(crate) struct CountColumn {
    matcher: Matcher,
    answers: Vec<i64>,
}

impl AnswerColumn for CountColumn {
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        for event in events {
            self.matcher.push(event.ts, event.mask);
        }
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        self.answers.push(self.matcher.count());
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(std::mem::take(&mut self.answers))))
    }

    fn size(&self) -> usize {
        self.matcher.size() + self.answers.capacity() * size_of::<i64>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        format!(
            "How often does a pattern occur among a user's events, one match after the other? A match ends as soon as \
             it can and the next one begins behind it, which gives as many matches as can be had without overlap.\n\n\
             Result: Int64, never NULL; 0 for a group without rows.\n\n\
             {} A match whose pattern ends with a gate ends before the event that the gate looks at.\n\n\
             ```text\n\
             (?1).*(?2)     a  b  b  a  x  b      → 2\n\
             \x20              ╰──╯     ╰─────╯\n\
             ```\n\n\
             {}\n\n\
             Cost: one pass, O(events × pattern), for overlapping gates too. Without gates no event is kept once the \
             input is in order, with gates 16 bytes an event of one user. Each != doubles it.\n\n\
             Definition: ClickHouse's `sequenceCount`; the differences are those of `sequence_match`.",
            pattern_call::RULES,
            pattern_call::ERRORS
        ),
        "sequence_count(pattern, ts, c1, ..., cn [, {tie: column, compatibility: 'clickhouse'}])",
    )
    .with_argument("pattern", pattern_call::PATTERN)
    .with_argument("ts", pattern_call::TIME)
    .with_argument("c1, ..., cn", pattern_call::CONDITIONS)
    .with_argument("tie", pattern_call::TIE)
    .with_argument("compatibility", pattern_call::COMPATIBILITY)
    .with_alternative_syntax("sequenceCount(pattern, ts, c1, ..., cn)")
    .with_sql_example(
        "SELECT u, sequence_count('(?1).*(?2)', ts, e = 'search', e = 'view') AS successful_searches\n\
         FROM (VALUES ('ann', 1, 'search'), ('ann', 2, 'view'), ('ann', 3, 'view'),\n\
         \x20            ('ann', 4, 'search'), ('ann', 6, 'view')) AS t(u, ts, e)\n\
         GROUP BY u;\n\
         -- ann | 2",
    )
    .with_related_udf("sequence_match")
    .build()
});
