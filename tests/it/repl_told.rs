//! What the prompt tells and does, through a pipe. Expected: written by hand, as it should read.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use footfall::functions::all;

use crate::batch::run;

/// Exit code, stdout and stderr of a conversation.
fn prompt(folder: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_footfall"))
        .arg("repl")
        .args(arguments)
        .current_dir(folder)
        .env_remove("FOOTFALL_STORE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("the pipe takes it");
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn an_error_of_a_file_names_the_file_and_the_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = [
        ("bad.sql", "select 1 as a;\n\n  select a, bb from (select 1 as a, 2 as b) t;\n"),
        ("slip.sql", "-- one\nselect 1 as a;\nselect 1 frm events;\n"),
        ("word.sql", "\\timing off\nselect 1 as a;\n\n\\nope\n"),
        ("in.sql", "select 1 as a;\n\\i bad.sql\n"),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let snippet = "  --> bad.sql:3:13, statement 2\n   |\n 3 |   select a, bb from (select 1 as a, 2 as b) t;\n   |             ^^\n";
    for (input, code, words) in [
        ("\\i bad.sql\n", 1, snippet),
        ("\\i in.sql\n", 1, snippet),
        ("\\i slip.sql\n", 1, "--> slip.sql:3:10, statement 2"),
        ("\\i word.sql\n", 2, "there is no command \\nope; \\? lists them\n  --> word.sql:4\n"),
        ("\\timing off\nselect 1 as a;\nselect zz;\n", 1, "--> <stdin>:3:8, statement 2"),
    ] {
        let (found, _, error) = prompt(folder.path(), &[], input);
        assert_eq!(found, code, "{input}: {error}");
        assert!(error.contains(words), "{input}: '{words}' is not in\n{error}");
    }
}

#[test]
fn a_folder_of_reports_is_answered_one_after_the_other() {
    // Expected: the first columns of the three reports of sql/overview, in the order of their screen; a file takes one answer.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let row = "{\"user_id\":\"a\",\"ts\":1767225600000,\"event\":\"page_view\",\"page\":\"home\"}\n";
    fs::write(folder.path().join("a.jsonl"), row).expect("a file");
    let (code, _, error) = run(folder.path(), &["land", "a.jsonl", "--store", "st", "--tz", "UTC"]);
    assert_eq!(code, 0, "{error}");
    let (code, out, error) = prompt(folder.path(), &["--store", "st"], "\\report overview\n");
    assert_eq!(code, 0, "{error}");
    let found: Vec<usize> =
        ["| figure ", "| ref_date ", "| page_path "].iter().filter_map(|column| out.find(column)).collect();
    assert!(found.len() == 3 && found.is_sorted(), "{out}");
    let (code, _, error) = prompt(folder.path(), &["--store", "st"], "\\o a.csv\n\\report overview\n");
    assert!(code != 0 && error.contains("a file takes one: overview/"), "{error}");
}

#[test]
fn a_line_of_goodbye_ends_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for goodbye in ["exit", "quit;", "  QUIT", "-- enough\nexit;"] {
        let input = format!("select 1 as a;\n{goodbye}\nselect nothing;\n");
        let (code, out, error) = prompt(folder.path(), &["--format", "csv"], &input);
        assert_eq!((code, out.as_str()), (0, "a\n1\n"), "{goodbye}: {error}");
    }
    let (code, out, error) = prompt(folder.path(), &["--format", "csv"], "select 'x\nexit\n' as a;");
    assert_eq!((code, out.as_str()), (0, "a\n\"x\nexit\n\"\n"), "{error}");
}

#[test]
fn the_last_statement_is_told_as_it_was_typed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let typed = "select 1 as a   ,\n  2 as b -- two\n;";
    let (code, out, error) = prompt(folder.path(), &["--format", "csv"], &format!("{typed}\n\\p\n"));
    assert_eq!((code, out), (0, format!("a,b\n1,2\n{typed}\n")), "{error}");
}

#[test]
fn types_have_the_names_of_sql() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let view = "create view v as select 'x' as s, 1 as n, timestamp '2026-03-01' as t, ['a'] as l;\n";
    for command in ["\\d v", "\\summary v"] {
        let (code, out, error) = prompt(folder.path(), &[], &format!("{view}{command}\n"));
        assert_eq!(code, 0, "{error}");
        let types: Vec<&str> =
            out.lines().skip(3).take(4).map(|line| line.split('|').nth(2).unwrap_or("").trim()).collect();
        assert_eq!(types, ["text", "int64", "timestamp", "list<text>"], "{command}\n{out}");
    }
}

#[test]
fn parquet_is_for_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (arguments, input) in [
        (&[][..], "\\format parquet\n"),
        (&["--format", "parquet"][..], "\\timing off\nselect 1 as a;\n"),
        (&["--format", "parquet"][..], "\\o a.csv\nselect 1 as a;\n\\timing off\nselect 1 as a;\n"),
    ] {
        let (code, out, error) = prompt(folder.path(), arguments, input);
        assert_eq!((code, out.as_str()), (2, ""), "{input}: {error}");
        assert!(error.contains("parquet is the form of a file") && error.contains("\\o FILE"), "{error}");
    }
    let (code, _, error) = prompt(folder.path(), &[], "\\o a.parquet\nselect 1 as a;\n");
    assert_eq!(code, 0, "{error}");
    let bytes = fs::read(folder.path().join("a.parquet")).expect("the file");
    assert!(bytes.starts_with(b"PAR1"));
}

