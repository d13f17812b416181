//! `path_rollup(path [, {min_count: n, max_edges: n}])`: over all users, how many went from one node to the next at each
//! step, and how long did it take them?
//!
//! ```text
//! ann   home ──▶ list ──▶ item
//! bob   home ──▶ list                 → 1 home > list 2,  2 list > item 1
//! ```
//!
//! O(steps of all paths) time; about 100 bytes a distinct edge and the texts of distinct nodes.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, ListArray, StringArray, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::edges::{Count, Edges};
use super::{edge_bytes, empty_list, offsets};
use crate::error::footfall_internal_err;
use crate::functions::call::{self, Arguments};
use crate::functions::folds::{Fold, FoldFunction};
use crate::functions::time::TimeType;

const NAME: &str = "path_rollup";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct PathRollup;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RollupRules {
    min_count: u64,
    max_edges: Option<usize>,
    /// The type of the paths' times, `None` for paths without times.
    time: Option<TimeType>,
}

impl Fold for Edges {
    fn merge(&mut self, other: Self) {
        Edges::merge(self, &other);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        edge_bytes::encode(self, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        edge_bytes::decode(bytes)
    }

    fn heap(&self) -> usize {
        self.size()
    }
}

impl FoldFunction for PathRollup {
    const NAME: &'static str = NAME;
    type Parameters = RollupRules;
    type Fold = Edges;
    type Rows = PathRows;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let len = call::len_without_options(types);
        if len != 1 {
            return plan_err!(
                "{NAME}: takes a path and options, as in {NAME}(path, {{max_edges: 50}}); found {len} arguments before \
                 the options"
            );
        }
        let mut types = types.to_vec();
        types[0] = path_type(&types[0])?;
        Ok(types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(answer_type())
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(answer_type())
    }

    fn read(call: &Arguments) -> Result<RollupRules> {
        let options = call.options(NAME, &["min_count", "max_edges"])?;
        let positive = |name: &str| -> Result<Option<u64>> {
            match options.integer(name)?.map(u64::try_from) {
                None => Ok(None),
                Some(Ok(number)) if number > 0 => Ok(Some(number)),
                Some(_) => plan_err!("{NAME}: option '{name}' must be at least 1"),
            }
        };
        Ok(RollupRules {
            min_count: positive("min_count")?.unwrap_or(1),
            max_edges: positive("max_edges")?.map(|max| usize::try_from(max).unwrap_or(usize::MAX)),
            time: time_of(&call.types[0])?,
        })
    }

    fn rows(rules: &RollupRules, values: &[ArrayRef]) -> Result<PathRows> {
        PathRows::new(rules, &values[0])
    }

    fn update(_rules: &RollupRules, rows: &PathRows, row: usize, edges: &mut Edges) -> Result<()> {
        rows.each_path(row, |path| edges.add(rows.steps(path)));
        Ok(())
    }

