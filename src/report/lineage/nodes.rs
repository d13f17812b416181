//! What each node of a plan makes of its inputs.

use datafusion::common::Result;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate, Distinct, LogicalPlan, RecursiveQuery, TableScan};

use super::Origin;
use super::flow::{Flow, Scope, Trace};

/// Table functions that read no table.
const MADE_UP: [&str; 2] = ["generate_series()", "range()"];

/// A walk from the tables up to the result.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Recursive queries under way, with what is known of them so far.
    recursive: Vec<(String, Flow)>,
}

impl Walk {
    /// What a plan puts out; `outer` are the queries around it.
    pub(super) fn flow(&mut self, plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Result<Flow> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan, outer),
            LogicalPlan::Join(join) => self.join(join, outer),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, outer),
            LogicalPlan::Distinct(distinct) => self.distinct(distinct, outer),
            LogicalPlan::RecursiveQuery(query) => self.recursive(query, outer),
            LogicalPlan::Projection(projection) => {
                let input = self.flow(&projection.input, outer)?;
                let columns = self.values(&projection.expr, &Scope { inputs: &[&input], outer })?;
                let flow = Flow::new(&projection.schema, columns, input.rows)?;
                Ok(Flow { order: input.order, ..flow })
            }
            LogicalPlan::Filter(filter) => {
                let mut input = self.flow(&filter.input, outer)?;
                let condition = self.value(&filter.predicate, &Scope { inputs: &[&input], outer })?;
                input.rows.filter(&condition);
                Ok(input)
            }
            LogicalPlan::Window(window) => {
                let input = self.flow(&window.input, outer)?;
                let windows = self.values(&window.window_expr, &Scope { inputs: &[&input], outer })?;
                Flow::new(&window.schema, [input.columns, windows].concat(), input.rows)
            }
            LogicalPlan::Sort(sort) => {
                let mut input = self.flow(&sort.input, outer)?;
                let keys = sort.expr.iter().map(|key| &key.expr);
                let order = self.sum(keys, &Scope { inputs: &[&input], outer })?;
                if sort.fetch.is_some() {
                    input.rows.filter(&order);
                }
                Ok(Flow { order, ..input })
            }
            LogicalPlan::Limit(limit) => {
                let mut input = self.flow(&limit.input, outer)?;
                input.rows.filter(&input.order);
                Ok(input)
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let input = self.flow(&alias.input, outer)?;
                let flow = Flow::new(&alias.schema, input.columns, input.rows)?;
                Ok(Flow { order: input.order, ..flow })
            }
            LogicalPlan::Union(union) => {
                let mut columns = vec![Trace::default(); union.schema.fields().len()];
                let mut rows = Trace::default();
                for input in &union.inputs {
                    let input = self.flow(input, outer)?;
                    columns.iter_mut().zip(&input.columns).for_each(|(column, trace)| column.add(trace));
                    rows.add(&input.rows);
                }
                Flow::new(&union.schema, columns, rows)
            }
            LogicalPlan::Values(values) => {
                let mut columns = vec![Trace::default(); values.schema.fields().len()];
                for row in &values.values {
                    let row = self.values(row, &Scope { inputs: &[], outer })?;
                    columns.iter_mut().zip(&row).for_each(|(column, trace)| column.add(trace));
                }
                Flow::new(&values.schema, columns, Trace::default())
            }
            LogicalPlan::Unnest(unnest) => {
                let input = self.flow(&unnest.input, outer)?;
                let columns = unnest
                    .dependency_indices
                    .iter()
                    .map(|input_column| input.columns.get(*input_column).cloned().unwrap_or_default())
                    .collect();
                // A row for each element of these lists.
                let lists = unnest.list_type_columns.iter().filter_map(|(list, _)| input.columns.get(*list));
                let mut rows = Trace::sum(lists);
                rows.add(&input.rows);
                Flow::new(&unnest.schema, columns, rows)
            }
            LogicalPlan::Repartition(repartition) => self.flow(&repartition.input, outer),
            LogicalPlan::Subquery(subquery) => self.flow(&subquery.subquery, outer),
            LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Extension(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::DescribeTable(_) => self.unknown(plan, outer),
        }
    }

    /// The columns of a table; a view is seen through to the tables below it.
    fn scan(&mut self, scan: &TableScan, outer: Option<&Scope<'_>>) -> Result<Flow> {
        let name = match scan.table_name.schema() {
            Some(schema) if schema != "public" => format!("{schema}.{}", scan.table_name.table()),
            _ => scan.table_name.table().to_string(),
        };
        let known = self.recursive.iter().rev().find(|(query, _)| *query == name);
        let known = known.map(|(_, flow)| flow.clone());
        let whole = match (known, scan.source.get_logical_plan()) {
            (Some(flow), _) => Some(flow),
            (None, Some(view)) => Some(self.flow(&view, None)?),
            (None, None) => None,
        };
        let fields = scan.projected_schema.fields();
        let mut flow = match whole {
            Some(whole) => {
                let all = || (0..whole.columns.len()).collect();
                let places: Vec<usize> = scan.projection.clone().unwrap_or_else(all);
                let columns = places.iter().filter_map(|place| whole.columns.get(*place).cloned()).collect();
                Flow::new(&scan.projected_schema, columns, whole.rows)?
            }
            None if MADE_UP.contains(&name.as_str()) => {
                Flow::new(&scan.projected_schema, vec![Trace::default(); fields.len()], Trace::default())?
            }
            None => {
                let of = |column: Option<&String>| {
                    let origin = Origin { table: name.clone(), column: column.cloned() };
                    Trace { from: [origin].into(), ..Trace::default() }
                };
                let columns = fields.iter().map(|field| of(Some(field.name()))).collect();
                Flow::new(&scan.projected_schema, columns, of(None))?
            }
        };
        let condition = self.sum(&scan.filters, &Scope { inputs: &[&flow], outer })?;
        flow.rows.filter(&condition);
        Ok(flow)
    }

    /// A row a group: the keys tell the rows apart, and decide which rows of the input count for each figure.
    fn aggregate(&mut self, aggregate: &Aggregate, outer: Option<&Scope<'_>>) -> Result<Flow> {
        let input = self.flow(&aggregate.input, outer)?;
        let scope = Scope { inputs: &[&input], outer };
        let mut columns = Vec::new();
        for key in grouping_set_to_exprlist(&aggregate.group_expr)? {
            columns.push(self.value(key, &scope)?);
        }
        let keys = Trace::sum(&columns);
        // Which of the sets of keys a row is of, where there are several.
        let figures = aggregate.schema.fields().len().saturating_sub(aggregate.aggr_expr.len());
        columns.resize(figures.max(columns.len()), keys.clone());
        for figure in &aggregate.aggr_expr {
            let mut trace = self.value(figure, &scope)?;
            trace.filter_by_rows(&input.rows);
            trace.filter(&keys);
            columns.push(trace);
        }
        let rows = if aggregate.group_expr.is_empty() {
            // Always one.
            Trace::default()
        } else {
            let mut rows = Trace { from: keys.from, ..Trace::default() };
            rows.filters.extend(keys.filters);
            rows.filter_by_rows(&input.rows);
            rows
        };
        Flow::new(&aggregate.schema, columns, rows)
    }

    fn distinct(&mut self, distinct: &Distinct, outer: Option<&Scope<'_>>) -> Result<Flow> {
        match distinct {
            Distinct::All(input) => {
                let mut input = self.flow(input, outer)?;
                let mut rows = input.all_columns();
                rows.filter_by_rows(&input.rows);
                input.rows = rows;
                Ok(input)
            }
            Distinct::On(distinct) => {
                let input = self.flow(&distinct.input, outer)?;
                let scope = Scope { inputs: &[&input], outer };
                let columns = self.values(&distinct.select_expr, &scope)?;
                let mut rows = self.sum(&distinct.on_expr, &scope)?;
                let order = distinct.sort_expr.iter().flatten().map(|key| &key.expr);
                rows.filter(&self.sum(order, &scope)?);
                rows.filter_by_rows(&input.rows);
                Flow::new(&distinct.schema, columns, rows)
            }
        }
    }

    /// What the recursive part reads of the query itself grows until it says nothing new.
    fn recursive(&mut self, query: &RecursiveQuery, outer: Option<&Scope<'_>>) -> Result<Flow> {
        let first = self.flow(&query.static_term, outer)?;
        let mut known = Flow::new(&query.schema, first.columns, first.rows)?;
        loop {
            self.recursive.push((query.name.clone(), known.clone()));
            let next = self.flow(&query.recursive_term, outer);
            self.recursive.pop();
            let next = next?;
            let mut grown = known.clone();
            grown.columns.iter_mut().zip(&next.columns).for_each(|(column, trace)| column.add(trace));
            grown.rows.add(&next.rows);
            if (&grown.columns, &grown.rows) == (&known.columns, &known.rows) {
                return Ok(known);
            }
            known = grown;
        }
    }

    /// Of a node that nothing is known of: every column may come from all that goes in.
    fn unknown(&mut self, plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Result<Flow> {
        let (mut all, mut rows) = (Trace::default(), Trace::default());
        for input in plan.inputs() {
            let input = self.flow(input, outer)?;
            all.add(&input.all_columns());
            rows.add(&input.rows);
        }
        Flow::new(plan.schema(), vec![all; plan.schema().fields().len()], rows)
    }
}
