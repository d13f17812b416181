//! What wrong statements are told. Expected: the texts of `tests/errors/cases.txt`, written by hand as they should read.

use std::fs;
use std::path::Path;

use datafusion::common::DataFusionError;
use footfall::ask::{Arguments, Source, answer, locate, parse, plain};
use footfall::{Engine, EngineOptions};

use crate::batch::run;
use crate::support::{block_on, repository};

const EVENTS: &str = r#"{"user_id":"a","ts":1772366400000,"event":"page_view","page":"home"}
{"user_id":"a","ts":1772366460000,"event":"add_cart","page":"goods"}
{"user_id":"b","ts":1772366400000,"event":"page_view","page":"home"}
"#;

/// What no person who made a mistake should read.
const NEVER: [&str; 12] = [
    "Internal error",
    "bug",
    "Arrow error",
    "DataFusion error",
    "Error during planning",
    "Schema error",
    "Candidate functions",
    "Valid fields",
    "Utf8",
    "Int64",
    "Span(",
    " { ",
];

struct Case {
    kind: String,
    asked: String,
    expected: String,
}

/// A store, files of which some are broken, and packs of one report each.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = [
        ("events.jsonl", EVENTS),
        ("good.csv", "a,b\n1,2\n"),
        ("bad.csv", "a,b\n1,2\n1,2,3\n"),
        ("bad.json", "{\"a\":1}\n{\"a\":\n"),
        ("parts.jsonl", "{\"a\":1,\"p\":{\"k\":1}}\n{\"a\":2,\"p\":\"x\"}\n"),
        ("mixed.jsonl", "{\"p\":{\"k\":1}}\n\n{\"p\":{\"k\":\"x\"}}\n"),
        ("broken.parquet", "PAR1 and no more"),
        ("column/a.sql", "-- title: A\nSELECT usr_id\nFROM events\n"),
        ("table/a.sql", "-- title: A\nSELECT user_id\nFROM evnts\n"),
        ("syntax/a.sql", "-- title: A\nSELEC 1\n"),
        ("header/a.sql", "-- title: A\n-- parm day date = 2026-03-01 : a day\nSELECT 1 AS a\n"),
        ("undeclared/a.sql", "-- title: A\nSELECT $n AS a\n"),
        ("check/a.sql", "-- title: A\n-- check: b > 1\nSELECT 1 AS a\n"),
    ];
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let (code, _, error) = run(folder.path(), &["land", "events.jsonl", "--store", "st", "--tz", "UTC"]);
    assert_eq!(code, 0, "{error}");
    folder
}

#[test]
fn every_mistake_is_told_as_written() {
    let cases = cases();
    assert!(cases.len() >= 80, "{} cases", cases.len());
    let folder = place();
    let engine = block_on(Engine::open(&folder.path().join("st"), &EngineOptions::default()));
    let engine = engine.expect("the store that was just landed");
    let mut wrong = Vec::new();
    for Case { kind, asked, expected } in &cases {
        let found = match asked.strip_prefix("$ ") {
            Some(command) => told_by_command(folder.path(), command),
            None => told(&engine, asked),
        };
        if found != *expected {
            wrong.push(format!("{kind}\n{asked}\n---- expected\n{expected}\n---- found\n{found}"));
        }
        if let Some(never) = NEVER.iter().find(|never| found.contains(**never) && !asked.contains(**never)) {
            wrong.push(format!("{kind}\n{asked}\n---- holds '{never}'\n{found}"));
        }
        let points = found.contains("\n  help: ") || found.contains('^') || found.contains("did you mean");
        if !points && !asked.starts_with("$ ") {
            wrong.push(format!("{kind}\n{asked}\n---- points nowhere\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

fn cases() -> Vec<Case> {
    let path = repository().join("tests/errors/cases.txt");
    let text = fs::read_to_string(&path).expect("the cases");
    let mut kind = String::new();
    let mut cases = Vec::new();
    for block in text.trim_end().split("\n\n") {
        if let Some(heading) = block.strip_prefix("## ") {
            kind = heading.to_string();
        } else if let Some((asked, expected)) = block.split_once("\n----\n") {
            cases.push(Case { kind: kind.clone(), asked: asked.to_string(), expected: expected.to_string() });
        } else {
            assert!(kind.is_empty(), "a case without ----:\n{block}");
        }
    }
    cases
}

/// What `footfall sql` prints behind `error: `; every statement runs, as there, until one fails.
fn told(engine: &Engine, asked: &str) -> String {
    let source = Source::new("<sql>", asked);
    let ran: Result<(), DataFusionError> = block_on(async {
        let statements = parse(&source)?;
        let arguments = Arguments::undeclared(&[])?;
        arguments.cover(&source, &statements)?;
        for statement in &statements {
            if let Some(frame) = answer(engine.context(), &source, statement, &arguments).await? {
                frame.collect().await.map_err(|e| locate(&e, &source, statement))?;
            }
        }
        Ok(())
    });
    match ran {
        Ok(()) => "nothing: it ran".to_string(),
        Err(e) => plain(&e),
    }
}

#[test]
fn a_property_that_is_no_number_is_told_with_what_to_write() {
    // Expected: by hand; the column is that of props in the statement and in the filter.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let row =
        "{\"user_id\":\"a\",\"ts\":1772366400000,\"event\":\"page_view\",\"page\":\"home\",\"price\":19.9}\n";
    fs::write(folder.path().join("a.jsonl"), row).expect("a file");
    let (code, _, error) = run(folder.path(), &["land", "a.jsonl", "--store", "st", "--tz", "UTC"]);
    assert_eq!(code, 0, "{error}");
    let help = "help: CAST(props['price'] AS DOUBLE) makes numbers of it, TRY_CAST(…) NULL of what is none";
    for (sql, column) in [
        ("select count(*) from events where props.price > 100", 35),
        ("select count(*) from events where 100 <= props['price']", 42),
        ("select count(*) from events where props['price'] = -1", 35),
    ] {
        let (code, _, error) = run(folder.path(), &["sql", "--store", "st", sql]);
        let said = "'19.9' is not a whole number, and props['price'] is text";
        assert!(code == 1 && error.contains(said) && error.contains(help), "{sql}: {error}");
        assert!(error.contains(&format!("<sql>:1:{column}, statement 1")), "{sql}: {error}");
    }
    let report = [
        "report",
        "--store",
        "st",
        "--only",
        "events/analysis",
        "-p",
        "filter=page = 'home' and props.price > 3",
    ];
    let (code, _, error) = run(folder.path(), &report);
    assert!(
        code == 1 && error.contains("parameter filter: '19.9' is not") && error.contains(help),
        "{error}"
    );
    // Numbers as one writes them.
    let cast = "select count(*) as n from events where cast(props['price'] as double) > 3";
    let (_, out, error) = run(folder.path(), &["sql", "--store", "st", "--format", "csv", cast]);
    assert_eq!(out, "n\n1\n", "{error}");
}

/// All that a command prints to stderr.
fn told_by_command(folder: &Path, command: &str) -> String {
    let words = words(command);
    let (code, _, error) = run(folder, &words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(code == 1 || code == 2, "{command}: {code}\n{error}");
    error.trim_end().to_string()
}

/// The words of a command line; what stands between double quotes is one.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in command.split('"').enumerate() {
        if number % 2 == 1 {
            words.push(part.to_string());
        } else {
            words.extend(part.split_whitespace().map(str::to_string));
        }
    }
    words
}
