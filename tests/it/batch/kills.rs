//! kill -9 at any moment, and two runs at one folder.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

use super::{NEW_USERS, OF_A_DAY, OPENS, Place, views};
use crate::support::{Random, number};

/// Every folder of a day is whole: its run.json names the bytes of every file beside it. The days.
fn assert_whole(place: &Place, folder: &Path) -> usize {
    let mut days = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || !entry.path().is_dir() {
            continue;
        }
        days += 1;
        let relative = format!("{}/{name}", folder.file_name().expect("a name").to_string_lossy());
        let record = place.json(&format!("{relative}/run.json"));
        let records = record["reports"].as_array().expect("reports");
        assert_eq!(records.len(), 3, "{name}");
        let versions: Vec<u64> = records.iter().filter_map(|file| file["version"].as_u64()).collect();
        assert!(versions.iter().all(|version| *version == versions[0]), "{name}: of one run: {versions:?}");
        for file in records {
            let path = entry.path().join(file["file"].as_str().expect("a name"));
            let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert_eq!(file["hash"], format!("{:032x}", xxh3_128(&bytes)), "{}", path.display());
            assert_eq!(file["run"], record["run"], "{name}: of one run");
        }
    }
    days
}

#[test]
fn killed_at_random_moments() {
    // Expected: the promise: every visible folder is whole and of one run, none that was there is gone, and a retry ends the work.
    let place = Place::new();
    place.land("UTC", &views(40, 1..=30));
    place.write("pack/views.sql", OF_A_DAY);
    place.write("pack/opens.sql", OPENS);
    place.write("pack/new_users.sql", NEW_USERS);
    let arguments =
        ["report", "--store", "st", "--pack", "pack", "--format", "csv", "--each", "day", "-o", "out"];
    let begun = std::time::Instant::now();
    place.ok(&arguments);
    let whole_run = begun.elapsed();
    let out = place.path("out");
    assert_eq!(assert_whole(&place, &out), 30);
    let mut random = Random(number("FOOTFALL_SEED", 3));
    for kill in 0..number("FOOTFALL_KILLS", 24) {
        // Other figures each time, so that files of two runs differ.
        place.land("UTC", &[(format!("k{kill}"), super::MARCH + kill as i64 * 3_600_000, "home")]);
        let mut child = Command::new(env!("CARGO_BIN_EXE_footfall"))
            .args(arguments)
            .current_dir(place.folder.path())
            .env_remove("FOOTFALL_STORE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(Duration::from_micros(random.below(whole_run.as_micros() as usize + 1) as u64));
        child.kill().expect("a child to kill");
        child.wait().expect("a child that ends");
        assert_eq!(assert_whole(&place, &out), 30, "after kill {kill}");
        // The record of the whole run knows every day but the one that was being written.
        let record = place.json("out/run.json");
        let days = record["stretches"].as_array().expect("stretches");
        let name =
            |day: &serde_json::Value| format!("out/{}/run.json", day["name"].as_str().expect("a name"));
        let written = days.iter().filter(|day| place.json(&name(day))["run"] == record["run"]).count();
        let told = days.iter().filter(|day| day["status"] == "done").count();
        assert!(written == told || written == told + 1, "after kill {kill}: {written} written, {told} told");
    }
    place.ok(&[arguments.as_slice(), &["--retry"]].concat());
    place.ok(&[arguments.as_slice(), &["--changed"]].concat());
    let mut fresh = arguments;
    fresh[10] = "fresh";
    place.ok(&fresh);
    assert_eq!(place.files("out"), place.files("fresh"));
    let hidden = fs::read_dir(&out).expect("the folder").flatten();
    let hidden = hidden.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count();
    assert_eq!(hidden, 0, "what killed runs left is cleared away");
}

#[test]
fn one_run_at_a_time() {
    // Expected: who comes second is told so, and changes nothing; a plan only reads.
    let place = Place::new();
    place.land("UTC", &views(2, 1..=2));
    place.write("pack/views.sql", OF_A_DAY);
    let arguments = ["report", "--store", "st", "--pack", "pack", "--each", "day", "-o", "out"];
    fs::create_dir(place.path("out")).expect("a folder");
    let held = File::open(place.path("out")).expect("the folder");
    held.lock().expect("a lock");
    let (code, _, error) = place.run(&arguments);
    assert!(code == 1 && error.contains("another run writes to out"), "{code}: {error}");
    assert_eq!(fs::read_dir(place.path("out")).expect("the folder").count(), 0);
    place.ok(&[arguments.as_slice(), &["--plan"]].concat());
    drop(held);
    place.ok(&arguments);
}

#[test]
fn files_of_a_run_switch_together() {
    // Expected: without --each: where a later report fails, no file of the run is there; other files of the folder stay.
    let place = Place::new();
    place.land("UTC", &views(2, 1..=2));
    place.write("pack/a.sql", OF_A_DAY);
    place.write("pack/b.sql", OPENS);
    let run = |more: &[&str]| {
        place.run(
            &[["report", "--store", "st", "--pack", "pack", "-o", "out", "--format"].as_slice(), more]
                .concat(),
        )
    };
    assert_eq!(run(&["csv"]).0, 0);
    assert_eq!(run(&["json"]).0, 0);
    let names: Vec<String> = place.files("out").into_keys().collect();
    assert_eq!(names, ["a.csv", "a.json", "b.csv", "b.json"]);
    assert_eq!(place.json("out/run.json")["reports"].as_array().map(Vec::len), Some(4));
    place.write("out/mine.txt", "not a report");
    let before = place.files("out");
    place.land(
        "UTC",
        &views(1, [2]).into_iter().map(|(_, ts, page)| ("x".to_string(), ts, page)).collect::<Vec<_>>(),
    );
    place.write("pack/b.sql", &OPENS.replace("count(*) AS opens", "1 / (count(*) - count(*)) AS opens"));
    let (code, _, error) = run(&["csv"]);
    assert!(code == 1 && error.contains("b.sql"), "{error}");
    assert_eq!(place.files("out"), before);
    place.write("pack/b.sql", OPENS);
    assert_eq!(run(&["csv"]).0, 0);
    let after = place.files("out");
    assert_eq!(after["mine.txt"], b"not a report");
    assert_eq!(after["a.csv"], b"views,visitors\n5,3\n");
    // The folder of one kind of run is not given to the other.
    let (code, _, error) =
        place.run(&["report", "--store", "st", "--pack", "pack", "--each", "day", "-o", "out"]);
    assert!(code == 2 && error.contains("without --each"), "{error}");
}

#[test]
fn only_what_nobody_writes_is_cleared_away() {
    // Expected: a hidden folder that is held is a run at work; of a run at one folder, what other folders' runs left is not its own.
    let place = Place::new();
    place.land("UTC", &views(2, 1..=2));
    place.write("pack/views.sql", OF_A_DAY);
    let hidden = |name: &str| {
        let path = place.path(&format!("out/.footfall-{name}.part"));
        fs::create_dir_all(&path).expect("a folder");
        path
    };
    let base = ["report", "--store", "st", "--pack", "pack", "--format", "csv", "-o"];
    let (at_work, dead) = (hidden("alone-0123456789abcdef"), hidden("alone-fedcba9876543210"));
    let held = File::open(&at_work).expect("the folder");
    held.lock().expect("a lock");
    place.ok(&[base.as_slice(), &["out", "--each", "day"]].concat());
    assert!(at_work.exists() && !dead.exists());
    let (own, other) = (hidden("alone-fedcba9876543210"), hidden("another-0123456789abcdef"));
    place.ok(&[base.as_slice(), &["out/alone"]].concat());
    assert!(at_work.exists() && !own.exists() && other.exists());
    assert_eq!(place.read("out/alone/views.csv"), "views,visitors\n4,2\n");
    drop(held);
    place.ok(&[base.as_slice(), &["out/alone"]].concat());
    assert!(!at_work.exists());
}

#[cfg(unix)]
#[test]
fn a_folder_beside_which_nothing_may_be_made() {
    // Expected: the files are put in their places one by one; those of a run before and of others stay, and nothing hidden.
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.land("UTC", &views(2, 1..=2));
    place.write("pack/views.sql", OF_A_DAY);
    place.write("above/out/mine.txt", "not a report");
    let allow = |mode: u32| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.path("above"), permissions).expect("permissions");
    };
    allow(0o555);
    let is_refused = fs::create_dir(place.path("above/other")).is_err();
    for format in ["csv", "json"] {
        place.ok(&["report", "--store", "st", "--pack", "pack", "--format", format, "-o", "above/out"]);
    }
    allow(0o755);
    println!("refused: {is_refused}");
    let names: Vec<String> = place.files("above/out").into_keys().collect();
    assert_eq!(names, ["mine.txt", "views.csv", "views.json"]);
    let hidden = fs::read_dir(place.path("above/out")).expect("the folder").flatten();
    assert_eq!(hidden.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count(), 0);
}
