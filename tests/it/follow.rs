//! Logs that grow: every whole line lands once, whatever happens to the files and to the processes.
//!
//! The follower is the binary; lines are numbered in `page`, so that what is missing or there twice can be told.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use footfall::store::{CompactOptions, Store};

use crate::support::{Random, block_on, footfall, footfall_ok, land_file, number};

/// Time of the first line: 2025-01-14 15:53:20 UTC.
const START: u64 = 1_736_870_000_000;

#[test]
fn a_log_grows_in_pieces_cut_anywhere() {
    // Expected: by the writer: the rows, the byte at which each begins as its seq, and the bytes of the line that has no end.
    let rows: u64 = 3000;
    let (_dir, store, log) = scene("app.jsonl");
    let text: String = (0..rows).map(line).collect();
    let follower = follow(&[&log], &store, &["--every", "300ms", "--idle-exit", "3s"]);
    let writer = std::thread::spawn({
        let (log, mut rest) = (log.clone(), (text.clone() + "{\"user_id\"").into_bytes());
        move || {
            let mut random = Random(1);
            while !rest.is_empty() {
                let piece: Vec<u8> = rest.drain(..rest.len().min(1 + random.below(700))).collect();
                append(&log, &piece);
                std::thread::sleep(Duration::from_millis(4));
            }
        }
    });
    writer.join().expect("a writer that ends");
    let told = done(follower);
    assert!(told.contains("3,000 rows = 3,000 landed + 0 duplicates + 0 quarantined"), "{told}");
    assert!(told.contains("10 bytes without the end of their row"), "{told}");
    let begins = text.split_inclusive('\n').scan(0, |at, line| {
        let begin: u64 = *at;
        *at += line.len() as u64;
        Some(begin)
    });
    let begins: u64 = begins.sum();
    assert_eq!(
        ask(&store, "SELECT count(*), count(DISTINCT page), sum(seq) FROM events"),
        format!("{rows},{rows},{begins}")
    );
    // The end of the last line lands it.
    append(&log, format!(": {}", &line(rows)["{\"user_id\":".len()..]).as_bytes());
    done(follow(&[&log], &store, &["--every", "300ms", "--idle-exit", "1s"]));
    assert_lines(&store, rows + 1);
}

#[test]
fn a_log_is_rotated_by_renaming_and_by_copying() {
    // Expected: 300 lines, whichever file each was in when it was read.
    let (_dir, store, log) = scene("app.jsonl");
    append(&log, lines(0..100).as_bytes());
    let mut follower = follow(&[&log], &store, &["--every", "200ms"]);
    wait_for(&store, "SELECT count(*) FROM events", "100");

    // Renamed; its writer goes on for a while.
    let mut old = OpenOptions::new().append(true).open(&log).expect("a log");
    fs::rename(&log, log.with_extension("jsonl.1")).expect("a new name");
    append(&log, lines(150..250).as_bytes());
    std::thread::sleep(Duration::from_millis(700));
    old.write_all(lines(100..150).as_bytes()).expect("an open log");
    wait_for(&store, "SELECT count(*) FROM events", "250");

    // Copied and cut, with lines in between that nobody has read yet.
    append(&log, lines(250..270).as_bytes());
    fs::copy(&log, log.with_extension("jsonl.2")).expect("a copy");
    OpenOptions::new().write(true).open(&log).and_then(|log| log.set_len(0)).expect("a log that is cut");
    append(&log, lines(270..300).as_bytes());
    wait_for(&store, "SELECT count(*) FROM events", "300");
    follower.kill().expect("a follower to kill");
    follower.wait().expect("a follower that ends");
    assert_lines(&store, 300);

    // All of it has landed: another start finds nothing.
    let told = done(follow(&[log.parent().expect("a folder")], &store, &["--idle-exit", "1s"]));
    assert_eq!(told.matches(": 0 rows = 0 landed").count(), 3, "{told}");
    assert_lines(&store, 300);
}

