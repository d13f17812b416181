//! What is computed again, and what is not.

use std::time::Instant;

use super::{HOUR, MARCH, NEW_USERS, OF_A_DAY, OPENS, Place, summary, views};
use crate::support::Random;

const EACH: [&str; 10] =
    ["report", "--store", "st", "--pack", "pack", "--format", "csv", "--each", "day", "-o"];

fn each<'a>(folder: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [EACH.as_slice(), &[folder], more].concat()
}

fn place() -> Place {
    let place = Place::new();
    place.land("UTC", &views(3, 1..=7));
    place.write("pack/a/views.sql", OF_A_DAY);
    place.write("pack/a/opens.sql", OPENS);
    place.write("pack/b/new_users.sql", NEW_USERS);
    place
}

#[test]
fn each_day_has_its_folder() {
    // Expected: the same report of the same day on its own, and the made rows: three users a day, new on the first.
    let place = place();
    place.ok(&each("out", &[]));
    for day in 1..=7 {
        let day = format!("2026-03-{day:02}");
        assert_eq!(place.read(&format!("out/{day}/a/views.csv")), "views,visitors\n3,3\n");
        let alone = place.ok(&[
            "report", "--store", "st", "--pack", "pack", "--only", "opens", "--date", &day, "--format", "csv",
        ]);
        assert_eq!(place.read(&format!("out/{day}/a/opens.csv")), alone);
        let new_users = if day.ends_with("01") { 3 } else { 0 };
        assert_eq!(place.read(&format!("out/{day}/b/new_users.csv")), format!("new_users\n{new_users}\n"));
        let record = place.json(&format!("out/{day}/run.json"));
        assert_eq!((&record["status"], &record["time_zone"]), (&"done".into(), &"UTC".into()), "{day}");
        assert_eq!(record["reports"].as_array().map(Vec::len), Some(3), "{day}");
        assert_eq!(record["run"], place.json("out/run.json")["run"], "{day}");
    }
    let left: Vec<String> = std::fs::read_dir(place.path("out"))
        .expect("the folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn late_events_change_their_days() {
    // Expected: a late view of a known user on 4 March changes the views of that day, and the opens of the days that its
    // sessions can touch are looked at again; a user who is new on 4 March is one new user more.
    let place = place();
    place.ok(&each("out", &[]));
    let told = summary(&place.ok(&each("out", &["--changed", "--summary", "json"])));
    assert_eq!((&told["status"], &told["ran"]), (&"done".into(), &0.into()), "{told}");

    let before = place.files("out");
    place.land("UTC", &[("u9".to_string(), MARCH + 3 * 24 * HOUR + 15 * HOUR, "home")]);
    let plan = place.ok(&each("out", &["--changed", "--plan"]));
    let of_views: Vec<&str> = plan.lines().filter(|line| line.contains("a/views")).collect();
    assert_eq!(of_views.len(), 1, "{plan}");
    assert!(of_views[0].starts_with("2026-03-04\t") && of_views[0].contains("were 3, are 4"), "{plan}");
    let days = |report: &str| -> Vec<String> {
        let lines = plan.lines().filter(|line| line.contains(report));
        lines.map(|line| line[..10].to_string()).collect()
    };
    assert_eq!(days("a/opens"), ["2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"], "{plan}");
    assert_eq!(days("b/new_users"), ["2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07"], "{plan}");
    assert_eq!(place.files("out"), before, "a plan changes nothing");

    let told = summary(&place.ok(&each("out", &["--changed", "--summary", "json"])));
    assert_eq!(told["changed_files"], 3, "{told}");
    let after = place.files("out");
    let changed: Vec<&String> = after.keys().filter(|name| after[*name] != before[*name]).collect();
    assert_eq!(
        changed,
        ["2026-03-04/a/opens.csv", "2026-03-04/a/views.csv", "2026-03-04/b/new_users.csv"],
        "the other days are as they were"
    );
    place.ok(&each("fresh", &[]));
    assert_eq!(after, place.files("fresh"));

    // Compaction moves rows and changes no answer.
    place.ok(&["compact", "--store", "st"]);
    let plan = place.ok(&each("out", &["--changed", "--plan"]));
    assert!(plan.starts_with("0 of 7"), "{plan}");
}

#[test]
fn a_file_that_another_program_has_changed_is_written_again() {
    // Expected: a full run leaves what a fresh folder would hold.
    let place = place();
    place.ok(&each("out", &[]));
    let before = place.files("out");
    place.write("out/2026-03-02/a/opens.csv", "saved by another program\n");
    place.ok(&each("out", &[]));
    assert_eq!(place.files("out"), before);
}

#[test]
fn a_query_a_parameter_or_a_lost_file() {
    // Expected: only the report that was touched runs, in every day, or in the day that lost a file.
    let place = place();
    place.ok(&each("out", &[]));
    std::fs::remove_file(place.path("out/2026-03-02/a/opens.csv")).expect("a file to remove");
    let plan = place.ok(&each("out", &["--changed", "--plan"]));
    assert_eq!(plan.lines().count(), 2, "{plan}");
    assert!(plan.starts_with("2026-03-02\ta/opens: its file is missing"), "{plan}");
    place.ok(&each("out", &["--changed"]));
    place.write("pack/a/opens.sql", &OPENS.replace("AS opens", "AS open_count"));
    let plan = place.ok(&each("out", &["--changed", "--plan"]));
    assert_eq!(plan.matches("a/opens: the query changed").count(), 7, "{plan}");
    assert!(plan.ends_with("7 of 7 to run, 7 reports in all\n"), "{plan}");
    place.ok(&each("out", &["--changed"]));
    assert!(place.read("out/2026-03-05/a/opens.csv").starts_with("open_count,"));
    // Weeks are other folders.
    let (code, _, error) = place.run(&each("out", &["-p", "from=2026-03-01"]));
    assert!(code == 2 && error.contains("from"), "{error}");
}

#[test]
fn what_changed_is_what_a_fresh_run_gives() {
    // Expected: after every landing, wherever its rows fall, the folders brought up to date hold the bytes of a run from nothing.
    let mut random = Random(7);
    let place = Place::new();
    let mut landed = 0;
    let mut land = |random: &mut Random, rows: usize, days: usize| {
        let rows: Vec<(String, i64, &str)> = (0..rows)
            .map(|_| {
                landed += 1;
                let ts = MARCH + random.below(days * 24 * 3600) as i64 * 1000 + landed;
                (format!("u{}", random.below(12)), ts, ["home", "cart", "pay"][random.below(3)])
            })
            .collect();
        place.land("Asia/Shanghai", &rows);
    };
    land(&mut random, 150, 9);
    let run = |folder: &str, more: &[&str]| {
        let base = ["report", "--store", "st", "--format", "csv", "--each", "day", "--only"];
        let names = ["overview/summary,access/visit_trend_day,access/pages,access/retention_day"];
        let range = ["--from", "2026-03-01", "--to", "2026-03-10", "-o", folder];
        place.ok(&[base.as_slice(), &names, &range, more].concat());
    };
    run("out", &[]);
    for round in 0..6 {
        // The last rounds make the store end later, too.
        land(&mut random, 1 + round, 9 + round);
        run("out", &["--changed"]);
        let fresh = format!("fresh{round}");
        run(&fresh, &[]);
        assert_eq!(place.files("out"), place.files(&fresh), "round {round}");
    }
}

#[test]
fn a_year_with_nothing_to_do() {
    // Expected: the promise: a plan in half a second, a run that has nothing to do in a second.
    let place = Place::new();
    place.land("UTC", &views(1, -363..=1));
    place.write("pack/views.sql", OF_A_DAY);
    place.write("pack/opens.sql", OPENS);
    place.ok(&each("out", &[]));
    let begun = Instant::now();
    let plan = place.ok(&each("out", &["--changed", "--plan"]));
    let planned = begun.elapsed().as_secs_f64();
    assert!(plan.starts_with("0 of 365"), "{plan}");
    let begun = Instant::now();
    place.ok(&each("out", &["--changed"]));
    let done = begun.elapsed().as_secs_f64();
    println!("a plan in {planned:.3} s, nothing to do in {done:.3} s");
    assert!(planned < 0.5 && done < 1.0, "a plan in {planned:.3} s, nothing to do in {done:.3} s");
}

#[test]
fn a_failed_day_is_tried_again() {
    // Expected: the check fails on the fifth only, whose folder stays as it was; a retry runs what was not finished.
    let place = place();
    place.ok(&each("out", &["--to", "2026-03-06"]));
    let before = place.files("out");
    let failing = OF_A_DAY.replace("visitors <= views", "views < 4 OR $from <> DATE '2026-03-05'");
    place.write("pack/a/views.sql", &failing);
    place.land(
        "UTC",
        &views(1, [5]).into_iter().map(|(_, ts, page)| ("v".to_string(), ts, page)).collect::<Vec<_>>(),
    );
    let (code, out, error) = place.run(&each("out", &["--summary", "json"]));
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("2026-03-05 a/views") && error.contains("check failed"), "{error}");
    assert!(error.contains("views.sql:6"), "{error}");
    let told = summary(&out);
    assert_eq!(
        (&told["status"], &told["ran"], &told["failed"], &told["waiting"]),
        (&"failed".into(), &4.into(), &1.into(), &2.into())
    );
    let after = place.files("out");
    let of_fifth = |files: &std::collections::BTreeMap<String, Vec<u8>>| -> Vec<Vec<u8>> {
        files
            .iter()
            .filter(|(name, _)| name.starts_with("2026-03-05"))
            .map(|(_, bytes)| bytes.clone())
            .collect()
    };
    assert_eq!(of_fifth(&after), of_fifth(&before), "the old files of the day stay");

    place.write("pack/a/views.sql", OF_A_DAY);
    let plan = place.ok(&each("out", &["--retry", "--plan"]));
    let days: Vec<&str> = plan.lines().filter_map(|line| line.split_once('\t')).map(|(day, _)| day).collect();
    assert_eq!(days, ["2026-03-05", "2026-03-06", "2026-03-07"], "{plan}");
    place.ok(&each("out", &["--retry"]));
    assert_eq!(place.read("out/2026-03-05/a/views.csv"), "views,visitors\n4,4\n");
    assert!(place.ok(&each("out", &["--retry", "--plan"])).starts_with("0 of"));
    // Going on after a failure: the others are done.
    place.write("pack/a/views.sql", &failing);
    let (code, out, _) = place.run(&each("out", &["--keep-going", "--summary", "json"]));
    let told = summary(&out);
    assert_eq!((code, &told["ran"], &told["failed"]), (1, &6.into(), &1.into()), "{told}");
}

