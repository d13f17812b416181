//! How answers look at the prompt: width, charts, turned tables, changed cells; and how its lines are read.

use std::collections::HashSet;
use std::time::Duration;

use footfall::ask::{Header, Source};
use footfall::repl::chart::{Canvas, ChartKind, draw, draw_report, guess};
use footfall::repl::fit::Fit;
use footfall::repl::grid::{Cell, Grid, Kind};
use footfall::repl::history::{self, Entry, Outcome};
use footfall::repl::meta::{Expanded, Meta, Watch, parse};
use footfall::repl::pager::pager;
use footfall::repl::pivot::pivot;
use footfall::repl::progress::{Progress, Reading};
use footfall::repl::statement::{Input, inputs, is_complete, is_continued, typed};
use footfall::repl::text::{cut, width};
use footfall::repl::watch::changes;
use proptest::prelude::*;

use crate::support::random;

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        1 => Just(Cell::Null),
        2 => any::<i32>().prop_map(|value| Cell::number(f64::from(value))),
        1 => any::<f64>().prop_map(Cell::number),
        2 => "[a-z中文漢字🙂👨‍👩‍👧é́\\n\\t\u{200d}\u{fe0f}\u{202e}]{0,60}".prop_map(Cell::Text),
        1 => any::<String>().prop_map(Cell::Text),
    ]
}

fn grid() -> impl Strategy<Value = Grid> {
    let kind = prop_oneof![
        Just(Kind::Text),
        Just(Kind::Number),
        Just(Kind::Date),
        Just(Kind::Other),
        Just(Kind::Time)
    ];
    let column = ("[a-z中文_🙂]{1,24}", kind);
    prop::collection::vec(column, 1..14).prop_flat_map(|columns| {
        let row = prop::collection::vec(cell(), columns.len());
        prop::collection::vec(row, 0..8).prop_map(move |rows| {
            let columns: Vec<(&str, Kind)> =
                columns.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
            Grid { rows, ..Grid::new(&columns) }
        })
    })
}

/// Without colours.
fn bare(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}

#[test]
fn every_line_has_the_same_width() {
    // Expected: whatever the values are, each line of a table takes the same number of cells, at most those of the terminal
    // where that holds at least one column; each column is shown or named below.
    random(400, &(grid(), 12_usize..140, any::<bool>()), |(grid, room, colour)| {
        let marked: HashSet<(usize, usize)> = [(0, 0), (1, 1), (2, 0)].into();
        let fit = Fit { marked: Some(&marked), colour, ..Fit::new(room) };
        for shown in [fit.table(&grid, grid.rows.len() as u64), fit.vertical(&grid, grid.rows.len() as u64)] {
            let widths: HashSet<usize> = shown.lines.iter().map(|line| width(&bare(line))).collect();
            assert!(widths.len() <= 1, "{widths:?}\n{}", shown.lines.join("\n"));
            assert!(
                widths.iter().all(|width| *width <= room),
                "{widths:?} of {room}\n{}",
                shown.lines.join("\n")
            );
            assert!(
                shown.lines.iter().all(|line| !bare(line).contains(char::is_control)),
                "{:?}",
                shown.lines
            );
        }
        let table = fit.table(&grid, grid.rows.len() as u64);
        if table.lines[1].contains("| … ") {
            assert!(table.footer.join(" ").contains("not shown: "), "{table:?}");
        }
    });
}

#[test]
fn charts_fit_and_keep_to_their_width() {
    // Expected: no line is wider than the canvas, with colour or without, and colours do not change what is drawn as cells.
    random(300, &(grid(), 20_usize..120, 0_usize..5), |(grid, room, kind)| {
        let kinds = [
            None,
            Some(ChartKind::Line),
            Some(ChartKind::Bar),
            Some(ChartKind::Heat),
            Some(ChartKind::Funnel),
        ];
        for colour in [false, true] {
            if let Ok(lines) = draw(&grid, kinds[kind], &[], Canvas::new(room, colour)) {
                for line in &lines {
                    assert!(width(&bare(line)) <= room, "{} of {room}: {line}", width(&bare(line)));
                }
            }
        }
    });
}

