//! Plain folders. Expected: each value as it was written, in the wider type; NULL where a file has no such column.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use datafusion::arrow::array::{
    BooleanArray, Date32Array, Decimal128Array, Float32Array, TimestampMillisecondArray, UInt64Array,
};

use super::{Column, LEAP_DAY, NOON, dictionary, floats, ints, longs, micros, texts, write};
use crate::support::{ask, engine};

/// A folder `t` of two files, `a.parquet` with `k` 1 and 2 and `b.parquet` with 3 and 4.
struct Folder {
    root: tempfile::TempDir,
}

impl Folder {
    fn new(a: &Column, b: &Column) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = Self { root };
        std::fs::create_dir(folder.path("t")).expect("a folder");
        write(&folder.path("t/a.parquet"), 1, a);
        write(&folder.path("t/b.parquet"), 3, b);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Runs `footfall sql` beside the folder: its answer as CSV without the header, or its error.
    fn sql(&self, sql: &str) -> Result<String, String> {
        let output = Command::new(env!("CARGO_BIN_EXE_footfall"))
            .args(["sql", "--format", "csv", sql])
            .current_dir(self.root.path())
            .env_remove("FOOTFALL_STORE")
            .output()
            .expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout).lines().skip(1).collect::<Vec<_>>().join(" ")),
            false => Err(text(&output.stderr)),
        }
    }

    /// Both values of each file and the type of all, by every way to name the folder.
    #[track_caller]
    fn reads(&self, expected: &str) {
        let question = |table: &str| format!("select k, x, arrow_typeof(x) as type from {table} order by k");
        let ddl =
            format!("create external table t stored as parquet location '{}/'", self.path("t").display());
        for sql in [
            question("'t/'"),
            question("'t'"),
            question("'t/*.parquet'"),
            question("'*/?.parquet'"),
            format!("{ddl}; {}", question("t")),
        ] {
            assert_eq!(self.sql(&sql).as_deref(), Ok(expected), "{sql}");
        }
        // The library reads the folder as the command line does.
        let from = format!("'{}/'", self.path("t").display());
        let rows = ask(&engine(2, 8_192), &question(&from));
        assert_eq!(rows.len(), 4, "{from}");
    }

    /// The error names both files, the column and all `words`.
    #[track_caller]
    fn clashes(&self, words: &[&str]) {
        let ddl =
            format!("create external table t stored as parquet location '{}/'", self.path("t").display());
        for sql in ["select count(*) from 't/'", "select k from 't/*.parquet'", &ddl] {
            let error = self.sql(sql).expect_err("a clash");
            for word in ["t/a.parquet", "t/b.parquet", "column 'x'"].iter().chain(words) {
                assert!(error.contains(word), "{sql}: no {word} in {error}");
            }
        }
    }

    /// The number of rows that satisfy a condition, once by statistics and once by values.
    fn count(&self, condition: &str) -> String {
        self.sql(&format!("select count(*) from 't/' where {condition}")).expect("an answer")
    }
}

#[test]
fn folder_1_int32_and_int64() {
    let folder = Folder::new(&ints([1, 2]), &longs([3, 1 << 40]));
    folder.reads("1,1,Int64 2,2,Int64 3,3,Int64 4,1099511627776,Int64");
    assert_eq!(folder.count("x > 2"), "2");
    assert_eq!(
        folder.sql("select min(x), max(x), sum(x) from 't/'").as_deref(),
        Ok("1,1099511627776,1099511627782")
    );
}

#[test]
fn folder_2_int64_and_float64() {
    let folder = Folder::new(&longs([1, 2]), &floats([2.5, -0.5]));
    folder.reads("1,1,Float64 2,2,Float64 3,2.5,Float64 4,-0.5,Float64");
    assert_eq!(folder.count("x > 1.5"), "2");
    assert_eq!(folder.sql("select min(x), max(x) from 't/'").as_deref(), Ok("-0.5,2.5"));
}

#[test]
fn folder_3_float32_and_float64() {
    let single: Column = Some(Arc::new(Float32Array::from(vec![1.5, 2.25])));
    let folder = Folder::new(&single, &floats([0.1, 4.0]));
    folder.reads("1,1.5,Float64 2,2.25,Float64 3,0.1,Float64 4,4,Float64");
}

#[test]
fn folder_4_int_and_text_clash() {
    Folder::new(&longs([1, 2]), &texts(["a", "b"])).clashes(&["integer", "text"]);
    Folder::new(&dictionary(["a", "b"]), &ints([1, 2])).clashes(&["integer", "text"]);
}

