//! `sequence_match_events(pattern, ts, c1, …, cn [, {which, tie, compatibility}])`: when did the events of a match happen?
//!
//! ```text
//! (?1).*(?2).*(?3)      a ── x ── b ── x            → [a, b]: the longest part of the pattern there is
//!                       1    2    3    4
//! ```
//!
//! `which` is 'longest' (the first match, else the longest part of the pattern from its beginning), 'first' or 'last' (a
//! match, else nothing); for all of them there is `sequence_match_events_all`. O(events × pattern), 16 bytes an event of one
//! user.

use std::sync::LazyLock;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::pattern_call::{self, Sequence};
use super::search::Search;
use super::times::{Lists, empty_list};
use crate::functions::call::Arguments;
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Payloads};
use crate::functions::time::TimeType;

const NAME: &str = "sequence_match_events";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct SequenceMatchEvents;

/// Which of a user's matches is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    Longest,
    First,
    Last,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chosen {
    sequence: Sequence,
    which: Which,
    time: TimeType,
}

impl EventFunction for SequenceMatchEvents {
    const NAME: &'static str = NAME;
    const ALIASES: &'static [&'static str] = &["sequencematchevents"];
    type Parameters = Chosen;
    type Column = TimesColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        pattern_call::coerce_types(NAME, types)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(pattern_call::time_of(NAME, types)?, true))
    }

    fn merged_type(ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::new_list(ts.clone(), true))
    }

    fn read(call: &Arguments) -> Result<(Chosen, EventReader)> {
        let (sequence, options, reader) = pattern_call::read(NAME, call, &["which", "tie", "compatibility"])?;
        let which = match options.choice("which", &["longest", "first", "last", "all"])? {
            None | Some("longest") => Which::Longest,
            Some("first") => Which::First,
            Some("last") => Which::Last,
            Some(_) => {
                return plan_err!(
                    "{NAME}: option 'which' is 'all', whose answer is a list of lists: write {NAME}_all(...) without \
                     the option; accepted here are 'longest', 'first', 'last'"
                );
            }
        };
        Ok((Chosen { sequence, which, time: reader.time.clone() }, reader))
    }

    fn column(chosen: &Chosen) -> Result<TimesColumn> {
        let pattern = chosen.sequence.parse(NAME)?;
        let search = Search::new(&pattern, chosen.sequence.ticks, chosen.sequence.clickhouse);
        Ok(TimesColumn { search, chosen: chosen.clone(), times: Vec::new(), answers: Lists::default() })
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        empty_list(NAME, data_type)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

#[derive(Debug)]
pub(crate) struct TimesColumn {
    search: Search,
    chosen: Chosen,
    /// Scratch space: the times of one match.
    times: Vec<i64>,
    answers: Lists,
}

impl AnswerColumn for TimesColumn {
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        for event in events {
            self.search.push(event.ts, event.mask);
        }
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        self.times.clear();
        let (which, clickhouse) = (self.chosen.which, self.chosen.sequence.clickhouse);
        // ClickHouse also reports an attempt that what follows the last named element has turned down.
        if which != Which::Longest || !clickhouse {
            self.search.each(&mut self.times, |_| which == Which::Last);
        }
        if which == Which::Longest && self.times.is_empty() {
            self.search.longest(&mut self.times);
        }
        self.answers.push(&self.times);
        self.search.clear();
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        self.answers.take(NAME, &self.chosen.time)
    }

    fn size(&self) -> usize {
        self.search.size() + self.times.capacity() * size_of::<i64>() + self.answers.size()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        format!(
            "When did the events of a match happen? Of all matches the one counts that ends first, of those with the same \
             end the one whose events come first.\n\n\
             Result: a list of the type of ts with one time for each event of a named element (those in brackets), \
             never NULL. With 'longest' and no match it holds the longest part of the pattern, from its beginning, \
             that occurs; then its length tells how far the user came. Otherwise it is empty where nothing matches, as it \
             is for a group without rows.\n\n\
             {}\n\n\
             ```text\n\
             (?1).*(?2).*(?3)     a ── x ── b ── x      → [1, 3]: no c follows\n\
             \x20                    1    2    3    4\n\
             ```\n\n\
             {} Also 'all': its answer has another type, that of `sequence_match_events_all`.\n\n\
             Cost: O(events × pattern), 16 bytes an event of one user.\n\n\
             Definition: ClickHouse's `sequenceMatchEvents`. It differs as `sequence_match` does, and in that a match \
             satisfies what follows its last named element: ClickHouse may report an attempt which that turned down. Its \
             mode keeps that.",
            pattern_call::RULES,
            pattern_call::ERRORS
        ),
        "sequence_match_events(pattern, ts, c1, ..., cn [, {which: 'longest', tie: column, compatibility: 'clickhouse'}])",
    )
    .with_argument("pattern", pattern_call::PATTERN)
    .with_argument("ts", pattern_call::TIME)
    .with_argument("c1, ..., cn", pattern_call::CONDITIONS)
    .with_argument(
        "which",
        "Option: 'longest' (the default: the first match, else the longest part), 'first' or 'last' of the matches that \
         `sequence_count` counts.",
    )
    .with_argument("tie", pattern_call::TIE)
    .with_argument("compatibility", pattern_call::COMPATIBILITY)
    .with_alternative_syntax("sequenceMatchEvents(pattern, ts, c1, ..., cn)")
    .with_sql_example(
        "SELECT u, sequence_match_events('(?1).*(?2).*(?3)', ts, e = 'view', e = 'cart', e = 'pay') AS at\n\
         FROM (VALUES ('ann', 1, 'view'), ('ann', 2, 'help'), ('ann', 3, 'cart')) AS t(u, ts, e)\n\
         GROUP BY u;\n\
         -- ann | [1, 3]",
    )
    .with_related_udf("sequence_match_events_all")
    .with_related_udf("sequence_count")
    .build()
});
