//! Bad rows do not stop good ones: the requests of a real web server in every format, with made bad rows of every kind
//! between them. Each row is accounted for, each bad one is in the quarantine with its line, its text and a reason, and the
//! figures are those of the good rows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{ArrayRef, Int16Array, RecordBatch, StringArray, TimestampMillisecondArray};
use footfall::land::{LandOptions, Landed, Mapping, NoProgress, land};
use footfall::store::Store;
use footfall::{Engine, EngineOptions};
use parquet::arrow::ArrowWriter;

use crate::support::{Random, ask, block_on, data, engine};

/// Longest text that the quarantine keeps, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// Page views, visitors, opens and bounces of the log, by DuckDB and ClickHouse.
const FIGURES: [&str; 4] = ["8202", "2184", "2713", "1379"];
/// Requests of the log, and those that are no page views.
const REQUESTS: u64 = 30_969;
const NO_PAGE_VIEWS: u64 = 22_767;

/// A request of the log.
#[derive(Clone)]
struct Request {
    visitor: String,
    ts: DateTime<Utc>,
    method: String,
    url: String,
    status: i16,
    bytes: String,
}

static REQUEST_LOG: LazyLock<Vec<Request>> = LazyLock::new(|| {
    let sql = format!(
        "select visitor, cast(ts as bigint), method, url, status, bytes from '{}'",
        data("nasa_ksc_19950801").display()
    );
    let requests = ask(&engine(1, 8_192), &sql).into_iter().map(|row| {
        let [visitor, ms, method, url, status, bytes]: [String; 6] = row.try_into().expect("six columns");
        let ms = ms.parse().expect("a number");
        Request {
            visitor,
            ts: DateTime::from_timestamp_millis(ms).expect("a time of this era"),
            method,
            url,
            status: status.parse().expect("a number"),
            bytes,
        }
    });
    requests.collect()
});

impl Request {
    /// Whether mapping `nasa` takes it for a page view.
    fn is_page_view(&self) -> bool {
        let path = self.url.split('?').next().unwrap_or_default();
        self.status == 200 && [".html", ".htm", "/"].iter().any(|end| path.ends_with(end))
    }

    /// Whether mapping `access-log` takes it for a page view: its last part has no extension, or one of a page.
    fn is_answered_page(&self) -> bool {
        let path = self.url.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        let is_page = match last.rsplit_once('.') {
            Some((_, extension)) => ["html", "htm", "php", "jsp", "asp", "aspx"].contains(&extension),
            None => true,
        };
        self.method == "GET" && [200, 304].contains(&self.status) && is_page
    }

    /// The path without the query and without its first `/`.
    fn page(&self) -> &str {
        let path = self.url.split('?').next().unwrap_or_default();
        if path == "/" { "index" } else { path.trim_start_matches('/') }
    }

