//! `user_path(ts, node [, {gap: …, max_steps: …, start: …, end: …, clean: …, collapse: …}])`: which way did this user go,
//! session by session?
//!
//! ```text
//! gap = 30 min, max_steps = 3      home ─5─▶ list ─1─▶ list ─2─▶ item ─1─▶ cart ──90──▶ home
//!                                  └─────────── [home, list, item] ───────────┘         [home]
//! ```
//!
//! In this order: nodes are cleaned, rows split into sessions, repeats collapsed, sessions cut at start and end, paths
//! shortened. Events of the same time stand in the order of their nodes, never in that of arrival.
//! O(events) once they are in time order; 24 bytes an event, and 24 bytes a step of the session at hand.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, ListArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::cleaning::{Cleaner, Cleaning};
use super::labels::Labels;
use super::steps::{PathScan, Shape, Step};
use super::{empty_list, offsets};
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::Conditions;
use crate::functions::events::{
    AnswerColumn, Event, EventFunction, EventReader, Keep, PayloadColumn, PayloadKind, Payloads,
};
use crate::functions::interner::is_keyable;
use crate::functions::options::Options;
use crate::functions::row_value::RowValue;
use crate::functions::time::{TimeType, Window};

const NAME: &str = "user_path";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct UserPath;

impl EventFunction for UserPath {
    const NAME: &'static str = NAME;
    type Parameters = PathRules;
    type Column = PathColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let len = call::len_without_options(types);
        if len != 2 {
            return plan_err!(
                "{NAME}: takes a time, a node and options, as in {NAME}(ts, page, {{gap: INTERVAL '30 minutes'}}); \
                 found {len} arguments before the options"
            );
        }
        TimeType::new(NAME, "1, ts,", &types[0])?;
        if !is_keyable(&types[1]) {
            return plan_err!(
                "{NAME}: argument 2, the node, must be a text, a number, a Boolean, a date or a timestamp; found {}",
                types[1]
            );
        }
        Ok(types.to_vec())
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(ts) => Ok(answer_type(ts)),
            None => plan_err!("{NAME}: takes a time, a node and options, found no argument"),
        }
    }

    fn merged_type(ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(answer_type(ts))
    }

    fn read(call: &Arguments) -> Result<(PathRules, EventReader)> {
        let options = call.options(NAME, &OPTIONS)?;
        let time = TimeType::new(NAME, "1, ts,", &call.types[0])?;
        let mut conditions = vec![];
        let rules = PathRules {
            gap: options.window("gap", &time)?,
            max_steps: max_steps(&options)?,
            collapse: options.bool("collapse")?.unwrap_or(true),
            start: Point::read(&options, "start", &mut conditions)?,
            end: Point::read(&options, "end", &mut conditions)?,
            clean: Cleaning::read(NAME, &options)?,
            time: time.clone(),
        };
        let node = PayloadColumn {
            source: RowValue::Argument(1),
            kind: PayloadKind::Key,
            data_type: call.types[1].clone(),
        };
        let reader = EventReader {
            ts: 0,
            time,
            tie: options.tie()?,
            conditions: Conditions::Arguments(0..0),
            more_conditions: conditions,
            payload: vec![node],
            keep: Keep::WithValue,
            drop_null_conditions: false,
        };
        Ok((rules, reader))
    }

    fn column(rules: &PathRules) -> Result<PathColumn> {
        PathColumn::new(rules)
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        empty_list(NAME, data_type)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

const OPTIONS: [&str; 8] = ["gap", "max_steps", "start", "end", "clean", "collapse", "tie", "zone"];

/// How rows become paths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PathRules {
    gap: Option<Window>,
    max_steps: Option<usize>,
    #[serde(default)]
    collapse: bool,
    start: Option<Point>,
    end: Option<Point>,
    clean: Option<Cleaning>,
    time: TimeType,
}