#[test]
fn killed_at_random_moments_it_goes_on() {
    // Expected: by the promise: every whole line once, though the follower is killed 20 times while the log grows.
    let kills = number("FOOTFALL_KILLS", 200) / 10;
    let (_dir, store, log) = scene("app.jsonl");
    append(&log, line(0).as_bytes());
    let stop = log.with_extension("stop");
    let writer = std::thread::spawn({
        let (log, stop) = (log.clone(), stop.clone());
        move || {
            let mut next = 1;
            while !stop.exists() {
                append(&log, lines(next..next + 20).as_bytes());
                next += 20;
                std::thread::sleep(Duration::from_millis(10));
            }
            next
        }
    });
    let mut random = Random(number("FOOTFALL_SEED", 1));
    for _ in 0..kills {
        let mut follower = follow(&[&log], &store, &["--every", "100ms"]);
        std::thread::sleep(Duration::from_millis(100 + random.below(600) as u64));
        follower.kill().expect("a follower to kill");
        follower.wait().expect("a follower that ends");
    }
    fs::write(&stop, "").expect("a file");
    let rows = writer.join().expect("a writer that ends");
    let told = done(follow(&[&log], &store, &["--every", "100ms", "--idle-exit", "1s"]));
    println!("{kills} kills, {rows} rows; the last follower: {told}");
    assert_lines(&store, rows);
}

#[test]
fn two_follow_the_same_log() {
    // Expected: every line once, whoever of the two lands it; and every bad one is kept once.
    let (_dir, store, log) = scene("app.jsonl");
    append(&log, line(0).as_bytes());
    footfall_ok(&[
        "land",
        &arg(&log),
        "--store",
        &arg(&store),
        "--tz",
        "UTC",
        "--follow",
        "--idle-exit",
        "1s",
    ]);
    let followers: Vec<Child> =
        (0..2).map(|_| follow(&[&log], &store, &["--every", "200ms", "--idle-exit", "3s"])).collect();
    for next in 0..100 {
        append(&log, lines(1 + next * 20..1 + next * 20 + 20).as_bytes());
        append(&log, b"no row\n");
        std::thread::sleep(Duration::from_millis(40));
    }
    followers.into_iter().for_each(|follower| drop(done(follower)));
    assert_lines(&store, 2001);
    assert_eq!(ask(&store, "SELECT count(*), count(DISTINCT row) FROM quarantine"), "100,100");
}

#[test]
fn a_csv_grows_and_a_bad_row_is_found_by_its_place() {
    // Expected: by hand: three good rows, one of which spans lines; a row with too many fields, at the byte that is told.
    let (_dir, store, log) = scene("app.csv");
    append(&log, b"user_id,ts,event,page\r\nann,1736870000000,page_view,\"a\nb\"\r\n");
    let follower = follow(&[&log], &store, &["--every", "200ms", "--idle-exit", "3s"]);
    wait_for(&store, "SELECT count(*) FROM events", "1");
    append(&log, b"bob,1736870001000,page_view,\"c");
    std::thread::sleep(Duration::from_millis(700));
    append(&log, b"\n\"\"d\"\"\"\r\none,two,three,four,five\r\n");
    wait_for(&store, "SELECT count(*) FROM events", "2");
    append(&log, b"eve,1736870002000,page_view,e\r\n");
    let told = done(follower);
    assert!(told.contains("4 rows = 3 landed + 0 duplicates + 1 quarantined"), "{told}");
    let pages = "SELECT string_agg(replace(page, chr(10), '/'), ' ' ORDER BY ts) AS pages FROM events";
    assert_eq!(ask(&store, pages).replace('"', ""), "a/b c/d e");
    let place: usize = ask(&store, "SELECT row FROM quarantine").parse().expect("a number");
    let text = fs::read_to_string(&log).expect("the log");
    assert!(text[place - 1..].starts_with("one,two,three,four,five"), "byte {place}");
}

