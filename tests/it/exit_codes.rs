//! The exit code of every kind of fault, and what an error is as JSON.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::batch::run;

const PACK: &str = "-- title: Views\n-- param from date = first_day : first day\n\
    -- param to date = last_day : last day\n-- param least int = 0 in (0, 1, 2) : at least\n\
    -- check: views >= $least\nSELECT count(*) AS views FROM events WHERE dt >= $from AND dt <= $to\n";

/// Takes longer than anybody waits.
const ENDLESS: &str = "select count(*) from generate_series(1, 100000) a, generate_series(1, 1000000) b where a.value < b.value";

/// A folder with a store, a pack, and what is wrong in the faults below.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    let event = |user: &str| {
        format!("{{\"user_id\":\"{user}\",\"ts\":1772366400000,\"event\":\"page_view\",\"page\":\"p\"}}\n")
    };
    write("good.jsonl", &event("a"));
    write("bad.jsonl", &(event("b") + "{\"user_id\":\"c\"}\n"));
    write("broken.parquet", "PAR1 and no more");
    write("pack/views.sql", PACK);
    write("untitled/a.sql", "SELECT 1 AS one");
    write("syntax/a.sql", "-- title: A\nSELEC 1");
    write("chart/a.sql", "-- title: A\n-- chart: pie x=a\nSELECT 1 AS a");
    write("endless/a.sql", &format!("-- title: A\n-- param from date = first_day : first day\n{ENDLESS}"));
    write(
        "having/a.sql",
        "-- title: A\n-- param having filter = true\nSELECT page FROM events GROUP BY page HAVING $having",
    );
    write("file", "not a folder");
    let (code, _, error) = run(folder.path(), &["land", "good.jsonl", "--store", "st", "--tz", "UTC"]);
    assert_eq!(code, 0, "{error}");
    folder
}

