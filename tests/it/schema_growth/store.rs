//! The store. Expected: what has landed stays readable, in the type that is declared last; a value that its event's
//! declaration does not fit is rejected, and an undeclared property is text in `props`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Int64Array, StringArray, StructArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use footfall::{Engine, EngineOptions};

use super::{Column, LEAP_DAY, NOON, dictionary, floats, ints, longs, micros, texts, write_columns};
use crate::support::{ask, block_on, try_ask};

/// A store and the files that land in it.
struct Shop {
    root: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a temporary folder") }
    }

    fn store(&self) -> PathBuf {
        self.root.path().join("store")
    }

    /// Lands a Parquet file, with a catalogue if there is one: what the binary prints, or its error.
    fn try_land(
        &self,
        name: &str,
        columns: Vec<(&str, ArrayRef)>,
        catalogue: &str,
    ) -> Result<String, String> {
        let file = self.root.path().join(name);
        write_columns(&file, columns);
        let mut command = Command::new(env!("CARGO_BIN_EXE_footfall"));
        command.arg("land").arg(&file).arg("--store").arg(self.store()).args([
            "--tz",
            "UTC",
            "--threads",
            "1",
        ]);
        if !catalogue.is_empty() {
            let path = self.root.path().join("events.toml");
            std::fs::write(&path, catalogue).expect("a file");
            command.arg("--catalogue").arg(path);
        }
        let output = command.output().expect("the binary runs");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if output.status.success() { Ok(text) } else { Err(text) }
    }

    #[track_caller]
    fn land(&self, name: &str, columns: Vec<(&str, ArrayRef)>, catalogue: &str) {
        if let Err(error) = self.try_land(name, columns, catalogue) {
            panic!("{name}: {error}");
        }
    }

    #[track_caller]
    fn refuses(&self, name: &str, columns: Vec<(&str, ArrayRef)>, catalogue: &str, words: &[&str]) {
        let error = self.try_land(name, columns, catalogue).expect_err("the file is refused");
        for word in words {
            assert!(error.contains(word), "no {word}: {error}");
        }
    }

    fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        let engine =
            block_on(Engine::open(&self.store(), &EngineOptions::default())).expect("the store opens");
        ask(&engine, sql)
    }
}

/// `user_id`, `ts` and `event` of two events, then more columns.
fn events<'a>(user: &str, more: Vec<(&'a str, Column)>) -> Vec<(&'a str, ArrayRef)> {
    let users = texts([user, user]);
    let times: Column = Some(Arc::new(micros([NOON * 1_000_000, NOON * 1_000_000 + 1]).with_timezone("UTC")));
    let names = texts(["pay", "pay"]);
    let first = [("user_id", users), ("ts", times), ("event", names)];
    first.into_iter().chain(more).filter_map(|(name, column)| Some((name, column?))).collect()
}

/// A catalogue that declares property `x` of event `pay`.
fn declared(kind: &str) -> String {
    format!("[events.pay.properties.x]\ntype = \"{kind}\"\n")
}

/// `x` of all events as the store has it, by user and time, and what the map itself holds: `props['x']` would look into the
/// column, too.
const X: &str = "select user_id, p_x, map_extract(props, 'x')[1] from events order by user_id, ts";

#[test]
fn store_1_int32_and_int64() {
    let shop = Shop::new();
    shop.land("a.parquet", events("a", vec![("x", ints([1, 2]))]), &declared("int"));
    shop.land("b.parquet", events("b", vec![("x", longs([3, 1 << 40]))]), "");
    assert_eq!(
        shop.ask(X),
        [["a", "1", "NULL"], ["a", "2", "NULL"], ["b", "3", "NULL"], ["b", "1099511627776", "NULL"]]
    );
}

#[test]
fn store_2_an_int_property_becomes_a_float() {
    let shop = Shop::new();
    shop.land("a.parquet", events("a", vec![("x", longs([1, 2]))]), &declared("int"));
    shop.land("b.parquet", events("b", vec![("x", floats([2.5, -0.5]))]), &declared("float"));
    assert_eq!(
        shop.ask(X),
        [["a", "1.0", "NULL"], ["a", "2.0", "NULL"], ["b", "2.5", "NULL"], ["b", "-0.5", "NULL"]]
    );
    assert_eq!(shop.ask("select count(*), sum(p_x) from events where p_x > 1.5"), [["2", "4.5"]]);
}

#[test]
fn store_3_float32_and_float64() {
    let shop = Shop::new();
    let single: Column = Some(Arc::new(Float32Array::from(vec![1.5, 2.25])));
    shop.land("a.parquet", events("a", vec![("x", single)]), &declared("float"));
    shop.land("b.parquet", events("b", vec![("x", floats([0.1, 4.0]))]), "");
    assert_eq!(
        shop.ask("select p_x from events order by user_id, ts").concat(),
        ["1.5", "2.25", "0.1", "4.0"]
    );
}

