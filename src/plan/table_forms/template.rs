//! SQL with holes: identifiers that begin with two underscores stand for the caller's expressions.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::Result;
use datafusion::sql::sqlparser::ast::{DictionaryField, Expr, Ident, Query, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use crate::error::footfall_internal_err;

/// What the holes of a template stand for.
#[derive(Debug, Default)]
pub(super) struct Holes {
    exprs: HashMap<String, Expr>,
}

impl Holes {
    pub(super) fn with(mut self, hole: impl Into<String>, expr: &Expr) -> Self {
        self.exprs.insert(hole.into(), expr.clone());
        self
    }

    /// A hole for the struct literal of these options.
    pub(super) fn with_options(self, hole: &str, options: &[(&str, &Expr)]) -> Self {
        let fields = options.iter().map(|(name, value)| DictionaryField {
            key: Ident::new(*name),
            value: Box::new((*value).clone()),
        });
        self.with(hole, &Expr::Dictionary(fields.collect()))
    }

    /// The query that `sql` is with its holes filled.
    pub(super) fn fill(&self, sql: &str) -> Result<Box<Query>> {
        let mut query = match parse(sql) {
            Ok(query) => query,
            Err(error) => return footfall_internal_err!("{error} in the template {sql}"),
        };
        // Nothing breaks off.
        let _ = query.visit(&mut Filler { exprs: &self.exprs });
        Ok(query)
    }
}

fn parse(sql: &str) -> Result<Box<Query>, ParserError> {
    Parser::new(&GenericDialect {}).try_with_sql(sql)?.parse_query()
}

struct Filler<'a> {
    exprs: &'a HashMap<String, Expr>,
}

impl VisitorMut for Filler<'_> {
    type Break = ();

    /// Behind its children, so that what is put in is not searched for holes.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && let Some(filling) = self.exprs.get(&name.value)
        {
            *expr = filling.clone();
        }
        ControlFlow::Continue(())
    }
}