#[test]
fn a_folder_with_new_files_whole_ones_and_a_packed_rotation() {
    // Expected: 100 lines of a growing file, 50 of a later one, 20 of which only the packed copy of the first has, 30 of a
    // packed file that nobody followed, and one row of a Parquet file; each once.
    let (_dir, store, first) = scene("logs/first.jsonl");
    let folder = first.parent().expect("a folder").to_owned();
    append(&first, lines(0..100).as_bytes());
    append(&folder.join("notes.md"), b"not a log\n");
    append(&folder.join(".hidden.jsonl"), b"{\"user_id\":\"x\"}\n");
    let follower = follow(&[&folder], &store, &["--every", "200ms", "--idle-exit", "3s"]);
    wait_for(&store, "SELECT count(*) FROM events", "100");
    append(&folder.join("later.jsonl"), lines(100..150).as_bytes());
    done(follower);
    assert_lines(&store, 150);

    let packed = lines(0..100) + &lines(150..170);
    fs::write(folder.join("first.jsonl.1.gz"), gzip(packed.as_bytes())).expect("a packed file");
    fs::remove_file(&first).expect("a file to remove");
    fs::write(folder.join("other.jsonl.gz"), gzip(lines(170..200).as_bytes())).expect("a packed file");
    let parquet = "SELECT 'ann' AS user_id, to_timestamp_millis(1736870200000) AS ts, 'page_view' AS event, 'p200' AS page";
    footfall_ok(&["sql", parquet, "--format", "parquet", "-o", &arg(&folder.join("one.parquet"))]);
    for _ in 0..2 {
        done(follow(&[&folder], &store, &["--every", "200ms", "--idle-exit", "4s"]));
        assert_lines(&store, 201);
    }
}

#[test]
fn what_cannot_be_followed_is_named_and_the_rest_lands() {
    // Expected: a text that is no log is named once; ten good lines land, one bad one is kept.
    let (_dir, store, good) = scene("logs/good.jsonl");
    let folder = good.parent().expect("a folder").to_owned();
    append(&good, (lines(0..5) + "no row\n" + &lines(5..10)).as_bytes());
    append(&folder.join("letter.jsonl"), b"Dear Sir or Madam\n");
    let output = footfall(&[
        "land",
        &arg(&folder),
        "--store",
        &arg(&store),
        "--tz",
        "UTC",
        "--follow",
        "--every",
        "200ms",
        "--idle-exit",
        "2s",
        "--strict",
    ]);
    let (told, warned) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{warned}");
    assert!(told.contains("11 rows = 10 landed + 0 duplicates + 1 quarantined"), "{told}");
    assert_eq!(warned.matches("letter.jsonl").count(), 1, "{warned}");
    assert_lines(&store, 10);
}

#[test]
fn logs_with_the_same_first_row_are_told_apart() {
    // Expected: by the writer: every line of every file once, though line 0 begins each file under that name.
    let (_dir, store, log) = scene("app.jsonl");
    let count = "SELECT count(*) FROM events";
    append(&log, lines(0..100).as_bytes());
    let mut follower = follow(&[&log], &store, &["--every", "200ms"]);
    wait_for(&store, count, "100");

    // Deleted and made anew, once whole and once as it is written.
    fs::remove_file(&log).expect("a file to remove");
    append(&log, (line(0) + &lines(100..200)).as_bytes());
    wait_for(&store, count, "201");
    fs::remove_file(&log).expect("a file to remove");
    append(&log, line(0).as_bytes());
    std::thread::sleep(Duration::from_millis(1200));
    append(&log, lines(200..250).as_bytes());
    wait_for(&store, count, "252");

    // The same first two rows as the one before.
    fs::remove_file(&log).expect("a file to remove");
    append(&log, (line(0) + &line(200) + &lines(250..260)).as_bytes());
    wait_for(&store, count, "264");

    // Written over in place.
    fs::write(&log, line(0) + &lines(300..305)).expect("a file");
    wait_for(&store, count, "270");
    follower.kill().expect("a follower to kill");
    follower.wait().expect("a follower that ends");

    // Made anew while nobody follows, shorter and then longer than what has landed.
    for (numbers, rows) in [(400..402, "273"), (500..700, "474"), (500..710, "484")] {
        fs::remove_file(&log).expect("a file to remove");
        append(&log, (line(0) + &lines(numbers)).as_bytes());
        for _ in 0..2 {
            done(follow(&[&log], &store, &["--every", "200ms", "--idle-exit", "1s"]));
            assert_eq!(ask(&store, count), rows);
        }
    }
    // Line 0 begins seven logs, since the last file is the log before it with more lines; line 200 is in two.
    let twice = "SELECT count(*) FILTER (WHERE page = 'p0'), count(*) FILTER (WHERE page = 'p200'), count(DISTINCT page)
        FROM events";
    assert_eq!(ask(&store, twice), "7,2,477");
}