#[test]
fn a_retry_has_the_words_of_the_last_run() {
    // Expected: form, reports and parameters of the run that failed; they may be said again, and not changed. What lies outside of
    // the range that is tried again stays to be done.
    let place = place();
    let checked = "-- param least int = 0 from 0 : at least\n-- check: views >= $least";
    place.write("pack/a/views.sql", &OF_A_DAY.replace("-- check: visitors <= views", checked));
    let words = ["--only", "views", "-p", "least=4", "--keep-going", "--summary", "json"];
    let (code, out, error) = place.run(&each("out", &words));
    assert_eq!((code, &summary(&out)["failed"]), (1, &7.into()), "{error}");
    place.land("UTC", &views(1, 1..=7));

    let base =
        ["report", "--store", "st", "--pack", "pack", "--retry", "--summary", "json", "-o", "out", "--each"];
    let retry = |more: &[&str]| place.run(&[base.as_slice(), more].concat());
    let others: [&[&str]; 7] = [
        &["day", "--format", "json"],
        &["day", "--only", "opens"],
        &["day", "-p", "least=3"],
        &["day", "-p", "more=1"],
        &["week"],
        &["day", "--to", "2026-03-09"],
        &["day", "--date", "2026-02-28"],
    ];
    for other in others {
        let (code, _, error) = retry(other);
        assert!(code == 2 && error.contains("the last run"), "{other:?}: {error}");
    }
    let (code, out, error) = retry(&["day", "--date", "2026-03-03"]);
    let told = summary(&out);
    assert_eq!((code, &told["ran"], &told["waiting"]), (0, &1.into(), &6.into()), "{told}{error}");
    assert_eq!(place.files("out").into_keys().collect::<Vec<_>>(), ["2026-03-03/a/views.csv"]);
    let (_, out, _) = retry(&["day", "--plan"]);
    assert_eq!(
        (&summary(&out)["status"], &summary(&out)["waiting"]),
        (&"planned".into(), &6.into()),
        "{out}"
    );
    let (code, out, error) = retry(&["day", "--format", "csv", "--only", "a/views", "-p", "least=4"]);
    assert_eq!((code, &summary(&out)["ran"]), (0, &6.into()), "{error}");
    assert_eq!(place.files("out").len(), 7);
    let record = place.json("out/run.json");
    assert_eq!((&record["parameters"]["least"], &record["from"]), (&"4".into(), &"2026-03-01".into()));
    let (code, out, _) = retry(&["day"]);
    assert_eq!((code, &summary(&out)["ran"], &summary(&out)["waiting"]), (0, &0.into(), &0.into()));
}