/// Where a path starts or ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Point {
    /// At a node of that name, after cleaning.
    Node(String),
    /// Where the condition of that bit holds.
    Condition(usize),
}

impl Point {
    fn read(options: &Options, name: &str, conditions: &mut Vec<RowValue>) -> Result<Option<Self>> {
        let Some((value, data_type)) = options.row_value(name)? else {
            return Ok(None);
        };
        if data_type == DataType::Boolean {
            conditions.push(value);
            return Ok(Some(Point::Condition(conditions.len() - 1)));
        }
        let accepted = "a literal node such as '/home', or a Boolean condition";
        let Some(node) = options.value(name, accepted)? else {
            return Ok(None);
        };
        match node.cast_to(&DataType::Utf8) {
            Ok(ScalarValue::Utf8(Some(node))) => Ok(Some(Point::Node(node))),
            _ => plan_err!("{NAME}: option '{name}' must be {accepted}, found {node} of type {data_type}"),
        }
    }
}

fn max_steps(options: &Options) -> Result<Option<usize>> {
    let Some(max) = options.integer("max_steps")? else {
        return Ok(None);
    };
    let has = |name: &str| -> Result<bool> { Ok(options.row_value(name)?.is_some()) };
    let least = if has("start")? && has("end")? { 3 } else { 1 };
    match usize::try_from(max) {
        Ok(max) if max >= least => Ok(Some(max)),
        _ if least == 3 => plan_err!(
            "{NAME}: option 'max_steps' must be at least 3 where both 'start' and 'end' are given, to show both and \
             what was left out; found {max}"
        ),
        _ => plan_err!("{NAME}: option 'max_steps' must be at least 1, found {max}"),
    }
}

fn answer_type(ts: &DataType) -> DataType {
    DataType::new_list(DataType::Struct(path_fields(ts)), true)
}

/// The fields of one path: two lists of the same length.
fn path_fields(ts: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("nodes", DataType::new_list(DataType::Utf8, true), true),
        Field::new("times", DataType::new_list(ts.clone(), true), true),
    ])
}

/// The paths of many users.
#[derive(Debug)]
pub(crate) struct PathColumn {
    rules: PathRules,
    cleaner: Option<Cleaner>,
    labels: Labels,
    scan: PathScan,
    /// The time of the user's row before.
    before: Option<i64>,
    same_time: Vec<Event>,
    answers: Paths,
}

/// Finished paths: nodes and times one after the other, how many a path, and how many paths a user.
#[derive(Debug, Default)]
struct Paths {
    nodes: Vec<u32>,
    times: Vec<i64>,
    steps: Vec<usize>,
    paths: Vec<usize>,
    /// Paths that belong to users in `paths`.
    ended: usize,
}

impl PathColumn {
    fn new(rules: &PathRules) -> Result<Self> {
        let shape = Shape {
            collapse: rules.collapse,
            from_start: rules.start.is_some(),
            to_end: rules.end.is_some(),
            max_steps: rules.max_steps.unwrap_or(usize::MAX),
        };
        Ok(Self {
            cleaner: rules.clean.as_ref().map(|clean| clean.cleaner(NAME)).transpose()?,
            rules: rules.clone(),
            labels: Labels::default(),
            scan: PathScan::new(shape),
            before: None,
            same_time: Vec::new(),
            answers: Paths::default(),
        })
    }

    fn push_row(&mut self, event: &Event, payloads: &Payloads) {
        let key = payloads.key(event.payload, 0);
        let cleaner = &self.cleaner;
        let node = self.labels.of_key(key, || {
            let text = payloads.text(0, key)?.into_owned();
            match cleaner {
                Some(cleaner) => cleaner.clean(text),
                None => Some(text),
            }
        });
        let Some(node) = node else {
            return;
        };
        if let (Some(gap), Some(before)) = (&self.rules.gap, self.before)
            && event.ts > gap.deadline(before)
        {
            self.end_session();
        }
        self.before = Some(event.ts);
        let starts = is_at(self.rules.start.as_ref(), node, event, &self.labels);
        let ends = is_at(self.rules.end.as_ref(), node, event, &self.labels);
        self.scan.push(Step { node, ts: event.ts, starts, ends });
    }

