//! Days are days of the store's zone, also those of 23 and 25 hours.

use super::{HOUR, OF_A_DAY, Place};

/// 2026-03-07T00:00:00Z and 2026-10-31T00:00:00Z in milliseconds.
const BEFORE_SPRING: i64 = 1_772_841_600_000;
const BEFORE_AUTUMN: i64 = 1_793_404_800_000;

/// A view each hour for four days.
fn hourly(from: i64) -> Vec<(String, i64, &'static str)> {
    (0..96).map(|hour| (format!("u{hour}"), from + hour * HOUR, "home")).collect()
}

fn counts(zone: &str, from: i64, first: &str, last: &str) -> Vec<(String, u64)> {
    let place = Place::new();
    place.land(zone, &hourly(from));
    place.write("pack/views.sql", OF_A_DAY);
    place.ok(&[
        "report", "--store", "st", "--pack", "pack", "--format", "csv", "--each", "day", "--from", first,
        "--to", last, "-o", "out",
    ]);
    assert_eq!(place.json("out/run.json")["time_zone"], zone);
    let files = place.files("out");
    files
        .into_iter()
        .map(|(name, bytes)| {
            let text = String::from_utf8(bytes).expect("text");
            let views = text.lines().nth(1).and_then(|row| row.split(',').next()?.parse().ok());
            (name[..10].to_string(), views.expect("a number"))
        })
        .collect()
}

fn days(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(day, views)| ((*day).to_string(), *views)).collect()
}

#[test]
fn days_of_23_and_25_hours() {
    // Expected: New York is 5 hours behind UTC in winter and 4 in summer; clocks change on 8 March and 1 November 2026. The views
    // begin at 19:00 of the day before (winter), at 20:00 (summer).
    assert_eq!(
        counts("America/New_York", BEFORE_SPRING, "2026-03-06", "2026-03-10"),
        days(&[
            ("2026-03-06", 5),
            ("2026-03-07", 24),
            ("2026-03-08", 23),
            ("2026-03-09", 24),
            ("2026-03-10", 20)
        ])
    );
    assert_eq!(
        counts("America/New_York", BEFORE_AUTUMN, "2026-10-30", "2026-11-03"),
        days(&[
            ("2026-10-30", 4),
            ("2026-10-31", 24),
            ("2026-11-01", 25),
            ("2026-11-02", 24),
            ("2026-11-03", 19)
        ])
    );
    // Shanghai is 8 hours ahead all year: the views begin at 8:00.
    assert_eq!(
        counts("Asia/Shanghai", BEFORE_SPRING, "2026-03-07", "2026-03-11"),
        days(&[
            ("2026-03-07", 16),
            ("2026-03-08", 24),
            ("2026-03-09", 24),
            ("2026-03-10", 24),
            ("2026-03-11", 8)
        ])
    );
}

#[test]
fn weeks_and_months() {
    // Expected: the calendar: 2026-03-01 is a Sunday; a view an hour from 2026-03-07T00:00 UTC on, a Saturday.
    let place = Place::new();
    place.land("UTC", &hourly(BEFORE_SPRING));
    place.write("pack/views.sql", OF_A_DAY);
    let run = |each: &str, folder: &str| {
        place.ok(&[
            "report",
            "--store",
            "st",
            "--pack",
            "pack",
            "--format",
            "csv",
            "--each",
            each,
            "--from",
            "2026-03-07",
            "--to",
            "2026-03-10",
            "-o",
            folder,
        ]);
        place
            .files(folder)
            .into_iter()
            .map(|(name, bytes)| (name, String::from_utf8(bytes).expect("text")))
            .collect::<Vec<_>>()
    };
    let file = |name: &str, rows: &str| (name.to_string(), format!("views,visitors\n{rows}\n"));
    assert_eq!(
        run("week", "weeks"),
        [file("2026-W10/views.csv", "48,48"), file("2026-W11/views.csv", "48,48")]
    );
    assert_eq!(run("month", "months"), [file("2026-03/views.csv", "96,96")]);
}