#[test]
fn a_text_beside_x_is_a_series() {
    // Expected: the same rows, turned by hand, and the line that names figure and series above them.
    let canvas = Canvas::new(40, false);
    let long = rows(
        &[("dt", Kind::Date), ("platform", Kind::Text), ("n", Kind::Number)],
        &[
            &["2026-03-01", "ios", "8"],
            &["2026-03-01", "android", "2"],
            &["2026-03-02", "ios", "5"],
            &["2026-03-02", "android", "4"],
        ],
    );
    let wide = rows(
        &[("dt", Kind::Date), ("ios", Kind::Number), ("android", Kind::Number)],
        &[&["2026-03-01", "8", "2"], &["2026-03-02", "5", "4"]],
    );
    for kind in [ChartKind::Line, ChartKind::Bar] {
        let expected = draw(&wide, Some(kind), &[], canvas).expect("a picture");
        let expected = [vec!["n by platform".to_string()], expected].concat();
        let named = ["dt", "n", "platform"].map(String::from);
        assert_eq!(draw(&long, Some(kind), &[], canvas).expect("a picture"), expected);
        assert_eq!(draw(&long, Some(kind), &named, canvas).expect("a picture"), expected);
    }
    assert!(
        draw(&long, Some(ChartKind::Line), &["dt".into(), "n".into()], canvas).expect("a picture")[0] == "n"
    );
    // Over a number, such as the hour.
    let hours = rows(
        &[("hour", Kind::Number), ("os", Kind::Text), ("n", Kind::Number)],
        &[&["0", "a", "1"], &["1", "a", "2"], &["0", "b", "3"]],
    );
    let picture = draw(&hours, Some(ChartKind::Line), &[], canvas).expect("a picture");
    assert_eq!(picture[..2], ["n by os", "* a  o b"]);
    let twice = rows(
        &[("dt", Kind::Date), ("os", Kind::Text), ("n", Kind::Number)],
        &[&["2026-03-01", "a", "1"], &["2026-03-01", "a", "2"]],
    );
    let error = draw(&twice, Some(ChartKind::Line), &[], canvas).expect_err("twice");
    assert!(error.starts_with("\\chart: two rows have dt = 2026-03-01 and os = a"), "{error}");
    assert_eq!(
        draw(&twice, None, &["pie".into()], canvas).expect_err("no kind"),
        "\\chart: 'pie' is neither a kind of chart (line, bar, heat, funnel) nor a column (dt, os, n)"
    );
}

#[test]
fn cards_draw_what_has_one_unit() {
    // Expected: the bars of the changes alone, and a word about the figures; without changes the word alone.
    let canvas = Canvas::new(80, false);
    let columns =
        [("figure", Kind::Text), ("value", Kind::Number), ("day", Kind::Number), ("week", Kind::Number)];
    let figures = rows(&columns, &[&["users", "20000", "-5", "-"], &["depth", "2.5", "10", "-"]]);
    let text = "-- title: T\n-- chart: cards figure=figure value=value change=day,week\nselect 1";
    let charts = Header::parse(&Source::new("r.sql", text)).expect("a header").charts;
    let changes =
        rows(&[("figure", Kind::Text), ("day", Kind::Number)], &[&["users", "-5"], &["depth", "10"]]);
    let note = "value: figures of different units share no scale; \\last shows them".to_string();
    let expected = draw(&changes, Some(ChartKind::Bar), &[], canvas).expect("a picture");
    assert_eq!(draw_report(&figures, &charts, canvas), Some([expected, vec![note.clone()]].concat()));
    let none = rows(&columns, &[&["users", "20000", "-", "-"]]);
    assert_eq!(draw_report(&none, &charts, canvas), Some(vec![note]));
}

#[test]
fn cut_texts_fit() {
    random(500, &(any::<String>(), 0_usize..20), |(text, cells)| {
        let text = footfall::repl::text::one_line(&text);
        assert!(width(&cut(&text, cells)) <= cells);
    });
    assert_eq!(cut("中文文字", 5), "中文…");
    assert_eq!(cut("中文文字", 4), "中…");
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("👨‍👩‍👧 family", 3), "👨‍👩‍👧…");
}

