//! Reports of one day of the bundled month, byte for byte: `tests/peers/golden.py` made the files in `tests/golden/reports` from the definitions.

use std::path::{Path, PathBuf};

use crate::support::{footfall, footfall_ok, repository};

/// The day of the files.
const DAY: &str = "2026-03-10";

#[test]
fn reports_are_the_golden_files() {
    // Expected: the files, which plain Python worked out and wrote; Footfall had no part in them.
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("shop").display().to_string();
    let month = repository().join("data/shop_month");
    let [events, catalogue, users] =
        ["events.parquet", "events.toml", "users.parquet"].map(|name| month.join(name).display().to_string());
    footfall_ok(&["land", &events, "--store", &store, "--catalogue", &catalogue, "--quiet"]);
    footfall_ok(&["land", &users, "--store", &store, "--table", "users", "--quiet"]);

    let golden = repository().join("tests/golden/reports");
    let files = files(&golden);
    assert_eq!(files.len(), 30, "golden files");
    for file in files {
        let report = file.strip_prefix(&golden).expect("a file of the folder").with_extension("");
        let report = report.display().to_string();
        let format = match file.extension().and_then(|ending| ending.to_str()) {
            Some("json") => "json",
            Some("csv") => "csv",
            _ => "markdown",
        };
        let asked =
            ["report", "--store", &store, "--only", &report, "--format", format, "--date", DAY, "--quiet"];
        let answer = footfall(&asked);
        assert!(answer.status.success(), "{report}: {}", String::from_utf8_lossy(&answer.stderr));
        let expected = std::fs::read(&file).expect("a golden file");
        assert!(
            answer.stdout == expected,
            "{report} as {format}:\n{}\nexpected:\n{}",
            String::from_utf8_lossy(&answer.stdout),
            String::from_utf8_lossy(&expected)
        );
    }
}

/// The files in the folders of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for area in entries(folder) {
        found.extend(entries(&area));
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}