#[test]
fn two_logs_with_the_same_first_row_grow_beside_each_other() {
    // Expected: by hand: line 50 is in both, so it lands twice; every other line once, after restarts as well.
    let (_dir, store, one) = scene("logs/one.jsonl");
    let folder = one.parent().expect("a folder").to_owned();
    let two = folder.join("two.jsonl");
    append(&one, (line(50) + &line(51)).as_bytes());
    append(&two, (line(50) + &line(52)).as_bytes());
    for rows in ["4,3", "6,5", "8,7"] {
        done(follow(&[&folder], &store, &["--every", "200ms", "--idle-exit", "2s"]));
        assert_eq!(ask(&store, "SELECT count(*), count(DISTINCT page) FROM events"), rows);
        let next = if rows == "4,3" { 60 } else { 70 };
        append(&one, line(next).as_bytes());
        append(&two, line(next + 1).as_bytes());
    }
}

#[test]
fn bad_bytes_near_the_beginning_are_bad_rows() {
    // Expected: by hand: of each log the rows of JSON land, the others are kept; none is refused as a whole.
    let (_dir, store, log) = scene("logs/app.jsonl");
    let folder = log.parent().expect("a folder").to_owned();
    append(&log, (line(0) + "{\"user_id\":\"\0\"}\n" + "\0\0\0\0\n" + &line(1)).as_bytes());
    append(&folder.join("banner.jsonl"), ("\0started\n".to_owned() + &line(2)).as_bytes());
    let told = done(follow(&[&folder], &store, &["--every", "200ms", "--idle-exit", "1s"]));
    assert!(told.contains("4 rows = 2 landed + 0 duplicates + 2 quarantined"), "{told}");
    assert!(told.contains("2 rows = 1 landed + 0 duplicates + 1 quarantined"), "{told}");
    assert_lines(&store, 3);
}

#[test]
fn what_is_there_lands_before_it_counts_as_idle() {
    // Expected: by the option's words: it ends when nothing more comes, and what is there has come.
    let (_dir, store, log) = scene("app.jsonl");
    append(&log, lines(0..100).as_bytes());
    done(follow(&[&log], &store, &["--every", "200ms", "--idle-exit", "1ms"]));
    assert_lines(&store, 100);
}

#[test]
fn an_event_counts_once_over_micro_batches() {
    // Expected: by the rule: within a micro-batch the row received first lands, later repeats are duplicates.
    let (_dir, store, log) = scene("app.jsonl");
    let row = |page: &str, received: u64| {
        format!(
            r#"{{"user_id":"ann","ts":{START},"event":"page_view","page":"{page}","event_id":"x","received_at":{}}}"#,
            START + received
        ) + "\n"
    };
    append(&log, (row("late", 900) + &row("first", 500)).as_bytes());
    let follower = follow(&[&log], &store, &["--every", "200ms", "--idle-exit", "3s"]);
    wait_for(&store, "SELECT count(*) FROM events", "1");
    append(&log, row("again", 100).as_bytes());
    let told = done(follower);
    assert!(told.contains("3 rows = 1 landed + 2 duplicates + 0 quarantined"), "{told}");
    assert_eq!(ask(&store, "SELECT page FROM events"), "first");
}

#[test]
fn an_event_is_visible_to_another_process_within_five_seconds() {
    // Expected: the promise, of the command as it is without options.
    let (_dir, store, log) = scene("app.jsonl");
    append(&log, line(0).as_bytes());
    let mut follower = follow(&[&log], &store, &[]);
    wait_for(&store, "SELECT count(*) FROM events", "1");
    for next in 1..4 {
        append(&log, line(next).as_bytes());
        let appended = Instant::now();
        wait_for(&store, "SELECT count(*) FROM events", &(next + 1).to_string());
        assert!(appended.elapsed() < Duration::from_secs(5), "visible after {:?}", appended.elapsed());
    }
    follower.kill().expect("a follower to kill");
    follower.wait().expect("a follower that ends");
}