#[test]
fn every_fault_has_its_code() {
    // Expected: 0 done, 1 failed, 2 wrong usage, 3 landed with rejected rows under --strict, 4 time-out; each fault names what is wrong.
    let long_chain = format!("select {}", vec!["true"; 6_000].join(" or "));
    let faults: &[(&[&str], i32, &str)] = &[
        (&["report", "--store", "st", "--pack", "pack"], 0, ""),
        (&["report", "--list"], 0, ""),
        (&["sql", "selec 1"], 1, "syntax error"),
        (&["sql", "select usr from (values (1)) t(user_id)"], 1, "usr"),
        (&["sql", "select 1 / (value - value) from generate_series(1, 2)"], 1, "division by zero"),
        (&["sql", "--store", "nowhere", "select 1"], 1, "nowhere"),
        (&["sql", "select * from 'nowhere.csv'"], 1, "nowhere.csv"),
        (&["sql", "select * from 'broken.parquet'"], 1, "broken.parquet"),
        (&["sql", "-o", "file/a.csv", "select 1"], 1, "file"),
        (
            &["sql", "--memory-limit", "16MB", "select array_agg(value) from generate_series(1, 30000000)"],
            1,
            "memory",
        ),
        (&["sql", long_chain.as_str()], 2, "operators"),
        (&["sql", "--no-such-flag"], 2, "--no-such-flag"),
        (&["sql", "-p", "n:int=many", "select $n"], 2, "many"),
        (&["sql", "select $n"], 2, "parameter n is missing"),
        (&["sql", "--timeout", "1s", ENDLESS], 4, "not done within 1s"),
        (&["sql", "--timeout", "soon", "select 1"], 2, "soon"),
        (&["land", "bad.jsonl", "--store", "other", "--strict"], 3, ""),
        (&["land", "nowhere.jsonl", "--store", "other"], 1, "nowhere.jsonl"),
        (&["land", "broken.parquet", "--store", "st"], 1, "broken.parquet"),
        (&["land", "good.jsonl", "--store", "st", "--tz", "Mars/Olympus"], 1, "Mars/Olympus"),
        (&["report", "--store", "st", "--only", "no/such"], 2, "no/such"),
        (&["report", "--store", "st", "--pack", "pack", "-p", "lest=1"], 2, "did you mean 'least'"),
        (&["report", "--store", "st", "--pack", "pack", "-p", "least=9"], 2, "not one of 0, 1, 2"),
        (&["report", "--store", "st", "--only", "analysis", "-p", "filter=1"], 2, "parameter filter: '1'"),
        (&["report", "--store", "st", "--only", "analysis", "-p", "zone=Europe/Berln"], 2, "'Europe/Berlin'"),
        (&["report", "--store", "st", "--only", "so_far", "-p", "against=yesterday"], 2, "YYYY-MM-DD"),
        (&["report", "--store", "st", "--only", "so_far", "-p", "against=2026-02-28"], 0, ""),
        (&["report", "--store", "st", "--only", "so_far", "-p", "against="], 0, ""),
        (&["report", "--store", "st", "--pack", "having", "-p", "having=count(*) > 0"], 0, ""),
        (
            &["report", "--store", "st", "--pack", "pack", "--date", "2026-03-01", "-p", "to=2026-03-01"],
            2,
            "given twice, by -p and by --date",
        ),
        (
            &["report", "--store", "st", "--pack", "pack", "--from", "2026-03-01", "-p", "from=2026-03-01"],
            2,
            "given twice, by -p and by --from",
        ),
        (&["report", "--store", "st", "--pack", "pack", "--summary", "json"], 2, "-o DIR"),
        (&["report", "--store", "st", "--pack", "pack", "--from", "yesterday"], 2, "yesterday"),
        (&["report", "--store", "st", "--pack", "pack", "-p", "least=2"], 1, "check failed"),
        (&["report", "--store", "st", "--pack", "untitled"], 2, "title"),
        (&["report", "--store", "st", "--pack", "syntax"], 1, "a.sql:2"),
        (&["report", "--store", "st", "--pack", "chart"], 2, "a.sql:2"),
        (&["report", "--store", "st", "--pack", "endless", "--timeout", "1s"], 4, "not done within"),
        (&["report", "--store", "st", "--pack", "pack", "-o", "file"], 1, "file"),
        (&["report", "--store", "st", "--pack", "pack", "--each", "day"], 2, "--output"),
        (&["report", "--store", "st", "--pack", "pack", "--each", "day", "-o", "-"], 2, "-o DIR"),
        (&["report", "--store", "st", "--pack", "pack", "--summary", "json", "-o", "-"], 2, "-o DIR"),
        (&["report", "--store", "st", "--pack", "pack", "--each", "hour", "-o", "out"], 2, "hour"),
        (
            &["report", "--store", "st", "--pack", "pack", "--each", "day", "--retry", "-o", "new"],
            2,
            "run.json",
        ),
        (
            &[
                "report",
                "--store",
                "st",
                "--pack",
                "pack",
                "--each",
                "day",
                "--from",
                "2026-03-02",
                "--to",
                "2026-03-01",
                "-o",
                "out",
            ],
            2,
            "after",
        ),
        (&["info", "--store", "st", "--changed-since", "900"], 1, "900"),
        (&["--read-only", "compact", "--store", "st"], 2, "--read-only"),
    ];
    let folder = place();
    for (arguments, expected, words) in faults {
        let (code, out, error) = run(folder.path(), arguments);
        let said: Vec<String> = arguments.iter().map(|word| word.chars().take(60).collect()).collect();
        assert_eq!(code, *expected, "{}\n{out}{error}", said.join(" "));
        assert!(error.contains(words), "{}: '{words}' is not in\n{error}", said.join(" "));
    }
    assert!(faults.len() > 25);
}

