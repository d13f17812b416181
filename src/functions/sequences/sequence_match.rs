//! `sequence_match(pattern, ts, c1, …, cn [, {tie, compatibility}])`: does this pattern occur among a user's events?
//!
//! ```text
//! (?1)(?t<=60)(?2)      view ──50──▶ cart           → true
//!                       view ──70──▶ cart           → false
//! ```
//!
//! A match exists if and only if the elements of the pattern can be given events of their own, ascending in the order of
//! events, that pass their tests, are adjacent where the elements are, and whose times hold every gate. O(events ×
//! pattern); without gates one word of memory a user, with gates 16 bytes an event of one user.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;

use super::matcher::Matcher;
use super::pattern_call::{self, Sequence};
use crate::functions::call::Arguments;
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Payloads};

const NAME: &str = "sequence_match";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct SequenceMatch;

impl EventFunction for SequenceMatch {
    const NAME: &'static str = NAME;
    const ALIASES: &'static [&'static str] = &["sequencematch"];
    type Parameters = Sequence;
    type Column = MatchColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        pattern_call::coerce_types(NAME, types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn read(call: &Arguments) -> Result<(Sequence, EventReader)> {
        let (sequence, _, reader) = pattern_call::read(NAME, call, &["tie", "compatibility"])?;
        Ok((sequence, reader))
    }

    fn column(sequence: &Sequence) -> Result<MatchColumn> {
        let pattern = sequence.parse(NAME)?;
        let matcher = Matcher::new(&pattern, sequence.ticks, sequence.clickhouse, true);
        Ok(MatchColumn { matcher, answers: Vec::new() })
    }

    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Boolean(Some(false)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

#[derive(Debug)]
pub(crate) struct MatchColumn {
    matcher: Matcher,
    answers: Vec<bool>,
}

impl AnswerColumn for MatchColumn {
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        for event in events {
            self.matcher.push(event.ts, event.mask);
        }
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        self.answers.push(self.matcher.is_match());
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        Ok(Arc::new(BooleanArray::from(std::mem::take(&mut self.answers))))
    }

    fn size(&self) -> usize {
        self.matcher.size() + self.answers.capacity()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        format!(
            "Does a pattern occur among a user's events? It does if and only if its elements can be given events of \
             their own, ascending, that pass their tests, are adjacent where the elements stand side by side, and \
             whose times hold every gate.\n\n\
             Result: Boolean, never NULL; false for a group without rows.\n\n\
             {}\n\n\
             ```text\n\
             (?1)(?t<=60)(?2)     view ──50──▶ cart      → true\n\
             \x20                    view ──70──▶ cart      → false\n\
             ```\n\n\
             {}\n\n\
             Cost: one pass, O(events × pattern), for overlapping gates too; nothing is tried out and nothing is \
             capped. Without gates no event is kept once the input is in order, with gates 16 bytes an event of one user. \
             Each != doubles it.\n\n\
             Definition: ClickHouse's `sequenceMatch`. It differs in that a gate beside `.*` measures from the element \
             before to the element after, that ties never depend on arrival, that nothing is capped at 1,000,000 \
             steps, and that ClickHouse drops a row with a NULL condition. ClickHouse has no `|`, `!`, quantifiers, != and \
             numbered gates.",
            pattern_call::RULES,
            pattern_call::ERRORS
        ),
        "sequence_match(pattern, ts, c1, ..., cn [, {tie: column, compatibility: 'clickhouse'}])",
    )
    .with_argument("pattern", pattern_call::PATTERN)
    .with_argument("ts", pattern_call::TIME)
    .with_argument("c1, ..., cn", pattern_call::CONDITIONS)
    .with_argument("tie", pattern_call::TIE)
    .with_argument("compatibility", pattern_call::COMPATIBILITY)
    .with_alternative_syntax("sequenceMatch(pattern, ts, c1, ..., cn)")
    .with_sql_example(
        "SELECT u, sequence_match('(?1)(?t<=60)(?2)', ts, e = 'view', e = 'cart') AS in_a_minute\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'view'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:00:50', 'cart'),\n\
         \x20            ('bob', TIMESTAMP '2026-01-01 10:00:00', 'view'),\n\
         \x20            ('bob', TIMESTAMP '2026-01-01 10:01:10', 'cart')) AS t(u, ts, e)\n\
         GROUP BY u ORDER BY u;\n\
         -- ann | true\n\
         -- bob | false",
    )
    .with_related_udf("sequence_count")
    .with_related_udf("sequence_match_events")
    .build()
});
