//! The binary as a shell meets it: exit codes, whole files or none, what goes to stdout. Expected: the rules of the
//! command line, and answers that can be read off the statements.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code, stdout, stderr.
fn run(folder: &Path, arguments: &[&str], input: Option<&str>) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_footfall"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("FOOTFALL_STORE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.unwrap_or("").as_bytes()).expect("the pipe takes it");
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn statements_parameters_and_formats() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |arguments: &[&str], input| run(folder.path(), arguments, input);
    let csv = |sql: &str| run(&["sql", "--format", "csv", sql], None).1;
    assert_eq!(csv("select 1 as a, 'x,\"y' as b; select 2 as c"), "a,b\n1,\"x,\"\"y\"\n\nc\n2\n");
    let (code, out, _) = run(
        &["sql", "--format", "ndjson"],
        Some("-- a comment; with a semicolon\nselect null as n, 0.5 as f"),
    );
    assert_eq!((code, out.as_str()), (0, "{\"n\":null,\"f\":0.5}\n"));
    let with = |parameter: &str, sql: &str| run(&["sql", "--format", "csv", "-p", parameter, sql], None);
    assert_eq!(with("n:int=-5", "select -$n as n").1, "n\n5\n");
    assert_eq!(with("t=' or 1=1 --", "select $t as t").1, "t\n' or 1=1 --\n");
    assert_eq!(with("l:list=a,b", "select 'b' in ($l) as found").1, "found\ntrue\n");
    let (code, _, error) = with("n:int=many", "select $n");
    assert!(code == 2 && error.contains("many") && error.contains("int"), "{error}");
    let (code, _, error) = with("m:int=1", "select $n");
    assert!(code == 2 && error.contains("parameter m") && error.contains("parameters are n"), "{error}");
}

#[test]
fn columns_without_a_name_are_called_as_they_were_written() {
    // Expected: the expressions themselves, as psql writes them; a name that somebody gave stays, and so does one inside.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let header = |sql: &str| {
        let (code, out, error) = run(folder.path(), &["sql", "--format", "csv", sql], None);
        assert_eq!(code, 0, "{sql}: {error}");
        out.lines().next().unwrap_or_default().to_string()
    };
    for (sql, expected) in [
        ("select 1", "1"),
        ("select 1 as one, '3'", "one,'3'"),
        ("select count(1), 2 + 1 from (values (1)) t(a)", "count(1),2 + 1"),
        ("select *, a + 1, -b as c from (values (1, 2)) t(a, b) order by a limit 1", "a,b,a + 1,c"),
        ("select a, -1 from (values (1)) t(a) union all select 2, 3", "a,-1"),
        ("select count(*) from (values (1)) t(a)", "count(*)"),
    ] {
        assert_eq!(header(sql), expected, "{sql}");
    }
    assert_eq!(
        header("select date_trunc('hour', timestamp '2026-03-01 10:20:00')"),
        "\"date_trunc('hour', TIMESTAMP '2026-03-01 10:20:00')\""
    );
    let (_, out, error) = run(
        folder.path(),
        &[
            "sql",
            "--format",
            "csv",
            "create table t(a varchar, b bigint not null) as values ('x', 1); describe t",
        ],
        None,
    );
    assert!(out.contains("a,text,YES\nb,int64,"), "{out}{error}");
}

#[test]
fn a_wrong_mapping_or_table_is_told() {
    // Expected: two of three rows lack user_id, the third its event; a file of users is one by its columns.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let rows = "{\"uid\":\"a\"}\n{\"user_id\":\"a\",\"ts\":1767225600000}\n{\"uid\":\"b\"}\n";
    std::fs::write(path.join("a.jsonl"), rows).expect("a file");
    std::fs::write(path.join("users.csv"), "user_id,city\na,Beijing\n").expect("a file");
    let (code, _, error) = run(path, &["land", "a.jsonl", "--store", "st", "--tz", "UTC"], None);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("warning: no row") && error.contains("reason is: user_id is missing"), "{error}");
    let (code, _, error) = run(path, &["land", "users.csv", "--store", "st"], None);
    assert!(code == 1 && error.contains("--table users"), "{error}");
    assert_eq!(run(path, &["land", "users.csv", "--table", "users", "--store", "st"], None).0, 0);
    // Some other column is missing: no word of users.
    std::fs::write(path.join("b.csv"), "user_id,ts,evnt\na,1767225600000,x\n").expect("a file");
    let (_, _, error) = run(path, &["land", "b.csv", "--store", "st"], None);
    assert!(error.contains("did you mean 'evnt'") && !error.contains("--table users"), "{error}");
}