#[test]
fn folder_5_date_and_timestamp() {
    let dates: Column = Some(Arc::new(Date32Array::from(vec![LEAP_DAY, LEAP_DAY + 1])));
    let times: Column = Some(Arc::new(micros([NOON * 1_000_000, NOON * 1_000_000 + 1])));
    let folder = Folder::new(&dates, &times);
    let rows = folder
        .sql("select k, cast(x as bigint), arrow_typeof(x) as t from 't/' order by k")
        .expect("an answer");
    // Midnights, then the noon and a microsecond later.
    let expected = [0, 86_400_000_000, 43_200_000_000, 43_200_000_001]
        .map(|after| i64::from(LEAP_DAY) * 86_400_000_000 + after);
    let expected: Vec<String> =
        expected.iter().zip(1..).map(|(us, k)| format!("{k},{us},Timestamp(µs)")).collect();
    assert_eq!(rows, expected.join(" "));
    assert_eq!(folder.count("x > timestamp '2024-02-29T06:00:00'"), "3");
    assert_eq!(folder.count("x = date '2024-02-29'"), "1");
}

#[test]
fn folder_6_timestamps_of_two_units() {
    let millis: Column =
        Some(Arc::new(TimestampMillisecondArray::from(vec![NOON * 1_000, NOON * 1_000 + 1])));
    let both: Column = Some(Arc::new(micros([NOON * 1_000_000, 1])));
    let folder = Folder::new(&millis, &both);
    let rows = folder
        .sql("select k, cast(x as bigint), arrow_typeof(x) as t from 't/' order by k")
        .expect("an answer");
    let noon = NOON * 1_000_000;
    let us = "Timestamp(µs)";
    assert_eq!(rows, format!("1,{noon},{us} 2,{},{us} 3,{noon},{us} 4,1,{us}", noon + 1_000));
    assert_eq!(folder.count("x >= timestamp '2024-02-29T12:00:00'"), "3");
}

#[test]
fn folder_7_a_time_with_a_zone_and_one_without_clash() {
    let zoned: Column = Some(Arc::new(micros([0, 1]).with_timezone("UTC")));
    let plain: Column = Some(Arc::new(micros([0, 1])));
    Folder::new(&zoned, &plain).clashes(&["timestamp in file", "timestamp without a zone"]);
    // Two zones are two ways to write an instant: read as UTC.
    let shanghai: Column = Some(Arc::new(micros([0, 1]).with_timezone("Asia/Shanghai")));
    let both = Folder::new(&zoned, &shanghai);
    let question = "select count(distinct x), min(cast(x as bigint)), max(cast(x as bigint)), min(arrow_typeof(x)) from 't/'";
    assert_eq!(both.sql(question).as_deref(), Ok("2,0,1,\"Timestamp(µs, \"\"UTC\"\")\""));
}

#[test]
fn folder_8_bool_and_int_clash() {
    let booleans: Column = Some(Arc::new(BooleanArray::from(vec![true, false])));
    Folder::new(&booleans, &ints([1, 0])).clashes(&["Boolean", "integer"]);
}

#[test]
fn folder_9_a_column_that_goes() {
    let folder = Folder::new(&ints([1, 2]), &None);
    folder.reads("1,1,Int32 2,2,Int32 3,,Int32 4,,Int32");
    assert_eq!(folder.count("x is null"), "2");
}

#[test]
fn folder_10_a_column_that_comes() {
    let folder = Folder::new(&None, &texts(["a", "b"]));
    folder.reads("1,,Utf8View 2,,Utf8View 3,a,Utf8View 4,b,Utf8View");
    assert_eq!(folder.count("x > 'a'"), "1");
}

#[test]
fn folder_11_text_in_a_dictionary_and_plain() {
    let folder = Folder::new(&dictionary(["a", "b"]), &texts(["b", "c"]));
    folder.reads("1,a,Utf8View 2,b,Utf8View 3,b,Utf8View 4,c,Utf8View");
    assert_eq!(folder.count("x = 'b'"), "2");
}

#[test]
fn folder_12_decimals_with_integers_and_floats() {
    let decimals = Decimal128Array::from(vec![125, -250])
        .with_precision_and_scale(10, 2)
        .expect("two digits after the point");
    let decimals: Column = Some(Arc::new(decimals));
    // 20 digits before the point hold any integer of 64 bits.
    let type_name = "\"Decimal128(22, 2)\"";
    let folder = Folder::new(&decimals, &longs([1, i64::MAX]));
    folder.reads(&format!(
        "1,1.25,{type_name} 2,-2.50,{type_name} 3,1.00,{type_name} 4,9223372036854775807.00,{type_name}"
    ));
    let folder = Folder::new(&decimals, &floats([0.1, 1e300]));
    folder.reads("1,1.25,Float64 2,-2.5,Float64 3,0.1,Float64 4,1e300,Float64");
    // Neither type of 64 bits holds both.
    let unsigned: Column = Some(Arc::new(UInt64Array::from(vec![u64::MAX, 0])));
    let folder = Folder::new(&unsigned, &longs([-1, 1]));
    let type_name = "\"Decimal128(20, 0)\"";
    folder.reads(&format!(
        "1,18446744073709551615,{type_name} 2,0,{type_name} 3,-1,{type_name} 4,1,{type_name}"
    ));
}