fn rows(columns: &[(&str, Kind)], rows: &[&[&str]]) -> Grid {
    let cell = |(text, (_, kind)): (&&str, &(&str, Kind))| match (*text, kind) {
        ("-", _) => Cell::Null,
        (text, Kind::Number) => Cell::number(text.parse().expect("a number")),
        (text, _) => Cell::text(text),
    };
    Grid {
        rows: rows.iter().map(|row| row.iter().zip(columns).map(cell).collect()).collect(),
        ..Grid::new(columns)
    }
}

#[test]
fn a_wide_table() {
    let columns = [
        ("user_id", Kind::Text),
        ("页面", Kind::Text),
        ("views", Kind::Number),
        ("referrer", Kind::Text),
        ("scene", Kind::Number),
    ];
    let grid = rows(
        &columns,
        &[
            &["o-0-5WypFB", "商品详情", "12", "pages/home/with/a/long/path", "1001"],
            &["b", "-", "3", "", "1007"],
        ],
    );
    let shown = Fit::new(48).table(&grid, 2);
    assert_eq!(
        shown.lines.join("\n"),
        "\
+------------+----------+-------+---+-------+
| user_id    | 页面     | views | … | scene |
+------------+----------+-------+---+-------+
| o-0-5WypFB | 商品详情 |    12 | … |  1001 |
| b          | NULL     |     3 | … |  1007 |
+------------+----------+-------+---+-------+"
    );
    assert_eq!(shown.footer, ["2 rows; 4 of 5 columns, not shown: referrer"]);
    let shown = Fit::new(66).table(&grid, 2_470_000);
    assert_eq!(shown.lines[3], "| o-0-5WypFB | 商品详情 |    12 | pages/home/with/a/lon… |  1001 |");
    assert_eq!(shown.footer.join(" "), "2,470,000 rows (2.47 million), the first 2 shown");
}

#[test]
fn bars_lines_heat_and_funnel() {
    let canvas = Canvas::new(40, false);
    let grid = rows(
        &[("page", Kind::Text), ("visits", Kind::Number)],
        &[&["首页", "8"], &["item", "4"], &["cart", "1"], &["x", "-"]],
    );
    assert_eq!(guess(&grid, None, &[]), Ok((ChartKind::Bar, vec![0, 1])));
    let room = 40 - 4 - 4 - 2;
    assert_eq!(
        draw(&grid, None, &[], canvas).expect("a picture"),
        [
            "visits".to_string(),
            format!("首页 {}    8", "█".repeat(room)),
            format!("item {}{}    4", "█".repeat(room / 2), " ".repeat(room / 2)),
            format!("cart {}▊{}    1", "█".repeat(3), " ".repeat(room - 4)),
            format!("x    {} NULL", " ".repeat(room)),
        ]
    );
    let triangle = rows(
        &[("day", Kind::Date), ("offset", Kind::Number), ("users", Kind::Number)],
        &[&["03-01", "0", "80"], &["03-01", "1", "40"], &["03-02", "0", "60"]],
    );
    assert_eq!(guess(&triangle, None, &[]), Ok((ChartKind::Heat, vec![0, 1, 2])));
    assert_eq!(
        draw(&triangle, None, &[], canvas).expect("a picture"),
        ["day     0   1", "03-01 80█ 40▒", "03-02 60▓", "0 to 80"]
    );
    let steps = rows(
        &[("step", Kind::Text), ("users", Kind::Number)],
        &[&["view", "200"], &["cart", "50"], &["pay", "25"]],
    );
    assert_eq!(guess(&steps, None, &[]), Ok((ChartKind::Funnel, vec![0, 1])));
    let picture = draw(&steps, None, &[], Canvas::new(80, false)).expect("a picture");
    assert!(
        picture[2].ends_with("25.0 %       25.0 %") && picture[3].ends_with("12.5 %       50.0 %"),
        "{picture:#?}"
    );
    let days = rows(
        &[("dt", Kind::Date), ("opens", Kind::Number)],
        &[&["2026-03-01", "1"], &["2026-03-02", "5"], &["2026-03-03", "-"], &["2026-03-05", "2"]],
    );
    assert_eq!(guess(&days, None, &[]), Ok((ChartKind::Line, vec![0, 1])));
    let picture = draw(&days, None, &[], canvas).expect("a picture");
    assert_eq!(picture.len(), 1 + 12 + 2);
    assert!(picture[14].contains("2026-03-01") && picture[14].contains("2026-03-05"), "{picture:#?}");
    assert!(draw(&rows(&[("a", Kind::Text)], &[&["x"]]), None, &[], canvas).is_err());
}

