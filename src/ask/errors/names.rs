//! Names that nothing has: columns, tables, functions, settings, types. What was probably meant?

use std::ops::ControlFlow;

use datafusion::common::Column;
use datafusion::common::config::ConfigExtension;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Query, Set, Statement as SqlStatement, Visit, Visitor};

use super::explain::Explained;
use super::place::Place;
use crate::ask::script::Parsed;
use crate::config::FootfallOptions;
use crate::engine::table_forms;
use crate::error::nearest;

/// The names that a statement can use, sorted.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whether they are known at all: while a query runs no name is looked for.
    is_planning: bool,
    /// Tables, views and the names in WITH.
    tables: Vec<String>,
    /// Functions of rows and of groups.
    functions: Vec<String>,
    /// Functions that need OVER.
    windows: Vec<String>,
    /// Functions in FROM.
    relations: Vec<String>,
    settings: Vec<String>,
    /// The one that the statement sets.
    setting: Option<String>,
}

impl Known {
    pub(super) fn is_planning(&self) -> bool {
        self.is_planning
    }

    pub(super) fn of(context: &SessionContext, statement: &Parsed) -> Self {
        let state = context.state();
        let defaults = &state.config().options().catalog;
        let schema = context
            .catalog(&defaults.default_catalog)
            .and_then(|catalog| catalog.schema(&defaults.default_schema));
        let mut with = With(Vec::new());
        let (tables, setting) = match &statement.statement {
            Statement::Statement(inner) => {
                let _ = Visit::visit(inner.as_ref(), &mut with);
                (with.0, set_by(inner))
            }
            _ => (with.0, None),
        };
        let shown = schema.map(|schema| schema.table_names()).unwrap_or_default();
        // The engine lists the settings of an extension, of which we are the only one, without its prefix.
        let prefixed =
            |key: String| if key.contains('.') { key } else { format!("{}.{key}", FootfallOptions::PREFIX) };
        let settings = state.config().options().entries().into_iter().map(|entry| prefixed(entry.key));
        let rows = state.scalar_functions().keys().chain(state.aggregate_functions().keys());
        Self {
            is_planning: true,
            tables: sorted(tables.into_iter().chain(shown)),
            functions: sorted(rows.cloned()),
            windows: sorted(state.window_functions().keys().cloned()),
            relations: sorted(state.table_functions().keys().cloned().chain(table_forms())),
            settings: sorted(settings),
            setting,
        }
    }
}

/// Names that begin with two underscores or our own name are for the planner.
fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> =
        names.filter(|name| !name.starts_with("__") && !name.starts_with("footfall_")).collect();
    names.sort();
    names.dedup();
    names
}

fn set_by(statement: &SqlStatement) -> Option<String> {
    match statement {
        SqlStatement::Set(Set::SingleAssignment { variable, .. }) => Some(variable.to_string()),
        _ => None,
    }
}

/// Collects the names in WITH.
struct With(Vec<String>);

impl Visitor for With {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.0.push(cte.alias.name.value.clone());
        }
        ControlFlow::Continue(())
    }
}

pub(super) fn column(field: &Column, valid: &[Column]) -> Explained {
    let name = field.name();
    let relation = field.relation.as_ref().map(|relation| relation.table());
    let written = match relation {
        Some(relation) => format!("{relation}.{name}"),
        None => name.to_string(),
    };
    let mut relations: Vec<&str> =
        valid.iter().filter_map(|column| Some(column.relation.as_ref()?.table())).collect();
    relations.dedup();
    let mut explained = Explained::new(format!("column '{written}' not found")).at(Place::Name(written));
    if valid.is_empty() {
        return explained.with_help("there are no columns here: FROM is missing, or a constant is needed");
    }
    if let Some(relation) = relation.filter(|relation| !relations.contains(relation)) {
        return explained.with_help(match nearest(relation, &relations) {
            Some(near) => format!("did you mean '{near}.{name}'?"),
            None => listed(&format!("nothing in FROM is called '{relation}'; there is"), &relations),
        });
    }
    let mut names: Vec<&str> = Vec::new();
    for column in valid {
        let is_of_it = relation.is_none() || column.relation.as_ref().map(|of| of.table()) == relation;
        // A result without a name of its own, such as count(*), cannot be meant by a name.
        if is_of_it && !column.name().contains('(') && !names.contains(&column.name()) {
            names.push(column.name());
        }
    }
    let before = relation.map(|relation| format!("{relation}.")).unwrap_or_default();
    let same = names.iter().copied().find(|known| known.eq_ignore_ascii_case(name));
    match (same, nearest(name, &names)) {
        (Some(same), _) if same.chars().any(char::is_uppercase) => {
            explained.help =
                Some(format!("a name with capital letters is written in double quotes: {before}\"{same}\""));
        }
        (Some(near), _) | (None, Some(near)) => {
            explained.help = Some(format!("did you mean '{before}{near}'?"));
        }
        (None, None) => {
            explained.help = Some(listed("there is", &names));
            explained.if_quoted =
                Some(format!("double quotes make a name; a text is written in single quotes: '{name}'"));
        }
    }
    explained
}

