//! What is each expression computed from?

use std::collections::BTreeMap;

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{Expr, Subquery};

use super::flow::{Flow, Scope, Trace};
use super::nodes::Walk;

/// Fields of `session_info` that are pages or count them.
const WITH_PAGES: [&str; 4] = ["depth", "entry_page", "exit_page", "next_page"];
/// Those that do not need to know which page it was, where `is_page` says which rows are page views.
const WITHOUT_PAGES: [&str; 16] = [
    "session",
    "session_id",
    "session_start",
    "session_end",
    "duration_ms",
    "session_dt",
    "is_session_end",
    "events",
    "views",
    "session_stay_ms",
    "scene",
    "visit_no",
    "is_entry",
    "is_exit",
    "is_bounce",
    "stay_ms",
];

impl Walk {
    pub(super) fn value(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Trace> {
        match expr {
            Expr::Column(column) => scope.column(column).cloned(),
            Expr::OuterReferenceColumn(_, column) => scope.outer_column(column).cloned(),
            Expr::Alias(alias) => self.value(&alias.expr, scope),
            Expr::Cast(cast) => self.value(&cast.expr, scope),
            Expr::AggregateFunction(call) => self.aggregate_call(call, scope),
            Expr::WindowFunction(call) => self.window_call(call, scope),
            Expr::ScalarFunction(call) => match call.func.name() {
                "get_field" => self.field(call, scope),
                "named_struct" => self.named_struct(call, scope),
                _ => self.sum(&call.args, scope),
            },
            Expr::ScalarSubquery(subquery) => {
                let inner = self.subquery(subquery, scope)?;
                let mut value = inner.columns.first().cloned().unwrap_or_default();
                value.filter_by_rows(&inner.rows);
                Ok(value)
            }
            Expr::InSubquery(test) => self.compared(&test.expr, &test.subquery, scope),
            Expr::SetComparison(test) => self.compared(&test.expr, &test.subquery, scope),
            Expr::Exists(test) => Ok(self.subquery(&test.subquery, scope)?.rows),
            _ => {
                let mut value = Trace::default();
                expr.apply_children(|part| {
                    value.add(&self.value(part, scope)?);
                    Ok(TreeNodeRecursion::Continue)
                })?;
                Ok(value)
            }
        }
    }

    pub(super) fn values(&mut self, exprs: &[Expr], scope: &Scope<'_>) -> Result<Vec<Trace>> {
        exprs.iter().map(|expr| self.value(expr, scope)).collect()
    }

    /// Of what is computed from all of these.
    pub(super) fn sum<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        scope: &Scope<'_>,
    ) -> Result<Trace> {
        let mut sum = Trace::default();
        for expr in exprs {
            sum.add(&self.value(expr, scope)?);
        }
        Ok(sum)
    }

    fn aggregate_call(&mut self, call: &AggregateFunction, scope: &Scope<'_>) -> Result<Trace> {
        let params = &call.params;
        let mut value = self.sum(&params.args, scope)?;
        if value.from.is_empty() {
            // `count(*)`: of what no argument names, the rows are counted.
            value.add(&scope.rows());
        }
        value.add(&self.sum(params.order_by.iter().map(|key| &key.expr), scope)?);
        if let Some(condition) = &params.filter {
            value.filter(&self.value(condition, scope)?);
        }
        Ok(value)
    }

    fn window_call(&mut self, call: &WindowFunction, scope: &Scope<'_>) -> Result<Trace> {
        let params = &call.params;
        let mut args = self.values(&params.args, scope)?;
        let order = self.sum(params.order_by.iter().map(|key| &key.expr), scope)?;
        let mut value = Trace::sum(args.iter().chain([&order]));
        if value.from.is_empty() {
            value.add(&scope.rows());
        }
        if call.fun.name() == "session_info" && args.len() == 4 && args[3].fields.contains_key("is_page") {
            let page = std::mem::take(&mut args[2]);
            let options = std::mem::take(&mut args[3]);
            let others = Trace::sum([&args[0], &args[1], &options, &order]);
            let of_pages = Trace::sum([&others, &page]);
            let fields = WITH_PAGES.map(|name| (name, &of_pages)).into_iter();
            let fields = fields.chain(WITHOUT_PAGES.map(|name| (name, &others)));
            value.fields = fields.map(|(name, trace)| (name.to_string(), trace.clone())).collect();
        }
        let partition = self.sum(&params.partition_by, scope)?;
        value.filter(&partition);
        if let Some(condition) = &params.filter {
            value.filter(&self.value(condition, scope)?);
        }
        Ok(value)
    }

    /// `get_field(struct, name, …)`: of that field alone, where the fields are known.
    fn field(&mut self, call: &ScalarFunction, scope: &Scope<'_>) -> Result<Trace> {
        let Some((first, path)) = call.args.split_first() else { return Ok(Trace::default()) };
        let mut value = self.value(first, scope)?;
        for name in path {
            let field = text(name).and_then(|name| value.fields.get(name)).cloned();
            value = match field {
                Some(field) => field,
                // A key that is computed is part of the value.
                None => Trace::sum([&value, &self.value(name, scope)?]),
            };
        }
        Ok(value)
    }

    fn named_struct(&mut self, call: &ScalarFunction, scope: &Scope<'_>) -> Result<Trace> {
        let mut value = self.sum(&call.args, scope)?;
        let mut fields = BTreeMap::new();
        for pair in call.args.chunks_exact(2) {
            let Some(name) = text(&pair[0]) else { return Ok(value) };
            fields.insert(name.to_string(), self.value(&pair[1], scope)?);
        }
        value.fields = fields;
        Ok(value)
    }

    /// `x IN (SELECT …)`, `x > ALL (SELECT …)`
    fn compared(&mut self, expr: &Expr, subquery: &Subquery, scope: &Scope<'_>) -> Result<Trace> {
        let inner = self.subquery(subquery, scope)?;
        let mut value = Trace::sum([&self.value(expr, scope)?, &inner.all_columns()]);
        value.filter_by_rows(&inner.rows);
        Ok(value)
    }

    fn subquery(&mut self, subquery: &Subquery, scope: &Scope<'_>) -> Result<Flow> {
        self.flow(&subquery.subquery, Some(scope))
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        Expr::Cast(cast) => text(&cast.expr),
        _ => None,
    }
}