// What else lies in a folder.

#[test]
fn a_folder_with_a_file_that_is_not_whole_is_refused_by_its_name() {
    // Expected: no rows without those of the broken file; the error says which it is.
    let folder = Folder::new(&ints([1, 2]), &ints([3, 4]));
    let whole = std::fs::read(folder.path("t/b.parquet")).expect("a file");
    let mut bent = whole.clone();
    let length = bent.len();
    bent[length - 8..length - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let broken: [(&str, &[u8], &str); 4] = [
        ("cut", &whole[..whole.len() / 2], "cut short"),
        ("empty", b"", "empty"),
        ("other", b"k,x\n1,2\n3,4\n", "not Parquet"),
        ("bent", &bent, "footer"),
    ];
    let ddl = format!("create external table t stored as parquet location '{}/'", folder.path("t").display());
    for (name, bytes, word) in broken {
        std::fs::write(folder.path("t/c.parquet"), bytes).expect("a file");
        for sql in ["select count(*) from 't/'", "select count(*) from 't/*.parquet'", &ddl] {
            let error = folder.sql(sql).expect_err(name);
            assert!(error.contains("t/c.parquet") && error.contains(word), "{name}, {sql}: {error}");
        }
    }
}

#[test]
fn hidden_files_and_folders_are_not_read() {
    // Expected: names that begin with . or _ are a writer's own; so are folders that are not named key=value.
    let folder = Folder::new(&ints([1, 2]), &ints([3, 4]));
    for name in ["_c.parquet", ".c.parquet", "_SUCCESS", ".a.parquet.crc", "notes.txt"] {
        std::fs::write(folder.path("t").join(name), b"not Parquet").expect("a file");
    }
    for name in ["_temporary", ".git", "other"] {
        std::fs::create_dir(folder.path("t").join(name)).expect("a folder");
        write(&folder.path("t").join(name).join("d.parquet"), 5, &ints([5, 6]));
    }
    folder.reads("1,1,Int32 2,2,Int32 3,3,Int32 4,4,Int32");
}

#[test]
fn keys_of_folders_are_columns_and_their_files_widen_too() {
    // Expected: the rows of both folders, each with the value in its folder's name.
    let folder = Folder::new(&None, &None);
    for (day, first, x) in [("2024-02-28", 1, ints([1, 2])), ("2024-02-29", 3, longs([3, 1 << 40]))] {
        let path = folder.path(&format!("days/dt={day}"));
        std::fs::create_dir_all(&path).expect("a folder");
        write(&path.join("a.parquet"), first, &x);
        std::fs::write(path.join("_a.parquet"), b"").expect("a file");
    }
    let ddl =
        format!("create external table t stored as parquet location '{}/'", folder.path("days").display());
    let question = |table: &str| format!("select dt, k, x from {table} where dt > '2024-02-28' order by k");
    for sql in [question("'days/'"), question("'days'"), format!("{ddl}; {}", question("t"))] {
        assert_eq!(folder.sql(&sql).as_deref(), Ok("2024-02-29,3,3 2024-02-29,4,1099511627776"), "{sql}");
    }
    // A file beside the folders has no day: its rows would be missing.
    write(&folder.path("days/z.parquet"), 5, &ints([5, 6]));
    let error = folder.sql("select count(*) from 'days/'").expect_err("a file without a key");
    assert!(error.contains("z.parquet") && error.contains("dt"), "{error}");
}

#[test]
fn a_folder_without_files_says_so() {
    // Expected: an error that names the folder or the pattern.
    let folder = Folder::new(&None, &None);
    std::fs::create_dir(folder.path("none")).expect("a folder");
    let ddl =
        format!("create external table t stored as parquet location '{}/'", folder.path("none").display());
    for (sql, word) in [
        ("select * from 't/x*.parquet'", "x*.parquet"),
        ("select * from 'none/'", "none"),
        (ddl.as_str(), "none"),
    ] {
        let error = folder.sql(sql).expect_err("nothing to read");
        assert!(error.contains(word), "{sql}: {error}");
    }
}