    fn answers(rules: &RollupRules, folds: &[Edges]) -> Result<ArrayRef> {
        let nanos_per_tick = rules.time.as_ref().and_then(TimeType::nanos_per_tick);
        let mut lengths = Vec::with_capacity(folds.len());
        let (mut steps, mut froms, mut tos, mut counts, mut times) = (vec![], vec![], vec![], vec![], vec![]);
        for edges in folds {
            let rows = edges.rows(rules.min_count, rules.max_edges.unwrap_or(usize::MAX));
            lengths.push(rows.len());
            for row in rows {
                steps.push(i32::try_from(row.step).unwrap_or(i32::MAX));
                froms.push(row.from);
                tos.push(row.to);
                counts.push(i64::try_from(row.count.paths).unwrap_or(i64::MAX));
                times.push(nanos_per_tick.and_then(|nanos| mean_ms(&row.count, nanos)));
            }
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(steps)),
            Arc::new(StringArray::from(froms)),
            Arc::new(StringArray::from(tos)),
            Arc::new(Int64Array::from(counts)),
            Arc::new(Float64Array::from(times)),
        ];
        let item = Arc::new(Field::new_list_field(DataType::Struct(edge_fields()), true));
        let edges = StructArray::try_new(edge_fields(), columns, None)?;
        Ok(Arc::new(ListArray::try_new(item, offsets(NAME, &lengths)?, Arc::new(edges), None)?))
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        empty_list(NAME, data_type)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

fn mean_ms(count: &Count, nanos_per_tick: i64) -> Option<f64> {
    let nanos = count.ticks.saturating_mul(i128::from(nanos_per_tick));
    (count.timed > 0).then(|| nanos as f64 / 1e6 / count.timed as f64)
}

fn answer_type() -> DataType {
    DataType::new_list(DataType::Struct(edge_fields()), true)
}

fn edge_fields() -> Fields {
    Fields::from(vec![
        Field::new("step", DataType::Int32, true),
        Field::new("from", DataType::Utf8, true),
        Field::new("to", DataType::Utf8, true),
        Field::new("count", DataType::Int64, true),
        Field::new("mean_time_ms", DataType::Float64, true),
    ])
}

/// The type that paths are coerced to: the answer of `user_path`, a list of paths, or one path.
fn path_type(found: &DataType) -> Result<DataType> {
    let nodes = DataType::new_list(DataType::Utf8, true);
    match found {
        DataType::Null => Ok(nodes),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            match item.data_type() {
                DataType::Struct(fields) if is_path(fields) && matches!(found, DataType::List(_)) => {
                    Ok(found.clone())
                }
                DataType::List(node) | DataType::LargeList(node) if !node.data_type().is_nested() => {
                    Ok(DataType::new_list(nodes, true))
                }
                node if !node.is_nested() => Ok(nodes),
                _ => not_a_path(found),
            }
        }
        other => not_a_path(other),
    }
}

fn not_a_path<T>(found: &DataType) -> Result<T> {
    plan_err!(
        "{NAME}: argument 1, the path, must be the answer of user_path, a list of nodes or a list of lists of nodes; \
         found {found}"
    )
}

fn is_path(fields: &Fields) -> bool {
    let is_list = |name: &str| {
        fields.find(name).and_then(|(_, field)| match field.data_type() {
            DataType::List(item) => Some(item.data_type()),
            _ => None,
        })
    };
    fields.len() == 2 && is_list("nodes") == Some(&DataType::Utf8) && is_list("times").is_some()
}

/// The type of the times in paths of that type.
fn time_of(path: &DataType) -> Result<Option<TimeType>> {
    let DataType::List(item) = path else {
        return Ok(None);
    };
    let DataType::Struct(fields) = item.data_type() else {
        return Ok(None);
    };
    match fields.find("times").map(|(_, field)| field.data_type()) {
        Some(DataType::List(ts)) => TimeType::new(NAME, "1, its times,", ts.data_type()).map(Some),
        _ => Ok(None),
    }
}

/// The paths of one batch.
pub(crate) struct PathRows {
    rows: ListArray,
    /// What the rows list: paths, or the nodes of the row's only path.
    items: ArrayRef,
    /// The nodes of each path; `None` where the row is the path.
    paths: Option<ListArray>,
    times: Option<(ListArray, Int64Array)>,
    nodes: StringArray,
}

/// One path: its place among the paths, or among the rows.
type Path = usize;

impl PathRows {
    fn new(rules: &RollupRules, column: &ArrayRef) -> Result<Self> {
        let Some(rows) = column.as_list_opt::<i32>() else {
            return footfall_internal_err!("{NAME}: the paths are of type {}", column.data_type());
        };
        let items = used(rows);
        let (paths, times) = match items.as_struct_opt() {
            None => (items.as_list_opt::<i32>().cloned(), None),
            Some(structs) => {
                let lists =
                    |name: &str| structs.column_by_name(name).and_then(|c| c.as_list_opt::<i32>()).cloned();
                let times = match (lists("times"), &rules.time) {
                    (Some(times), Some(time)) => {
                        let ticks = time.ticks(&used(&times))?;
                        Some((times, ticks))
                    }
                    _ => None,
                };
                (lists("nodes"), times)
            }
        };
        let nodes = paths.as_ref().map_or_else(|| Arc::clone(&items), used);
        let Some(nodes) = nodes.as_string_opt::<i32>().cloned() else {
            return footfall_internal_err!("{NAME}: the nodes are of type {}", nodes.data_type());
        };
        Ok(Self { rows: rows.clone(), items, paths, times, nodes })
    }