    fn end_session(&mut self) {
        let (answers, labels) = (&mut self.answers, &mut self.labels);
        let first = answers.nodes.len();
        let has_path = self.scan.end_session(|node, ts| {
            answers.nodes.push(node.unwrap_or_else(|| labels.of_text(LEFT_OUT)));
            answers.times.push(ts);
        });
        if has_path {
            answers.steps.push(answers.nodes.len() - first);
        }
    }
}

/// The node that stands for steps that were left out.
const LEFT_OUT: &str = "...";

fn is_at(point: Option<&Point>, node: u32, event: &Event, labels: &Labels) -> bool {
    match point {
        None => false,
        Some(Point::Node(name)) => labels.text(node) == name,
        Some(Point::Condition(bit)) => (event.mask >> bit) & 1 == 1,
    }
}

impl AnswerColumn for PathColumn {
    fn push(&mut self, events: &[Event], payloads: &Payloads) {
        let has_conditions = events.iter().any(|event| event.mask != 0);
        if events.len() == 1 || !has_conditions {
            // Already in the order of their nodes.
            events.iter().for_each(|event| self.push_row(event, payloads));
            return;
        }
        let mut same_time = std::mem::take(&mut self.same_time);
        same_time.extend_from_slice(events);
        // Stable: events of one node stay in the order of their conditions.
        let key = |event: &Event| payloads.key(event.payload, 0);
        same_time.sort_by(|a, b| payloads.compare(0, key(a), key(b)));
        same_time.iter().for_each(|event| self.push_row(event, payloads));
        same_time.clear();
        self.same_time = same_time;
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        self.end_session();
        self.before = None;
        let answers = &mut self.answers;
        answers.paths.push(answers.steps.len() - answers.ended);
        answers.ended = answers.steps.len();
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        let answers = std::mem::take(&mut self.answers);
        let ts = self.rules.time.data_type();
        let nodes = self.labels.array(NAME, &answers.nodes)?;
        self.labels.clear();
        let steps = offsets(NAME, &answers.steps)?;
        let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
        let nodes = ListArray::try_new(item, steps.clone(), nodes, None)?;
        let item = Arc::new(Field::new_list_field(ts.clone(), true));
        let times = ListArray::try_new(item, steps, self.rules.time.array(answers.times)?, None)?;
        let fields = path_fields(ts);
        let item = Arc::new(Field::new_list_field(DataType::Struct(fields.clone()), true));
        let paths = StructArray::try_new(fields, vec![Arc::new(nodes), Arc::new(times)], None)?;
        let lists = ListArray::try_new(item, offsets(NAME, &answers.paths)?, Arc::new(paths), None)?;
        Ok(Arc::new(lists))
    }

