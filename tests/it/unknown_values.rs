//! What is said of a value that no row has. Expected: written by hand, as it should read; the answer stays what it is.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::batch::run;

const EVENTS: &str = r#"{"user_id":"a","ts":1772366400000,"event":"page_view","page":"pages/home"}
{"user_id":"a","ts":1772366460000,"event":"product_view","page":"pages/home","category":"tea"}
{"user_id":"b","ts":1772366400000,"event":"add_to_cart"}
"#;

/// Declares an event that has not come yet, and its property.
const CATALOGUE: &str =
    "[events.pay_refund]\nname = \"R\"\n[events.pay_refund.properties.amount]\ntype = \"float\"\n";

fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in [("events.jsonl", EVENTS), ("events.toml", CATALOGUE)] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let words = ["land", "events.jsonl", "--store", "st", "--tz", "UTC", "--catalogue", "events.toml"];
    let (code, _, error) = run(folder.path(), &words);
    assert_eq!(code, 0, "{error}");
    folder
}

/// Report, parameters, what is said.
const CASES: [(&str, &[&str], &str); 13] = [
    ("analysis", &["event=product_vew"], "no event 'product_vew' in the store; did you mean 'product_view'?"),
    ("analysis", &["event=zzz"], "no event 'zzz' in the store"),
    ("analysis", &["event=pay_refnd"], "no event 'pay_refnd' in the store; did you mean 'pay_refund'?"),
    ("analysis", &["event=pay_refund"], "no event 'pay_refund' in the store, though it is declared"),
    ("analysis", &["event=product_view", "group1=props.category"], ""),
    ("analysis", &["group1=props.amount"], ""),
    ("analysis", &["property=props.categry"], "no property 'categry' in the store; did you mean 'category'?"),
    ("analysis", &["property=props.amont"], "no property 'amont' in the store; did you mean 'amount'?"),
    (
        "closed",
        &["steps=page_view,add_to_crt"],
        "no event 'add_to_crt' in the store; did you mean 'add_to_cart'?",
    ),
    ("closed", &["steps=[\"page_view\", \"add_to_cart\"]"], ""),
    ("flow", &["page=pages/hom"], "no page 'pages/hom' in the store; did you mean 'pages/home'?"),
    // Nobody gave what is not there: the default of `steps` names the event `share`.
    ("closed", &["limit=3"], ""),
    ("flow", &["page="], ""),
];

#[test]
fn a_value_that_no_row_has_is_told_beside_the_answer() {
    let folder = place();
    for (report, parameters, note) in CASES {
        let mut words = vec!["report", "--store", "st", "--only", report, "--format", "csv"];
        words.extend(parameters.iter().flat_map(|parameter| ["-p", *parameter]));
        let (code, out, error) = run(folder.path(), &words);
        let expected = if note.is_empty() { String::new() } else { format!("note: {note}\n") };
        assert_eq!((code, error), (0, expected), "{words:?}");
        for silent in [&["--quiet"][..], &["--errors", "json"]] {
            let (code, other, error) = run(folder.path(), &[words.as_slice(), silent].concat());
            assert_eq!((code, other.as_str(), error.as_str()), (0, out.as_str(), ""), "{words:?}");
        }
    }
}

#[test]
fn it_is_told_of_files_and_of_many_days_too() {
    let folder = place();
    let note = "note: no event 'product_vew' in the store; did you mean 'product_view'?\n";
    for more in [&["-o", "once"][..], &["--format", "html", "-o", "page"], &["--each", "day", "-o", "days"]] {
        let words = ["report", "--store", "st", "--only", "analysis", "-p", "event=product_vew"];
        let (code, _, error) = run(folder.path(), &[&words[..], more].concat());
        assert_eq!(code, 0, "{error}");
        assert_eq!(error.matches(note).count(), 1, "{more:?}\n{error}");
    }
}

#[test]
fn a_segment_knows_its_own_values() {
    // Expected: of the only user of the segment there is no other event than add_to_cart.
    let folder = place();
    let view = "create view carts as select user_id from events where event = 'add_to_cart'";
    let (code, _, error) = run(folder.path(), &["sql", "--store", "st", view]);
    assert_eq!(code, 0, "{error}");
    let words =
        ["report", "--store", "st", "--segment", "carts", "--only", "analysis", "-p", "event=product_view"];
    let (code, _, error) = run(folder.path(), &words);
    assert_eq!((code, error.as_str()), (0, "note: no event 'product_view' of the users of segment carts\n"));
}

#[test]
fn the_prompt_tells_it() {
    let folder = place();
    let (out, error) = prompt(folder.path(), "\\report analysis -p event=product_vew\n");
    assert_eq!(error, "note: no event 'product_vew' in the store; did you mean 'product_view'?\n");
    let (without, _) = prompt(folder.path(), "\\report analysis -p event=zzz\n");
    assert_eq!(out, without);
}

fn prompt(folder: &Path, input: &str) -> (String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_footfall"))
        .args(["repl", "--store", "st", "--format", "csv"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the pipe takes it");
    let output = child.wait_with_output().expect("the binary ends");
    assert!(output.status.success());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}
