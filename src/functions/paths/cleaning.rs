//! Path cleaning: `/item/17` and `/item/18` are one node, and some pages are no node at all.
//!
//! `{clean: MAP {'/': '/home', '/ping': NULL}}` names whole nodes. `{clean: [{pattern: '^/item/\d+$', to: '/item'}]}`
//! replaces what a regular expression matches, rule after rule, each in the outcome of the one before.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions::regex::compile_regex;
use serde::{Deserialize, Serialize};

use crate::functions::options::{Options, check_names};

/// The rules as a call gives them; a node whose new name is `None` is dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cleaning {
    Nodes(Vec<(String, Option<String>)>),
    Patterns(Vec<(String, Option<String>)>),
}

impl Cleaning {
    /// The option `clean` of a call.
    pub(super) fn read(function: &str, options: &Options) -> Result<Option<Self>> {
        const ACCEPTED: &str =
            "a literal MAP {'from': 'to'} or a literal list [{pattern: 'regex', to: 'text'}]";
        let Some(value) = options.value("clean", ACCEPTED)? else {
            return Ok(None);
        };
        let rules = match &value {
            ScalarValue::Map(map) => {
                let entries = map.value(0);
                Cleaning::Nodes(pairs(entries.column(0), Some(entries.column(1)))?)
            }
            ScalarValue::List(list) if matches!(list.value_type(), DataType::Struct(_)) => {
                let rules = list.value(0);
                let rules = rules.as_struct();
                let names: Vec<String> = rules.column_names().into_iter().map(str::to_lowercase).collect();
                check_names(function, names.iter().map(String::as_str), &["pattern", "to"])?;
                let column =
                    |name: &str| names.iter().position(|found| found == name).map(|at| rules.column(at));
                let Some(patterns) = column("pattern") else {
                    return plan_err!(
                        "{function}: a rule of option 'clean' needs a pattern, as in {{pattern: '^/a', to: '/b'}}"
                    );
                };
                if patterns.null_count() > 0 {
                    return plan_err!("{function}: a pattern of option 'clean' is NULL");
                }
                Cleaning::Patterns(pairs(patterns, column("to"))?)
            }
            other => {
                return plan_err!(
                    "{function}: option 'clean' must be {ACCEPTED}, found {other} of type {}",
                    other.data_type()
                );
            }
        };
        rules.cleaner(function)?;
        Ok(Some(rules))
    }

    pub(super) fn cleaner(&self, function: &str) -> Result<Cleaner> {
        match self {
            Cleaning::Nodes(nodes) => Ok(Cleaner::Nodes(nodes.iter().cloned().collect())),
            Cleaning::Patterns(patterns) => patterns
                .iter()
                .map(|(pattern, to)| rule(function, pattern, to.as_deref()))
                .collect::<Result<_>>()
                .map(Cleaner::Patterns),
        }
    }
}

/// The rules, ready to be applied.
pub(super) enum Cleaner {
    Nodes(HashMap<String, Option<String>>),
    Patterns(Vec<Rule>),
}

type Rule = Box<dyn Fn(String) -> Option<String> + Send + Sync>;

impl Cleaner {
    /// The clean name of a node; `None` where it is dropped.
    pub(super) fn clean(&self, node: String) -> Option<String> {
        match self {
            Cleaner::Nodes(nodes) => nodes.get(&node).cloned().unwrap_or(Some(node)),
            Cleaner::Patterns(rules) => rules.iter().try_fold(node, |node, rule| rule(node)),
        }
    }
}

impl Debug for Cleaner {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Cleaner::Nodes(nodes) => write!(f, "Cleaner of {} nodes", nodes.len()),
            Cleaner::Patterns(rules) => write!(f, "Cleaner of {} patterns", rules.len()),
        }
    }
}

fn rule(function: &str, pattern: &str, to: Option<&str>) -> Result<Rule> {
    let Ok(regex) = compile_regex(pattern, None) else {
        return plan_err!(
            "{function}: option 'clean' has the pattern '{pattern}', which is no regular expression"
        );
    };
    let rule: Rule = match to.map(str::to_owned) {
        None => Box::new(move |node| (!regex.is_match(&node)).then_some(node)),
        Some(to) => Box::new(move |node| Some(regex.replace_all(&node, to.as_str()).into_owned())),
    };
    Ok(rule)
}

/// Two columns of texts, row by row; without the second one all its values are NULL.
fn pairs(first: &ArrayRef, second: Option<&ArrayRef>) -> Result<Vec<(String, Option<String>)>> {
    let text = |array: &ArrayRef| -> Result<StringArray> {
        Ok(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
    };
    let first = text(first)?;
    let second = match second {
        Some(second) => text(second)?,
        None => StringArray::new_null(first.len()),
    };
    let pairs = first.iter().zip(&second);
    Ok(pairs.map(|(a, b)| (a.unwrap_or_default().to_owned(), b.map(str::to_owned))).collect())
}