#[test]
fn wrong_words_leave_nothing_behind() {
    // Expected: code 2, and no folder.
    let place = place();
    for wrong in [
        ["--retry", "--keep-going"],
        ["-p", "from=2026-03-01"],
        ["--only", "nothing"],
        ["--to", "2026-02-01"],
    ] {
        let (code, _, error) = place.run(&each("nowhere", &wrong));
        assert!(code == 2 && !place.path("nowhere").exists(), "{wrong:?}: {error}");
    }
}

#[test]
fn a_store_without_events_is_no_failure() {
    // Expected: with -o nothing to do, 0 and no folder; a stream without an answer is an error.
    let place = Place::new();
    place.write("events.toml", "[events.buy]\nname = \"buy\"\n");
    place.ok(&["land", "--catalogue", "events.toml", "--store", "st", "--tz", "UTC"]);
    place.write("pack/views.sql", OF_A_DAY);
    let base = ["report", "--store", "st", "--pack", "pack", "--format", "csv"];
    for words in [["--each", "day"].as_slice(), &["--each", "day", "--changed"], &[]] {
        let (code, out, error) =
            place.run(&[base.as_slice(), words, &["-o", "out", "--summary", "json"]].concat());
        assert!(code == 0 && error.contains("no events"), "{words:?}: {error}");
        assert_eq!(summary(&out)["status"], "done");
        assert!(!place.path("out").exists(), "{words:?}");
    }
    let (code, out, error) = place.run(&base);
    assert!(code == 1 && out.is_empty() && error.contains("no events"), "{error}");
    // Of a given day there are figures, zeros.
    place.ok(&[base.as_slice(), &["--each", "day", "--date", "2026-03-01", "-o", "out"]].concat());
    assert_eq!(place.read("out/2026-03-01/views.csv"), "views,visitors\n0,0\n");
}