    fn size(&self) -> usize {
        let answers = &self.answers;
        self.labels.size()
            + self.scan.size()
            + self.same_time.capacity() * size_of::<Event>()
            + answers.nodes.capacity() * size_of::<u32>()
            + answers.times.capacity() * size_of::<i64>()
            + (answers.steps.capacity() + answers.paths.capacity()) * size_of::<usize>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Which way did a user go? The nodes in time order, one path for each session, or one path in all without \
         `gap`.\n\n\
         Result: List(Struct{nodes List(Utf8), times List(type of ts)}), a struct for each path, oldest first; an empty \
         list for a user without a path, never NULL. The type does not depend on the options. `unnest` makes a row of \
         each path, `array_to_string(p['nodes'], ' > ')` a text, `path_rollup` the edges over all users.\n\n\
         From rows to paths, in this order:\n\n\
         1. `clean` renames nodes and drops some; a dropped row is as if it were not there\n\
         2. a row more than `gap` after the one before starts a session; a gap of exactly `gap` does not\n\
         3. rows of one node one right after the other become one step, since the first of them (`collapse`)\n\
         4. the session is cut: its path goes from the first step that satisfies `start` to the first one after it that \
         satisfies `end` (to the first at all without `start`). A collapsed step satisfies what any of its rows does. A \
         session without such a step has no path\n\
         5. a path longer than `max_steps` keeps its first steps; with `end` alone its last ones; with both the steps at \
         either end and the node '...' between them, which counts as a step\n\n\
         Events of the same time are ordered by `tie` where it is given, then by their nodes (by value, before \
         cleaning), rows where neither start nor end holds first, never by arrival. A row whose ts or node is NULL is \
         ignored, a NULL condition is false. Exact duplicates collapse.\n\n\
         ```text\n\
         gap = 30 min, max_steps = 3      home ─5─▶ list ─1─▶ list ─2─▶ item ─1─▶ cart ──90──▶ home\n\
         \x20                                └─────────── [home, list, item] ───────────┘         [home]\n\
         ```\n\n\
         Errors while planning: an unknown option, a gap that is negative or no literal, max_steps below 1 (below 3 with \
         both start and end), a start or end that is neither a literal nor Boolean, a pattern that is no regular \
         expression, DISTINCT.\n\n\
         Cost: one pass, O(events); every distinct node is cleaned once. 24 bytes for each event with a node, of the \
         users in one batch when the input is ordered by user and time, of all users otherwise.\n\n\
         Definition: PostHog's paths (cleaning, sessions, repeats, start and end point, steps) and ByConity's \
         `pathSplit`. PostHog splits at a gap of exactly 30 minutes, takes the time of the last of a run of repeats, and \
         ends a path that starts and ends at the same node at once; here such a path goes round.",
        "user_path(ts, node [, {gap: INTERVAL '30 minutes', max_steps: n, start: s, end: e, clean: c, collapse: true, \
         tie: seq, zone: 'name'}])",
    )
    .with_argument("ts", "When the event happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument(
        "node",
        "Where the user was: a text, number, Boolean, date or timestamp; in the answer it is a text.",
    )
    .with_argument(
        "gap",
        "Option: the longest time between two rows of a session, a literal INTERVAL, or an integer in the unit of an \
         integer or date ts; without it all rows are one session.",
    )
    .with_argument("max_steps", "Option: the most steps of a path; without it paths are as long as they are.")
    .with_argument(
        "start",
        "Option: where paths start, a node ('/home', as it is called after cleaning) or a Boolean condition on the row \
         (page = '/home' AND country = 'CN'), which filters the start only.",
    )
    .with_argument("end", "Option: where paths end, as `start`.")
    .with_argument(
        "clean",
        "Option: new names of nodes, a literal. MAP {'/': '/home', '/ping': NULL} renames whole nodes; \
         [{pattern: '^/item/[0-9]+', to: '/item'}] replaces every match of regular expressions, one rule after the \
         other, ${1} being the first group. A new name NULL drops the node.",
    )
    .with_argument("collapse", "Option: false keeps every repeat as a step of its own; true by default.")
    .with_argument("tie", "Option: an integer or timestamp column that orders events of the same time.")
    .with_argument("zone", "Option: the IANA time zone of a gap of calendar months, by default footfall.time_zone.")
    .with_sql_example(
        "SELECT u, user_path(ts, page, {gap: INTERVAL '30 minutes', max_steps: 3})[1]['nodes'] AS path\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'home'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:05:00', 'list'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:06:00', 'list'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:08:00', 'item'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:09:00', 'cart')) AS t(u, ts, page)\n\
         GROUP BY u;\n\
         -- ann | [home, list, item]",
    )
    .with_related_udf("path_rollup")
    .with_related_udf("attribution")
    .build()
});