#[test]
fn pages_of_functions_have_no_marks() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let commands: Vec<String> = all().iter().map(|function| format!("\\df {}\n", function.name())).collect();
    let (code, out, error) = prompt(folder.path(), &[], &commands.concat());
    assert_eq!(code, 0, "{error}");
    for mark in ["`", "**", "###", "|---", "](#"] {
        let line = out.lines().find(|line| line.contains(mark));
        assert_eq!(line, None, "{mark}");
    }
    let (_, page, _) = prompt(folder.path(), &[], "\\df sessionize\n");
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines[0], "sessionize, window function");
    assert!(lines[2].starts_with("  sessionize(ts, gap"), "{page}");
    // Meanings stand below each other: the longest name, max_length, has 10 letters.
    for (name, meaning) in [("ts", "When it happened"), ("max_length", "Option, INTERVAL")] {
        let line = format!("  {name:10}  {meaning}");
        assert!(lines.iter().any(|found| found.starts_with(&line)), "'{line}' is not in\n{page}");
    }
    assert!(lines.contains(&"see also session_key, session_info"), "{page}");
    assert!(lines.contains(&"  ORDER BY u, ts;"), "{page}");
}

#[test]
fn a_turned_result_is_a_result() {
    // Expected: three rows by hand, turned by hand: it has the form and the file that were chosen, and is the last one.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rows = "select * from (values (date '2026-03-01', 'ios', 2), (date '2026-03-01', 'android', 5), \
                (date '2026-03-02', 'ios', 3)) t(day, os, n);\n";
    let turned = "day,ios,android\n2026-03-01,2,5\n2026-03-02,3,\n";
    let asked = "day,os,n\n2026-03-01,ios,2\n2026-03-01,android,5\n2026-03-02,ios,3\n";
    let (code, out, error) = prompt(folder.path(), &["--format", "csv"], &format!("{rows}\\pivot\n\\last\n"));
    assert_eq!((code, out), (0, format!("{asked}{turned}{turned}")), "{error}");
    let input =
        format!("{rows}\\o turned.csv\n\\pivot day os n\nselect sum(ios) as ios, max(day) as day from _;\n");
    let (code, out, error) = prompt(folder.path(), &["--format", "csv"], &input);
    assert_eq!((code, out), (0, format!("{asked}ios,day\n5,2026-03-02\n")), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("turned.csv")).expect("the file"), turned);
    // What is drawn is the turned result, too.
    let (code, out, error) =
        prompt(folder.path(), &["--format", "csv"], &format!("{rows}\\pivot\n\\chart bar\n"));
    assert_eq!(code, 0, "{error}");
    let chart = out.strip_prefix(&format!("{asked}{turned}")).expect("the results come first");
    assert!(chart.starts_with("█ ios  ▒ android\n"), "{chart}");
}

#[test]
fn a_value_is_shown_and_only_unset_takes_it_away() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ask = "select $day as day;\n";
    let input = format!("\\set day 2026-03-01\n\\set day\n{ask}");
    let (code, out, error) = prompt(folder.path(), &["--format", "csv"], &input);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("| day       | text | 2026-03-01 |") && out.ends_with("day\n2026-03-01\n"), "{out}");
    for (input, words) in [
        (format!("\\set day 2026-03-01\n\\unset day\n{ask}"), "$day has no value"),
        ("\\set day 1\n\\set dy\n".to_string(), "did you mean 'day'?"),
        ("\\unset day\n".to_string(), "\\unset: $day has no value"),
    ] {
        let (code, _, error) = prompt(folder.path(), &["--format", "csv"], &input);
        assert_eq!(code, 2, "{input}: {error}");
        assert!(error.contains(words), "{input}: {error}");
    }
}

#[test]
fn commands_inside_a_statement_are_run() {
    // Expected: as psql does: `\q` leaves, `\p` shows what is there, `\r` forgets it, others run before the statement.
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (input, expected) in [
        ("select 1 as a;\nselect 2 as b\n\\q\n, 3 as c;\n", "a\n1\n"),
        ("select 1 as a\n\\p\n, 2 as b;\n", "select 1 as a\na,b\n1,2\n"),
        ("select 1 as a\n\\r\nselect 2 as b;\n", "b\n2\n"),
        ("select $x as x\n\\set x it's\n;\n", "x\nit's\n"),
    ] {
        let (code, out, error) = prompt(folder.path(), &["--format", "csv"], input);
        assert_eq!((code, out.as_str()), (0, expected), "{input}: {error}");
    }
    // Places are those of what was typed.
    let (code, _, error) = prompt(folder.path(), &[], "select 1 as a\n\\timing off\n, zz;\n");
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("--> <stdin>:3:3, statement 1"), "{error}");
}
