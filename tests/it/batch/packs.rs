//! What a report's file says about its rows, and what a pack says about itself.

use footfall::ask::Source;
use footfall::report::Report;
use serde_json::{Value, json};

use super::{OF_A_DAY, OPENS, Place, views};

#[test]
fn a_header_is_read_or_refused_with_its_line() {
    // Expected: the forms of a header, written down in `ask::header`.
    let text = "-- title: Visit trend | 访问趋势\n-- question: How many,\n--   a || b? | 多少？\n\
        -- column day = day | 日期 : local day\n\
        -- column views = views | 访问次数 : page views,\n--   each one\n--   | 页面访问次数\n\
        -- column about this is prose\n-- chart: line x=day y=views\n-- chart: table\n-- check: views >= 0\n\
        -- json: object\n-- days: from-2..to+1\n-- period: week\nSELECT 1 AS day, 2 AS views";
    let report = Report::parse("a", Source::new("a.sql", text)).expect("a report");
    assert_eq!(report.title.to_string(), "Visit trend (访问趋势)");
    assert_eq!(report.title.text(true), "访问趋势");
    let question = report.question.as_ref().map(|question| [question.text(false), question.text(true)]);
    assert_eq!(question, Some(["How many, a || b?", "多少？"]));
    let columns: Vec<[&str; 4]> = report
        .columns
        .iter()
        .map(|column| {
            let definition = &column.definition;
            [column.name.as_str(), column.label.text(true), definition.text(false), definition.text(true)]
        })
        .collect();
    assert_eq!(
        columns,
        [
            ["day", "日期", "local day", "local day"],
            ["views", "访问次数", "page views, each one", "页面访问次数"]
        ]
    );
    assert_eq!(report.charts.len(), 2);
    assert_eq!(report.charts[0].columns("y"), ["views"]);
    assert_eq!(report.checks().collect::<Vec<_>>(), ["views >= 0"]);
    assert!(report.json_object);
    assert_eq!(report.days.map(|days| days.around(10, 16)), Some((Some(8), Some(17))));

    let refused = [
        ("-- chart: lines x=day y=views", "a.sql:2: 'lines' is not a kind of chart"),
        ("-- chart: line x=day", "a.sql:2: chart line needs y=column"),
        ("-- chart: bar x=day y=views z=day", "a.sql:2: chart bar has no 'z'"),
        ("-- column day = : local day", "a.sql:2: column day"),
        ("-- column day = day", "a.sql:2: column day has no definition"),
        ("-- column day = day : a | b | c", "a.sql:2: column day: 'a | b | c' is not `English | 中文`"),
        ("-- column day = day : a |", "a.sql:2: column day: 'a |' is not `English | 中文`"),
        ("-- question: | 多少？", "a.sql:2: question: '| 多少？' is not `English | 中文`"),
        (
            "-- column day = day : a\n-- chart: line x=dya y=day",
            "a.sql:3: chart line: 'dya' is not one of the columns",
        ),
        ("-- column day = day : a\n-- column day = day : b", "a.sql:3: column day is explained twice"),
        ("-- check:", "a.sql:2: check: without an expression"),
        ("-- check: views >", "a.sql:2: check: "),
        ("-- check: views > 0 AS x", "a.sql:2: check: 'x' behind the expression"),
        ("-- check: views > $least", "a.sql:3: the query uses $least"),
        ("-- chek: views > 0", "a.sql:2: 'chek:' is no line of a header; did you mean 'check'?"),
        ("-- chart : table", "a.sql:2: 'chart :' is no line of a header; did you mean 'chart:'?"),
        ("-- parm limit int = 3", "a.sql:2: 'parm' is no line of a header; did you mean 'param'?"),
        ("-- columns day = day : a", "a.sql:2: 'columns' is no line of a header; did you mean 'column'?"),
        ("-- param name text = a from 1", "a.sql:2: parameter name: from is for int and float"),
        ("-- json: list", "a.sql:2: json: 'list'"),
        ("-- days: 3 days", "a.sql:2: days: '3 days' is not a range of days"),
        ("-- period: year", "a.sql:2: period: 'year' is not a period"),
    ];
    for (line, expected) in refused {
        let text = format!("-- title: T\n{line}\nSELECT 1 AS day, 2 AS views");
        let error = Report::parse("a", Source::new("a.sql", text)).expect_err(line).to_string();
        assert!(error.contains(expected), "{line}\nexpected {expected}\nfound    {error}");
    }
    for prose in [
        "-- note: local days",
        "-- Period: as above",
        "-- table: none",
        "-- days count from midnight",
        "-- params",
    ] {
        let text = format!("-- title: T\n{prose}\nSELECT 1 AS day");
        Report::parse("a", Source::new("a.sql", text)).unwrap_or_else(|e| panic!("{prose}: {e}"));
    }
}

