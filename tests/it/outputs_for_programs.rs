//! What programs read: `--format agent`, `info --json`, `functions --json`, and what each column means.

use footfall::functions::docs;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::support::{footfall, footfall_ok, repository};

/// The sum of the hashes of the header and of each row, as the form's description has it.
fn hash(lines: &[&str]) -> String {
    let sum = lines.iter().fold(0_u64, |sum, line| sum.wrapping_add(xxh3_64(line.as_bytes())));
    format!("{sum:016x}")
}

fn agent(sql: &str) -> String {
    footfall_ok(&["sql", "--format", "agent", sql])
}

#[test]
fn no_value_can_be_taken_for_another() {
    // Expected: written by hand from the description of the form; texts that look like something else are JSON strings.
    let found = agent(
        "select * from (values (1, 'a b'), (2, 'NULL'), (3, null), (4, ''), (5, 'x | y'), (6, 'q\"b\\c'), (7, ' s'),
         (8, '# rows=1'), (9, 'a' || chr(10) || 'b'), (10, '中文')) t(n, s) order by n",
    );
    let lines = [
        "# n:int64 | s:text",
        "1 | a b",
        "2 | \"NULL\"",
        "3 | NULL",
        "4 | \"\"",
        "5 | \"x \\u007c y\"",
        "6 | \"q\\\"b\\\\c\"",
        "7 | \" s\"",
        "8 | \"# rows=1\"",
        "9 | \"a\\nb\"",
        "10 | 中文",
    ];
    let last = format!("# rows=10 shown=10 hash={}", hash(&lines));
    assert_eq!(found, format!("{}\n{last}\n", lines.join("\n")));
}

#[test]
fn types_lists_and_long_values() {
    // Expected: written by hand; 200 characters of a value are shown, and the hash is of the whole value.
    let found = agent(
        "select [1, null] as l, {a: 'x|y'} as s, date '2026-03-01' as d, 1.5 as f, true as b, repeat('ä', 201) as long, null as nothing",
    );
    let start = "[1,null] | {\"a\":\"x\\u007cy\"} | 2026-03-01 | 1.5 | true | ";
    let header =
        "# l:list<int64> | s:struct<a text> | d:date | f:float64 | b:bool | long:text | nothing:null";
    let whole = format!("{start}{} | NULL", "ä".repeat(201));
    let cut = format!("{start}\"{}\"…+1 | NULL", "ä".repeat(200));
    assert_eq!(found, format!("{header}\n{cut}\n# rows=1 shown=1 hash={}\n", hash(&[header, &whole])));
}

#[test]
fn twenty_rows_from_the_beginning_and_five_from_the_end() {
    // Expected: of 30 rows 5 are left out, of 26 one, of 25 none.
    for (rows, left) in [
        (0, None),
        (25, None),
        (26, Some("# 1 row is left out here")),
        (30, Some("# 5 rows are left out here")),
    ] {
        let all: Vec<String> = (1..=rows).map(|n| n.to_string()).collect();
        let found =
            agent(&format!("select value as n from generate_series(1, {rows}) where value > 0 order by n"));
        let mut expected = vec!["# n:int64".to_string()];
        expected.extend(all.iter().take(20).cloned());
        expected.extend(left.map(str::to_string));
        expected.extend(all.iter().skip(20.max(all.len().saturating_sub(5))).cloned());
        let lines: Vec<&str> = std::iter::once("# n:int64").chain(all.iter().map(String::as_str)).collect();
        expected.push(format!("# rows={rows} shown={} hash={}", rows.min(25), hash(&lines)));
        assert_eq!(found, expected.join("\n") + "\n");
    }
}

#[test]
fn neither_order_nor_batches_show_in_the_hash_and_duplicates_do() {
    // Expected: the definition, a sum over the rows.
    let hashed = |sql: &str| {
        let text = agent(sql);
        text.trim_end().rsplit("hash=").next().expect("a hash").to_string()
    };
    let rows = "select value % 7 as k, value as n from generate_series(1, 1000)";
    let once = hashed(&format!("{rows} order by n"));
    assert_eq!(hashed(&format!("{rows} order by k, n desc")), once);
    assert_eq!(hashed(&format!("set datafusion.execution.batch_size = 3; {rows}")), once);
    assert_ne!(hashed("select value % 7 as k, value as n from generate_series(1, 999)"), once);
    assert_ne!(hashed("select 1 as n"), hashed("select 1 as n union all select 1"));
    assert_ne!(hashed("select 1 as n"), hashed("select 1 as m"));
}