#[test]
fn small_files_are_merged_and_no_row_changes() {
    // Expected: 100 landings of 100 lines, all in one day: fewer than eight files of one tier, and the same rows.
    let (dir, store, _) = scene("x");
    let opened = block_on(Store::open_or_create(&store, Some("UTC"))).expect("a new store");
    for batch in 0..100 {
        let file = dir.path().join(format!("{batch}.jsonl"));
        fs::write(&file, lines(batch * 100..batch * 100 + 100)).expect("a file");
        block_on(async {
            land_file(&opened, &file, "footfall").await.expect("a landing");
            while opened.compact_tail(64 << 20).await.expect("a merge").is_some() {}
        });
    }
    let files = block_on(opened.snapshot()).expect("a snapshot").files;
    assert!(files.len() < 8, "{} files", files.len());
    let first = files.iter().map(|file| file.rank.since).min();
    assert_eq!(first, Some(1), "what is merged keeps the rank of its first rows");
    assert_lines(&store, 10_000);
}

#[test]
fn merging_beside_compaction_and_landing_loses_nothing() {
    // Expected: 60 landings of 100 lines while two compactions of different kinds run again and again.
    let (dir, store, _) = scene("x");
    let opened = block_on(Store::open_or_create(&store, Some("UTC"))).expect("a new store");
    block_on(async {
        let ended = std::cell::Cell::new(false);
        let landing = async {
            for batch in 0..60 {
                let file = dir.path().join(format!("{batch}.jsonl"));
                fs::write(&file, lines(batch * 100..batch * 100 + 100)).expect("a file");
                land_file(&opened, &file, "footfall").await.expect("a landing");
            }
            ended.set(true);
        };
        let merging = async {
            while !ended.get() {
                opened.compact_tail(64 << 20).await.expect("a merge");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let compacting = async {
            while !ended.get() {
                opened.compact(&CompactOptions::default()).await.expect("a compaction");
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
        };
        futures::join!(landing, merging, compacting);
    });
    assert_lines(&store, 6000);
}

/// A folder, a store in it that is yet to be made, and a file in it.
fn scene(file: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (store, log) = (dir.path().join("store"), dir.path().join(file));
    fs::create_dir_all(log.parent().expect("a folder")).expect("a folder");
    (dir, store, log)
}

fn follow(files: &[&Path], store: &Path, more: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_footfall"))
        .arg("land")
        .args(files)
        .arg("--store")
        .arg(store)
        .args(["--tz", "UTC", "--follow"])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

/// What a follower told that ended by itself.
fn done(follower: Child) -> String {
    let Output { status, stdout, stderr } = follower.wait_with_output().expect("a follower that ends");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr)
}

fn line(number: u64) -> String {
    let ts = START + number * 10;
    format!(
        "{{\"user_id\":\"u{}\",\"ts\":{ts},\"event\":\"page_view\",\"page\":\"p{number}\"}}\n",
        number % 7
    )
}

fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.fold(String::new(), |mut text, number| {
        write!(text, "{}", line(number)).expect("writing to a text");
        text
    })
}

fn append(log: &Path, text: &[u8]) {
    let mut file: File = OpenOptions::new().create(true).append(true).open(log).expect("a log");
    file.write_all(text).expect("a log that takes it");
}

/// Every line from 0 to `rows` is there once.
fn assert_lines(store: &Path, rows: u64) {
    let figures = "SELECT count(*), count(DISTINCT page), sum(CAST(substr(page, 2) AS BIGINT)) FROM events";
    assert_eq!(ask(store, figures), format!("{rows},{rows},{}", rows * (rows - 1) / 2));
}

/// The first row of an answer, from another process; empty as long as there is no store.
fn ask(store: &Path, sql: &str) -> String {
    let output = footfall(&["sql", "--store", &arg(store), "--format", "csv", sql]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_once('\n').map(|(_, rows)| rows.trim_end().to_owned()).unwrap_or_default()
}

fn wait_for(store: &Path, sql: &str, answer: &str) {
    let started = Instant::now();
    loop {
        let found = ask(store, sql);
        if found == answer {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{sql}: {found} instead of {answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn arg(path: &Path) -> String {
    path.display().to_string()
}

/// Packed, though not made smaller: blocks that are stored as they are.
fn gzip(data: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks = data.chunks(65_535).count();
    for (at, block) in data.chunks(65_535).enumerate() {
        let length = block.len() as u16;
        packed.push(u8::from(at + 1 == blocks));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
    let crc = data.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    packed.extend((!crc).to_le_bytes());
    packed.extend((data.len() as u32).to_le_bytes());
    packed
}