#[test]
fn a_report_says_how_it_is_drawn() {
    let canvas = Canvas::new(60, false);
    let charts = |chart: &str| {
        let text = format!("-- title: T\n-- chart: {chart}\nselect 1");
        Header::parse(&Source::new("r.sql", text)).expect("a header").charts
    };
    let columns = [("kind", Kind::Text), ("day", Kind::Text), ("key", Kind::Number), ("rate", Kind::Number)];
    let grid = rows(
        &columns,
        &[
            &["all", "03-01", "0", "1"],
            &["all", "03-01", "1", "0.5"],
            &["all", "03-02", "0", "1"],
            &["new", "03-01", "0", "1"],
            &["new", "03-01", "1", "0.25"],
            &["new", "03-02", "0", "1"],
        ],
    );
    // A picture for each kind, days below each other.
    assert_eq!(
        draw_report(&grid, &charts("heat x=key y=day value=rate series=kind"), canvas).expect("a picture"),
        [
            "kind all",
            "day      0    1",
            "03-01   1█ 0.5▒",
            "03-02   1█",
            "0 to 1",
            "",
            "kind new",
            "day       0     1",
            "03-01    1█ 0.25░",
            "03-02    1█",
            "0 to 1",
        ]
        .map(str::to_string)
        .to_vec()
    );
    let pages = rows(
        &[("page", Kind::Text), ("views", Kind::Number), ("stay", Kind::Number)],
        &[&["home", "8", "1"], &["item", "4", "9"]],
    );
    // One figure of two, without a legend.
    let picture = draw_report(&pages, &charts("bar x=page y=views"), canvas).expect("a picture");
    assert_eq!((picture.len(), picture[0].as_str()), (3, "views"));
    assert!(picture[2].starts_with("item █") && picture[2].ends_with(" 4"), "{picture:#?}");
    let series = rows(
        &[("day", Kind::Date), ("os", Kind::Text), ("n", Kind::Number)],
        &[&["2026-03-01", "ios", "1"], &["2026-03-01", "android", "2"], &["2026-03-02", "ios", "3"]],
    );
    let picture = draw_report(&series, &charts("line x=day y=n series=os"), canvas).expect("a picture");
    assert_eq!(picture[..2], ["n by os", "* ios  o android"]);
    // What a terminal has no picture for is left to the columns' types.
    assert_eq!(draw_report(&pages, &charts("table"), canvas), None);
    assert_eq!(draw_report(&pages, &charts("bar x=no y=such"), canvas), None);
}

#[test]
fn every_series_has_a_mark_of_its_own() {
    // Expected: of 14 series with ever larger values the first two are not drawn, and no two of the others have one mark.
    let names: Vec<String> = (1..=14).map(|number| format!("c{number}")).collect();
    let columns: Vec<(&str, Kind)> = std::iter::once(("page", Kind::Text))
        .chain(names.iter().map(|name| (name.as_str(), Kind::Number)))
        .collect();
    let row: Vec<String> = (1..=14).map(|number| number.to_string()).collect();
    let row: Vec<&str> = std::iter::once("home").chain(row.iter().map(String::as_str)).collect();
    let grid = rows(&columns, &[&row, &row]);
    for kind in [ChartKind::Line, ChartKind::Bar] {
        for colour in [false, true] {
            let picture = draw(&grid, Some(kind), &[], Canvas::new(100, colour)).expect("a picture");
            assert_eq!(picture.last().map(String::as_str), Some("the 12 largest; not drawn: c1, c2"));
            // Of the legend; with colour the sequence before a mark belongs to it.
            let legend = picture.iter().take_while(|line| line.contains(" c")).cloned().collect::<String>();
            let marks: Vec<&str> = names[2..]
                .iter()
                .filter_map(|name| legend.split(&format!(" {name}")).next()?.split("  ").last())
                .collect();
            let different: HashSet<&&str> = marks.iter().collect();
            assert_eq!(different.len(), 12, "{kind:?} {colour}: {marks:?}\n{}", picture.join("\n"));
        }
    }
}

