//! Clocks that are wrong, odd or local: each case says whether its event is kept or rejected.
//!
//! No clock is corrected: an event is kept at exactly the time that its log names, or rejected. `ts` must not be before
//! 1990 nor more than 24 hours after `received_at` (after the landing where that is NULL); `received_at` itself is believed, as
//! far as it is not after the landing.

use std::path::Path;

use footfall::land::{LandOptions, Mapping, NoProgress, land};
use footfall::store::Store;
use footfall::{Engine, EngineOptions};

use crate::support::{ask, block_on};

/// When the files of these tests land.
const LANDING: &str = "2026-02-01T00:00:00Z";

#[test]
fn the_epoch_is_rejected() {
    // Expected: 1970-01-01 is before 1990: a device that lost its clock.
    rejected(r#""ts": 0"#, "ts is before 1990-01-01");
    rejected(r#""ts": "1970-01-01T00:00:00Z""#, "ts is before 1990-01-01");
}

#[test]
fn a_negative_epoch_is_rejected() {
    // Expected: a millisecond before 1970 is before 1990.
    rejected(r#""ts": -1"#, "ts is before 1990-01-01");
}

#[test]
fn the_last_moment_of_1989_is_rejected() {
    // Expected: the bound is 1990-01-01T00:00:00Z, and this is a microsecond before it.
    rejected(r#""ts": "1989-12-31T23:59:59.999999Z""#, "ts is before 1990-01-01");
}

#[test]
fn the_first_moment_of_1990_is_kept() {
    // Expected: the bound itself is possible.
    kept(r#""ts": "1990-01-01T00:00:00Z""#, "1990-01-01T00:00:00Z");
}

#[test]
fn a_day_ahead_of_the_server_is_kept_and_a_microsecond_more_is_rejected() {
    // Expected: 24 hours after received_at is not more than 24 hours after it.
    kept(r#""ts": "2026-01-11T00:00:00Z", "received_at": "2026-01-10T00:00:00Z""#, "2026-01-11T00:00:00Z");
    rejected(
        r#""ts": "2026-01-11T00:00:00.000001Z", "received_at": "2026-01-10T00:00:00Z""#,
        "ts is more than 24 hours after received_at",
    );
}

#[test]
fn without_received_at_the_landing_counts() {
    // Expected: 24 hours after the landing, 2026-02-01, and a microsecond more.
    kept(r#""ts": "2026-02-02T00:00:00Z""#, "2026-02-02T00:00:00Z");
    rejected(r#""ts": "2026-02-02T00:00:00.000001Z""#, "ts is more than 24 hours after the landing");
}

#[test]
fn received_before_it_happened_is_kept_as_it_is() {
    // Expected: 23 hours of skew are within the 24; neither time is moved.
    let store = stored(r#""ts": "2026-01-11T00:00:00Z", "received_at": "2026-01-10T01:00:00Z""#);
    assert_eq!(
        store.ask("select ts, received_at from events"),
        [["2026-01-11T00:00:00Z", "2026-01-10T01:00:00Z"]]
    );
}

#[test]
fn a_received_at_after_the_landing_is_no_bound() {
    // Expected: nothing is received after it lands; else one row would move the store's newest day to the year 2999.
    rejected(
        r#""ts": "2999-12-31T00:00:00Z", "received_at": "3000-01-01T00:00:00Z""#,
        "ts is more than 24 hours after the landing",
    );
}

#[test]
fn a_received_at_of_the_epoch_rejects_the_event() {
    // Expected: any time since 1990 is more than 24 hours after 1970; and what is no time is no received_at.
    rejected(
        r#""ts": "2026-01-11T00:00:00Z", "received_at": 0"#,
        "ts is more than 24 hours after received_at",
    );
    rejected(r#""ts": "2026-01-11T00:00:00Z", "received_at": "soon""#, "received_at is not a time");
}

#[test]
fn an_hour_that_a_zone_skips_is_read_by_the_offset_before() {
    // Expected: Berlin goes from +01:00 to +02:00 at 02:00 on 2024-03-31; 02:30 by +01:00 is 01:30 UTC, 03:30 on the new clock.
    assert_eq!(local("Europe/Berlin", "2024-03-31 02:30:00"), "2024-03-31T01:30:00Z");
    assert_eq!(local("Europe/Berlin", "2024-03-31 01:59:59"), "2024-03-31T00:59:59Z");
    assert_eq!(local("Europe/Berlin", "2024-03-31 03:00:00"), "2024-03-31T01:00:00Z");
}

#[test]
fn of_an_hour_that_comes_twice_the_first_is_meant() {
    // Expected: Berlin goes back from +02:00 to +01:00 at 03:00 on 2024-10-27; 02:30 by +02:00 is 00:30 UTC.
    assert_eq!(local("Europe/Berlin", "2024-10-27 02:30:00"), "2024-10-27T00:30:00Z");
    assert_eq!(local("Europe/Berlin", "2024-10-27 03:00:00"), "2024-10-27T02:00:00Z");
    // Who names the offset says which of the two it is.
    assert_eq!(local("Europe/Berlin", "2024-10-27T02:30:00+01:00"), "2024-10-27T01:30:00Z");
}

#[test]
fn the_leap_day_is_kept_where_there_is_one() {
    // Expected: the Gregorian calendar.
    let store = stored(r#""ts": "2024-02-29T23:30:00Z""#);
    assert_eq!(store.ask("select ts, dt from events"), [["2024-02-29T23:30:00Z", "2024-02-29"]]);
    rejected(r#""ts": "2023-02-29T12:00:00Z""#, "ts is not a time");
}

#[test]
fn a_leap_second_is_the_next_second() {
    // Expected: UTC had 23:59:60 on 2016-12-31; seconds since the epoch, which know none, give it the number of 00:00:00.
    kept(r#""ts": "2016-12-31T23:59:60Z""#, "2017-01-01T00:00:00Z");
    rejected(r#""ts": "2016-12-31T23:59:61Z""#, "ts is not a time");
}

#[test]
fn the_year_10000_is_rejected() {
    // Expected: as text it is no RFC 3339; as milliseconds (253,402,300,800 s) it is long after the landing.
    rejected(r#""ts": "10000-01-01T00:00:00Z""#, "ts is not a time");
    rejected(r#""ts": 253402300800000"#, "ts is more than 24 hours after the landing");
}

#[test]
fn seconds_and_milliseconds_are_not_guessed() {
    // Expected: 1,767,225,600 s is 2026-01-01; as ms it is in January 1970, and the ms of that day as s are in the year 57970.
    kept(r#""ts": 1767225600000"#, "2026-01-01T00:00:00Z");
    rejected(
        r#""ts": 1767225600"#,
        "ts is before 1990-01-01, but would be 2026-01-01T00:00:00Z in another unit; is its unit s instead of ms?",
    );
    assert_eq!(local("UTC", "1767225600"), "2026-01-01T00:00:00Z");
    assert_eq!(local("UTC", "1767225600.25"), "2026-01-01T00:00:00.250Z");
    assert_eq!(
        local("UTC", "1767225600000"),
        "ts is more than 24 hours after the landing, but would be 2026-01-01T00:00:00Z in another unit; \
         is its unit ms instead of s?"
    );
}

#[test]
fn an_offset_counts_whatever_the_zones_of_mapping_and_store() {
    // Expected: local time minus offset.
    for (text, utc) in [
        ("2026-01-01T00:00:00+08:00", "2025-12-31T16:00:00Z"),
        ("2026-01-01T00:00:00-03:30", "2026-01-01T03:30:00Z"),
        ("2026-01-01 00:00:00 Asia/Shanghai", "2025-12-31T16:00:00Z"),
    ] {
        kept(&format!(r#""ts": "{text}""#), utc);
        assert_eq!(local("America/New_York", text), utc);
    }
}

#[test]
fn a_day_in_shanghai_begins_at_16_utc() {
    // Expected: Shanghai is UTC+8 all year.
    assert_eq!(
        days("Asia/Shanghai", &["2025-12-31T15:59:59.999999Z", "2025-12-31T16:00:00Z"]),
        ["2025-12-31", "2026-01-01"]
    );
}

#[test]
fn a_day_may_begin_at_half_past() {
    // Expected: India is UTC+5:30 all year; Nepal UTC+5:45.
    assert_eq!(
        days("Asia/Kolkata", &["2026-01-01T18:29:59.999999Z", "2026-01-01T18:30:00Z"]),
        ["2026-01-01", "2026-01-02"]
    );
    assert_eq!(
        days("Asia/Kathmandu", &["2026-01-01T18:14:59Z", "2026-01-01T18:15:00Z"]),
        ["2026-01-01", "2026-01-02"]
    );
}

#[test]
fn a_day_in_newfoundland_may_come_back() {
    // Expected: until 2011 its clocks went back at 00:01, from -02:30 to -03:30: one minute of 7 November 2010, then an hour of
    // the 6th again. In July it is -02:30.
    let times =
        ["2010-11-07T02:29:59Z", "2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z", "2010-11-07T03:30:00Z"];
    assert_eq!(days("America/St_Johns", &times), ["2010-11-06", "2010-11-07", "2010-11-06", "2010-11-07"]);
    let times = ["2025-07-01T02:29:59Z", "2025-07-01T02:30:00Z"];
    assert_eq!(days("America/St_Johns", &times), ["2025-06-30", "2025-07-01"]);
}

/// The event is in the store at the time `utc`.
fn kept(fields: &str, utc: &str) {
    let store = stored(fields);
    assert_eq!(
        store.ask("select ts from events"),
        [[utc]],
        "{fields}: {:?}",
        store.ask("select reason from quarantine")
    );
}

/// The event is in the quarantine for this reason.
fn rejected(fields: &str, reason: &str) {
    let store = stored(fields);
    assert_eq!(store.ask("select reason from quarantine"), [[reason]], "{fields}");
    assert_eq!(store.ask("select count(*) from events"), [["0"]], "{fields}");
}

/// A time of a mapping whose times without zone are in `zone`, and whose numbers are seconds: as it landed, or why it did not.
fn local(zone: &str, time: &str) -> String {
    let mapping = format!(
        "name = 'local'\ntime_zone = '{zone}'\n\
         [fields]\nts = {{ type = 'timestamp', unit = 's' }}\n\
         [columns]\nuser_id = \"'u'\"\nts = 'ts'\nevent = \"'page_view'\"\n"
    );
    let lines = format!("{{\"ts\": \"{time}\"}}\n");
    let store = Landed::new("UTC", Some(&mapping), &lines);
    let found = [store.ask("select ts from events"), store.ask("select reason from quarantine")].concat();
    assert_eq!(found.len(), 1, "{zone} {time}");
    found[0][0].clone()
}

/// The local days of times in a store of this zone, in the order of the times.
fn days(zone: &str, times: &[&str]) -> Vec<String> {
    let lines: String = times
        .iter()
        .map(|time| format!("{{\"user_id\": \"u\", \"ts\": \"{time}\", \"event\": \"page_view\"}}\n"))
        .collect();
    Landed::new(zone, None, &lines).ask("select dt from events order by ts").concat()
}

/// A store of one event in the mapping of our own columns, with these fields beside its user and event.
fn stored(fields: &str) -> Landed {
    Landed::new("UTC", None, &format!("{{\"user_id\": \"u\", \"event\": \"page_view\", {fields}}}\n"))
}

/// A store into which one file of JSON lines has landed.
struct Landed {
    engine: Engine,
    _folder: tempfile::TempDir,
}

impl Landed {
    fn new(zone: &str, mapping: Option<&str>, lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store =
            block_on(Store::open_or_create(&folder.path().join("store"), Some(zone))).expect("a new store");
        let source = written(folder.path(), "a.jsonl", lines);
        let mapping = match mapping {
            Some(text) => Mapping::from_file(&written(folder.path(), "local.toml", text)),
            None => Mapping::named("footfall"),
        };
        let mut options = LandOptions::new(mapping.expect("a mapping"));
        options.now = LANDING.parse().expect("a time");
        let landed = block_on(land(&store, &[source], &options, &NoProgress)).expect("the file lands");
        assert_eq!(landed[0].rows, lines.lines().count() as u64);
        let engine =
            block_on(Engine::with_store(&store, &EngineOptions::default())).expect("the store opens");
        Self { engine, _folder: folder }
    }

    fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        ask(&self.engine, sql)
    }
}

fn written(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}
