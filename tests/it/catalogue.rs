//! Declared events and properties: what lands in which column, what stays in `props`, and what later declarations change.
//! Expected values: worked out by hand from the rows in each test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use footfall::store::{Catalogue, Store};
use footfall::{Engine, EngineOptions};

use crate::support::{ask, block_on, footfall, footfall_ok};

const SHOP: &str = r#"
[events.add_to_cart]
name = "加入购物车"
[events.add_to_cart.properties]
price = { type = "float" }
count = { type = "int" }
gift = { type = "bool" }
shown_at = { type = "timestamp", unit = "s" }
skuId = { type = "text" }
[events.pay.properties.price]
type = "float"
"#;

#[test]
fn declared_properties_land_in_columns_of_their_types() {
    // Expected: the rows below; 1001.0 and 1e3 are whole, 1 and 0 are truth values, a time without a zone is UTC.
    let shop = Shop::new();
    shop.land(
        "a",
        r#"{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","price":9.5,"count":2,"gift":true,"shown_at":1767225590,"skuId":"007","colour":"red"}
{"user_id":"ann","ts":1767225660000,"event":"add_to_cart","price":"10","count":1001.0,"gift":"FALSE","shown_at":"2026-01-01 00:00:01","skuId":7}
{"user_id":"bob","ts":1767225600000,"event":"pay","price":"1e3","count":" 3 ","gift":0,"shown_at":"2026-01-01T08:00:02+08:00"}
{"user_id":"bob","ts":1767225660000,"event":"page_view"}
"#,
        Some(SHOP),
    );
    let engine = shop.engine();
    let columns = "select p_price, p_count, p_gift, p_shown_at, \"p_skuId\" from events order by user_id, ts";
    let frame = block_on(engine.sql(columns)).expect("a question");
    let types: Vec<DataType> =
        frame.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    assert_eq!(types, [DataType::Float64, DataType::Int64, DataType::Boolean, time, DataType::Utf8View]);
    assert_eq!(
        ask(
            &engine,
            "select p_price, p_count, p_gift, cast(p_shown_at as bigint), \"p_skuId\", props['colour'], map_extract(props, 'price')[1],
             map_extract(props, 'skuId')[1] from events order by user_id, ts"
        ),
        [
            ["9.5", "2", "true", "1767225590000000", "007", "red", "NULL", "NULL"],
            ["10.0", "1001", "false", "1767225601000000", "7", "NULL", "NULL", "NULL"],
            ["1000.0", "3", "false", "1767225602000000", "NULL", "NULL", "NULL", "NULL"],
            ["NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"],
        ]
    );
    assert_eq!(ask(&engine, "select count(*) from events where props is null"), [["3"]]);
    assert_eq!(ask(&engine, "select sum(p_price) from events where p_price > 9.5"), [["1010.0"]]);
}