#[test]
fn a_number_has_a_least_value() {
    // Expected: `from 1` accepts 1 and what is greater; the list says so.
    let place = Place::new();
    place.land("UTC", &views(3, [1]));
    place.write(
        "pack/a.sql",
        "-- title: A\n-- param limit int = 2 from 1 : rows\nSELECT user_id FROM events ORDER BY 1 LIMIT $limit",
    );
    let run = |limit: &str| {
        place.run(&["report", "--store", "st", "--pack", "pack", "--format", "csv", "-p", limit])
    };
    assert_eq!((run("limit=1").0, run("limit=1").1.as_str()), (0, "user_id\nu0\n"));
    for limit in ["limit=0", "limit=-1"] {
        let (code, _, error) = run(limit);
        assert!(code == 2 && error.contains("is less than 1"), "{limit}: {error}");
    }
    let list: Value =
        serde_json::from_str(&place.ok(&["report", "--pack", "pack", "--list", "--json"])).expect("JSON");
    assert_eq!(list[0]["parameters"][0]["from"], 1);
    assert_eq!(list[0]["parameters"][0]["default"], "2");
}

#[test]
fn a_check_is_about_every_row() {
    // Expected: every value must be true, over aggregates one, else one a row; NULL fails, and the message says that it was NULL.
    let place = Place::new();
    place.land("UTC", &views(1, [1]));
    let holds = |check: &str| {
        place.write(
            "pack/a.sql",
            &format!("-- title: A\n-- check: {check}\nSELECT * FROM (VALUES (1, 0.25), (2, 0.75), (3, NULL)) AS t(n, share)"),
        );
        let (code, _, error) = place.run(&["report", "--store", "st", "--pack", "pack", "--format", "csv"]);
        assert!(code == 0 || error.contains("pack/a.sql:2"), "{error}");
        (code, error.contains("is NULL"))
    };
    assert_eq!(holds("sum(share) between 0.999 and 1.001"), (0, false));
    assert_eq!(holds("share < 1"), (1, true));
    assert_eq!(holds("count(*) = 3 and count(distinct n) = 3"), (0, false));
    assert_eq!(holds("n < 3"), (1, false));
    assert_eq!(holds("sum(n) < 6"), (1, false));
    assert_eq!(holds("max(share) < 0.5"), (1, false));
    assert_eq!(holds("n + 1"), (2, false));
    assert_eq!(holds("coalesce(share < 1, true)"), (0, false));
    assert_eq!(holds("sum(share) FILTER (WHERE n > 3) <= 1"), (1, true));
    assert_eq!(holds("coalesce(sum(share) FILTER (WHERE n > 3) <= 1, true)"), (0, false));
    assert_eq!(holds("NULL"), (1, true));
    // A row that is false says more than one that is not known.
    assert_eq!(holds("share < 0.5"), (1, false));
}

#[test]
fn one_row_is_one_object() {
    // Expected: json: object: a row is an answer of its own; several are an array of them, none is an empty array.
    let place = Place::new();
    place.land("UTC", &views(1, [1]));
    let json = |header: &str, limit: u32| -> String {
        place.write(
            "pack/a.sql",
            &format!("-- title: A\n{header}SELECT * FROM (VALUES ('1', [1, 2]), ('2', [3])) AS t(ref_date, list) LIMIT {limit}"),
        );
        place.ok(&["report", "--store", "st", "--pack", "pack", "--format", "json"])
    };
    let object = "-- json: object\n";
    assert_eq!(json(object, 1), "{\"ref_date\":\"1\",\"list\":[1,2]}\n");
    assert_eq!(json("", 1), "[\n{\"ref_date\":\"1\",\"list\":[1,2]}\n]\n");
    assert_eq!(json(object, 0), "[]\n");
    let several = json(object, 2);
    assert_eq!(several, json("", 2));
    assert_eq!(serde_json::from_str::<Value>(&several).expect("JSON").as_array().map(Vec::len), Some(2));
}

