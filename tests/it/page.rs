//! The page of a store: one file that needs nothing else, the same for the same input, with the figures of the reports.

use std::path::Path;

use crate::support::{footfall_ok, repository};

/// The bundled month as a page, and the folder of its store.
fn page(folder: &Path, language: &str) -> String {
    let store = folder.join("shop").display().to_string();
    let month = repository().join("data/shop_month");
    if !Path::new(&store).exists() {
        let [events, catalogue, users] = ["events.parquet", "events.toml", "users.parquet"]
            .map(|name| month.join(name).display().to_string());
        footfall_ok(&["land", &events, "--store", &store, "--catalogue", &catalogue, "--quiet"]);
        footfall_ok(&["land", &users, "--store", &store, "--table", "users", "--quiet"]);
    }
    footfall_ok(&["report", "--store", &store, "--format", "html", "--lang", language, "--quiet"])
}

#[test]
fn a_page_is_one_small_file_and_always_the_same() {
    // Expected: 1.2 MB for a month, no network, the same bytes for the same input.
    let folder = tempfile::tempdir().expect("a folder");
    for language in ["zh", "en"] {
        let first = page(folder.path(), language);
        assert!(first.len() < 1_200_000, "{language}: {} bytes", first.len());
        assert_eq!(first, page(folder.path(), language), "{language}");
        assert!(first.contains(&format!("<html lang=\"{}", if language == "zh" { "zh" } else { "en" })));
        for loads in ["<link", "<img", "<iframe", " src=", "@import", "url(http", "fetch("] {
            assert!(!first.contains(loads), "{language}: the page has {loads}");
        }
    }
}

#[test]
fn a_page_shows_what_the_reports_say() {
    // Expected: the CSV of the reports, and what the bundled month holds (data/shop_month/README.md): its zone and days.
    let folder = tempfile::tempdir().expect("a folder");
    let page = page(folder.path(), "en");
    assert!(page.contains("Asia/Shanghai") && page.contains("2026-03-01") && page.contains("2026-03-31"));
    let store = folder.path().join("shop").display().to_string();
    for report in ["overview/trend", "access/visit_trend_day", "access/stay_distribution", "profile/portrait"]
    {
        let csv = footfall_ok(&["report", "--store", &store, "--only", report, "--format", "csv", "--quiet"]);
        let lines: Vec<&str> = csv.lines().skip(1).collect();
        assert!(!lines.is_empty(), "{report} has rows");
        for cell in lines.iter().flat_map(|line| line.split(',')).filter(|cell| cell.len() > 3) {
            // A page groups digits, writes days with dashes and shares in per cent.
            let is_number = cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            if is_number {
                let day = cell.len() == 8 && cell.starts_with("202");
                let day = day.then(|| format!("{}-{}-{}", &cell[..4], &cell[4..6], &cell[6..]));
                let percent = cell.parse::<f64>().ok().map(|share| format!("{:.2}", share * 100.0));
                let percent =
                    percent.map(|digits| format!("{}%", digits.trim_end_matches('0').trim_end_matches('.')));
                let shown = [Some(cell.to_string()), Some(grouped(cell)), day, percent];
                assert!(
                    shown.iter().flatten().any(|shown| page.contains(shown.as_str())),
                    "{report}: {cell} is not on the page"
                );
            }
        }
    }
}

#[test]
fn figures_are_named_in_one_language_and_alike() {
    // Expected: written by hand. A card and its row in the table have the same name, but for the unit; what is a change has its %;
    // one row is one row.
    let folder = tempfile::tempdir().expect("a folder");
    for (language, names, others) in [
        ("en", ["opens", "new users", "users so far", "stay per user", "depth"], ["打开次数", "累计用户数"]),
        (
            "zh",
            ["打开次数", "新访问用户数", "累计访问用户数", "人均停留时长", "平均访问深度"],
            ["opens", "users in all"],
        ),
    ] {
        let page = page(folder.path(), language);
        let panel = page.split("id=\"overview-summary\"").nth(1).expect("its panel");
        let (cards, table) = panel.split_once("<table").expect("its table");
        let table = table.split("</table>").next().expect("its end");
        for name in names {
            assert!(cards.contains(&format!(">{name}<span")), "{language}: no card {name}");
            assert!(table.contains(&format!(">{name}")), "{language}: no row {name}\n{table}");
        }
        for other in others {
            assert!(!table.contains(&format!(">{other}")) && !cards.contains(other), "{language}: {other}");
        }
        let rows: Vec<&str> = table.split("<tr>").skip(2).collect();
        assert_eq!(rows.len(), 10, "{language}");
        for row in rows {
            let cells: Vec<&str> = row.split("<td").skip(1).collect();
            assert!(cells[3].ends_with('%') && cells[4].ends_with('%'), "{language}: {row}");
        }
        // The bundled month is one month.
        let one = if language == "en" { "<span>1 row</span>" } else { "<span>1 行</span>" };
        assert!(page.contains(one) && !page.contains("<span>1 rows</span>"), "{language}");
    }
}

#[test]
fn marks_say_what_the_table_says() {
    // Expected: the CSV of the report: a mark for each of its days, with its figure. How marks are written is told in
    // src/report/page/svg/tips.rs and read here anew.
    let folder = tempfile::tempdir().expect("a folder");
    let page = page(folder.path(), "en");
    let store = folder.path().join("shop").display().to_string();
    let csv = footfall_ok(&[
        "report",
        "--store",
        &store,
        "--only",
        "access/stay_distribution",
        "--format",
        "csv",
        "--quiet",
    ]);
    let header: Vec<&str> = csv.lines().next().expect("a header").split(',').collect();
    let panel = page.split("id=\"access-stay_distribution\"").nth(1).expect("its panel");
    let panel = panel.split("</article>").next().expect("its end");
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert!(header.len() > 1 && !rows.is_empty());
    let tips =
        panel.split(" data-tips=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("its marks");
    let mut before: Vec<String> = Vec::new();
    let mut marks = 0;
    for (mark, row) in tips.split('\n').zip(&rows) {
        let line = |(at, line): (usize, &str)| {
            let same = line.chars().next().and_then(|digit| digit.to_digit(36)).expect("a digit") as usize;
            let start: String = before.get(at).map(|b| b.chars().take(same).collect()).unwrap_or_default();
            start + &line[1..]
        };
        before = mark.split('\t').enumerate().map(line).collect();
        let number = row.iter().find(|cell| cell.len() > 2 && cell.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(number) = number {
            assert!(before.iter().any(|line| line.ends_with(&grouped(number))), "{before:?} has no {number}");
            marks += 1;
        }
    }
    assert!(marks > 3, "{marks} marks");
}

/// 12345 as 12,345.
fn grouped(number: &str) -> String {
    let (whole, rest) = number.split_once('.').map_or((number, ""), |(whole, rest)| (whole, rest));
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if rest.is_empty() { text } else { format!("{text}.{rest}") }
}