    /// Calls `visit` with each path of a row that is not NULL.
    fn each_path(&self, row: usize, mut visit: impl FnMut(Path)) {
        if self.rows.is_null(row) {
            return;
        }
        match &self.paths {
            None => visit(row),
            Some(paths) => range(&self.rows, row)
                .filter(|path| self.items.is_valid(*path) && paths.is_valid(*path))
                .for_each(visit),
        }
    }

    /// The nodes of a path, each with its time.
    fn steps(&self, path: Path) -> impl Iterator<Item = (Option<&str>, Option<i64>)> {
        let nodes = range(self.paths.as_ref().unwrap_or(&self.rows), path);
        let times = self.times.as_ref().map(|(lists, ticks)| (range(lists, path), ticks));
        nodes.enumerate().map(move |(i, node)| {
            let ts = times.as_ref().and_then(|(places, ticks)| {
                let place = places.start + i;
                (place < places.end && ticks.is_valid(place)).then(|| ticks.value(place))
            });
            (self.nodes.is_valid(node).then(|| self.nodes.value(node)), ts)
        })
    }
}

/// The items that the lists of a batch refer to: the batch may be a slice of a larger one.
fn used(lists: &ListArray) -> ArrayRef {
    let offsets = lists.value_offsets();
    let (first, last) = (offsets[0] as usize, offsets[lists.len()] as usize);
    lists.values().slice(first, last - first)
}

/// Where the items of a list stand among the used ones.
fn range(lists: &ListArray, list: usize) -> Range<usize> {
    let offsets = lists.value_offsets();
    (offsets[list] - offsets[0]) as usize..(offsets[list + 1] - offsets[0]) as usize
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Over the paths of all users: how many went from one node to the next at each step, and how long did it take \
         them? This is what a flow chart (Sankey diagram) draws.\n\n\
         Result: List(Struct{step Int32, from Utf8, to Utf8, count Int64, mean_time_ms Float64}), one struct for each \
         edge, ordered by step, then the most frequent first, then by from and to; an empty list without edges, never \
         NULL. Step 1 is the edge from the first node of a path to its second; a path of one node has no edge. \
         mean_time_ms is the mean time from the one step to the next, NULL for paths without times and for an integer \
         ts, whose unit is unknown.\n\n\
         Every path counts, also several of one user. A NULL path and a NULL node are ignored. Counts and times are \
         added as whole numbers, so neither order nor partitions can show.\n\n\
         ```text\n\
         ann   home ──▶ list ──▶ item\n\
         bob   home ──▶ list                 → 1 home > list 2,  2 list > item 1\n\
         ```\n\n\
         Errors while planning: an argument that is no path, an unknown option, an option below 1, DISTINCT.\n\n\
         Cost: one pass, O(steps); about 100 bytes for each distinct edge, and the text of each distinct node once.\n\n\
         Definition: PostHog's path edges, `1_home > 2_list`; its time of a run of repeats is that of the last of them.",
        "path_rollup(path [, {min_count: 1, max_edges: n}])",
    )
    .with_argument(
        "path",
        "The answer of `user_path`; or one path as a list of nodes, or several as a list of lists, both without times.",
    )
    .with_argument("min_count", "Option: leaves out edges with fewer paths; 1 by default.")
    .with_argument("max_edges", "Option: keeps the most frequent edges only, equals by step, from and to.")
    .with_sql_example(
        "SELECT e['step'] AS step, e['from'] AS a, e['to'] AS b, e['count'] AS n, e['mean_time_ms'] AS ms\n\
         FROM (SELECT unnest(r) AS e\n\
         \x20     FROM (SELECT path_rollup(p) AS r\n\
         \x20           FROM (SELECT u, user_path(ts, page) AS p\n\
         \x20                 FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'home'),\n\
         \x20                              ('ann', TIMESTAMP '2026-01-01 10:00:10', 'list'),\n\
         \x20                              ('ann', TIMESTAMP '2026-01-01 10:00:15', 'item'),\n\
         \x20                              ('bob', TIMESTAMP '2026-01-01 10:00:00', 'home'),\n\
         \x20                              ('bob', TIMESTAMP '2026-01-01 10:00:20', 'list')) AS t(u, ts, page)\n\
         \x20                 GROUP BY u)));\n\
         -- 1 | home | list | 2 | 15000.0\n\
         -- 2 | list | item | 1 | 5000.0",
    )
    .with_related_udf("user_path")
    .build()
});