/// `name` as the engine says it, with catalog and schema.
pub(super) fn table(kind: &str, name: &str, known: &Known) -> Explained {
    let name = ["datafusion.public.", "datafusion."]
        .iter()
        .find_map(|before| name.strip_prefix(before))
        .unwrap_or(name);
    let tables: Vec<&str> = known.tables.iter().map(String::as_str).collect();
    let last = name.rsplit('.').next().unwrap_or_default();
    let meant = nearest(name, &tables).or_else(|| tables.iter().copied().find(|table| *table == last));
    let mut explained = Explained::new(format!("{kind} '{name}' not found"))
        .at(Place::Name(name.to_string()))
        .at(Place::Literal(name.to_string()));
    explained.help = match meant {
        Some(near) => Some(format!("did you mean '{near}'?")),
        None if name.contains("://") => {
            Some("only files of this machine are read: copy it first".to_string())
        }
        None if name.contains('.') => Some(
            "a file that is a table ends in .parquet, .csv, .tsv, .json, .jsonl, .ndjson or .arrow"
                .to_string(),
        ),
        None if !known.is_planning => None,
        None if tables.is_empty() => {
            Some("--store DIR opens a store; the name of a file in single quotes is a table, too".to_string())
        }
        None => Some(listed("there is", &tables)),
    };
    explained
}

pub(super) fn function(name: &str, known: &Known) -> Explained {
    if name == "in_segment" {
        return Explained::new("in_segment stands only in the value of a report's filter")
            .with_help("elsewhere: user_id IN (SELECT user_id FROM buyers), or --segment buyers for all")
            .at(Place::Call(name.to_string()));
    }
    if known.windows.iter().any(|window| window == name) {
        return Explained::new(format!("{name} is a window function"))
            .with_help(format!("write {name}(…) OVER (PARTITION BY user_id ORDER BY ts)"))
            .at(Place::Call(name.to_string()));
    }
    let names: Vec<&str> = known.functions.iter().chain(&known.windows).map(String::as_str).collect();
    not_found("function", name, &names, known, "SHOW FUNCTIONS lists them all, `footfall functions` ours")
        .at(Place::Call(name.to_string()))
}

pub(super) fn relation(name: &str, known: &Known) -> Explained {
    let names: Vec<&str> = known.relations.iter().map(String::as_str).collect();
    let all = listed("in FROM there is", &names);
    not_found("table function", name, &names, known, &all).at(Place::Call(name.to_string()))
}

/// `name` as the engine says it: without what stands before the last dot.
pub(super) fn setting(name: &str, known: &Known) -> Explained {
    let name = known.setting.as_deref().unwrap_or(name);
    let names: Vec<&str> = known.settings.iter().map(String::as_str).collect();
    not_found("setting", name, &names, known, "SHOW ALL lists the settings").at(Place::Name(name.to_string()))
}

pub(super) fn data_type(name: &str) -> Explained {
    const TYPES: [&str; 14] = [
        "boolean",
        "tinyint",
        "smallint",
        "int",
        "integer",
        "bigint",
        "float",
        "double",
        "decimal",
        "varchar",
        "text",
        "date",
        "timestamp",
        "interval",
    ];
    let help = match nearest(name, &TYPES) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "types are BIGINT, DOUBLE, DECIMAL, VARCHAR, BOOLEAN, DATE, TIMESTAMP and others".to_string(),
    };
    Explained::new(format!("type '{name}' not found")).with_help(help).at(Place::Name(name.to_string()))
}

/// A word that is none of a few.
pub(super) fn choice(what: &str, found: &str, accepted: &[&str]) -> Explained {
    let help = match nearest(found, accepted) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("accepted are {}", accepted.join(", ")),
    };
    Explained::new(format!("{what} '{found}'"))
        .with_help(help)
        .at(Place::Literal(found.to_string()))
        .at(Place::Name(found.to_string()))
}

fn not_found(kind: &str, name: &str, names: &[&str], known: &Known, otherwise: &str) -> Explained {
    let mut explained = Explained::new(format!("{kind} '{name}' not found"));
    explained.help = match nearest(name, names) {
        Some(near) => Some(format!("did you mean '{near}'?")),
        None => known.is_planning.then(|| otherwise.to_string()),
    };
    explained
}

fn listed(head: &str, names: &[&str]) -> String {
    const MOST: usize = 12;
    let shown = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => format!("{head} {shown}"),
        more => format!("{head} {shown} and {more} more"),
    }
}
