//! Everything sound is called sound, and every loss is found and named.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Date32Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::datatypes::Date32Type;
use footfall::store::{CompactOptions, Store};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use xxhash_rust::xxh3::xxh3_64;

use super::{land, later, names, new_store, rows, text_of};
use crate::support::{block_on, footfall, footfall_ok, land_file};

#[test]
fn a_good_store_is_sound() {
    // Expected: by the promise; rows and files as landed: 3 landings of 2 users a day, 1 rejected row, at last 1 file a week.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(dir.path(), "Asia/Shanghai");
    for week in 0..3 {
        land(&store, &format!("week{week}"), &rows(2, week * 7..week * 7 + 7));
    }
    let bad = dir.path().join("bad.jsonl");
    fs::write(&bad, "{}\n").expect("a file");
    block_on(land_file(&store, &bad, "footfall")).expect("a landing of a rejected row");
    let verified = block_on(store.verify(2)).expect("a verification");
    assert_eq!((verified.problems.as_slice(), verified.files, verified.rows), (&[][..], 4, 43));
    assert_eq!(verified.unreferenced, 0);

    // In the zone of the store noon in UTC is the evening of the same day, so the weeks are Monday to Sunday there too.
    block_on(store.compact(&CompactOptions::default())).expect("a compaction");
    let verified = block_on(store.verify(2)).expect("a verification");
    assert_eq!((verified.problems.as_slice(), verified.rows), (&[][..], 43));
    let told = footfall_ok(&["verify", "--store", &text_of(store.root())]);
    assert!(told.contains("43 rows") && told.contains("all sound") && told.contains("MB/s"), "{told}");
}

/// A store that lost something, and words that the verification must say about it.
struct Loss {
    what: &'static str,
    lose: fn(&Damaged),
    said: &'static [&'static str],
}

/// A copy of a store of four versions: its creation, a landing, another, a compaction of both to the files of two days.
struct Damaged {
    root: PathBuf,
}

impl Damaged {
    /// Its two data files, that of 2025-03-03 first.
    fn data(&self) -> Vec<PathBuf> {
        let listed = block_on(async { Store::open(&self.root).await?.snapshot().await });
        let mut files = listed.expect("a store that is still sound").files;
        files.sort_by_key(|file| file.range.as_ref().map(|range| range.dt));
        files.iter().map(|file| self.root.join("events").join(&file.path)).collect()
    }

    fn entry(&self, version: u64) -> PathBuf {
        self.root.join("events/_delta_log").join(format!("{version:020}.json"))
    }

    /// Replaces a text in what the log's newest entry says of the first data file.
    fn edit(&self, from: &str, to: &str) {
        let file = self.data().remove(0);
        let name = file.file_name().expect("a name").to_string_lossy();
        let entry = fs::read_to_string(self.entry(3)).expect("a log entry");
        let lines: Vec<String> = entry
            .lines()
            .map(|line| match line.contains(&*name) {
                true => {
                    assert!(line.contains(from), "no {from} in {line}");
                    line.replacen(from, to, 1)
                }
                false => line.to_string(),
            })
            .collect();
        fs::write(self.entry(3), lines.join("\n")).expect("a log entry");
    }

    /// Puts other rows into a data file, and makes its size and checksum in the log right.
    fn rewrite(&self, change: impl Fn(RecordBatch) -> RecordBatch) {
        let path = self.data().remove(0);
        let old = fs::read(&path).expect("a data file");
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).expect("a data file"))
            .and_then(|builder| builder.build())
            .expect("a Parquet file");
        let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().expect("rows");
        let batch = change(concat_batches(&batches[0].schema(), &batches).expect("one batch"));
        let mut new = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut new, batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("rows");
        writer.close().expect("a Parquet file");
        fs::write(&path, &new).expect("a data file");
        self.edit(&format!("\"size\":{},", old.len()), &format!("\"size\":{},", new.len()));
        self.edit(&format!("{:016x}", xxh3_64(&old)), &format!("{:016x}", xxh3_64(&new)));
    }
}

