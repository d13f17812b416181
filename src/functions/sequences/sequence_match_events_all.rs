//! `sequence_match_events_all(pattern, ts, c1, …, cn [, {tie, compatibility}])`: when did the events of every match happen?
//!
//! ```text
//! (?1).*(?2)      a  b  b  a  x  b      → [[1, 2], [4, 6]]
//!                 1  2  3  4  5  6
//! ```
//!
//! The matches are those that `sequence_count` counts. A function of its own, since the type of an answer must be known from
//! the types of the arguments. O(events × pattern), 16 bytes an event of one user.

use std::sync::LazyLock;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::pattern_call::{self, Sequence};
use super::search::Search;
use super::times::{Lists, empty_list, lists};
use crate::functions::call::Arguments;
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Payloads};
use crate::functions::time::TimeType;

const NAME: &str = "sequence_match_events_all";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct SequenceMatchEventsAll;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timed {
    sequence: Sequence,
    time: TimeType,
}

impl EventFunction for SequenceMatchEventsAll {
    const NAME: &'static str = NAME;
    const ALIASES: &'static [&'static str] = &["sequencematcheventsall"];
    type Parameters = Timed;
    type Column = AllTimesColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        pattern_call::coerce_types(NAME, types)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        Ok(list_of_lists(pattern_call::time_of(NAME, types)?))
    }

    fn merged_type(ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(list_of_lists(ts.clone()))
    }

    fn read(call: &Arguments) -> Result<(Timed, EventReader)> {
        let (sequence, _, reader) = pattern_call::read(NAME, call, &["tie", "compatibility"])?;
        Ok((Timed { sequence, time: reader.time.clone() }, reader))
    }

    fn column(timed: &Timed) -> Result<AllTimesColumn> {
        let pattern = timed.sequence.parse(NAME)?;
        let search = Search::new(&pattern, timed.sequence.ticks, timed.sequence.clickhouse);
        Ok(AllTimesColumn {
            search,
            time: timed.time.clone(),
            times: Vec::new(),
            matches: Lists::default(),
            lengths: Vec::new(),
        })
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        empty_list(NAME, data_type)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

fn list_of_lists(ts: DataType) -> DataType {
    DataType::new_list(DataType::new_list(ts, true), true)
}

#[derive(Debug)]
pub(crate) struct AllTimesColumn {
    search: Search,
    time: TimeType,
    /// Scratch space: the times of one match.
    times: Vec<i64>,
    matches: Lists,
    /// How many matches each user has.
    lengths: Vec<usize>,
}

impl AnswerColumn for AllTimesColumn {
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        for event in events {
            self.search.push(event.ts, event.mask);
        }
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        let before = self.matches.lengths.len();
        let matches = &mut self.matches;
        self.search.each(&mut self.times, |times| {
            matches.push(times);
            true
        });
        self.lengths.push(self.matches.lengths.len() - before);
        self.search.clear();
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        let matches = self.matches.take(NAME, &self.time)?;
        lists(NAME, std::mem::take(&mut self.lengths), matches)
    }

    fn size(&self) -> usize {
        self.search.size()
            + self.matches.size()
            + self.times.capacity() * size_of::<i64>()
            + self.lengths.capacity() * size_of::<usize>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        format!(
            "When did the events of every match of a pattern happen? The matches are those that `sequence_count` \
             counts, one after the other.\n\n\
             Result: a list with a list for each match, of the type of ts, with one time for each event of a named element \
             (those in brackets); never NULL, empty where nothing matches and for a group without rows.\n\n\
             {}\n\n\
             ```text\n\
             (?1).*(?2)     a  b  b  a  x  b      → [[1, 2], [4, 6]]\n\
             \x20              1  2  3  4  5  6\n\
             ```\n\n\
             {}\n\n\
             Cost: O(events × pattern), 16 bytes an event of one user.\n\n\
             Definition: `sequence_match_events` for every match; ClickHouse has no such function yet \
             (ClickHouse/ClickHouse#95318 asks for it).",
            pattern_call::RULES,
            pattern_call::ERRORS
        ),
        "sequence_match_events_all(pattern, ts, c1, ..., cn [, {tie: column, compatibility: 'clickhouse'}])",
    )
    .with_argument("pattern", pattern_call::PATTERN)
    .with_argument("ts", pattern_call::TIME)
    .with_argument("c1, ..., cn", pattern_call::CONDITIONS)
    .with_argument("tie", pattern_call::TIE)
    .with_argument("compatibility", pattern_call::COMPATIBILITY)
    .with_sql_example(
        "SELECT u, sequence_match_events_all('(?1).*(?2)', ts, e = 'search', e = 'view') AS at\n\
         FROM (VALUES ('ann', 1, 'search'), ('ann', 2, 'view'), ('ann', 3, 'view'),\n\
         \x20            ('ann', 4, 'search'), ('ann', 6, 'view')) AS t(u, ts, e)\n\
         GROUP BY u;\n\
         -- ann | [[1, 2], [4, 6]]",
    )
    .with_related_udf("sequence_match_events")
    .build()
});