#[test]
fn rows_become_columns() {
    let columns = [("day", Kind::Date), ("offset", Kind::Number), ("users", Kind::Number)];
    let grid = rows(&columns, &[&["03-01", "10", "3"], &["03-01", "2", "4"], &["03-02", "2", "5"]]);
    let turned = pivot(&grid, &[]).expect("three columns");
    assert_eq!(turned.names(), ["day", "2", "10"]);
    let texts: Vec<Vec<&str>> = turned.rows.iter().map(|row| row.iter().map(Cell::shown).collect()).collect();
    assert_eq!(texts, [["03-01", "4", "3"], ["03-02", "5", "NULL"]]);
    let twice = rows(&columns, &[&["03-01", "2", "3"], &["03-01", "2", "4"]]);
    assert!(pivot(&twice, &[]).expect_err("twice").contains("day = 03-01 and offset = 2"));
    // NULL is not the text 'NULL', in rows and in headings, and no two columns have one name. Names and what is not merged are
    // those of DuckDB, which leaves the column of NULL out.
    let columns = [("r", Kind::Text), ("h", Kind::Text), ("v", Kind::Number)];
    let grid_of_nulls = rows(
        &columns,
        &[&["a", "-", "1"], &["a", "NULL", "2"], &["b", "x", "3"], &["-", "x", "4"], &["NULL", "x", "5"]],
    );
    let turned = pivot(&grid_of_nulls, &[]).expect("three columns");
    assert_eq!(turned.names(), ["r", "NULL", "x", "NULL_1"]);
    let null_or = |value: Option<f64>| value.map_or(Cell::Null, Cell::number);
    let row = |head: Cell, values: [Option<f64>; 3]| {
        std::iter::once(head).chain(values.map(null_or)).collect::<Vec<Cell>>()
    };
    assert_eq!(
        turned.rows,
        [
            row(Cell::text("a"), [Some(2.0), None, Some(1.0)]),
            row(Cell::text("b"), [None, Some(3.0), None]),
            row(Cell::Null, [None, Some(4.0), None]),
            row(Cell::text("NULL"), [None, Some(5.0), None]),
        ]
    );
    let named_alike = rows(&columns, &[&["a", "r", "1"], &["a", "b", "2"], &["a", "r_1", "3"]]);
    assert_eq!(pivot(&named_alike, &[]).expect("three columns").names(), ["r", "r_1", "b", "r_1_1"]);
    assert!(
        pivot(&grid, &["day".into(), "ofset".into()]).expect_err("a slip").contains("did you mean 'offset'?")
    );
}

#[test]
fn changed_cells() {
    let columns = [("page", Kind::Text), ("views", Kind::Number)];
    let before = rows(&columns, &[&["a", "1"], &["b", "2"]]);
    let now = rows(&columns, &[&["b", "2"], &["a", "3"], &["c", "1"]]);
    let mut changed: Vec<(usize, usize)> = changes(&before, &now).into_iter().collect();
    changed.sort_unstable();
    assert_eq!(changed, [(1, 1), (2, 0), (2, 1)]);
    assert!(changes(&before, &before.clone()).is_empty());
}