const LOSSES: [Loss; 18] = [
    Loss {
        what: "a byte of a data file changed",
        lose: |store| {
            let file = store.data().remove(0);
            let mut bytes = fs::read(&file).expect("a data file");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&file, bytes).expect("a data file");
        },
        said: &["events/events-", "expected checksum", "found checksum"],
    },
    Loss {
        what: "a data file cut",
        lose: |store| {
            let file = store.data().remove(0);
            let bytes = fs::read(&file).expect("a data file");
            fs::write(&file, &bytes[..100]).expect("a data file");
        },
        said: &["events/events-", "bytes, found 100 bytes"],
    },
    Loss {
        what: "a data file removed",
        lose: |store| fs::remove_file(store.data().remove(0)).expect("a data file"),
        said: &["events/events-", "expected a file, found none"],
    },
    Loss {
        what: "two data files swapped",
        lose: |store| {
            let files = store.data();
            let aside = files[0].with_extension("aside");
            fs::rename(&files[0], &aside).expect("a data file");
            fs::rename(&files[1], &files[0]).expect("a data file");
            fs::rename(&aside, &files[1]).expect("a data file");
        },
        said: &["2 problems"],
    },
    Loss {
        what: "two files damaged: the first does not hide the second",
        lose: |store| {
            for file in store.data() {
                fs::write(file, "PAR1").expect("a data file");
            }
        },
        said: &["bytes, found 4 bytes", "2 problems"],
    },
    Loss {
        what: "the newest log entry empty",
        lose: |store| fs::write(store.entry(3), "").expect("a log entry"),
        said: &["events/_delta_log/00000000000000000003.json", "found 0 bytes", "move it out of the folder"],
    },
    Loss {
        what: "the newest log entry zeroed",
        lose: |store| {
            let length = fs::metadata(store.entry(3)).expect("a log entry").len();
            fs::write(store.entry(3), vec![0; length as usize]).expect("a log entry");
        },
        said: &["00000000000000000003.json", "all zero"],
    },
    Loss {
        what: "the newest log entry cut in half",
        lose: |store| {
            let bytes = fs::read(store.entry(3)).expect("a log entry");
            fs::write(store.entry(3), &bytes[..bytes.len() / 2]).expect("a log entry");
        },
        said: &["00000000000000000003.json", "end in the middle", "move it out of the folder"],
    },
    Loss {
        what: "the newest log entry cut between two lines",
        lose: |store| {
            let text = fs::read_to_string(store.entry(3)).expect("a log entry");
            let (kept, _) = text.rsplit_once('\n').expect("several lines");
            fs::write(store.entry(3), kept).expect("a log entry");
        },
        said: &["00000000000000000003.json", "a part of it"],
    },
    Loss {
        what: "an older log entry empty",
        lose: |store| fs::write(store.entry(1), "").expect("a log entry"),
        said: &["00000000000000000001.json", "found 0 bytes", "restore it from a copy"],
    },
    Loss {
        what: "an older log entry removed",
        lose: |store| fs::remove_file(store.entry(2)).expect("a log entry"),
        said: &["00000000000000000002.json", "found nothing", "restore it from a copy"],
    },
    Loss {
        what: "another row count in the log",
        lose: |store| store.edit(r#"\"numRecords\":20"#, r#"\"numRecords\":21"#),
        said: &["expected 21 rows, found 20 rows"],
    },
    Loss {
        what: "other users in the log",
        lose: |store| store.edit(r#"\"users\":[\"u0\""#, r#"\"users\":[\"t0\""#),
        said: &["expected user_id from \"t0\" to \"u9\", found user_id from \"u0\" to \"u9\""],
    },
    Loss {
        what: "other days in the log",
        lose: |store| store.edit("[[20150,20]]", "[[20150,19],[20151,1]]"),
        said: &[
            "expected rows by day: 19 on 2025-03-03, 1 on 2025-03-04",
            "found rows by day: 20 on 2025-03-03",
        ],
    },
    Loss {
        what: "split points that fall",
        lose: |store| {
            let text = fs::read_to_string(store.entry(1)).expect("a log entry");
            let points = r#"\"points\":[]"#;
            assert!(text.contains(points), "{text}");
            fs::write(store.entry(1), text.replace(points, r#"\"points\":[\"b\",\"a\"]"#))
                .expect("a log entry");
        },
        said: &["split points that ascend, found 'b' before 'a'"],
    },
    Loss {
        what: "rows in another order",
        lose: |store| {
            store.rewrite(|batch| {
                let backwards: UInt32Array = (0..batch.num_rows() as u32).rev().collect();
                take_record_batch(&batch, &backwards).expect("the same rows")
            });
        },
        said: &["expected rows sorted by (user_id, ts, seq), found row 1"],
    },
    Loss {
        what: "days that are not those of the times",
        lose: |store| {
            store.rewrite(|batch| {
                let place = batch.schema().index_of("dt").expect("a column dt");
                let days = batch.column(place).as_primitive::<Date32Type>();
                let later: Date32Array = days.values().iter().map(|day| Some(day + 1)).collect();
                let mut columns = batch.columns().to_vec();
                columns[place] = Arc::new(later) as ArrayRef;
                RecordBatch::try_new(batch.schema(), columns).expect("the same columns")
            });
        },
        said: &["the local day of its ts, found dt 2025-03-04", "found dt from \"2025-03-04\""],
    },
    Loss {
        what: "a column that no event can lack",
        lose: |store| {
            store.rewrite(|batch| {
                let event = batch.schema().index_of("event").expect("a column event");
                let others: Vec<usize> = (0..batch.num_columns()).filter(|column| *column != event).collect();
                batch.project(&others).expect("the other columns")
            });
        },
        said: &["expected a value of event in every row, found NULL"],
    },
];

#[test]
fn every_loss_is_found_and_named() {
    // Expected: by the promise: exit code 1, and a line with the file, what was expected and what was found.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(dir.path(), "UTC");
    land(&store, "one", &rows(10, [0, 1]));
    land(&store, "two", &later(rows(10, [0, 1])));
    let daily = CompactOptions { weeks: false, months_after_days: None, ..CompactOptions::default() };
    block_on(store.compact(&daily)).expect("a compaction");
    assert_eq!(block_on(store.snapshot()).expect("a log").version, 3);
    for (number, loss) in LOSSES.iter().enumerate() {
        let damaged = Damaged { root: dir.path().join(format!("loss{number}")) };
        copy(store.root(), &damaged.root);
        (loss.lose)(&damaged);
        let output = footfall(&["verify", "--store", &text_of(&damaged.root)]);
        let told = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{}\n{told}{complaint}", loss.what);
        for said in loss.said {
            assert!(told.contains(said), "{}: '{said}' is not in\n{told}{complaint}", loss.what);
        }
        if loss.said[0].contains(".json") {
            // Files look as if nobody needed them where the log does not tell: a vacuum would make the loss final.
            let before = names(&damaged.root.join("events"), "");
            let vacuum =
                footfall(&["vacuum", "--store", &text_of(&damaged.root), "--retain", "0s", "--force"]);
            assert_eq!(vacuum.status.code(), Some(1), "{}", loss.what);
            assert_eq!(names(&damaged.root.join("events"), ""), before, "{}", loss.what);
        }
    }
}

#[test]
fn verify_of_no_store_says_so() {
    // Expected: exit code 1 and the folder's name; nothing is made.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let nowhere = dir.path().join("nowhere");
    let output = footfall(&["verify", "--store", &text_of(&nowhere)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not exist"));
    assert!(!nowhere.exists());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => {
                fs::copy(entry.path(), &target).expect("a copy");
            }
        }
    }
}