#[test]
fn store_4_text_does_not_become_an_int() {
    // A declaration of another type is refused with both types; text that is no integer is rejected, text that is one lands.
    let shop = Shop::new();
    shop.land("a.parquet", events("a", vec![("x", texts(["1", "b"]))]), &declared("text"));
    shop.refuses("b.parquet", events("b", vec![]), &declared("int"), &["x", "pay", "text", "int"]);
    assert_eq!(shop.ask(X), [["a", "1", "NULL"], ["a", "b", "NULL"]]);
    let shop = Shop::new();
    shop.land("a.parquet", events("a", vec![("x", texts(["1", "b"]))]), &declared("int"));
    assert_eq!(shop.ask(X), [["a", "1", "NULL"]]);
    let reasons = shop.ask("select row, reason from quarantine");
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0][0] == "2" && reasons[0][1].contains("x is not an integer"), "{reasons:?}");
}

#[test]
fn store_5_ts_as_date_and_timestamp() {
    // A date is its midnight.
    let shop = Shop::new();
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![LEAP_DAY, LEAP_DAY + 1]));
    shop.land("a.parquet", with(events("a", vec![]), "ts", &dates), "");
    shop.land("b.parquet", events("b", vec![]), "");
    assert_eq!(
        shop.ask("select user_id, ts, dt from events order by user_id, ts"),
        [
            ["a", "2024-02-29T00:00:00Z", "2024-02-29"],
            ["a", "2024-03-01T00:00:00Z", "2024-03-01"],
            ["b", "2024-02-29T12:00:00Z", "2024-02-29"],
            ["b", "2024-02-29T12:00:00.000001Z", "2024-02-29"]
        ]
    );
}

#[test]
fn store_6_ts_of_every_unit() {
    // The same noon and a unit later, in each unit; nanoseconds are cut, integers are milliseconds, text is RFC 3339.
    let (s, ms) = (NOON, NOON * 1_000);
    let columns: [(&str, ArrayRef, &str); 6] = [
        (
            "s",
            Arc::new(TimestampSecondArray::from(vec![s, s + 1]).with_timezone("UTC")),
            "2024-02-29T12:00:01Z",
        ),
        ("ms", Arc::new(TimestampMillisecondArray::from(vec![ms, ms + 1])), "2024-02-29T12:00:00.001Z"),
        ("us", Arc::new(micros([ms * 1_000, ms * 1_000 + 1])), "2024-02-29T12:00:00.000001Z"),
        (
            "ns",
            Arc::new(TimestampNanosecondArray::from(vec![ms * 1_000_000, ms * 1_000_000 + 1_999])),
            "2024-02-29T12:00:00.000001Z",
        ),
        ("int", Arc::new(Int64Array::from(vec![ms, ms + 1])), "2024-02-29T12:00:00.001Z"),
        (
            "text",
            Arc::new(StringArray::from(vec!["2024-02-29T12:00:00Z", "2024-02-29 20:00:02+08:00"])),
            "2024-02-29T12:00:02Z",
        ),
    ];
    let shop = Shop::new();
    for (unit, ts, later) in columns {
        shop.land(&format!("{unit}.parquet"), with(events(unit, vec![]), "ts", &ts), "");
        let found = shop.ask(&format!("select ts from events where user_id = '{unit}' order by ts")).concat();
        assert_eq!(found, ["2024-02-29T12:00:00Z", later], "{unit}");
    }
}

#[test]
fn store_7_ts_with_a_zone_and_without() {
    // Without a zone it is in the mapping's, which is UTC; with one it is the instant.
    let shop = Shop::new();
    let plain: ArrayRef = Arc::new(micros([NOON * 1_000_000, NOON * 1_000_000 + 1]));
    let zoned: ArrayRef =
        Arc::new(micros([NOON * 1_000_000, NOON * 1_000_000 + 1]).with_timezone("Asia/Shanghai"));
    shop.land("a.parquet", with(events("a", vec![]), "ts", &plain), "");
    shop.land("b.parquet", with(events("b", vec![]), "ts", &zoned), "");
    assert_eq!(
        shop.ask("select count(*), count(distinct ts), min(ts) from events"),
        [["4", "2", "2024-02-29T12:00:00Z"]]
    );
}