#[test]
fn where_a_statement_ends() {
    for text in [
        "",
        "  ",
        "select 1;",
        "select ';';",
        "\\d",
        "select 1; -- and\n",
        "select $$;$$;",
        "quit",
        "select 1;;",
        // A command in a line of its own is run at once, the statement goes on after it.
        "select 1\n\\d",
        "select 1 -- one\n  \\q",
        "select 1\n\\set x it's",
    ] {
        assert!(is_complete(text), "{text}");
    }
    for text in [
        "select 1",
        "select ';",
        "select 1 -- ;",
        "select /* ;",
        "select $$;",
        "select \";",
        "select 1; select 2",
        "select '\n\\d",
        "select /*\n\\d",
        "select 1\n\\d\n, 2",
    ] {
        assert!(!is_complete(text), "{text}");
    }
    for (text, continued) in [("select 1\n", true), ("select 1\n,\n  ", true), ("select 1", false)] {
        assert_eq!(is_continued(text), continued, "{text}");
    }
    assert!(!is_continued("select 1;\n") && !is_continued("select 1\n, 2") && !is_continued("\n"));
    let sql = |text: &str| Input::Sql(text.to_string());
    let command = |text: &str| Input::Command(text.to_string());
    assert_eq!(
        inputs("select 1; select ';'\n;\\chart bar\n-- a comment\n\\set x it's\nselect '\n\\d' ; \\q"),
        [
            sql("select 1;"),
            sql("select ';'\n;"),
            command("chart bar"),
            command("set x it's"),
            sql("select '\n\\d' ;"),
            command("q")
        ]
    );
    assert_eq!(inputs("-- title: x\nselect 1"), [sql("-- title: x\nselect 1")]);
    // A command inside a statement runs before it and leaves an empty line, so that places stay.
    assert_eq!(
        inputs("select 1\n\\set x it's\n, 2\n  \\p\n; select 3;"),
        [
            command("set x it's"),
            Input::Open("select 1\n\n, 2".to_string()),
            sql("select 1\n\n, 2\n  \n;"),
            sql("select 3;")
        ]
    );
    assert_eq!(inputs("select 1\n\\r\nselect 2;"), [command("r"), sql("select 2;")]);
    assert_eq!(typed("select 1\n\\d"), (vec![command("d")], Some("select 1".to_string())));
    assert_eq!(typed("select 1\n\\r"), (vec![command("r")], None));
    assert_eq!(typed("select 1;\n\\d"), (vec![sql("select 1;"), command("d")], None));
    // A word of goodbye is a line of its own where a statement could begin.
    assert_eq!(
        inputs("select 1;\nExit;\nselect\nquit\n;"),
        [sql("select 1;"), command("q"), sql("select\nquit\n;")]
    );
    assert_eq!(inputs("-- nothing\n"), []);
}

#[test]
fn commands() {
    let watch = |seconds, times, until: Option<&str>| {
        Ok(Meta::Watch(Watch {
            every: Duration::from_secs(seconds),
            times,
            until: until.map(str::to_string),
        }))
    };
    let cases = [
        ("d", Ok(Meta::Describe(None))),
        ("d events;", Ok(Meta::Describe(Some("events".into())))),
        ("df funnel", Ok(Meta::Functions(Some("funnel".into())))),
        ("watch 5", watch(5, None, None)),
        ("watch", watch(2, None, None)),
        ("watch 1 10 until opens > 5", watch(1, Some(10), Some("opens > 5"))),
        (
            "chart heat day offset users",
            Ok(Meta::Chart {
                kind: Some(ChartKind::Heat),
                columns: vec!["day".into(), "offset".into(), "users".into()],
            }),
        ),
        ("chart dt", Ok(Meta::Chart { kind: None, columns: vec!["dt".into()] })),
        ("x", Ok(Meta::Expanded(None))),
        ("x auto", Ok(Meta::Expanded(Some(Expanded::Auto)))),
        ("set day:date 2026-03-01", Ok(Meta::Set(Some(("day:date".into(), Some("2026-03-01".into())))))),
        ("set name = 'it''s'", Ok(Meta::Set(Some(("name".into(), Some("it's".into())))))),
        ("set name", Ok(Meta::Set(Some(("name".into(), None))))),
        ("set name ''", Ok(Meta::Set(Some(("name".into(), Some(String::new())))))),
        ("unset $name", Ok(Meta::Unset("name".into()))),
        ("r", Ok(Meta::Reset)),
        ("o 'a b.csv'", Ok(Meta::Output(Some("a b.csv".into())))),
        (
            "report pages -p from=2026-03-01 -pto=2026-03-02",
            Ok(Meta::Report {
                name: Some("pages".into()),
                parameters: vec!["from=2026-03-01".into(), "to=2026-03-02".into()],
            }),
        ),
        // Quotes around a word or its value are taken off, others stay; a quote that stands twice is one.
        (
            "report analysis -p filter=in_segment('my buyers') -p event='page view'",
            Ok(Meta::Report {
                name: Some("analysis".into()),
                parameters: vec!["filter=in_segment('my buyers')".into(), "event=page view".into()],
            }),
        ),
        (
            "report analysis -p \"filter=event = 'it''s'\" -p filter='a'='b' -p filter=\"event = 'a b'\"",
            Ok(Meta::Report {
                name: Some("analysis".into()),
                parameters: vec![
                    "filter=event = 'it''s'".into(),
                    "filter='a'='b'".into(),
                    "filter=event = 'a b'".into(),
                ],
            }),
        ),
        ("i 'it''s.sql'", Ok(Meta::Include("it's.sql".into()))),
        ("history 5", Ok(Meta::History(Some(5)))),
        ("?", Ok(Meta::Help)),
        ("q", Ok(Meta::Quit)),
    ];
    for (line, expected) in cases {
        assert_eq!(parse(line), expected, "{line}");
    }
    for (line, words) in [
        ("sumary t", "did you mean 'summary'?"),
        ("char", "did you mean 'chart'?"),
        ("chart hat", "did you mean 'heat'?"),
        ("watch soon", "'soon' is not a number of seconds"),
        ("watch 5 0", "number of times"),
        ("timing onn", "did you mean 'on'?"),
        ("o 'a", "not closed"),
        ("summary", "\\summary TABLE"),
        ("unset", "\\unset NAME"),
        ("report a b", "'b' is neither"),
    ] {
        let message = parse(line).expect_err(line);
        assert!(message.contains(words), "{line}: {message}");
    }
}

