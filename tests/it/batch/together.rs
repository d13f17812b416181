//! Reports of one run, which share what they ask of the same days and are computed two at a time.

use super::Place;
use crate::support::repository;

const DAY: &str = "2026-03-10";

#[test]
fn reports_say_the_same_together_and_alone() {
    // Expected: the answer of each report by itself, for which nothing is kept; many of those are golden files, too.
    let place = Place::new();
    let month = repository().join("data/shop_month");
    let [events, catalogue, users] =
        ["events.parquet", "events.toml", "users.parquet"].map(|name| month.join(name).display().to_string());
    place.ok(&["land", &events, "--store", "st", "--catalogue", &catalogue, "--quiet"]);
    place.ok(&["land", &users, "--store", "st", "--table", "users", "--quiet"]);
    for threads in ["1", "2", "3"] {
        let folder = format!("out{threads}");
        place.ok(&[
            "report",
            "--store",
            "st",
            "--each",
            "day",
            "--date",
            DAY,
            "--format",
            "json",
            "--threads",
            threads,
            "-o",
            &folder,
            "--quiet",
        ]);
        let record = place.json(&format!("{folder}/{DAY}/run.json"));
        let reports = record["reports"].as_array().expect("reports");
        assert!(reports.len() > 40, "{} reports", reports.len());
        for report in reports.iter().map(|report| report["report"].as_str().expect("a name")) {
            let together = place.read(&format!("{folder}/{DAY}/{report}.json"));
            let only =
                ["report", "--store", "st", "--only", report, "--date", DAY, "--format", "json", "--quiet"];
            assert_eq!(together, place.ok(&only), "{report}, {threads} threads");
        }
    }
}

#[test]
fn reports_of_a_run_read_the_same_file() {
    // Expected: the two rows of the file, said by each report, though they are computed at the same time.
    let place = Place::new();
    place.land("UTC", &super::views(2, 1..=2));
    place.write("extra.csv", "name\nann\nbob\n");
    for name in ["a", "b", "c", "d"] {
        let text = format!("-- title: {name}\nSELECT count(*) AS names FROM 'extra.csv'\n");
        place.write(&format!("pack/{name}.sql"), &text);
    }
    place.ok(&["report", "--store", "st", "--pack", "pack", "--format", "csv", "-o", "out", "--quiet"]);
    for name in ["a", "b", "c", "d"] {
        assert_eq!(place.read(&format!("out/{name}.csv")), "names\n2\n");
    }
}
