//! CREATE VIEW and DROP VIEW in a session with a store: the view is a file there, and stays.
//!
//! ```sql
//! -- title: Buyers | 买家
//! CREATE VIEW buyers AS SELECT DISTINCT user_id FROM events WHERE event = 'pay_success'
//! ```
//! The file is the query as it was written, with the lines `title` and `question` above the statement. CREATE TEMPORARY VIEW
//! makes a view of the session.

use datafusion::common::{Result, TableReference, exec_err, plan_err};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    CreateView, Insert, ObjectName, ObjectNamePart, ObjectType, Statement as SqlStatement, TableObject,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::ask::errors::plain;
use crate::ask::guard;
use crate::ask::script::{Parsed, Source, offset};
use crate::engine::{SavedViews, is_view_name, saved_views};

/// Runs a statement about saved views; `None` is any other statement, to be planned as it is by now.
pub(super) async fn run(
    context: &SessionContext,
    source: &Source,
    parsed: &Parsed,
    bound: &mut Statement,
) -> Result<Option<DataFrame>> {
    let Statement::Statement(statement) = bound else { return Ok(None) };
    let saved = saved_views(context);
    match (statement.as_mut(), saved) {
        (SqlStatement::CreateView(view), saved) if view.temporary => {
            view.temporary = false;
            match (last(&view.name), saved) {
                (Some(name), Some(saved)) if saved.is_saved(&name) => {
                    plan_err!("{name} is a view that the store keeps; give the temporary one another name")
                }
                _ => Ok(None),
            }
        }
        // Refused with everything else that writes.
        _ if guard::only_reads(context) => Ok(None),
        (SqlStatement::CreateView(view), Some(saved)) if !view.materialized => {
            let view = view.clone();
            create(context, &saved, source, parsed, view).await.map(Some)
        }
        (SqlStatement::Drop { object_type, names, .. }, Some(saved)) => match names.as_slice() {
            [name] => remove(context, &saved, name, *object_type).await,
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Removes a saved view, and keeps what every store has; what the session has made itself is left to the engine.
async fn remove(
    context: &SessionContext,
    saved: &SavedViews,
    name: &ObjectName,
    kind: ObjectType,
) -> Result<Option<DataFrame>> {
    let Some(last) = last(name).filter(|_| matches!(kind, ObjectType::Table | ObjectType::View)) else {
        return Ok(None);
    };
    if saved.built_in().any(|name| name == last) {
        return plan_err!("{last} is what every store has; it cannot be dropped");
    }
    if !saved.is_saved(&last) {
        return Ok(None);
    }
    if kind == ObjectType::Table || name.0.len() > 1 {
        return plan_err!("{last} is a view that the store keeps: DROP VIEW {last}");
    }
    saved.remove(context, &last).await?;
    context.read_empty().map(Some)
}

/// Fails if a statement reads a saved view that does not plan, or adds rows to a table or view of the store. The engine would
/// look at the rows first, and say what is wrong with them.
pub(super) fn check(context: &SessionContext, statement: &Statement) -> Result<()> {
    let Some(saved) = saved_views(context) else { return Ok(()) };
    if let Statement::Statement(inner) = statement
        && let SqlStatement::Insert(Insert { table: TableObject::TableName(table), .. }) = inner.as_ref()
        && let Some(table) = last(table)
        && (saved.built_in().any(|name| name == table) || saved.is_saved(&table))
    {
        return plan_err!("INSERT cannot change a table of a store");
    }
    for reference in context.state().resolve_table_references(statement)? {
        check_planned(context, reference.table())?;
    }
    Ok(())
}

/// Fails if `name` is a saved view that does not plan.
pub(super) fn check_planned(context: &SessionContext, name: &str) -> Result<()> {
    match saved_views(context).and_then(|saved| saved.broken(name)) {
        Some((file, error)) => {
            exec_err!("view {name} cannot be used: {}: {}", file.display(), plain(&error))
        }
        None => Ok(()),
    }
}

async fn create(
    context: &SessionContext,
    saved: &SavedViews,
    source: &Source,
    parsed: &Parsed,
    mut view: CreateView,
) -> Result<DataFrame> {
    const FORM: &str = "a saved view is named with small letters, digits and _, beginning with a letter";
    const OR: &str = "CREATE TEMPORARY VIEW makes one of this session";
    let Some(name) = bare(&view.name) else {
        return plan_err!("'{}' is no name for a saved view: {FORM}; {OR}", view.name);
    };
    if !is_view_name(&name) {
        return plan_err!("'{name}' is no name for a saved view: {FORM}; {OR}");
    }
    if saved.is_built_in(&name) {
        return plan_err!("{name} is the name of a table or view that every store has; choose another one");
    }
    // Others may have saved one since the session began.
    saved.load(context).await?;
    if saved.is_saved(&name) {
        if view.if_not_exists {
            return context.read_empty();
        }
        if !view.or_replace {
            return plan_err!("view {name} exists; CREATE OR REPLACE VIEW {name} replaces it");
        }
    } else if context.table_exist(TableReference::bare(name.as_str()))? {
        return plan_err!("{name} is the name of a table or view of this session; choose another one");
    }
    let or_replace = view.or_replace;
    if let Some(parameter) = parsed.parameters().first() {
        return plan_err!(
            "a saved view has no parameters, but the query needs ${parameter}; write its value, or {OR}"
        );
    }
    view.if_not_exists = false;
    // Planned as it is written, so that an error knows its place.
    let query = Statement::Statement(Box::new(SqlStatement::Query(view.query.clone())));
    for reference in context.state().resolve_table_references(&query)? {
        let read = reference.table();
        if read == name || saved.reads(context, read, &name) {
            return plan_err!("view {name} would read itself{}", by_way_of(read, &name));
        }
        let stays = saved.is_saved(read)
            || saved.built_in().any(|name| name == read)
            || reference.schema() == Some("information_schema");
        if !stays && context.table_exist(reference.clone())? {
            return plan_err!("view {name} would be kept, but '{read}' is there in this session only; {OR}");
        }
    }
    let columns: Vec<String> = view.columns.iter().map(|column| column.name.to_string()).collect();
    let statement = Statement::Statement(Box::new(SqlStatement::CreateView(view)));
    let plan = context.state().statement_to_plan(statement).await?;
    guard::check_plan(context, &plan)?;
    let Some(text) = text_of(source, parsed, &name, &columns) else {
        return plan_err!("the query behind AS cannot be told from the rest of the statement");
    };
    saved.save(context, &name, text, or_replace).await?;
    context.read_empty()
}

fn by_way_of(read: &str, name: &str) -> String {
    if read == name { String::new() } else { format!(" by way of {read}") }
}

/// The name without the schema before it.
fn last(name: &ObjectName) -> Option<String> {
    bare(&ObjectName(vec![name.0.last()?.clone()]))
}

/// The name, if it is one word without a schema.
fn bare(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] if name.quote_style.is_none() => Some(name.value.to_lowercase()),
        [ObjectNamePart::Identifier(name)] => Some(name.value.clone()),
        _ => None,
    }
}

/// The file of a view: what is said of it above the statement, then the query as it stands behind AS.
fn text_of(source: &Source, parsed: &Parsed, name: &str, columns: &[String]) -> Option<String> {
    let statement = parsed.text(source);
    let query = behind_as(statement)?;
    let mut text = String::new();
    let mut is_told = false;
    for line in statement.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with("--"))
    {
        // A line that is indented further belongs to the one before it.
        let goes_on = line.starts_with("--  ");
        let entry = line.trim_start_matches('-').trim_start();
        is_told =
            if goes_on { is_told } else { entry.starts_with("title:") || entry.starts_with("question:") };
        if is_told {
            text.push_str(line);
            text.push('\n');
        }
    }
    match columns {
        [] => text.push_str(query),
        _ => text.push_str(&format!("SELECT * FROM (\n{query}\n) AS {name}({})", columns.join(", "))),
    }
    text.push('\n');
    Some(text)
}

/// What stands behind the first AS that is in no brackets.
fn behind_as(statement: &str) -> Option<&str> {
    let tokens = Tokenizer::new(&GenericDialect {}, statement).tokenize_with_location().ok()?;
    let mut depth = 0_usize;
    for token in &tokens {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 && word.keyword == Keyword::AS => {
                return Some(statement[offset(statement, token.span.end)..].trim());
            }
            _ => {}
        }
    }
    None
}