#[test]
fn history_is_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = folder.path().display().to_string();
    let variable = |name: &str| (name == "HOME").then(|| home.clone());
    let path = history::path(variable).expect("a home");
    assert_eq!(path, folder.path().join(".local/state/footfall/history"));
    let state = |name: &str| (name == "XDG_STATE_HOME").then(|| home.clone());
    assert_eq!(history::path(state), Some(folder.path().join("footfall/history")));
    assert_eq!(history::read(&path).expect("no file is no error"), []);
    let entry = |text: &str, rows| Entry {
        at: 1_774_939_200,
        took: Duration::from_millis(412),
        rows,
        outcome: Outcome::Done,
        store: "shop".to_string(),
        text: text.to_string(),
    };
    let entries = [entry("select\t1 as \"a\\n\"\nfrom x;", Some(31)), entry("\\d", None)];
    for entry in &entries {
        history::append(&path, entry).expect("a folder that can be written to");
    }
    assert_eq!(history::read(&path).expect("the file"), entries);
}

#[test]
fn progress_never_falls_and_pagers_are_asked_for_long_answers() {
    let mut progress = Progress::default();
    let reading = |rows| Reading { rows, all_rows: 1_000_000, bytes: 5 << 20, memory: 80 << 20 };
    let line = progress.line(Duration::from_secs(2), reading(500_000), 100);
    assert_eq!(
        line,
        "2.0 s · 500,000 rows, 250,000 rows/s · 5.0 MB · memory 80.0 MB · 50 % · 2 s left · Ctrl-C cancels"
    );
    assert!(progress.line(Duration::from_secs(3), reading(400_000), 100).contains("50 %"));
    assert!(width(&progress.line(Duration::from_secs(3), reading(400_000), 30)) <= 30);
    let none = |_: &str| None;
    assert_eq!(pager(10, 80, (80, 24), none), None);
    assert_eq!(pager(24, 80, (80, 24), none).map(|words| words[0].clone()), Some("less".to_string()));
    assert_eq!(pager(24, 80, (80, 24), |name| (name == "PAGER").then(|| "cat".to_string())), None);
    assert_eq!(
        pager(24, 80, (80, 24), |name| (name == "PAGER").then(|| "more -d".to_string())),
        Some(vec!["more".into(), "-d".into()])
    );
}
