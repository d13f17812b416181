//! How files are named and packed: patterns, stdin, gzip, zstd, and nested columns of Parquet. Expected values: read off the
//! rows that each test writes.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use footfall::land::{Format, sources};
use futures::{StreamExt, TryStreamExt, stream};

use crate::batch::run;
use crate::support::{block_on, footfall, footfall_ok};

/// A row of user `a` at the `n`th millisecond.
fn row(n: u32) -> String {
    format!("{{\"user_id\":\"a\",\"ts\":{},\"event\":\"e{n}\"}}\n", 1_767_225_600_000_u64 + u64::from(n))
}

fn packed(text: &str, compression: FileCompressionType) -> Vec<u8> {
    let whole = stream::iter([Ok(Bytes::copy_from_slice(text.as_bytes()))]).boxed();
    let packed = compression.convert_to_compress_stream(whole).expect("the compression is built in");
    let parts: Vec<Bytes> = block_on(packed.try_collect()).expect("text in memory can be packed");
    parts.concat()
}

fn events(store: &str) -> Vec<String> {
    let out =
        footfall_ok(&["sql", "--store", store, "--format", "csv", "select event from events order by ts"]);
    out.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn compressed_files_are_known_by_their_bytes() {
    // Expected: e1 to e5; names do not decide, and a gzip file may have several members.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let gzip = |n| packed(&row(n), FileCompressionType::GZIP);
    std::fs::write(path("a.jsonl.gz"), gzip(1)).expect("a file");
    std::fs::write(path("b.jsonl"), [gzip(2), gzip(3)].concat()).expect("a file");
    std::fs::write(path("c.jsonl.zst"), packed(&row(4), FileCompressionType::ZSTD)).expect("a file");
    std::fs::write(path("d.jsonl.gz"), row(5)).expect("a file");
    let files = ["a.jsonl.gz", "b.jsonl", "c.jsonl.zst", "d.jsonl.gz"].map(path);
    let mut arguments: Vec<&str> = vec!["land", "--store"];
    let store = path("st");
    arguments.push(&store);
    arguments.extend(files.iter().map(String::as_str));
    footfall_ok(&arguments);
    assert_eq!(events(&store), ["e1", "e2", "e3", "e4", "e5"]);
    // Cut in the middle: nothing of it lands.
    let cut = packed(&(6..2000).map(row).collect::<String>(), FileCompressionType::GZIP);
    std::fs::write(path("cut.jsonl.gz"), &cut[..cut.len() / 2]).expect("a file");
    let output = footfall(&["land", &path("cut.jsonl.gz"), "--store", &store]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("cut.jsonl.gz"), "{error}");
    assert_eq!(events(&store).len(), 5);
}

#[test]
fn patterns_name_files() {
    // Expected: '*' does not cross a folder, a file that exists is meant whatever its name, and each file counts once.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir_all(folder.path().join("sub/empty")).expect("a folder");
    for name in ["b.jsonl", "a.jsonl", "[a].jsonl", "sub/c.jsonl"] {
        std::fs::write(path(name), row(1)).expect("a file");
    }
    let found = |given: &[&str]| -> Vec<String> {
        let given: Vec<String> = given.iter().map(|name| path(name)).collect();
        let sources = sources(&given, None).unwrap_or_else(|e| panic!("{e}"));
        let names = sources.files.iter().map(|file| file.strip_prefix(folder.path()).expect("in the folder"));
        names.map(|name| name.display().to_string()).collect()
    };
    assert_eq!(found(&["*.jsonl"]), ["[a].jsonl", "a.jsonl", "b.jsonl"]);
    assert_eq!(found(&["[a].jsonl"]), ["[a].jsonl"]);
    assert_eq!(found(&["[ab].jsonl"]), ["a.jsonl", "b.jsonl"]);
    assert_eq!(found(&["**/c.jsonl"]), ["sub/c.jsonl"]);
    assert_eq!(found(&["b.jsonl", "?.jsonl"]), ["b.jsonl", "a.jsonl"]);
    let refused = |name: &str| sources(&[path(name)], None).expect_err("nothing is there").to_string();
    assert!(refused("*.csv").contains("*.csv"), "{}", refused("*.csv"));
    assert!(refused("sub/e*").contains("sub/e*"), "a folder is no file");
    assert!(refused("none.jsonl").contains("none.jsonl"), "{}", refused("none.jsonl"));
    let error = sources(&["-".to_owned()], None).expect_err("stdin without a format").to_string();
    assert!(error.contains("stdin") && error.contains("jsonl"), "{error}");
    assert_eq!("lines".parse::<Format>().ok(), Some(Format::Lines));
}

#[test]
fn stdin_is_a_file() {
    // Expected: two rows land and one does not; the quarantine calls the file <stdin>; the same bytes land once.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = folder.path().join("st").display().to_string();
    let land = || {
        pipe(
            folder.path(),
            &["land", "-", "--format", "jsonl", "--store", &store],
            &format!("{}bad\n{}", row(1), row(2)),
        )
    };
    let out = land();
    assert!(out.contains("<stdin>: 3 rows = 2 landed + 0 duplicates + 1 quarantined"), "{out}");
    assert_eq!(events(&store), ["e1", "e2"]);
    let file =
        footfall_ok(&["sql", "--store", &store, "--format", "csv", "select file, row from quarantine"]);
    assert_eq!(file, "file,row\n<stdin>,2\n");
    let again = land();
    assert!(again.contains("has landed before"), "{again}");
}

fn pipe(folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_footfall"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("the pipe takes it");
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn nested_columns_of_parquet_are_properties() {
    // Expected: the JSON text of each value, as a row of JSON lines would keep it.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let rows = "select 'a' as user_id, to_timestamp('2026-01-01T00:00:00Z') as ts, 'page_view' as event, [1, 2] as sizes,
                       named_struct('colour', 'red', 'n', cast(null as int)) as skin, 3 as plain
                union all
                select 'b', to_timestamp('2026-01-01T00:00:00Z'), 'page_view', null, null, null";
    footfall_ok(&["sql", rows, "-o", &path("a.parquet")]);
    footfall_ok(&["land", &path("a.parquet"), "--store", &path("st")]);
    let sql = "select user_id, props['sizes'] as sizes, props['skin'] as skin, props['plain'] as plain
               from events order by user_id";
    let props = footfall_ok(&["sql", "--store", &path("st"), "--format", "ndjson", sql]);
    let rows: Vec<serde_json::Value> =
        props.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(rows[0]["sizes"], "[1,2]");
    assert_eq!(rows[0]["skin"], "{\"colour\":\"red\",\"n\":null}");
    assert_eq!(rows[0]["plain"], "3");
    assert!(rows[1]["sizes"].is_null() && rows[1]["plain"].is_null(), "{props}");
}

#[test]
fn text_files_across_folders_are_a_table() {
    // Expected: the sums of the numbers that each file holds; '*' does not cross a folder, '**' does, as for Parquet.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let files = [
        ("g/e.jsonl", "{\"a\":1}\n"),
        ("g/s/f.jsonl", "{\"a\":2.5,\"b\":\"x\"}\n"),
        ("g/empty.jsonl", ""),
        ("g2/p/e.csv", "a,b\n1,2\n"),
        ("g2/q/e.csv", "a,b\n10,x\n"),
        ("keys/dt=1/e.csv", "a\n1\n"),
        ("keys/dt=2/e.csv", "a\n20\n"),
        ("turned/a.csv", "a,b\n1,2\n"),
        ("turned/b.csv", "b,a\n3,4\n"),
        ("mixed/a.jsonl", "{\"a\":1}\n"),
        ("mixed/b.jsonl", "{\"a\":\"x\"}\n"),
    ];
    for (name, text) in files {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().expect("a folder above")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }
    let ask = |sql: &str| run(path, &["sql", "--format", "csv", sql]);
    for (table, expected) in [
        ("'g/*.jsonl'", "1"),
        ("'g/**/*.jsonl'", "3.5"),
        ("'g/*/f.jsonl'", "2.5"),
        ("'g'", "1"),
        ("'g/'", "1"),
        ("'g2/*/e.csv'", "11"),
        ("'keys'", "21"),
    ] {
        let (code, out, error) = ask(&format!("select sum(a) as n from {table}"));
        assert_eq!((code, out.as_str()), (0, format!("n\n{expected}\n").as_str()), "{table}: {error}");
    }
    let (_, out, error) = ask("select b from 'g2/*/e.csv' where b = 'x'");
    assert_eq!(out, "b\nx\n", "{error}");
    let (_, out, error) = ask("select a from 'keys' where dt = '2'");
    assert_eq!(out, "a\n20\n", "{error}");
    // Read by place, 4 would be a b; a number and a word have no common type.
    for (sql, names) in [
        ("select * from 'turned/*.csv'", ["turned/a.csv", "turned/b.csv"]),
        ("select * from 'mixed'", ["mixed/a.jsonl", "mixed/b.jsonl"]),
        ("select * from 'none/*.csv'", ["none/*.csv", "none matches"]),
    ] {
        let (code, out, error) = ask(sql);
        assert!(code != 0 && names.iter().all(|name| error.contains(name)), "{sql}: {out}{error}");
    }
    // A folder takes no name from a table.
    let (code, out, error) = ask("create view g as select 7 as a; select a from g");
    assert_eq!((code, out.as_str()), (0, "a\n7\n"), "{error}");
}
