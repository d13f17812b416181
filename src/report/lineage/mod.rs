//! Where does a figure come from? Of each result column, the columns of the store's tables from which it is computed, and
//! those that only decide which rows count. Read off the plan as it was written, with its types checked; nothing runs.
//!
//! ```text
//! SELECT page, count(*) FILTER (WHERE is_exit) AS exits FROM visits WHERE dt = $day GROUP BY page
//!   page    from events.page       filters events.dt, events.event      visits is a view: seen through
//!   exits   from events.*          filters events.dt, events.page, and what is_exit is computed from
//! ```
//! `events.*` is the rows themselves, which `count(*)` counts. `from` holds whatever a value is computed from: arguments,
//! conditions of a CASE, the ORDER BY of a window or an aggregate. `filters` holds WHERE, HAVING, FILTER, the conditions of
//! joins, the keys of GROUP BY and PARTITION BY, and the ORDER BY above a LIMIT. What is in `from` is not in `filters` again. A
//! join that neither drops nor repeats rows, with a key that is unique on its other side, filters nothing.
//!
//! | file | what it knows |
//! |---|---|
//! | `flow.rs` | what is known of the columns and rows that a node puts out |
//! | `nodes.rs` | what each node makes of its inputs |
//! | `joins.rs` | which rows a join drops or repeats |
//! | `values.rs` | what each expression is computed from |

mod flow;
mod joins;
mod nodes;
mod values;

use std::fmt::{self, Display};

use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;

use crate::ask::Arguments;
use crate::engine::Engine;
use crate::report::Report;
use nodes::Walk;

/// Of a result, column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    pub columns: Vec<ColumnLineage>,
}

/// Of one result column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnLineage {
    pub name: String,
    /// From what it is computed; empty for a constant or what follows from the parameters alone.
    pub from: Vec<Origin>,
    /// What only decides which rows count.
    pub filters: Vec<Origin>,
}

/// A column of a table, or all its rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub table: String,
    /// `None`: the rows, as `count(*)` counts them.
    pub column: Option<String>,
}

/// The lineage of a plan that was not optimized yet.
pub fn lineage(state: &SessionState, written: LogicalPlan) -> Result<Lineage> {
    let plan = state.analyzer().execute_and_check(written, state.config_options(), |_, _| {})?;
    let flow = Walk::default().flow(&plan, None)?;
    let columns = flow
        .schema
        .fields()
        .iter()
        .zip(&flow.columns)
        .map(|(field, trace)| {
            let filters = trace.filters.union(&flow.rows.filters);
            ColumnLineage {
                name: field.name().clone(),
                from: trace.from.iter().cloned().collect(),
                filters: filters.filter(|origin| !trace.from.contains(*origin)).cloned().collect(),
            }
        })
        .collect();
    Ok(Lineage { columns })
}

impl Report {
    /// Where the columns of its answer come from.
    pub async fn lineage(&self, engine: &Engine, arguments: &Arguments) -> Result<Lineage> {
        let (state, written) = self.plan(engine, arguments).await?.into_parts();
        lineage(&state, written)
    }
}

impl Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.column.as_deref().unwrap_or("*"))
    }
}