#[test]
fn the_newest_day_matters_to_those_who_ask_for_it() {
    // Expected: views of 1 to 7 March; one on the 9th ends the day that was the newest, and changes what is complete of cohorts whose
    // last period had not begun. Other days stay as they are, though these reports ask for the newest day or for who is new.
    let place = Place::new();
    place.land("UTC", &views(3, 1..=7));
    let base =
        ["report", "--store", "st", "--format", "csv", "--each", "day", "--to", "2026-03-07", "--changed"];
    let only = ["--only", "realtime,campaign,event_retention", "-p", "periods=1", "-p", "attribution_days=0"];
    let of_pages = ["--only", "realtime/pages", "-p", "against=2026-03-02"];
    let run = |folder: &str, words: &[&str], more: &[&str]| {
        place.ok(&[base.as_slice(), words, &["-o", folder], more].concat())
    };
    let days = |plan: &str| -> Vec<String> {
        let lines = plan.lines().filter(|line| line.contains('\t'));
        let mut days: Vec<String> = lines.map(|line| line[..10].to_string()).collect();
        days.dedup();
        days
    };
    run("out", &only, &[]);
    run("pages", &of_pages, &[]);
    assert!(run("out", &only, &["--plan"]).starts_with("0 of 7"));
    place.land("UTC", &views(1, [9]));
    let plan = run("out", &only, &["--plan"]);
    assert_eq!(days(&plan), ["2026-03-07"], "{plan}");
    assert!(plan.ends_with("1 of 7 to run, 6 reports in all\n"), "{plan}");
    run("out", &only, &[]);
    run("pages", &of_pages, &[]);
    // The day beside it is one that the query names, however far away.
    place.land("UTC", &[("late".to_string(), MARCH + 24 * HOUR + 15 * HOUR, "home")]);
    let plan = run("pages", &of_pages, &["--plan"]);
    assert_eq!(days(&plan).len(), 7, "{plan}");
    let plan = run("out", &["--only", "realtime/trend"], &["--plan"]);
    // It asks for the opens of a day and of the day before, which depend on two days more before and one after.
    assert_eq!(days(&plan), [1, 2, 3, 4, 5].map(|day| format!("2026-03-0{day}")), "{plan}");
    // And the figures are those of a fresh run.
    run("out", &only, &[]);
    run("fresh", &only, &[]);
    assert_eq!(place.files("out"), place.files("fresh"));
}