#[test]
fn exit_codes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let code = |arguments: &[&str]| run(path, arguments, None).0;
    assert_eq!(code(&["sql", "select 1"]), 0);
    assert_eq!(code(&["sql", "selec 1"]), 1);
    assert_eq!(code(&["sql", "--store", "nowhere", "select 1"]), 1);
    assert_eq!(code(&["sql", "--no-such-flag"]), 2);
    assert_eq!(code(&["report", "--store", "nowhere", "--only", "no/such"]), 2);
    std::fs::write(path.join("a.jsonl"), "{\"user_id\":\"a\",\"ts\":1767225600000,\"event\":\"x\"}\nbad\n")
        .expect("a file");
    assert_eq!(code(&["land", "a.jsonl", "--store", "st", "--strict", "--tz", "UTC"]), 3);
    let endless = "select count(*) from generate_series(1, 100000) a, generate_series(1, 1000000) b where a.value < b.value";
    assert_eq!(code(&["sql", "--timeout", "1s", endless]), 4);
}

#[test]
fn an_output_file_is_whole_or_not_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let write = |sql: &str, name: &str| run(path, &["sql", "-o", name, sql], None);
    assert_eq!(write("select 1 as a", "a.csv").0, 0);
    assert_eq!(std::fs::read_to_string(path.join("a.csv")).expect("the file"), "a\n1\n");
    // Fails after a million rows.
    let failing = "select 1 / (1000000 - value) as x from generate_series(1, 2000000)";
    assert_eq!(write(failing, "b.csv").0, 1);
    assert_eq!(write(failing, "a.csv").0, 1);
    assert_eq!(std::fs::read_to_string(path.join("a.csv")).expect("the old file"), "a\n1\n");
    let left: Vec<_> =
        std::fs::read_dir(path).expect("the folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["a.csv"], "nothing else is left");
    assert_eq!(
        run(path, &["sql", "-o", "/dev/stdout", "--format", "csv", "select 1 as a"], None).1,
        "a\n1\n"
    );
}

#[test]
fn what_is_no_table_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let cut = std::fs::read(crate::support::data("nasa_ksc_19950801")).expect("the NASA log");
    std::fs::write(path.join("cut.parquet"), &cut[cut.len() - 300..]).expect("a file");
    let (code, _, error) = run(path, &["sql", "select * from 'cut.parquet'"], None);
    assert!(code == 1 && error.contains("cut.parquet") && error.contains("PAR1"), "{error}");
    std::fs::write(path.join("a.jsonl"), "{\"user_id\":\"a\",\"ts\":1767225600000,\"event\":\"x\"}\n")
        .expect("a file");
    assert_eq!(run(path, &["land", "a.jsonl", "--store", "st"], None).0, 0);
    let (code, _, error) = run(path, &["sql", "select count(*) from 'st/events'"], None);
    assert!(code == 1 && error.contains("--store"), "{error}");
    // Files that cannot land leave no store behind, whose zone would then be fixed.
    std::fs::write(path.join("b.csv"), "user_id,ts\na,1\n").expect("a file");
    let (code, _, error) = run(path, &["land", "b.csv", "--store", "new"], None);
    assert!(code == 1 && error.contains("b.csv") && error.contains("event"), "{error}");
    assert!(!path.join("new").exists());
}

#[test]
fn the_answer_of_a_read_only_query_goes_where_the_caller_wants_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, _, error) =
        run(folder.path(), &["sql", "--read-only", "-o", "out/a.csv", "select 1 as a"], None);
    assert_eq!(code, 0, "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("out/a.csv")).expect("the file"), "a\n1\n");
}

#[test]
fn a_lack_of_memory_names_the_limit() {
    // Expected: 3,000,000 numbers of 8 bytes are more than the limit, which is given and told in MB of 1024s.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let query = "select count(*) from generate_series(1, 3000000) a \
                 join generate_series(1, 3000000) b on a.value = b.value";
    let (code, _, error) = run(folder.path(), &["sql", "--memory-limit", "5MB", query], None);
    assert_eq!(code, 1, "{error}");
    assert!(error.starts_with("error: not enough memory: "), "{error}");
    assert!(error.contains(" of the limit of 5.0 MB ") && error.contains("--memory-limit SIZE"), "{error}");
    assert!(!error.contains("reservation") && !error.contains("can spill"), "{error}");
}

#[test]
fn an_unknown_report_is_told_the_nearest_ones() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let told = |name: &str| {
        let (code, _, error) = run(folder.path(), &["report", "--store", "nowhere", "--only", name], None);
        assert_eq!(code, 2, "{error}");
        error
    };
    assert_eq!(
        told("visit_trend_dya"),
        "error: there is no report 'visit_trend_dya'; did you mean 'access/visit_trend_day', \
         'access/visit_trend_week' or 'access/visit_trend_month'? \
         `footfall report --list` shows all 50, and so does \\report at the prompt\n"
    );
    assert_eq!(
        told("xyzzy"),
        "error: there is no report 'xyzzy'; \
         `footfall report --list` shows all 50, and so does \\report at the prompt\n"
    );
    let error = told("access/lifecicle");
    assert!(error.contains("; did you mean 'access/lifecycle'? "), "{error}");
}