/// A store with a property whose description stands in the catalogue.
fn store(folder: &std::path::Path) -> String {
    let (file, catalogue) = (folder.join("a.jsonl"), folder.join("events.toml"));
    std::fs::write(
        &file,
        "{\"user_id\":\"ann\",\"ts\":1772416800000,\"event\":\"pay\",\"price\":2,\"kind\":\"x\"}\n",
    )
    .expect("a file");
    let declared = "[events.pay.properties]\nprice = { type = \"float\", name = \"价格\", doc = \"Yuan.\" }\nkind = { type = \"text\" }\n\
                    [events.refund.properties]\nprice = { type = \"float\", name = \"价格\", doc = \"Yuan.\" }\n";
    std::fs::write(&catalogue, declared).expect("a file");
    let [file, catalogue, store] =
        [file, catalogue, folder.join("store")].map(|path| path.display().to_string());
    footfall_ok(&["land", &file, "--store", &store, "--catalogue", &catalogue, "--tz", "UTC", "--quiet"]);
    store
}

#[test]
fn info_says_what_a_store_holds() {
    // Expected: the one row that lands, on 2 March 2026 in UTC; what the catalogue above says of its properties.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(folder.path());
    let info: Value =
        serde_json::from_str(&footfall_ok(&["info", "--store", &store, "--json"])).expect("JSON");
    assert_eq!(info["time_zone"], "UTC");
    assert_eq!(info["rows"], 1);
    assert_eq!(info["files"], 1);
    assert_eq!(info["days"]["first"], "2026-03-02");
    assert_eq!(info["days"]["last"], "2026-03-02");
    let column = |table: &str, column: &str| -> Value {
        let named = |list: &Value, name: &str| {
            let mut list = list.as_array().expect("a list").iter();
            list.find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
        };
        named(&named(&info["tables"], table)["columns"], column)
    };
    assert_eq!(column("events", "ts")["type"], "timestamp(UTC)");
    assert_eq!(column("events", "p_price")["comment"], "价格: Yuan. (property price of pay, refund)");
    assert_eq!(column("events", "p_kind")["comment"], "property kind of pay");
    assert_eq!(column("visits", "is_exit")["type"], "bool");
    let changed = footfall_ok(&["info", "--store", &store, "--changed-since", "0", "--json"]);
    let changed: Value = serde_json::from_str(&changed).expect("JSON");
    assert_eq!(changed["days"][0]["day"], "2026-03-02");
    assert_eq!(changed["days"][0]["rows"], 1);
    assert_eq!(changed["version"], info["version"]);
}

#[test]
fn every_column_of_a_store_has_a_comment() {
    // Expected: the columns of information_schema, none left out, each with words.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(folder.path());
    let ask = |sql: &str| footfall_ok(&["sql", "--store", &store, "--format", "csv", sql]);
    let none = "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'
                except select table_name, column_name, data_type from column_comments where comment <> ''";
    assert_eq!(ask(none), "table_name,column_name,data_type\n");
    let stay =
        ask("select comment from column_comments where table_name = 'visits' and column_name = 'stay_ms'");
    assert!(stay.contains("milliseconds"), "{stay}");
}

#[test]
fn the_readme_lists_the_tables_as_the_comments_do() {
    // Expected: the rows that are made from the comments.
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("the README");
    let made = footfall::tables::reference();
    assert!(readme.contains(&made), "README.md, section Tables, should be\n{made}");
}

#[test]
fn functions_say_how_they_are_called() {
    // Expected: the functions of the one list; retention's example gives conditions, and it returns a list of truth values.
    let all: Vec<Value> = serde_json::from_str(&footfall_ok(&["functions", "--json"])).expect("JSON");
    let names: Vec<&str> = all.iter().filter_map(|function| function["name"].as_str()).collect();
    let listed = docs::answering();
    assert_eq!(names, listed.iter().map(|function| function.name()).collect::<Vec<_>>());
    for function in &all {
        for field in ["signature", "description", "example", "kind", "mission"] {
            assert!(function[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {function}");
        }
        let is_form = function["kind"] == "table form";
        assert_eq!(function["types"]["returns"].is_string(), !is_form, "types of {function}");
    }
    let one: Value = serde_json::from_str(&footfall_ok(&["functions", "retention", "--json"])).expect("JSON");
    assert_eq!(one["types"]["returns"], "list<bool>");
    assert_eq!(one["types"]["arguments"][0], "bool");
    assert_eq!(footfall(&["functions", "retentoin", "--json"]).status.code(), Some(2));
    assert_eq!(footfall(&["report", "--list", "--json"]).status.code(), Some(0));
    assert_eq!(footfall(&["report", "--json", "--store", "nowhere"]).status.code(), Some(2));
}
