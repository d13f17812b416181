//! What a text may not hold, whoever wrote it, and what a query may not do in a session that only reads.
//!
//! A chain of operators is a tree as deep as the chain is long, and a plan is made by walking trees: 20,000 times OR ends the
//! process, whatever the stack. So chains have a length, counted before the text is parsed.

use chrono_tz::{TZ_VARIANTS, Tz};
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{LogicalPlan, SetVariable, Statement};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Asked;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::ask::errors::Usage;
use crate::ask::script::Source;
use crate::config::FootfallOptions;
use crate::error::did_you_mean;

/// Operators of one expression, outside of the brackets in it.
const OPERATORS: usize = 4_000;
/// UNION, JOIN and the like of one query.
const QUERIES: usize = 1_000;
/// Bytes of a text in a session that only reads.
const BYTES: usize = 256 << 10;

/// Fails if the text holds a chain that is too long to be planned.
pub(crate) fn check_chains(source: &Source) -> Result<()> {
    // A text that is too short for one is the rule.
    if source.text.len() < OPERATORS.min(QUERIES) * 2 {
        return Ok(());
    }
    // What is no SQL is the parser's to say.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, &source.text).tokenize_with_location() else {
        return Ok(());
    };
    let mut levels = vec![Level::default()];
    for token in &tokens {
        let Some(level) = levels.last_mut() else { return Ok(()) };
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => levels.push(Level::default()),
            Token::RParen | Token::RBracket | Token::RBrace => {
                // A CASE that was not ended ends with the brackets around it.
                while levels.pop().is_some_and(|level| level.is_case) {}
                if levels.is_empty() {
                    levels.push(Level::default());
                }
            }
            Token::SemiColon => levels = vec![Level::default()],
            Token::Comma => level.operators = 0,
            Token::Word(word) => match word.keyword {
                Keyword::CASE => {
                    level.operators += 1;
                    levels.push(Level { is_case: true, ..Level::default() });
                }
                Keyword::END if level.is_case => {
                    levels.pop();
                }
                Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::JOIN => level.queries += 1,
                Keyword::WHEN | Keyword::THEN | Keyword::ELSE | Keyword::SELECT => level.operators = 0,
                keyword => level.operators += usize::from(OPERATOR_WORDS.contains(&keyword)),
            },
            other => level.operators += usize::from(is_operator(other)),
        }
        let Some(level) = levels.last() else { return Ok(()) };
        let (too_many, what, instead) = if level.operators > OPERATORS {
            (
                OPERATORS,
                "operators in one expression",
                "IN (…), or a join with a list of values, says the same",
            )
        } else if level.queries > QUERIES {
            (QUERIES, "UNIONs and JOINs in one query", "a table of the values says the same")
        } else {
            continue;
        };
        return Err(Usage::error(format!(
            "{}:{}:{}: more than {too_many} {what}; {instead}",
            source.name,
            source.line(token.span.start.line),
            token.span.start.column
        )));
    }
    Ok(())
}

/// Chains under way within one pair of brackets, or within one CASE.
#[derive(Default)]
struct Level {
    is_case: bool,
    operators: usize,
    queries: usize,
}

/// Words that stand between operands, or behind one.
const OPERATOR_WORDS: [Keyword; 16] = [
    Keyword::AND,
    Keyword::OR,
    Keyword::NOT,
    Keyword::XOR,
    Keyword::IS,
    Keyword::LIKE,
    Keyword::ILIKE,
    Keyword::SIMILAR,
    Keyword::RLIKE,
    Keyword::REGEXP,
    Keyword::BETWEEN,
    Keyword::IN,
    Keyword::AT,
    Keyword::DIV,
    Keyword::COLLATE,
    Keyword::OVERLAPS,
];

/// Everything that is no operand: there are more signs than one would list.
fn is_operator(token: &Token) -> bool {
    !matches!(
        token,
        Token::Whitespace(_)
            | Token::Period
            | Token::Number(_, _)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Placeholder(_)
            | Token::EOF
    )
}

/// Whether the session is one that only reads.
pub(super) fn only_reads(context: &SessionContext) -> bool {
    let config = context.copied_config();
    config.options().extensions.get::<FootfallOptions>().is_some_and(|options| options.read_only)
}

/// Fails if a text is too long for a session that only reads.
pub(super) fn check_length(context: &SessionContext, source: &Source) -> Result<()> {
    if only_reads(context) && source.text.len() > BYTES {
        return Err(Usage::error(format!(
            "{}: {} bytes of SQL, but --read-only takes {BYTES}",
            source.name,
            source.text.len()
        )));
    }
    Ok(())
}

/// Fails if a statement does more than read, in a session that only reads, and says what it was.
pub(super) fn check_statement(context: &SessionContext, asked: &Asked) -> Result<()> {
    if !only_reads(context) {
        return Ok(());
    }
    match change(asked) {
        Some(change) => Err(refused(&change)),
        None => Ok(()),
    }
}

/// As [`check_statement`] by the plan, which knows what hides in a query: no tables, no rows, no files, no settings.
pub(super) fn check_plan(context: &SessionContext, plan: &LogicalPlan) -> Result<()> {
    if only_reads(context) {
        let options =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        options.verify_plan(plan).map_err(|_| refused("the query does more than read"))?;
    }
    Ok(())
}

fn refused(change: &str) -> DataFusionError {
    Usage::error(format!(
        "--read-only: {change}, but this session only reads; allowed are SELECT, SHOW, DESCRIBE and EXPLAIN"
    ))
}

/// What a statement that does more than read does: `CREATE TABLE changes tables or views`.
fn change(asked: &Asked) -> Option<String> {
    match asked {
        Asked::Explain(explain) => return change(&explain.statement),
        Asked::Statement(statement) if matches!(statement.as_ref(), SqlStatement::Query(_)) => return None,
        _ => {}
    }
    let text = asked.to_string();
    let words: Vec<&str> = text.split_whitespace().take(4).collect();
    let first = words.first().copied().unwrap_or_default();
    let what = match first {
        "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" => return None,
        "SET" | "RESET" => {
            return Some(format!("{} changes a setting", words[..words.len().min(2)].join(" ")));
        }
        "CREATE" | "DROP" | "ALTER" => "changes tables or views",
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" => "changes rows",
        "COPY" => "writes a file",
        _ => "does more than read",
    };
    let is_keyword = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase());
    // Behind these stands a name, which may be one of capitals.
    let is_object =
        |word: &&str| ["TABLE", "VIEW", "SCHEMA", "DATABASE", "FUNCTION", "INTO", "FROM"].contains(word);
    let end = words.iter().position(is_object).map_or(words.len(), |at| at + 1);
    let said: Vec<&str> = words[..end].iter().copied().take_while(is_keyword).collect();
    Some(format!("{} {what}", said.join(" ")))
}

/// Fails if a setting of ours is set to what no function takes: the next query would fail, or count other days than it says.
pub(super) fn check_setting(plan: &LogicalPlan) -> Result<()> {
    let LogicalPlan::Statement(Statement::SetVariable(SetVariable { variable, value })) = plan else {
        return Ok(());
    };
    match variable.as_str() {
        "footfall.time_zone" if value.parse::<Tz>().is_err() => {
            let zones: Vec<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
            plan_err!("unknown time zone '{value}'{}", did_you_mean(value, &zones))
        }
        "footfall.compatibility" if !["none", "clickhouse"].contains(&value.as_str()) => plan_err!(
            "setting '{variable}' does not take '{value}'; accepted are none, clickhouse{}",
            did_you_mean(value, &["none", "clickhouse"])
        ),
        _ => Ok(()),
    }
}