#[test]
fn a_column_as_parameter_finds_a_property_by_its_name_declared_or_not_and_may_be_none() {
    // Expected: counted by hand. The price 9.5 is in the column p_price, `cheap` of an event that does not declare it is
    // still in props, and so is the colour.
    let shop = Shop::new();
    shop.land(
        "a",
        r#"{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","price":9.5,"colour":"red"}
{"user_id":"ann","ts":1767225660000,"event":"add_to_cart","price":10.25}
{"user_id":"bob","ts":1767225720000,"event":"visit","price":"cheap"}
"#,
        Some(SHOP),
    );
    let store = shop.store().display().to_string();
    let analysis = |more: &[&str]| {
        let mut arguments =
            vec!["report", "--store", &store, "--only", "events/analysis", "--format", "csv", "--quiet"];
        arguments.extend(["-p", "grain=whole", "-p", "event=add_to_cart"]);
        arguments.extend(more.iter().flat_map(|parameter| ["-p", *parameter]));
        footfall_ok(&arguments).lines().skip(1).map(str::to_string).collect::<Vec<_>>()
    };
    for price in ["props.price", "p_price"] {
        let property = format!("property={price}");
        assert_eq!(analysis(&["metric=sum", &property]), ["2026-01-01,,,,,,19.75"], "{price}");
        let group = format!("group1={price}");
        assert_eq!(analysis(&[&group]), ["2026-01-01,10.25,,,,,1", "2026-01-01,9.5,,,,,1"], "{price}");
    }
    assert_eq!(analysis(&["group1=props.price", "event=visit"]), ["2026-01-01,cheap,,,,,1"]);
    assert_eq!(analysis(&["group1=props.colour"]).len(), 2);
    // None, which is the default, is no column at all.
    assert_eq!(analysis(&["group1=none"]), ["2026-01-01,,,,,,2"]);
    assert_eq!(analysis(&["group1=none"]), analysis(&[]));
    let wrong = footfall(&["report", "--store", &store, "--only", "paths/flow", "-p", "node=none"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(2), "{said}");
    assert!(said.contains("'none' is not a column here"), "{said}");
}

#[test]
fn a_declared_property_is_found_in_the_map_too() {
    // Expected: counted by hand from the rows, of which the first landed before the declaration; what is compared with a number
    // is one, what is not of the declared type is text, and a query that leaves the column out cannot ask for it.
    let shop = Shop::new();
    let old = r#"{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","price":9.5,"colour":"red"}
"#;
    let new = r#"{"user_id":"ann","ts":1767225660000,"event":"add_to_cart","price":10.25,"gift":true}
{"user_id":"bob","ts":1767225720000,"event":"visit","price":"cheap"}
{"user_id":"cid","ts":1767225780000,"event":"add_to_cart"}
"#;
    shop.land("old", old, None);
    shop.land("new", new, Some(SHOP));
    for moment in ["before", "after"] {
        let engine = shop.engine();
        let one = |sql: &str| ask(&engine, sql).concat().join(" ");
        for (condition, count) in [
            ("props.price > 3", "2"),
            ("props['price'] > 10", "1"),
            ("3 < events.props['price']", "2"),
            ("props.price between 9 and 10", "1"),
            ("props.price in (9.5, 10.25, 7)", "2"),
            ("props.price > props.count", "0"),
            ("props.price >= p_price", "2"),
            ("props.price = 'cheap'", "1"),
            ("props.price is not null", "3"),
            ("props.gift = true", "1"),
            ("props.colour = 'red'", "1"),
            ("try_cast(props['price'] as double) > 3", "2"),
            ("price > 3 and props.gift is null", "1"),
        ] {
            let from = "(select *, p_price as price from events) events";
            let found = one(&format!("select count(*) from {from} where {condition}"));
            assert_eq!(found, count, "{condition}, {moment} compaction");
        }
        let prices = one("select props['price'] from events order by ts");
        assert_eq!(prices, "9.5 10.25 cheap NULL", "{moment} compaction");
        let groups =
            "select props.price as price, count(*) from events group by props.price order by 1 nulls last";
        assert_eq!(one(groups), "10.25 1 9.5 1 cheap 1 NULL 1");
        let firsts =
            "select user_id, window_funnel(INTERVAL '10 minutes', ts, props.price > 9, props.price > 10) as n
             from events group by user_id order by user_id";
        assert_eq!(one(firsts), "ann 2 bob 0 cid 0");
        for lost in [
            "select props['price'] from (select props from events)",
            "select user_id from events order by props.price",
        ] {
            let error =
                block_on(async { engine.sql(lost).await?.collect().await }).expect_err("no such column");
            assert!(error.to_string().contains("p_price"), "{lost}: {error}");
        }
        shop.compact();
    }
    let store = shop.store().display().to_string();
    let filtered = footfall_ok(&[
        "report",
        "--store",
        &store,
        "--only",
        "events/analysis",
        "--format",
        "csv",
        "--quiet",
        "-p",
        "grain=whole",
        "-p",
        "event=add_to_cart",
        "-p",
        "filter=props.price > 3",
    ]);
    assert_eq!(filtered.lines().last(), Some("2026-01-01,,,,,,2"));
}

#[test]
fn a_value_that_does_not_fit_rejects_the_event_that_declares_it_and_no_other() {
    // Expected: rows 1 to 6 are of the event that declares the property; row 7 is not, and row 8 has no value.
    let shop = Shop::new();
    shop.land(
        "a",
        r#"{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","price":"cheap"}
{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","count":12.5}
{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","gift":"yes"}
{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","shown_at":"yesterday"}
{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","price":"NaN"}
{"user_id":"ann","ts":1767225600000,"event":"pay","price":"1e400","count":1}
{"user_id":"bob","ts":1767225600000,"event":"search","price":"cheap","count":"2","gift":"yes"}
{"user_id":"bob","ts":1767225660000,"event":"add_to_cart","price":null,"count":1}
"#,
        Some(SHOP),
    );
    let engine = shop.engine();
    assert_eq!(
        ask(&engine, "select row, reason from quarantine order by row"),
        [
            ["1", "price is not a number; event add_to_cart declares it as float"],
            ["2", "count is not an integer; event add_to_cart declares it as int"],
            ["3", "gift is not true or false; event add_to_cart declares it as bool"],
            ["4", "shown_at is not a time; event add_to_cart declares it as timestamp in s"],
            ["5", "price is not a number; event add_to_cart declares it as float"],
            ["6", "price is not a number; event pay declares it as float"],
        ]
    );
    assert_eq!(
        ask(
            &engine,
            "select event, p_price, p_count, p_gift, map_extract(props, 'price')[1], map_extract(props, 'count')[1], map_extract(props, 'gift')[1] from events order by ts"
        ),
        [
            ["search", "NULL", "2", "NULL", "cheap", "NULL", "yes"],
            ["add_to_cart", "NULL", "1", "NULL", "NULL", "NULL", "NULL"],
        ]
    );
}

#[test]
fn old_rows_answer_as_if_they_landed_after_the_declaration() {
    // Expected: the answers of a store that had the catalogue from the beginning, and of the rows by hand.
    let old = r#"{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","price":9.5,"count":2,"gift":"true","shown_at":1767225590,"skuId":"007","colour":"red"}
{"user_id":"ann","ts":1767225660000,"event":"search","price":"cheap","count":"3"}
{"user_id":"bob","ts":1767225600000,"event":"add_to_cart","price":"10"}
{"user_id":"bob","ts":1767225660000,"event":"page_view"}
"#;
    let new = r#"{"user_id":"ann","ts":1767225720000,"event":"pay","price":30}
{"user_id":"cid","ts":1767312000000,"event":"add_to_cart","price":0.25,"colour":"blue"}
"#;
    let (late, early) = (Shop::new(), Shop::new());
    late.land("old", old, None);
    late.land("new", new, Some(SHOP));
    early.land("old", old, Some(SHOP));
    early.land("new", new, None);
    let questions = [
        "select p_price from events order by user_id, ts",
        "select p_price, p_count, p_gift, cast(p_shown_at as bigint), \"p_skuId\", map_extract(props, 'price')[1], props['colour'], props is null
         from events order by user_id, ts",
        "select map_extract(props, 'price')[1], map_extract(props, 'count')[1], props['colour'] from events order by user_id, ts",
        "select user_id, event from events where p_price >= 9.5 order by user_id, ts",
        "select user_id, event from events where p_price is null order by user_id, ts",
        "select user_id, sum(p_price), max(p_count) from events group by user_id order by user_id",
        "select count(*), count(p_price), count(map_extract(props, 'price')[1]), count(\"p_skuId\") from events",
    ];
    let answers = |shop: &Shop| questions.map(|question| ask(&shop.engine(), question));
    let expected = answers(&early);
    assert_eq!(expected[0].concat(), ["9.5", "NULL", "30.0", "10.0", "NULL", "0.25"]);
    assert_eq!(
        expected[2],
        [
            ["NULL", "NULL", "red"],
            ["cheap", "NULL", "NULL"],
            ["NULL", "NULL", "NULL"],
            ["NULL", "NULL", "NULL"],
            ["NULL", "NULL", "NULL"],
            ["NULL", "NULL", "blue"],
        ]
    );
    assert_eq!(expected[6], [["6", "4", "1", "1"]]);
    assert_eq!(answers(&late), expected, "before compaction");
    late.compact();
    assert_eq!(answers(&late), expected, "after compaction");
    // The compacted files themselves hold the column: 9.5 + 30 + 10 + 0.25.
    assert_eq!(late.sum_in_files("p_price"), 49.75);
}

#[test]
fn an_old_row_whose_value_does_not_fit_keeps_it() {
    // Expected: what has landed is never taken back; the value stays where it was.
    let shop = Shop::new();
    let old = r#"{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","price":"cheap","count":2}
"#;
    shop.land("old", old, None);
    let new = r#"{"user_id":"bob","ts":1767225600000,"event":"pay","price":1}
"#;
    shop.land("new", new, Some(SHOP));
    for moment in ["before", "after"] {
        let question = "select p_price, map_extract(props, 'price')[1], p_count, map_extract(props, 'count')[1] from events order by user_id";
        let expected = [["NULL", "cheap", "2", "NULL"], ["1.0", "NULL", "NULL", "NULL"]];
        assert_eq!(ask(&shop.engine(), question), expected, "{moment} compaction");
        shop.compact();
    }
    assert_eq!(ask(&shop.engine(), "select count(*) from quarantine"), [["0"]]);
}

#[test]
fn an_int_property_may_become_float() {
    // Expected: 2 and 1001 as floats, and 5000.5, which did not fit before and is beyond all that the file has as integers.
    let shop = Shop::new();
    let int = "[events.add_to_cart.properties.count]\ntype = \"int\"\n";
    let float = "[events.pay.properties.count]\ntype = \"float\"\n";
    let rows = r#"{"user_id":"ann","ts":1767225600000,"event":"add_to_cart","count":2}
{"user_id":"ann","ts":1767225660000,"event":"search","count":5000.5}
{"user_id":"bob","ts":1767225600000,"event":"add_to_cart","count":1001.0}
"#;
    shop.land("a", rows, Some(int));
    assert_eq!(
        ask(
            &shop.engine(),
            "select p_count, map_extract(props, 'count')[1] from events order by user_id, ts"
        ),
        [["2", "NULL"], ["NULL", "5000.5"], ["1001", "NULL"]]
    );
    let row = r#"{"user_id":"cid","ts":1767225600000,"event":"pay","count":0.5}
"#;
    shop.land("b", row, Some(float));
    for moment in ["before", "after"] {
        let engine = shop.engine();
        let values =
            ask(&engine, "select p_count, map_extract(props, 'count')[1] from events order by user_id, ts");
        let expected = [["2.0", "NULL"], ["5000.5", "NULL"], ["1001.0", "NULL"], ["0.5", "NULL"]];
        assert_eq!(values, expected, "{moment} compaction");
        let some = ask(&engine, "select p_count from events where p_count > 2000");
        assert_eq!(some, [["5000.5"]], "{moment} compaction");
        shop.compact();
    }
    let types = "select event, type from event_catalogue order by event";
    assert_eq!(ask(&shop.engine(), types), [["add_to_cart", "float"], ["pay", "float"]]);
    // Back to int is no widening.
    let error = shop.fails(row, int);
    for word in ["count", "add_to_cart", "int", "float"] {
        assert!(error.contains(word), "no {word}: {error}");
    }
}

#[test]
fn one_name_has_one_type_in_all_events() {
    // Expected: the second type is refused, with both events and both types, and nothing of its file lands or is declared.
    let shop = Shop::new();
    let row = r#"{"user_id":"ann","ts":1767225600000,"event":"pay","price":1}
"#;
    shop.land("a", row, Some(SHOP));
    let clashes = [
        ("[events.refund.properties.price]\ntype = \"text\"\n", ["price", "refund", "text", "float"]),
        ("[events.pay.properties.price]\ntype = \"int\"\n", ["price", "pay", "int", "float"]),
        ("[events.refund.properties.count]\ntype = \"bool\"\n", ["count", "refund", "bool", "int"]),
        (
            "[events.x.properties.shown_at]\ntype = \"timestamp\"\n",
            ["shown_at", "add_to_cart", "timestamp in ms", "in s"],
        ),
        ("[events.x.properties.skuid]\ntype = \"text\"\n", ["skuid", "skuId", "add_to_cart", "case"]),
    ];
    let before = shop.version();
    for (catalogue, words) in clashes {
        let error = shop.fails(row, catalogue);
        for word in words {
            assert!(error.contains(word), "no {word}: {error}");
        }
    }
    assert_eq!(shop.version(), before);
    let engine = shop.engine();
    assert_eq!(ask(&engine, "select count(*) from events"), [["1"]]);
    assert_eq!(
        ask(&engine, "select distinct event from event_catalogue order by 1").concat(),
        ["add_to_cart", "pay"]
    );
}

#[test]
fn the_catalogue_is_a_table_and_only_grows() {
    // Expected: read off the two files: names and docs of the second replace those of the first, the rest stays.
    let shop = Shop::new();
    let row =
        |n: u8| format!("{{\"user_id\":\"ann\",\"ts\":176722560000{n},\"event\":\"pay\",\"price\":{n}}}\n");
    shop.land("a", &row(1), Some("[events.app_launch]\nname = \"启动\"\ndoc = \"Cold.\"\n[events.pay.properties]\nprice = { type = \"float\", name = \"价格\" }\n"));
    let again = "[events.app_launch]\nname = \"打开\"\n[events.pay]\ndoc = \"Paid.\"\n[events.pay.properties]\nprice = { type = \"float\", doc = \"Yuan.\" }\nat = { type = \"timestamp\" }\n";
    shop.land("b", &row(2), Some(again));
    let all = "select event, name, doc, property, property_name, property_doc, type, unit, \"column\" from event_catalogue order by event, property";
    let expected = [
        ["app_launch", "打开", "Cold.", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"],
        ["pay", "NULL", "Paid.", "at", "NULL", "NULL", "timestamp", "ms", "p_at"],
        ["pay", "NULL", "Paid.", "price", "价格", "Yuan.", "float", "NULL", "p_price"],
    ];
    assert_eq!(ask(&shop.engine(), all), expected);
    // A landing without a catalogue has the store's.
    shop.land("c", &row(3), None);
    assert_eq!(ask(&shop.engine(), "select sum(p_price), count(props) from events"), [["6.0", "0"]]);
    assert_eq!(ask(&shop.engine(), all), expected);
}

#[test]
fn nothing_new_is_no_commit() {
    // Expected: the version stays where a catalogue says nothing new, and goes up by one where it does.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store =
        block_on(Store::open_or_create(&folder.path().join("store"), Some("UTC"))).expect("a new store");
    let version = || block_on(store.snapshot()).expect("a store that can be read").version;
    let catalogue = Catalogue::parse(SHOP).expect("a catalogue");
    assert!(catalogue.declares("pay", "price") && !catalogue.declares("pay", "count"));
    let empty = version();
    block_on(store.declare(&Catalogue::default())).expect("nothing to declare");
    assert_eq!(version(), empty);
    let agreed = block_on(store.declare(&catalogue)).expect("a declaration");
    assert_eq!(*agreed, catalogue);
    assert_eq!(version(), empty + 1);
    block_on(store.declare(&catalogue)).expect("the same again");
    assert_eq!(version(), empty + 1);
    let kept = block_on(store.snapshot()).expect("a store that can be read").catalogue;
    assert_eq!(*kept, catalogue);
    let names: Vec<String> = kept.fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["p_count", "p_gift", "p_price", "p_shown_at", "p_skuId"]);
}

#[test]
fn declarations_of_four_processes_at_once_all_count() {
    // Expected: each process declares an event of its own and a property that all share, and lands one row of both.
    let shop = Shop::new();
    let processes: Vec<_> = (1..=4)
        .map(|n| {
            let catalogue = format!("[events.e{n}.properties]\nown{n} = {{ type = \"float\" }}\nshared = {{ type = \"int\" }}\n");
            let row = format!("{{\"user_id\":\"u{n}\",\"ts\":1767225600000,\"event\":\"e{n}\",\"own{n}\":{n},\"shared\":{n}}}\n");
            Command::new(env!("CARGO_BIN_EXE_footfall"))
                .arg("land")
                .arg(shop.file(&format!("{n}.jsonl"), &row))
                .arg("--store")
                .arg(shop.store())
                .arg("--catalogue")
                .arg(shop.file(&format!("{n}.toml"), &catalogue))
                .args(["--tz", "UTC", "--threads", "1"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the binary runs")
        })
        .collect();
    for process in processes {
        let output = process.wait_with_output().expect("a process that ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let engine = shop.engine();
    let declared = ask(&engine, "select event, property, type from event_catalogue order by event, property");
    let expected: Vec<Vec<String>> = (1..=4)
        .flat_map(|n| {
            let own = vec![format!("e{n}"), format!("own{n}"), "float".to_string()];
            [own, vec![format!("e{n}"), "shared".to_string(), "int".to_string()]]
        })
        .collect();
    assert_eq!(declared, expected);
    assert_eq!(
        ask(
            &engine,
            "select sum(p_own1), sum(p_own2), sum(p_own3), sum(p_own4), sum(p_shared), count(props) from events"
        ),
        [["1.0", "2.0", "3.0", "4.0", "10", "0"]]
    );
}

#[test]
fn a_wrong_file_is_refused_with_table_and_key() {
    // Expected: the words that a person needs to find the place and to know what is accepted there.
    let long = format!("[events.a.properties.{}]\ntype = \"int\"\n", "x".repeat(65));
    let many: String = (0..501).map(|n| format!("[events.a.properties.x{n}]\ntype = \"int\"\n")).collect();
    let cases: &[(&str, &[&str])] = &[
        ("[events.a\n", &["line 1"]),
        ("[events.a]\nname = \"x\"\nname = \"y\"\n", &["line 3", "name"]),
        ("[event.a]\n", &["top level", "'event'", "did you mean 'events'"]),
        ("events = 5\n", &["events", "integer", "table"]),
        ("[events]\na = \"x\"\n", &["events.a", "string", "table"]),
        ("[events.\"\"]\n", &["events", "id"]),
        (
            "[events.a]\nnam = \"x\"\n",
            &["[events.a]", "'nam'", "name, doc, properties", "did you mean 'name'"],
        ),
        ("[events.a]\nname = 5\n", &["[events.a]", "name", "5", "integer", "text"]),
        ("[events.a]\nproperties = 5\n", &["events.a.properties", "integer", "table"]),
        ("[events.a.properties]\nprice = \"float\"\n", &["events.a.properties.price", "string", "table"]),
        (
            "[events.a.properties.price]\ndoc = \"x\"\n",
            &["[events.a.properties.price]", "type", "int, float, text, bool, timestamp"],
        ),
        (
            "[events.a.properties.price]\ntype = \"flot\"\n",
            &["[events.a.properties.price]", "type", "'flot'", "did you mean 'float'"],
        ),
        (
            "[events.a.properties.price]\ntypo = \"float\"\n",
            &["[events.a.properties.price]", "'typo'", "did you mean 'type'"],
        ),
        (
            "[events.a.properties.at]\ntype = \"timestamp\"\nunit = \"sec\"\n",
            &["[events.a.properties.at]", "unit", "'sec'", "s, ms, us, ns"],
        ),
        (
            "[events.a.properties.n]\ntype = \"int\"\nunit = \"s\"\n",
            &["[events.a.properties.n]", "unit", "'s'", "timestamp"],
        ),
        ("[events.a.properties.\"a b\"]\ntype = \"int\"\n", &["[events.a.properties.\"a b\"]", "letters"]),
        ("[events.a.properties.1st]\ntype = \"int\"\n", &["[events.a.properties.1st]", "'1st'", "digit"]),
        (long.as_str(), &["events.a.properties.xxx", "65 bytes", "64"]),
        (
            "[events.a.properties.n]\ntype = \"int\"\n[events.b.properties.n]\ntype = \"text\"\n",
            &["property n", "event a", "int", "event b", "text"],
        ),
        (
            "[events.a.properties.userId]\ntype = \"int\"\n[events.b.properties.userid]\ntype = \"int\"\n",
            &["userId", "userid", "event a", "event b", "case"],
        ),
    ];
    for (text, words) in cases.iter().copied().chain([(many.as_str(), &["501", "500"][..])]) {
        let error = Catalogue::parse(text).expect_err("a wrong catalogue").to_string();
        for word in words {
            assert!(error.contains(word), "no {word}: {error}");
        }
    }
    Catalogue::parse(&many.replace("[events.a.properties.x500]\ntype = \"int\"\n", ""))
        .expect("500 properties");
    assert!(Catalogue::parse("").expect("an empty file").is_empty());
}

#[test]
fn a_landing_with_a_wrong_catalogue_leaves_no_store() {
    // Expected: the catalogue's file is named, the exit code is not 0, and nothing was made.
    let shop = Shop::new();
    let row = "{\"user_id\":\"ann\",\"ts\":1767225600000,\"event\":\"pay\"}\n";
    let error = shop.fails(row, "[events.pay.properties.price]\ntype = \"money\"\n");
    assert!(error.contains("wrong.toml") && error.contains("money"), "{error}");
    assert!(!shop.store().exists());
}

/// A store in a temporary folder, worked on by the binary.
#[test]
fn rejected_rows_of_an_attempt_that_was_stopped_are_replaced() {
    // Expected: of the three rows the second is no event of the catalogue's second version, so it is rejected at last; the
    // landing was stopped once before its events were committed, when all that was rejected was the third.
    let shop = Shop::new();
    let rows = r#"{"user_id":"ann","ts":1767225600000,"event":"pay","price":1}
{"user_id":"ann","ts":1767225600000,"event":"pay","price":"much"}
{"user_id":"ann","event":"pay","price":2}
"#;
    shop.land("a", rows, None);
    let log = shop.store().join("events").join("_delta_log");
    std::fs::remove_file(log.join("00000000000000000001.json")).expect("the commit of the landing");
    shop.land("a", rows, Some(SHOP));
    let engine = shop.engine();
    assert_eq!(ask(&engine, "select p_price from events"), [["1.0"]]);
    assert_eq!(
        ask(&engine, "select row, reason from quarantine order by row"),
        [["2", "price is not a number; event pay declares it as float"], ["3", "ts is missing"]]
    );
}

#[test]
fn a_compaction_after_a_declaration_writes_its_columns() {
    // Expected: files that were settled before are written anew once, with the column, and then are settled again.
    let shop = Shop::new();
    shop.land("a", "{\"user_id\":\"ann\",\"ts\":1767225600000,\"event\":\"pay\",\"price\":1}\n", None);
    shop.compact();
    shop.land("b", "{\"user_id\":\"ann\",\"ts\":1769904000000,\"event\":\"view\"}\n", Some(SHOP));
    let oldest = || {
        let store = block_on(Store::open(&shop.store())).expect("the store opens");
        let mut files = store.opened().files.clone();
        files.sort_by_key(|file| file.days.clone());
        let first: PathBuf = shop.store().join("events").join(&files[0].path);
        first
    };
    let before = oldest();
    shop.compact();
    let file = oldest();
    assert_ne!(file, before);
    let engine = Engine::new(&EngineOptions::default()).expect("an engine");
    assert_eq!(ask(&engine, &format!("select p_price from '{}'", file.display())), [["1.0"]]);
    shop.compact();
    assert_eq!(oldest(), file);
}

struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file in a temporary folder");
        path
    }

    fn land(&self, name: &str, rows: &str, catalogue: Option<&str>) {
        let file = self.file(&format!("{name}.jsonl"), rows);
        let catalogue = catalogue.map(|text| self.file(&format!("{name}.toml"), text));
        footfall_ok(&as_text(&self.arguments(&file, catalogue.as_deref())));
    }

    /// What the binary says of a landing that fails.
    fn fails(&self, rows: &str, catalogue: &str) -> String {
        let file = self.file("wrong.jsonl", rows);
        let catalogue = self.file("wrong.toml", catalogue);
        let output = footfall(&as_text(&self.arguments(&file, Some(&catalogue))));
        assert!(!output.status.success(), "landed in spite of its catalogue");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn arguments(&self, file: &Path, catalogue: Option<&Path>) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let mut arguments = vec!["land".to_string(), text(file)];
        arguments.extend(["--store".to_string(), text(&self.store()), "--tz".to_string(), "UTC".to_string()]);
        if let Some(catalogue) = catalogue {
            arguments.extend(["--catalogue".to_string(), text(catalogue)]);
        }
        arguments
    }

    fn compact(&self) {
        footfall_ok(&["compact", "--store", &self.store().display().to_string()]);
    }

    fn engine(&self) -> Engine {
        block_on(Engine::open(&self.store(), &EngineOptions::default())).expect("the store opens")
    }

    fn version(&self) -> u64 {
        block_on(Store::open(&self.store())).expect("the store opens").opened().version
    }

    /// The sum of a column over the store's files, read as anyone's Parquet files.
    fn sum_in_files(&self, column: &str) -> f64 {
        let store = block_on(Store::open(&self.store())).expect("the store opens");
        let sums = store.opened().files.iter().map(|file| {
            let file = self.store().join("events").join(&file.path);
            let question = format!("select sum({column}) as total from '{}'", file.display());
            let answer = footfall_ok(&["sql", "--format", "csv", &question]);
            answer.lines().nth(1).and_then(|sum| sum.parse::<f64>().ok()).expect("a sum")
        });
        sums.sum()
    }
}

fn as_text(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
