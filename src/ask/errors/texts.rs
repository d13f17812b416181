//! What the engine says only as a text, in plain words: one table.
//!
//! Most of the engine's errors about a query are a variant with nothing but a sentence in it, so the sentence is all there is
//! to go by. One that changes with the engine is shown as the engine says it, and a test finds it.

use super::explain::Explained;
use super::names::{self, Known};
use super::place::Place;
use super::types::in_words;

/// Where to look; a number is that of a hole.
#[derive(Clone, Copy)]
enum At {
    Nowhere,
    Name(usize),
    Literal(usize),
    Call(usize),
    CallOf(&'static str),
    /// The word that stands in the hole.
    Word(usize),
    Keyword(&'static str),
    After(&'static str),
    Subquery,
}

/// How the engine's sentence begins, `{}` for what changes; what is said instead, and what would be right.
type Rule = (&'static str, &'static str, &'static str, At);

const IN_SUBQUERY: &str = "compute the inner one in a subquery";
const POSITIONS: &str = "a number counts the columns of SELECT, from 1";
const READ_ONLY: &str = "rows come into a store by `footfall land`; a view can leave some of them out";
const COMPARE: &str = "compare the value with something, as in page = 'home'";

const RULES: &[Rule] = &[
    // Where a thing cannot stand.
    (
        "Aggregate functions are not allowed in the WHERE clause{}",
        "WHERE cannot hold an aggregate",
        "HAVING filters groups",
        At::Keyword("where"),
    ),
    (
        "Physical plan does not support logical expression WindowFunction({}",
        "a window function cannot stand here",
        "compute it in a subquery, or filter with QUALIFY",
        At::Keyword("over"),
    ),
    (
        "Physical plan does not support logical expression AggregateFunction({}",
        "an aggregate cannot stand here",
        "GROUP BY takes what is known of each row; aggregate in a subquery",
        At::Keyword("group"),
    ),
    (
        "Aggregate function calls cannot be nested: '{}' is nested inside '{}({}",
        "an aggregate cannot stand inside another one",
        IN_SUBQUERY,
        At::Call(1),
    ),
    (
        "Aggregate function calls cannot contain window function calls: '{}' is nested inside '{}({}",
        "a window function cannot stand inside an aggregate",
        IN_SUBQUERY,
        At::Call(1),
    ),
    (
        "Window function calls cannot be nested: '{}' is nested inside '{}({}",
        "a window function cannot stand inside another one",
        IN_SUBQUERY,
        At::Call(1),
    ),
    (
        "Unnest should be rewritten to LogicalPlan::Unnest{}",
        "unnest cannot stand here",
        "unnest in a subquery, or in FROM",
        At::CallOf("unnest"),
    ),
    // Numbers that count.
    (
        "Order by column out of bounds, specified: {}, max: {}",
        "ORDER BY {0}: SELECT has no column {0}",
        POSITIONS,
        At::Literal(0),
    ),
    (
        "Order by index starts at 1 for column indexes{}",
        "ORDER BY 0: SELECT has no column 0",
        POSITIONS,
        At::Keyword("order"),
    ),
    (
        "Cannot find column with position {} in SELECT clause. Valid columns: {}",
        "GROUP BY {0}: SELECT has no column {0}",
        POSITIONS,
        At::Literal(0),
    ),
    (
        "Expected LIMIT to be an integer or null, but got {}",
        "LIMIT must be a whole number, found {0}",
        "as in LIMIT 10",
        At::After("limit"),
    ),
    (
        "Expected OFFSET to be an integer or null, but got {}",
        "OFFSET must be a whole number, found {0}",
        "as in OFFSET 10",
        At::After("offset"),
    ),
    (
        "LIMIT must be >= 0, '{}' was provided",
        "LIMIT must not be negative, found {0}",
        "as in LIMIT 10",
        At::After("limit"),
    ),
    (
        "OFFSET must be >=0, '{}' was provided",
        "OFFSET must not be negative, found {0}",
        "as in OFFSET 10",
        At::After("offset"),
    ),
    // Types that do not go together.
    (
        "Cannot coerce arithmetic expression {} to valid types",
        "cannot compute {0}",
        "CAST(… AS DOUBLE) makes a number of a text; to a time an interval is added, such as INTERVAL '1 day'",
        At::Nowhere,
    ),
    (
        "Cannot infer common argument type for comparison operation {}",
        "cannot compare {0}",
        "CAST makes one side what the other is",
        At::Nowhere,
    ),
    (
        "Cannot infer common argument type for logical boolean operation {}",
        "AND and OR take conditions, found {0}",
        COMPARE,
        At::Nowhere,
    ),
    (
        "Cannot create filter with non-boolean predicate '{}' returning {}",
        "a filter must be a condition, found {1}",
        COMPARE,
        At::After("where"),
    ),
    (
        "Unary operator 'NOT' requires a boolean expression, got {}",
        "NOT takes a condition, found {0}",
        COMPARE,
        At::Nowhere,
    ),
    (
        "Unary operator '-' only supports signed numeric, interval and timestamp types{}",
        "a minus sign takes a number or an interval",
        "CAST(… AS DOUBLE) makes a number of a text",
        At::Nowhere,
    ),
    (
        "There isn't a common type to coerce {} and {} in {} expression",
        "{2} takes text on both sides, found {0} and {1}",
        "CAST(… AS VARCHAR) makes a text of a value",
        At::Word(2),
    ),
    (
        "Incompatible inputs for Union: Previous inputs were of type {}, but got incompatible type {} on column {}",
        "UNION: a column is {0} on one side and {1} on the other",
        "CAST makes one side what the other is",
        At::Keyword("union"),
    ),
    (
        "{} queries have different number of columns",
        "{0}: both sides need the same number of columns",
        "NULL AS name fills a gap",
        At::Word(0),
    ),
    (
        "Inconsistent data length across values list: got {} values in row {} but expected {}",
        "a row of VALUES has {0} values where {2} are needed",
        "each row has one value for each column",
        At::Keyword("values"),
    ),
    // Subqueries and fields.
    (
        "Scalar subquery returned more than one row{}",
        "the subquery gives more than one row where one value is needed",
        "aggregate it, give it LIMIT 1, or compare with IN",
        At::Subquery,
    ),
    (
        "Too many columns! The subquery should only return one column: {}",
        "the subquery gives several columns where one is needed",
        "keep one of {0}",
        At::Subquery,
    ),
    (
        "Cannot access field at argument {}: type {} is not Struct, Map, or Null",
        "{1} has no fields",
        "['name'] takes a field of a struct or a map",
        At::Nowhere,
    ),
    (
        "Dot access not supported for non-string expr: {}",
        "a field is not taken by a dot here",
        "write ['name'] instead of .name",
        At::Nowhere,
    ),
    (
        "Field {} not found in struct",
        "field '{0}' not found",
        "arrow_typeof(x) names the fields of a struct",
        At::Literal(0),
    ),
    (
        "Invalid qualifier {}",
        "table '{0}' is not in FROM",
        "use the name or alias that FROM gives it",
        At::Name(0),
    ),
    // Functions of the engine.
    (
        "Granularity of `date_trunc` must be non-null scalar{}",
        "date_trunc: the unit must be a constant text",
        "as in date_trunc('day', ts)",
        At::CallOf("date_trunc"),
    ),
    (
        "NTILE requires a positive integer{}",
        "ntile takes a whole number from 1",
        "as in ntile(4)",
        At::CallOf("ntile"),
    ),
    (
        "Expected a signed integer literal for the second argument of nth_value{}",
        "nth_value takes a whole number as its second argument",
        "as in nth_value(page, 2)",
        At::CallOf("nth_value"),
    ),
    (
        "Percentile value must be between 0.0 and 1.0 inclusive, {} is invalid",
        "a percentile is a number from 0 to 1, found {0}",
        "0.5 is the median",
        At::Literal(0),
    ),
    (
        "unnest() can only be applied to array, struct and null{}",
        "unnest takes a list or a struct",
        "as in unnest([1, 2])",
        At::CallOf("unnest"),
    ),
    (
        "Unsupported type '{}'. Must be a supported arrow type name{}",
        "arrow_cast: unknown type '{0}'",
        "as in arrow_cast(x, 'Int64')",
        At::Literal(0),
    ),
    (
        "Substring without for/from is not valid{}",
        "substr takes a text, a start and, if wanted, a length",
        "as in substr(page, 1, 3)",
        At::CallOf("substr"),
    ),
    (
        "Overflow happened on {}",
        "the result of {0} is too large",
        "CAST(… AS DOUBLE) makes room",
        At::Nowhere,
    ),
    (
        "The window {} is not defined!",
        "window '{0}' is not defined",
        "define it behind HAVING: WINDOW {0} AS (PARTITION BY … ORDER BY …)",
        At::Name(0),
    ),
    // Tables, files and settings.
    (
        "Table '{}' already exists",
        "'{0}' exists already",
        "give it another name, or write CREATE OR REPLACE",
        At::Name(0),
    ),
    ("{} not supported for Base table", "{0} cannot change a table of a store", READ_ONLY, At::Word(0)),
    ("{} cannot change a table of a store", "{0} cannot change a table of a store", READ_ONLY, At::Word(0)),
    (
        "Insert into not implemented for this table{}",
        "INSERT cannot change a table of a store",
        READ_ONLY,
        At::Keyword("insert"),
    ),
    (
        "There is no registered file format with ext {}",
        "files of the kind '{0}' cannot be written",
        "the kinds are .parquet, .csv, .json and .arrow",
        At::Keyword("copy"),
    ),
    (
        "Error when processing CSV file {}: Csv error: Encountered unequal lengths between records on CSV file. Expected {} records, found {} records at line {}",
        "line {3} has {2} fields where {1} are needed",
        "a value that holds a comma stands in double quotes",
        At::Nowhere,
    ),
    (
        "Error setting config {}: Error parsing '{}' as {}",
        "setting '{0}' does not take '{1}'",
        "SHOW {0} shows what it is now",
        At::Literal(1),
    ),
    (
        "SET variant not implemented yet: SetTimeZone{}",
        "SET TIME ZONE is not supported",
        "SET footfall.time_zone = 'Asia/Shanghai' names the zone of days",
        At::Keyword("zone"),
    ),
    (
        "SET variant not implemented yet: {}",
        "this form of SET is not supported",
        "write SET name = value",
        At::Keyword("set"),
    ),
    (
        "Prepared statement '{}' does not exist",
        "'{0}' is not prepared",
        "PREPARE {0} AS SELECT … does it",
        At::Name(0),
    ),
    // What the engine does not do.
    ("TOP", "TOP is not supported", "write LIMIT behind the query", At::Keyword("top")),
    (
        "Unsupported ast node Pivot {}",
        "PIVOT is not supported",
        "sum(x) FILTER (WHERE page = 'a') AS a makes one column; at the prompt, \\pivot makes all",
        At::Keyword("pivot"),
    ),
    (
        "Unsupported ast node {} { {}",
        "{0} is not supported in FROM",
        "a subquery may say the same",
        At::Nowhere,
    ),
    (
        "Unsupported SQL statement: {}",
        "not supported: {0}",
        "tables and views are made by CREATE and removed by DROP; rows land with `footfall land`",
        At::Nowhere,
    ),
    (
        "Unsupported logical plan: {}",
        "not supported: {0}",
        "tables and views are made by CREATE and removed by DROP; rows land with `footfall land`",
        At::Nowhere,
    ),
];

pub(super) fn explain(text: &str, known: &Known) -> Option<Explained> {
    named(text, known).or_else(|| RULES.iter().find_map(|rule| by_rule(rule, text)))
}

fn by_rule(rule: &Rule, text: &str) -> Option<Explained> {
    let (sentence, message, help, at) = *rule;
    let found: Vec<String> = holes(sentence, text)?.into_iter().map(in_words).collect();
    let filled = |template: &str| {
        let fill =
            |text: String, (number, value): (usize, &String)| text.replace(&format!("{{{number}}}"), value);
        found.iter().enumerate().fold(template.to_string(), fill)
    };
    let hole = |number: usize| found.get(number).cloned().unwrap_or_default();
    let explained = Explained::new(filled(message)).with_help(filled(help));
    Some(match at {
        At::Nowhere => explained,
        At::Name(number) => explained.at(Place::Name(hole(number))),
        At::Literal(number) => explained.at(Place::Literal(hole(number))),
        At::Call(number) => explained.at(Place::Call(hole(number))),
        At::CallOf(name) => explained.at(Place::Call(name.to_string())),
        At::Word(number) => explained.at(Place::Keyword(hole(number))),
        At::Keyword(word) => explained.at(Place::Keyword(word.to_string())),
        At::After(word) => explained.at(Place::After(word)),
        At::Subquery => explained.at(Place::Subquery),
    })
}

/// Sentences about a name, for which one is looked for that was meant.
fn named(text: &str, known: &Known) -> Option<Explained> {
    if let Some([name]) = holes("table function '{}' not found", text).as_deref() {
        return Some(names::relation(name, known));
    }
    if let Some([name]) = holes("table '{}' not found", text).as_deref() {
        return Some(names::table("table", name, known));
    }
    for kind in ["Table", "View"] {
        if let Some([name]) = holes(&format!("{kind} '{{}}' doesn't exist"), text).as_deref() {
            return Some(names::table(&kind.to_lowercase(), name, known));
        }
    }
    if let Some([name]) = holes("Invalid function '{}'", text).as_deref() {
        return Some(names::function(name, known));
    }
    let setting = [
        "Error setting config {}: Config value \"{}\" not found on {}",
        "Config value \"{}\" not found on {}",
        "could not find config namespace for key \"{}\"",
        "Could not find config namespace \"{}\"",
        "'{}' is not a variable which can be viewed with 'SHOW'",
    ];
    if let Some(name) = setting.iter().find_map(|sentence| holes(sentence, text)?.first().copied()) {
        return Some(names::setting(name, known));
    }
    if let Some([name]) = holes("Unsupported SQL type {}", text).as_deref() {
        return Some(names::data_type(name));
    }
    if let Some([unit, accepted]) =
        holes("Unsupported date_trunc granularity: '{}'. Supported values are: {}", text).as_deref()
    {
        let accepted: Vec<&str> = accepted.split(", ").collect();
        return Some(names::choice("date_trunc: unknown unit", unit, &accepted));
    }
    if let Some([part]) = holes("Date part '{}' not supported", text).as_deref() {
        let parts =
            ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "dow", "doy", "epoch"];
        return Some(names::choice("unknown part of a date", part, &parts));
    }
    group_by(text).or_else(|| same_name(text)).or_else(|| regex(text))
}

fn group_by(text: &str) -> Option<Explained> {
    let found =
        holes("{}: While expanding wildcard, column \"{}\" must appear in the GROUP BY clause{}", text)?;
    let expression = in_words(found.get(1)?);
    // A plain column as it was written, without its table.
    let is_name = expression.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    let name = if is_name { expression.rsplit('.').next().unwrap_or_default() } else { expression.as_str() };
    Some(
        Explained::new(format!("'{name}' is neither in GROUP BY nor in an aggregate"))
            .with_help(format!("add it to GROUP BY, or write min({name})")),
    )
}

fn same_name(text: &str) -> Option<Explained> {
    const SENTENCE: &str = "Projections require unique expression names but the expression \"{}\" at position {} and \"{}\" at position {} have the same name{}";
    let found = holes(SENTENCE, text)?;
    let [_, first, expression, second, _] = found.as_slice() else {
        return None;
    };
    let number = |position: &str| position.trim().parse::<usize>().map_or(0, |position| position + 1);
    let (first, second) = (number(first), number(second));
    let help = "give one of them another name with AS";
    Some(match expression.rsplit_once(" AS ") {
        Some((_, name)) => Explained::new(format!("columns {first} and {second} are both called '{name}'"))
            .with_help(help)
            .at(Place::Alias(name.to_string())),
        None => Explained::new(format!("columns {first} and {second} have the same name")).with_help(help),
    })
}

/// The engine draws a pattern and a caret below it, where it stands in no query.
fn regex(text: &str) -> Option<Explained> {
    let (before, drawing) = text.split_once("regex parse error:")?;
    let before = before.replace("Invalid regex: ", "");
    let pattern = drawing.lines().map(str::trim).find(|line| !line.is_empty())?;
    let (_, reason) = drawing.rsplit_once("error: ")?;
    Some(
        Explained::new(format!("{before}'{pattern}' is not a regular expression: {}", reason.trim()))
            .with_help("a sign that has a meaning is taken as itself behind a backslash: \\( \\[ \\.")
            .at(Place::Literal(pattern.to_string())),
    )
}

/// What stands in the holes `{}` of a sentence; `None` if the text does not begin like it.
pub(super) fn holes<'a>(sentence: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = sentence.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    for piece in pieces {
        let at = if piece.is_empty() { rest.len() } else { rest.find(piece)? };
        found.push(&rest[..at]);
        rest = &rest[at + piece.len()..];
    }
    Some(found)
}