#[test]
fn store_8_bool_and_int() {
    // 1 and 0 are truth values, 2 is not; a declaration of the other type is refused.
    let shop = Shop::new();
    let booleans: Column = Some(Arc::new(BooleanArray::from(vec![true, false])));
    shop.land("a.parquet", events("a", vec![("x", booleans)]), &declared("bool"));
    shop.land("b.parquet", events("b", vec![("x", ints([1, 2]))]), "");
    assert_eq!(shop.ask(X), [["a", "true", "NULL"], ["a", "false", "NULL"], ["b", "true", "NULL"]]);
    let reasons = shop.ask("select reason from quarantine").concat();
    assert!(reasons.len() == 1 && reasons[0].contains("x is not true or false"), "{reasons:?}");
    shop.refuses("c.parquet", events("c", vec![]), &declared("int"), &["x", "bool", "int"]);
}

#[test]
fn store_9_a_property_that_goes() {
    let shop = Shop::new();
    shop.land("a.parquet", events("a", vec![("x", ints([1, 2]))]), &declared("int"));
    shop.land("b.parquet", events("b", vec![]), "");
    assert_eq!(
        shop.ask(X),
        [["a", "1", "NULL"], ["a", "2", "NULL"], ["b", "NULL", "NULL"], ["b", "NULL", "NULL"]]
    );
    assert_eq!(shop.ask("select count(*) from events where p_x is null"), [["2"]]);
}

#[test]
fn store_10_a_property_that_is_declared_later() {
    // Old rows answer as new ones where their value fits, and keep it in props where it does not.
    let shop = Shop::new();
    shop.land("a.parquet", events("a", vec![("x", texts(["1", "many"]))]), "");
    assert_eq!(shop.ask("select props['x'] from events order by ts").concat(), ["1", "many"]);
    assert!(try_ask_store(&shop, "select p_x from events").contains("p_x"));
    shop.land("b.parquet", events("b", vec![("x", ints([3, 4]))]), &declared("int"));
    assert_eq!(
        shop.ask(X),
        [["a", "1", "NULL"], ["a", "NULL", "many"], ["b", "3", "NULL"], ["b", "4", "NULL"]]
    );
    assert_eq!(shop.ask("select count(*) from quarantine"), [["0"]]);
}

#[test]
fn store_11_text_in_a_dictionary_and_plain() {
    let shop = Shop::new();
    shop.land(
        "a.parquet",
        events("a", vec![("page", dictionary(["home", "list"])), ("x", dictionary(["u", "v"]))]),
        "",
    );
    shop.land(
        "b.parquet",
        events("b", vec![("page", texts(["list", "cart"])), ("x", texts(["v", "w"]))]),
        &declared("text"),
    );
    assert_eq!(
        shop.ask("select page, p_x from events order by user_id, ts"),
        [["home", "u"], ["list", "v"], ["list", "v"], ["cart", "w"]]
    );
    assert_eq!(shop.ask("select count(*) from events where page = 'list' and p_x = 'v'"), [["2"]]);
}

#[test]
fn store_12_numbers_where_text_and_text_where_numbers_are_asked_for() {
    // An id is text whatever it was; a scene is an integer, 1001.0 and "1001" are one, 12.5 is not; props may be JSON text.
    let shop = Shop::new();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
    shop.land("a.parquet", with(events("a", vec![("scene", floats([1001.0, 12.5]))]), "user_id", &ids), "");
    shop.land("b.parquet", events("b", vec![("scene", texts(["1007", "many"]))]), "");
    shop.land("c.parquet", events("c", vec![("props", texts([r#"{"x": 1, "y": null}"#, "{}"]))]), "");
    assert_eq!(
        shop.ask("select user_id, scene, props['x'] from events order by user_id, ts"),
        [["7", "1001", "NULL"], ["b", "1007", "NULL"], ["c", "NULL", "1"], ["c", "NULL", "NULL"]]
    );
    assert_eq!(
        shop.ask("select row, reason from quarantine order by file"),
        [["2", "scene is not an integer"], ["2", "scene is not an integer"]]
    );
    let nested: ArrayRef = {
        let names: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        Arc::new(StructArray::try_from(vec![("id", names)]).expect("a struct"))
    };
    shop.refuses(
        "d.parquet",
        with(events("d", vec![]), "user_id", &nested),
        "",
        &["d.parquet", "user_id", "struct"],
    );
}

fn try_ask_store(shop: &Shop, sql: &str) -> String {
    let engine = block_on(Engine::open(&shop.store(), &EngineOptions::default())).expect("the store opens");
    try_ask(&engine, sql).expect_err("no such column").to_string()
}

/// The same columns, one of them with other values.
fn with<'a>(
    mut columns: Vec<(&'a str, ArrayRef)>,
    name: &str,
    values: &ArrayRef,
) -> Vec<(&'a str, ArrayRef)> {
    if let Some((_, column)) = columns.iter_mut().find(|(known, _)| *known == name) {
        *column = Arc::clone(values);
    }
    columns
}