#[cfg(unix)]
#[test]
fn a_cancelled_run_ends_with_130() {
    // Expected: 130 for both signals by which a run is stopped, and a run.json that says so.
    for signal in ["-INT", "-TERM"] {
        let folder = place();
        let child = Command::new(env!("CARGO_BIN_EXE_footfall"))
            .args(["report", "--store", "st", "--pack", "endless", "-o", "out", "--summary", "json"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(Duration::from_millis(400));
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
        let begun = Instant::now();
        let output = child.wait_with_output().expect("a child that ends");
        assert_eq!(output.status.code(), Some(130), "{signal}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
        assert_eq!((&told["status"], &told["error"]), (&"stopped".into(), &"cancelled".into()), "{told}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(!folder.path().join("out").exists());
    }
}

#[test]
fn a_run_out_of_time_is_summed_up() {
    // Expected: 4, and the last line of stdout says how far the run came, with --each by its record.
    let folder = place();
    for each in [[].as_slice(), &["--each", "day"]] {
        let base = [
            "report",
            "--store",
            "st",
            "--pack",
            "endless",
            "--timeout",
            "1s",
            "-o",
            "out",
            "--summary",
            "json",
        ];
        let (code, out, error) = run(folder.path(), &[base.as_slice(), each].concat());
        assert_eq!(code, 4, "{error}");
        let told: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{out}: {e}"));
        assert_eq!(
            (&told["status"], &told["error"]),
            (&"stopped".into(), &"not done within 1s".into()),
            "{told}"
        );
        if !each.is_empty() {
            assert_eq!(
                (&told["ran"], &told["waiting"], &told["from"]),
                (&0.into(), &1.into(), &"2026-03-01".into())
            );
        }
    }
}

#[test]
fn errors_as_json() {
    // Expected: code, message, file, line, column and help, on one line of stderr.
    let folder = place();
    let told = |arguments: &[&str]| -> Value {
        let (_, _, error) = run(folder.path(), arguments);
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        serde_json::from_str(&error).unwrap_or_else(|e| panic!("{error}: {e}"))
    };
    let error = told(&["sql", "--errors", "json", "select 1 +"]);
    assert_eq!((&error["code"], &error["file"], &error["line"]), (&1.into(), &"<sql>".into(), &1.into()));
    assert!(error["column"].as_u64().is_some_and(|column| column > 1), "{error}");
    let error = told(&["report", "--errors", "json", "--store", "st", "--pack", "chart"]);
    assert_eq!((&error["code"], &error["line"]), (&2.into(), &2.into()), "{error}");
    assert!(error["file"].as_str().is_some_and(|file| file.ends_with("a.sql")), "{error}");
    let error = told(&["report", "--errors", "json", "--store", "st", "--pack", "pack", "-p", "lest=1"]);
    assert_eq!(error["help"], "did you mean 'least'?", "{error}");
    let error = told(&["report", "--errors", "json", "--store", "st", "--pack", "untitled"]);
    assert_eq!((&error["code"], &error["line"]), (&2.into(), &1.into()), "{error}");
    // Of a batch, too, and nothing is told before it.
    let words = ["--each", "day", "-p", "least=2", "-o", "failed", "--progress", "plain", "--only", "views"];
    let error = told(
        &[["report", "--errors", "json", "--store", "st", "--pack", "pack"].as_slice(), &words].concat(),
    );
    assert_eq!((&error["code"], &error["line"]), (&1.into(), &5.into()), "{error}");
    assert!(error["file"].as_str().is_some_and(|file| file.ends_with("views.sql")), "{error}");
    assert_eq!(error["message"], "2026-03-01 views: check failed: views >= $least", "{error}");
    let error = told(&["--errors", "json", "sql", "--no-such-flag"]);
    assert_eq!(error["code"], 2, "{error}");
}

#[test]
fn a_read_only_session_reads_only() {
    // Expected: every one is refused, nothing is written, and the next query works.
    let folder = place();
    let digest = |path: &Path| -> Vec<(String, u64)> {
        let mut files = Vec::new();
        let mut folders = vec![path.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    files.push((entry.path().display().to_string(), entry.metadata().expect("a file").len()));
                }
            }
        }
        files.sort();
        files
    };
    let before = digest(folder.path());
    let attacks = [
        "create table t as select 1 as a",
        "create view v as select 1 as a",
        "create external table t stored as csv location 'good.jsonl'",
        "drop table events",
        "drop view visits",
        "create schema s",
        "create database d",
        "insert into events select * from events",
        "delete from events",
        "update events set page = 'x'",
        "copy events to 'out.csv'",
        "copy (select * from events) to 'out.parquet' stored as parquet",
        "explain copy events to 'out.csv'",
        "explain analyze copy events to 'out.csv'",
        "set datafusion.execution.batch_size = 1",
        "set footfall.read_only = false",
        "set footfall.time_zone = 'UTC'",
        "reset footfall.read_only",
        "prepare p as select 1",
        "execute p",
        "begin",
        "commit",
        "select * from 'good.jsonl'",
        "select * from './good.jsonl'",
        "select * from '../good.jsonl'",
        "select * from 'st/events/../../good.jsonl'",
        "select * from '/etc/passwd'",
        "select * from '/etc/hostname.csv'",
        "select * from \"good.jsonl\"",
        "select * from 'file:///etc/passwd'",
        "select * from 'good%2ejsonl'",
        "select * from '*.jsonl'",
        "select * from (select * from 'good.jsonl')",
        "select (select count(*) from 'good.jsonl')",
        "with t as (select * from 'good.jsonl') select * from t",
        "select 1; drop view visits",
    ];
    for attack in attacks {
        let (code, out, error) = run(folder.path(), &["sql", "--read-only", "--store", "st", attack]);
        assert_ne!(code, 0, "{attack}\n{out}{error}");
    }
    assert_eq!(digest(folder.path()), before);
    let (code, out, error) = run(
        folder.path(),
        &["sql", "--read-only", "--store", "st", "--format", "csv", "select count(*) as n from visits"],
    );
    assert_eq!((code, out.as_str()), (0, "n\n1\n"), "{error}");
}

#[test]
fn no_query_takes_the_machine_down() {
    // Expected: the end of each is an error or an answer, within the time-out and a little, and the process is not killed.
    let folder = place();
    let chain = |link: &str, count: usize| vec!["true"; count].join(link);
    let bombs = [
        format!("select {}", chain(" or ", 100_000)),
        format!("select {}", chain(" and ", 10_000)),
        format!("select {}", vec!["1"; 50_000].join("+")),
        format!("select {}", vec!["'a'"; 30_000].join("||")),
        vec!["select 1 as a"; 20_000].join(" union all "),
        format!("select {}1{}", "(".repeat(2_000), ")".repeat(2_000)),
        format!("select {} true", "not ".repeat(50_000)),
        format!("select {}1", "- ".repeat(50_000)),
        format!("select * from {}select 1{}", "(".repeat(300), ")".repeat(300)),
        "select count(*) from generate_series(1, 100000000000)".to_string(),
        "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r"
            .to_string(),
        ENDLESS.to_string(),
        "select array_agg(value) from generate_series(1, 1000000000)".to_string(),
        "select count(*) from (select value, random() from generate_series(1, 1000000000) group by 1, 2)"
            .to_string(),
        "select array_length(range(1, 10000000000))".to_string(),
    ];
    for bomb in bombs {
        let begun = Instant::now();
        let (code, _, error) = run(
            folder.path(),
            &["sql", "--timeout", "2s", "--memory-limit", "256MB", &bomb_file(folder.path(), &bomb)],
        );
        let took = begun.elapsed();
        let said: String = bomb.chars().take(60).collect();
        assert!([0, 1, 2, 4].contains(&code), "{said}: {code}\n{error}");
        assert!(took < Duration::from_secs(12), "{said}: {took:?}");
        assert!(code == 0 || !error.is_empty(), "{said}");
        assert!(!error.contains("overflowed its stack"), "{said}");
    }
    assert_eq!(run(folder.path(), &["sql", "select 1"]).0, 0);
}

/// The words that read a bomb from a file: it may be longer than a command line.
fn bomb_file(folder: &Path, bomb: &str) -> String {
    fs::write(folder.join("bomb.sql"), bomb).expect("a file");
    "--file=bomb.sql".to_string()
}

#[test]
fn a_dash_is_stdout() {
    // Expected: what is printed without -o, and no folder of that name.
    let folder = place();
    for format in ["csv", "html"] {
        let asked = ["report", "--store", "st", "--pack", "pack", "--format", format];
        let (code, plain, error) = run(folder.path(), &asked);
        assert_eq!(code, 0, "{error}");
        let (code, dashed, error) = run(folder.path(), &[&asked[..], &["-o", "-"]].concat());
        assert_eq!((code, dashed), (0, plain), "{format}: {error}");
    }
    assert!(!folder.path().join("-").exists());
}