    fn time(&self) -> String {
        self.ts.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A line, and what is wrong with it, if it is bad.
struct Line {
    text: Vec<u8>,
    reason: Option<&'static str>,
}

impl Line {
    fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// Puts each bad line, and some blank ones, at a random place; every other bad one comes right after a blank. A file with a
/// NUL at its beginning is no text at all, so all come in its second half.
fn mixed(seed: u64, good: Vec<String>, bad: Vec<(Vec<u8>, &'static str)>) -> Vec<Line> {
    let mut random = Random(seed);
    let mut lines: Vec<Line> =
        good.into_iter().map(|text| Line { text: text.into_bytes(), reason: None }).collect();
    let half = lines.len() / 2;
    let blank = || Line { text: vec![], reason: None };
    let mut made: Vec<Vec<Line>> = (0..20).map(|_| vec![blank()]).collect();
    for (number, (text, reason)) in bad.into_iter().enumerate() {
        let line = Line { text, reason: Some(reason) };
        made.push(if number % 2 == 0 { vec![blank(), line] } else { vec![line] });
    }
    for group in made {
        let place = half + random.below(lines.len() - half + 1);
        lines.splice(place..place, group);
    }
    lines
}

/// Writes lines under an optional header.
fn write(path: &Path, header: Option<&str>, lines: &[Line]) {
    let mut bytes = Vec::new();
    for text in header.map(str::as_bytes).into_iter().chain(lines.iter().map(|line| line.text.as_slice())) {
        bytes.extend_from_slice(text);
        bytes.push(b'\n');
    }
    std::fs::write(path, bytes).expect("a file");
}

/// A store into which one file has landed.
struct Shop {
    engine: Engine,
    landed: Landed,
    folder: tempfile::TempDir,
}

impl Shop {
    fn new(mapping: &str, name: &str, write: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store =
            block_on(Store::open_or_create(&folder.path().join("store"), Some("UTC"))).expect("a new store");
        let file: PathBuf = folder.path().join(name);
        write(&file);
        let options = LandOptions::new(Mapping::named(mapping).expect("a built-in mapping"));
        let mut landed = block_on(land(&store, &[file], &options, &NoProgress)).expect("the file lands");
        let engine =
            block_on(Engine::with_store(&store, &EngineOptions::default())).expect("the store opens");
        Self { engine, landed: landed.remove(0), folder }
    }

    /// Rows, left out, landed, duplicates, quarantined.
    fn counts(&self) -> [u64; 5] {
        let Landed { rows, left_out, landed, duplicates, quarantined, .. } = self.landed;
        assert_eq!(rows, left_out + landed + duplicates + quarantined);
        let count = |table: &str| ask(&self.engine, &format!("select count(*) from {table}")).concat();
        assert_eq!(count("events"), [landed.to_string()]);
        assert_eq!(count("quarantine"), [quarantined.to_string()]);
        [rows, left_out, landed, duplicates, quarantined]
    }

    /// Page views, visitors, opens and bounces.
    fn figures(&self) -> Vec<String> {
        let views = "select count(*), count(distinct user_id) from events where event = 'page_view'";
        let opens = "select count(*), count(*) filter (where is_bounce) from sessions where views > 0";
        [ask(&self.engine, views), ask(&self.engine, opens)].concat().concat()
    }

    /// Every bad line is in the quarantine: by its number, with its text, for its reason; and nothing else is.
    fn check_quarantine(&self, lines: &[Line], first_line: usize) {
        let expected: Vec<(String, String, &str)> = lines
            .iter()
            .enumerate()
            .filter_map(|(at, line)| {
                let text = String::from_utf8_lossy(&line.text).into_owned();
                let text = text[..text.floor_char_boundary(MAX_TEXT)].to_string();
                Some(((first_line + at).to_string(), text, line.reason?))
            })
            .collect();
        let found = ask(&self.engine, "select row, text, reason, file from quarantine order by row");
        assert_eq!(found.len(), expected.len());
        for (found, (row, text, reason)) in found.iter().zip(expected) {
            let shown: String = text.chars().take(200).collect();
            assert_eq!(found[0], row, "{shown}");
            assert!(found[1] == text, "line {row} is in the quarantine with another text: {shown}");
            assert!(found[2].contains(reason), "line {row}: {} is not '{reason}': {shown}", found[2]);
            assert!(Path::new(&found[3]).starts_with(self.folder.path()), "line {row}: {}", found[3]);
        }
    }
}

// Expected: figures by DuckDB and ClickHouse over the log without the made rows; the made rows say themselves what is wrong.
#[test]
fn json_lines() {
    let good = REQUEST_LOG.iter().map(|request| {
        format!(
            r#"{{"visitor":"{}","ts":"{}","url":{},"status":{}}}"#,
            request.visitor,
            request.time(),
            json(&request.url),
            request.status
        )
    });
    let row = |fields: &str| format!(r#"{{{fields},"url":"/bad.html","status":200}}"#).into_bytes();
    let at = r#""ts":"1995-08-01T06:00:00Z""#;
    let mut latin = row(&format!(r#""visitor":"v?",{at}"#));
    latin[12] = 0xe9;
    let bad = vec![
        (b"- not JSON".to_vec(), "not JSON"),
        (row(&format!(r#""visitor":"v",{at}"#))[..60].to_vec(), "not JSON"),
        (br#"["v", "1995-08-01T06:00:00Z"]"#.to_vec(), "not a JSON object"),
        (b"null".to_vec(), "not a JSON object"),
        (row(at), "user_id is missing"),
        (row(&format!(r#""visitor":null,{at}"#)), "user_id is missing"),
        (row(&format!(r#""visitor":"",{at}"#)), "user_id is empty"),
        (row(&format!(r#""visitor":["v"],{at}"#)), "visitor is not text"),
        (row(&format!(r#""visitor":"{}",{at}"#, "v".repeat(513))), "user_id is longer than 512 bytes"),
        (row(r#""visitor":"v""#), "ts is missing"),
        (row(r#""visitor":"v","ts":"yesterday""#), "ts is not a time"),
        (row(r#""visitor":"v","ts":"1995-02-29T06:00:00Z""#), "ts is not a time"),
        (row(r#""visitor":"v","ts":"1970-01-01T00:00:00Z""#), "ts is before 1990-01-01"),
        (row(r#""visitor":"v","ts":0"#), "ts is before 1990-01-01"),
        (row(r#""visitor":"v","ts":"2995-08-01T06:00:00Z""#), "ts is more than 24 hours after the landing"),
        (
            format!(r#"{{"visitor":"v",{at},"url":"/{}.html","status":200}}"#, "é".repeat(40_000))
                .into_bytes(),
            "page is longer than 64 KiB",
        ),
        (
            format!(r#"{{"visitor":"v",{at},"url":"/bad.html","status":"many"}}"#).into_bytes(),
            "status is not an integer",
        ),
        (
            format!("{{\"visitor\":\"v\",{at},\"url\":\"/b\0d.html\",\"status\":200}}").into_bytes(),
            "not JSON",
        ),
        (latin, "not JSON"),
    ];
    let bad_rows = bad.len() as u64;
    let lines = mixed(1, good.collect(), bad);
    let shop = Shop::new("nasa", "requests.jsonl", |path| write(path, None, &lines));
    assert_eq!(shop.counts(), [REQUESTS + bad_rows, NO_PAGE_VIEWS, REQUESTS - NO_PAGE_VIEWS, 0, bad_rows]);
    shop.check_quarantine(&lines, 1);
    assert_eq!(shop.figures(), FIGURES);
}

// Expected: as above. The quarantine's text of a CSV row is the row.
#[test]
fn csv() {
    let good = REQUEST_LOG.iter().map(|request| {
        format!(
            "{},{},\"{}\",{},{}",
            request.visitor,
            request.time(),
            request.url,
            request.status,
            request.bytes
        )
    });
    let row = |text: &str| text.as_bytes().to_vec();
    let bad = vec![
        (row("nothing like a row"), "1 fields where the header has 5"),
        (row("v,1995-08-01T06:00:00Z,/bad.html,200,1,more"), "6 fields where the header has 5"),
        (row(",1995-08-01T06:00:00Z,/bad.html,200,1"), "user_id is missing"),
        (row("v,,/bad.html,200,1"), "ts is missing"),
        (row("v,yesterday,/bad.html,200,1"), "ts is not a time"),
        (row("v,1970-01-01T00:00:00Z,/bad.html,200,1"), "ts is before 1990-01-01"),
        (row("v,2995-08-01T06:00:00Z,/bad.html,200,1"), "ts is more than 24 hours after the landing"),
        (row("v,1995-08-01T06:00:00Z,/bad.html,many,1"), "status is not an integer"),
        (row("v,1995-08-01T06:00:0\0Z,/bad.html,200,1"), "ts is not a time"),
        (b"v,1995-08-01T06:00:00Z,/b\xe9d.html,200,1".to_vec(), "not UTF-8"),
        (
            row(&format!("v,1995-08-01T06:00:00Z,/{}.html,200,1", "a".repeat(70_000))),
            "page is longer than 64 KiB",
        ),
        (
            row(&format!("{},1995-08-01T06:00:00Z,/bad.html,200,1", "v".repeat(513))),
            "user_id is longer than 512 bytes",
        ),
    ];
    let bad_rows = bad.len() as u64;
    let lines = mixed(2, good.collect(), bad);
    let header = Some("visitor,ts,url,status,bytes");
    let shop = Shop::new("nasa", "requests.csv", |path| write(path, header, &lines));
    assert_eq!(shop.counts(), [REQUESTS + bad_rows, NO_PAGE_VIEWS, REQUESTS - NO_PAGE_VIEWS, 0, bad_rows]);
    shop.check_quarantine(&lines, 2);
    assert_eq!(shop.figures(), FIGURES);
}

// Expected: as above; the line of a Parquet row is its number from 1, its text the row as JSON.
#[test]
fn parquet_rows() {
    type Row = (Option<String>, Option<i64>, String, Option<&'static str>);
    let mut rows: Vec<Row> = REQUEST_LOG
        .iter()
        .map(|request| {
            let ts = request.ts.timestamp_millis();
            let url = format!("{} {}", request.status, request.url);
            (Some(request.visitor.clone()), Some(ts), url, None)
        })
        .collect();
    let at = Some(REQUEST_LOG[0].ts.timestamp_millis());
    let visitor = Some("v".to_string());
    let url = |number: usize| format!("200 /bad-{number}.html");
    let bad: Vec<Row> = vec![
        (None, at, url(0), Some("user_id is missing")),
        (Some(String::new()), at, url(1), Some("user_id is empty")),
        (Some("v".repeat(513)), at, url(2), Some("user_id is longer than 512 bytes")),
        (visitor.clone(), None, url(3), Some("ts is missing")),
        (visitor.clone(), Some(0), url(4), Some("ts is before 1990-01-01")),
        (visitor.clone(), Some(-1), url(5), Some("ts is before 1990-01-01")),
        (
            visitor.clone(),
            Some(32_364_000_000_000),
            url(6),
            Some("ts is more than 24 hours after the landing"),
        ),
        (visitor, at, format!("200 /bad-7-{}.html", "a".repeat(70_000)), Some("page is longer than 64 KiB")),
    ];
    let bad_rows = bad.len() as u64;
    let mut random = Random(3);
    for row in bad {
        let place = random.below(rows.len() + 1);
        rows.insert(place, row);
    }
    let status_and_url = |row: &Row| -> (i16, String) {
        let (status, url) = row.2.split_once(' ').expect("a status before the url");
        (status.parse().expect("a status"), url.to_string())
    };
    let shop = Shop::new("nasa", "requests.parquet", |path| {
        let visitors: StringArray = rows.iter().map(|row| row.0.clone()).collect();
        let times: TimestampMillisecondArray = rows.iter().map(|row| row.1).collect();
        let urls: StringArray = rows.iter().map(|row| Some(status_and_url(row).1)).collect();
        let statuses: Int16Array = rows.iter().map(|row| Some(status_and_url(row).0)).collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("visitor", Arc::new(visitors)),
            ("ts", Arc::new(times.with_timezone("UTC"))),
            ("url", Arc::new(urls)),
            ("status", Arc::new(statuses)),
        ];
        let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
        let file = std::fs::File::create(path).expect("a file");
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("rows");
        writer.close().expect("a Parquet file");
    });
    assert_eq!(shop.counts(), [REQUESTS + bad_rows, NO_PAGE_VIEWS, REQUESTS - NO_PAGE_VIEWS, 0, bad_rows]);
    let found = ask(&shop.engine, "select row, text, reason from quarantine order by row");
    let expected = rows.iter().enumerate().filter_map(|(at, row)| Some((at + 1, row, row.3?)));
    for (found, (number, row, reason)) in found.iter().zip(expected) {
        let (_, url) = status_and_url(row);
        assert_eq!(found[0], number.to_string());
        assert!(found[1].contains(&url[..7]) && found[1].len() <= MAX_TEXT, "row {number}: {}", found[1]);
        assert_eq!(found[2], reason, "row {number}");
    }
    assert_eq!(shop.figures(), FIGURES);
}

// Expected: the page views of the log as events of our own columns, each with an id, and 200 of them once more: the repeats
// are duplicates, whichever comes first.
#[test]
fn repeated_ids_and_too_many_properties() {
    let views: Vec<String> = REQUEST_LOG
        .iter()
        .filter(|request| request.is_page_view())
        .enumerate()
        .map(|(id, request)| {
            format!(
                r#"{{"user_id":"{}","ts":"{}","event":"page_view","page":{},"event_id":"r{id}","bytes":{}}}"#,
                request.visitor,
                request.time(),
                json(request.page()),
                request.bytes
            )
        })
        .collect();
    let good = views.len() as u64;
    let mut random = Random(4);
    let mut lines: Vec<String> = views.clone();
    for _ in 0..200 {
        let repeat = views[random.below(views.len())].clone();
        let place = random.below(lines.len() + 1);
        lines.insert(place, repeat);
    }
    let row = |fields: &str| {
        format!(r#"{{"user_id":"v","ts":"1995-08-01T06:00:00Z","event":"page_view",{fields}}}"#).into_bytes()
    };
    let properties = |count: usize| {
        let all: Vec<String> = (0..count).map(|number| format!(r#""p{number}":{number}"#)).collect();
        row(&all.join(","))
    };
    let bad = vec![
        (properties(257), "more than 256 properties"),
        (properties(1_000), "more than 256 properties"),
        (row(&format!(r#""colour":"{}""#, "r".repeat(65_537))), "a property is longer than 64 KiB"),
        (row(r#""scene":12.5"#), "scene is not an integer"),
        (row(r#""scene":3000000000"#), "scene is not an integer"),
        (row(r#""props":"red""#), "props is not a JSON object"),
        (row(r#""received_at":"1994-01-01T00:00:00Z""#), "ts is more than 24 hours after received_at"),
        (row(&format!(r#""event_id":"{}""#, "e".repeat(65_537))), "event_id is longer than 64 KiB"),
        (br#"{"user_id":"v","ts":"1995-08-01T06:00:00Z"}"#.to_vec(), "event is missing"),
        (br#"{"user_id":"v","ts":"1995-08-01T06:00:00Z","event":""}"#.to_vec(), "event is empty"),
    ];
    let bad_rows = bad.len() as u64;
    let lines = mixed(5, lines, bad);
    let shop = Shop::new("footfall", "views.jsonl", |path| write(path, None, &lines));
    assert_eq!(shop.counts(), [good + 200 + bad_rows, 0, good, 200, bad_rows]);
    shop.check_quarantine(&lines, 1);
    assert_eq!(shop.figures(), FIGURES);
}

// Expected: page views as the mapping describes them, counted in the log; opens as of the log without the made rows; and each
// made row, a page view but for its fault, in the quarantine. All browsers are one, so a user is a host.
#[test]
fn combined_log_lines() {
    let good: Vec<String> = REQUEST_LOG
        .iter()
        .map(|request| {
            format!(
                r#"{} - - [{}] "{} {} HTTP/1.0" {} {} "-" "Mozilla/1.22 (compatible; MSIE 2.0)""#,
                request.visitor,
                request.ts.format("%d/%b/%Y:%H:%M:%S %z"),
                request.method,
                request.url.replace('\\', r"\\"),
                request.status,
                request.bytes
            )
        })
        .collect();
    const NO_REQUEST: &str = "the line does not match";
    let line = |time: &str, request: &str, status: &str| {
        format!(r#"v - - [{time}] "{request}" {status} 10 "-" "Mozilla/1.22""#).into_bytes()
    };
    let (time, request) = ("01/Aug/1995:06:00:00 +0000", "GET /bad.html HTTP/1.0");
    let mut latin = line(time, request, "200");
    let place = latin.len() - 3;
    latin[place] = 0xe9;
    let bad = vec![
        (b"nothing like a request".to_vec(), NO_REQUEST),
        (line(time, request, "200")[..40].to_vec(), NO_REQUEST),
        (format!(r#" - - [{time}] "{request}" 200 10 "-" "Mozilla/1.22""#).into_bytes(), NO_REQUEST),
        (line("32/Aug/1995:06:00:00 +0000", request, "200"), "ts"),
        (line("yesterday", request, "200"), "ts"),
        (line("01/Jan/1970:00:00:00 +0000", request, "200"), "ts is before 1990-01-01"),
        (line("01/Aug/2095:06:00:00 +0000", request, "200"), "ts is more than 24 hours after the landing"),
        (line(time, &format!("GET /{}.html HTTP/1.0", "a".repeat(70_000)), "200"), "longer than 64 KiB"),
        (line(time, request, "2\0"), NO_REQUEST),
        (latin, "not UTF-8"),
    ];
    let bad_rows = bad.len() as u64;
    let views: Vec<&Request> = REQUEST_LOG.iter().filter(|request| request.is_answered_page()).collect();
    let visitors: BTreeSet<&str> = views.iter().map(|request| request.visitor.as_str()).collect();
    let landed = views.len() as u64;
    let clean = Shop::new("access-log", "access.log", |path| {
        std::fs::write(path, good.join("\n")).expect("a file");
    });
    assert_eq!(clean.counts(), [REQUESTS, REQUESTS - landed, landed, 0, 0]);
    assert_eq!(clean.figures()[..2], [views.len().to_string(), visitors.len().to_string()]);
    let lines = mixed(6, good, bad);
    let shop = Shop::new("access-log", "access.log", |path| write(path, None, &lines));
    assert_eq!(shop.counts(), [REQUESTS + bad_rows, REQUESTS - landed, landed, 0, bad_rows]);
    shop.check_quarantine(&lines, 1);
    assert_eq!(shop.figures(), clean.figures());
}

// Expected: lines counted by hand.
#[test]
fn lines_count_by_either_end_and_with_the_blank_ones() {
    let csv = "visitor,ts,url,status,bytes\nv,1995-08-01T06:00:00Z,/,200,1\nbad 3\nv,1995-08-01T06:00:00Z,\"/\n\",200,1\nbad 6\n\n\nbad 9\nbad 10";
    let jsonl = "{\"visitor\":\"v\",\"ts\":\"1995-08-01T06:00:00Z\",\"url\":\"/\",\"status\":200}\n\nbad 3\n\n\nbad 6\nbad 7";
    for (name, text, bad) in
        [("a.csv", csv, &["3", "6", "9", "10"][..]), ("a.jsonl", jsonl, &["3", "6", "7"][..])]
    {
        for text in [text.to_string(), text.replace('\n', "\r\n"), format!("{text}\n")] {
            let shop = Shop::new("nasa", name, |path| std::fs::write(path, &text).expect("a file"));
            let found = ask(&shop.engine, "select row, text from quarantine order by row");
            let expected: Vec<Vec<String>> =
                bad.iter().map(|line| vec![line.to_string(), format!("bad {line}")]).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}

#[test]
fn the_made_lines_are_what_they_are_meant_to_be() {
    // Expected: the numbers of the log's README, and 20 blank lines and one before the bad one.
    assert_eq!(REQUEST_LOG.len() as u64, REQUESTS);
    let views = REQUEST_LOG.iter().filter(|request| request.is_page_view()).count() as u64;
    assert_eq!(views, REQUESTS - NO_PAGE_VIEWS);
    let lines = mixed(7, vec!["a".to_string(); 10], vec![(b"b".to_vec(), "bad")]);
    assert_eq!((lines.len(), lines.iter().filter(|line| line.is_blank()).count()), (32, 21));
}