#[test]
fn a_pack_lists_itself_as_json() {
    // Expected: what the headers say; every built-in report speaks both languages, and every chart draws columns that it has.
    let place = Place::new();
    place.write("pack/a/views.sql", OF_A_DAY);
    let list: Value =
        serde_json::from_str(&place.ok(&["report", "--pack", "pack", "--list", "--json"])).expect("JSON");
    assert_eq!(list[0]["name"], "a/views");
    assert_eq!(list[0]["title"], json!({ "en": "Views", "zh": "访问" }));
    assert_eq!(list[0]["parameters"][0]["type"], "date");
    assert_eq!(list[0]["parameters"][0]["default"], "first_day");
    assert_eq!(list[0]["question"], Value::Null);
    assert_eq!(list[0]["columns"][1]["name"], "visitors");
    assert_eq!(list[0]["checks"], json!(["visitors <= views"]));
    let built_in: Value = serde_json::from_str(&place.ok(&["report", "--list", "--json"])).expect("JSON");
    let reports = built_in.as_array().expect("an array");
    assert!(reports.len() >= 8);
    for report in reports {
        let columns = report["columns"].as_array().expect("columns");
        assert!(!columns.is_empty(), "{}", report["name"]);
        let of_columns = columns.iter().flat_map(|column| [&column["label"], &column["definition"]]);
        for text in [&report["title"], &report["question"]].into_iter().chain(of_columns) {
            assert!(text["en"].is_string() && text["zh"].is_string(), "{}: {text}", report["name"]);
        }
    }
}

#[test]
fn reports_of_other_periods_are_left_out() {
    // Expected: a report for weeks is not one for days, and one without a day is not either.
    let place = Place::new();
    place.land("UTC", &views(2, 1..=2));
    place.write("pack/day.sql", OF_A_DAY);
    place.write("pack/week.sql", &OPENS.replace("-- title: Opens\n", "-- title: Opens\n-- period: week\n"));
    place.write("pack/none.sql", "-- title: None\nSELECT 1 AS one");
    let run = |each: &str, only: &[&str]| {
        place.run(
            &[["report", "--store", "st", "--pack", "pack", "-o", each, "--each", each].as_slice(), only]
                .concat(),
        )
    };
    assert_eq!(run("day", &[]).0, 0);
    assert_eq!(
        place.files("day").into_keys().collect::<Vec<_>>(),
        ["2026-03-01/day.md", "2026-03-02/day.md"]
    );
    assert_eq!(run("week", &[]).0, 0);
    assert_eq!(
        place.files("week").into_keys().collect::<Vec<_>>(),
        ["2026-W09/day.md", "2026-W09/week.md", "2026-W10/day.md", "2026-W10/week.md"]
    );
    let (code, _, error) = run("month", &["--only", "week,none"]);
    assert!(code == 2 && error.contains("none, week"), "{error}");
}

#[test]
fn a_pack_has_tests() {
    // Expected: two views of one user half a minute apart are one open; the second test expects two.
    let place = Place::new();
    place.write("pack/a/opens.sql", OPENS);
    let test = |opens: u32| {
        format!(
            "-- test: opens\n-- zone: Asia/Shanghai\n-- with from = 2026-03-02\n-- with to = 2026-03-02\n\
             SELECT user_id, CAST(ts AS TIMESTAMP) AS ts, event, page FROM (VALUES\n\
               ('ann', '2026-03-01 16:00:00', 'page_view', 'home'), ('ann', '2026-03-01 16:00:30', 'page_view', 'cart')\n\
             ) AS events(user_id, ts, event, page);\n\
             SELECT {opens} AS opens"
        )
    };
    place.write("pack/tests/one.sql", &test(1));
    let (code, out, error) = place.run(&["report", "--pack", "pack", "--test"]);
    assert_eq!(code, 0, "{out}{error}");
    assert!(out.ends_with("1 tests, 0 failed\n"), "{out}");
    place.write("pack/tests/two.sql", &test(2));
    let (code, out, error) = place.run(&["report", "--pack", "pack", "--test"]);
    assert_eq!(code, 1, "{out}{error}");
    assert!(
        error.contains("two.sql") && error.contains("expected  2") && error.contains("found     1"),
        "{error}"
    );
    let (code, out, error) =
        place.run(&["report", "--pack", "pack", "--test", "--summary", "json", "--errors", "json"]);
    let told = super::summary(&out);
    assert_eq!((code, &told["status"], &told["failed"]), (1, &"failed".into(), &1.into()), "{out}{error}");
    let told: Value = serde_json::from_str(&error).expect("one line of JSON");
    assert!(told["file"].as_str().is_some_and(|file| file.ends_with("two.sql")), "{error}");
    // Tests are no reports.
    assert_eq!(place.ok(&["report", "--pack", "pack", "--list"]).matches("-p from").count(), 1);
}
