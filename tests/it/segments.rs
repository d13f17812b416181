//! Expected values: counted by hand from the nine events below; of the bundled month, the same figures asked in two ways.

use std::fs;
use std::path::Path;

use footfall::ask::{Arguments, Source, answer, parse};
use footfall::{Engine, EngineOptions};

use crate::batch::run;
use crate::support::{block_on, data, repository};

/// User, milliseconds since 2026-03-01T00:00:00Z, event, page. Opens (gaps of 30 minutes): ann 2, bob 1, cat 1, dan 2.
const EVENTS: [(&str, i64, &str, &str); 9] = [
    ("ann", 36_000_000, "page_view", "home"),
    ("ann", 36_300_000, "pay", ""),
    ("ann", 36_360_000, "page_view", "cart"),
    ("bob", 39_600_000, "page_view", "home"),
    ("dan", 32_400_000, "page_view", "home"),
    ("dan", 34_800_000, "page_view", "home"),
    ("ann", 122_400_000, "page_view", "home"),
    ("cat", 129_600_000, "page_view", "home"),
    ("cat", 129_660_000, "pay", ""),
];

const MARCH: i64 = 1_772_323_200_000;

/// Ann and cat.
const BUYERS: &str = "create view buyers as select user_id from events where event = 'pay'";

/// A folder with a store `st` of these events.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        place.land(&EVENTS);
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn land(&self, events: &[(&str, i64, &str, &str)]) {
        let line = |(user, ts, event, page): &(&str, i64, &str, &str)| {
            let page = if page.is_empty() { String::new() } else { format!(",\"page\":\"{page}\"") };
            format!("{{\"user_id\":\"{user}\",\"ts\":{},\"event\":\"{event}\"{page}}}\n", MARCH + ts)
        };
        self.write("events.jsonl", &events.iter().map(line).collect::<String>());
        self.ok(&["land", "events.jsonl", "--store", "st", "--tz", "UTC"]);
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.path(), arguments)
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.run(arguments);
        assert_eq!(code, 0, "footfall {}\n{out}{error}", arguments.join(" "));
        out
    }

    /// The answer of a query over the store, as CSV without its heading.
    fn ask(&self, options: &[&str], sql: &str) -> String {
        let arguments = [&["sql", "--store", "st", "--format", "csv"][..], options, &[sql]].concat();
        let out = self.ok(&arguments);
        out.split_once('\n').map(|(_, rows)| rows.trim_end().to_string()).unwrap_or_default()
    }

    /// What is wrong, and the exit code.
    fn refused(&self, options: &[&str], sql: &str) -> (i32, String) {
        let arguments = [&["sql", "--store", "st"][..], options, &[sql]].concat();
        let (code, out, error) = self.run(&arguments);
        assert_ne!(code, 0, "{sql}\n{out}");
        (code, error)
    }
}

#[test]
fn a_view_is_a_file_of_the_store() {
    // Expected: the next process sees it, by its text; it goes with DROP VIEW.
    let place = Place::new();
    let sql = "-- a list\nselect 1;\n\n-- title: Buyers | 买家\n-- question: Who\n--   paid?\n-- and more\n\
               CREATE VIEW Buyers AS\n  select user_id, count(*) as times -- how often\n  from events where event = 'pay' \
               group by user_id;\nselect count(*) as n from buyers";
    assert!(place.ok(&["sql", "--store", "st", "--format", "csv", sql]).ends_with("n\n2\n"));
    assert_eq!(
        place.read("st/views/buyers.sql"),
        "-- title: Buyers | 买家\n-- question: Who\n--   paid?\nselect user_id, count(*) as times -- how often\n  \
         from events where event = 'pay' group by user_id\n"
    );
    assert_eq!(place.ask(&[], "select user_id, times from buyers order by user_id"), "ann,1\ncat,1");

    // A view on it; what it reads is replaced, and it sees that at once and later.
    place.ok(&["sql", "--store", "st", "create view a_half (who) as select user_id from buyers limit 1"]);
    let replaced = "create or replace view buyers as select user_id from events where event = 'pay' and user_id = 'cat'; \
                    select who from a_half";
    assert_eq!(place.ask(&[], replaced), "cat");
    assert_eq!(place.ask(&[], "select who from a_half"), "cat");
    let (_, error) = place.refused(&[], "create view buyers as select 1 as user_id");
    assert!(error.contains("CREATE OR REPLACE VIEW buyers"), "{error}");
    place.ok(&["sql", "--store", "st", "create view if not exists buyers as select 'eve' as user_id"]);
    assert_eq!(place.ask(&[], "select * from buyers"), "cat");

    // Edited by hand.
    place.write("st/views/buyers.sql", "-- everybody\nselect distinct user_id from events;\n");
    assert_eq!(place.ask(&[], "select count(*) as n from buyers"), "4");

    // Of the session only.
    assert_eq!(place.ask(&[], "create temporary view t as select 7 as seven; select seven from t"), "7");
    assert!(!place.path().join("st/views/t.sql").exists());
    assert!(place.refused(&[], "create temporary view buyers as select 1 as a").1.contains("another name"));

    place.ok(&["sql", "--store", "st", "drop view a_half; drop view buyers; drop view if exists buyers"]);
    assert!(place.refused(&[], "drop view buyers").1.contains("buyers"));
    assert!(place.refused(&[], "select * from buyers").1.contains("buyers"));
    let left = fs::read_dir(place.path().join("st/views")).expect("the folder stays").count();
    assert_eq!(left, 0, "no temporary file is left");
    assert!(place.ok(&["verify", "--store", "st"]).len() > 1);
}

#[test]
fn what_cannot_be_a_saved_view() {
    // Expected: an error that says why, and no file.
    let place = Place::new();
    place.ok(&["sql", "--store", "st", BUYERS]);
    let long = format!("create view {} as select 1 as a", "x".repeat(201));
    let refused: [(&str, &str); 13] = [
        ("create view visits as select 1 as a", "every store has"),
        ("create or replace view events as select 1 as a", "every store has"),
        ("create view result as select 1 as a", "every store has"),
        ("create view \"Buyers\" as select 1 as a", "small letters"),
        ("create view \"../evil\" as select 1 as a", "small letters"),
        ("create view _a as select 1 as a", "small letters"),
        ("create view public.a as select 1 as a", "small letters"),
        (&long, "small letters"),
        ("create view a as select 1 as b, 2 as b", "b"),
        ("create view a as select nobody from events", "nobody"),
        ("create view a as select * from 'events.jsonl'", "this session only"),
        ("create temporary view t as select 1 as a; create view a as select * from t", "this session only"),
        ("create or replace view buyers as select * from buyers", "read itself"),
    ];
    for (sql, words) in refused {
        let (code, error) = place.refused(&[], sql);
        assert!(code == 1 && error.contains(words), "{sql}: {code}\n{error}");
    }
    let (_, error) =
        place.refused(&["-p", "n:int=1"], "create view a as select * from events where seq = $n");
    assert!(error.contains("$n") && error.contains("no parameters"), "{error}");
    // In a circle.
    place.ok(&["sql", "--store", "st", "create view a as select * from buyers"]);
    let (_, error) = place.refused(&[], "create or replace view buyers as select * from a");
    assert!(error.contains("by way of a"), "{error}");
    for sql in
        ["create view b as select 1 as a", "create temporary view b as select 1 as a", "drop view buyers"]
    {
        let (code, error) = place.refused(&["--read-only"], sql);
        assert!(code != 0 && error.contains("--read-only"), "{sql}: {error}");
    }
    let mut files: Vec<_> = fs::read_dir(place.path().join("st/views"))
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files, ["a.sql", "buyers.sql"]);
}

#[test]
fn a_view_that_does_not_plan_stops_no_other() {
    // Expected: c is there though d, on which it builds, comes later; b and what reads it tell the file of b.
    let place = Place::new();
    place.write("st/views/a.sql", "select * from b");
    place.write("st/views/b.sql", "select nobody from events");
    place.write("st/views/c.sql", "select count(*) as n from d");
    place.write("st/views/d.sql", "select user_id from events");
    place.write("st/views/e.sql", "drop table events");
    place.write("st/views/f.sql", "select 1 as a; select 2 as a");
    place.write("st/views/g.sql", "select * from events where dt = $day");
    place.write("st/views/visits.sql", "select 'not read' as a");
    place.write("st/views/No.sql", "select");
    fs::write(place.path().join("st/views/h.sql"), b"select '\xff' as a").expect("a file");
    assert_eq!(place.ask(&[], "select n from c"), "9");
    assert_eq!(place.ask(&[], "select count(*) as n from visits"), "7");
    for (view, words) in [
        ("a", "it reads view b"),
        ("b", "nobody"),
        ("e", "query"),
        ("f", "2 statements"),
        ("g", "$day"),
        ("h", "UTF-8"),
    ] {
        let (code, error) = place.refused(&[], &format!("select * from {view}"));
        let file = format!("{view}.sql");
        assert!(code == 1 && error.contains(&file) && error.contains(words), "{view}: {code}\n{error}");
    }
    // It can be replaced and dropped like any other.
    place.ok(&["sql", "--store", "st", "create or replace view b as select 'x' as user_id; drop view e"]);
    assert_eq!(place.ask(&[], "select user_id from a"), "x");
}

#[test]
fn views_that_read_each_other_are_named() {
    // Expected: by hand: a and b read each other, c itself, d what cannot be used, and so do e, f and g one after the other.
    let place = Place::new();
    for (view, query) in [
        ("a", "select * from b"),
        ("b", "select * from events join a using (user_id)"),
        ("c", "select * from c"),
        ("d", "select * from a"),
        ("e", "select * from f"),
        ("f", "select * from g"),
        ("g", "select * from e"),
    ] {
        place.write(&format!("st/views/{view}.sql"), query);
    }
    for (view, words) in [
        ("a", "views that read each other in a circle: a → b → a"),
        ("b", "views that read each other in a circle: b → a → b"),
        ("c", "it reads itself"),
        ("d", "it reads view a, which cannot be used either"),
        ("f", "views that read each other in a circle: f → g → e → f"),
    ] {
        let (code, error) = place.refused(&[], &format!("select * from {view}"));
        assert!(code == 1 && error.contains(words), "{view}: {code}\n{error}");
    }
}

const BY_FILTER: &str = "-- title: Events\n-- param filter filter = true : which events count\n\
    SELECT count(*) AS n FROM events LEFT JOIN users USING (user_id) WHERE event <> 'x' AND $filter\n";

const BY_STEP: &str = "-- title: Step\n-- param step filter = true : which events count\n\
    SELECT count(*) FILTER (WHERE $step) AS n FROM events\n";

#[test]
fn a_filter_asks_for_a_segment() {
    // Expected: 6 events of ann and cat, 3 of the others; 4 and 3 page views.
    let place = Place::new();
    place.ok(&["sql", "--store", "st", BUYERS]);
    // A row without a user must not take everybody else away.
    place.ok(&[
        "sql",
        "--store",
        "st",
        "create view holes as select user_id from buyers union all select null",
    ]);
    place.write("pack/by_filter.sql", BY_FILTER);
    place.write("pack/by_step.sql", BY_STEP);
    let report = |only: &str, parameter: &str| {
        let words =
            ["report", "--store", "st", "--pack", "pack", "--only", only, "--format", "csv", "-p", parameter];
        place.run(&words)
    };
    for (filter, expected) in [
        ("filter=in_segment('buyers')", "n\n6\n"),
        ("filter=not in_segment('buyers')", "n\n3\n"),
        ("filter=not in_segment('holes')", "n\n3\n"),
        ("filter=IN_SEGMENT('buyers') and page is not null", "n\n4\n"),
        ("filter=in_segment('buyers') or page = 'home'", "n\n9\n"),
        ("filter=in_segment('users')", "n\n9\n"),
    ] {
        let (code, out, error) = report("by_filter", filter);
        assert_eq!((code, out.as_str()), (0, expected), "{filter}: {error}");
    }
    for (only, parameter, words) in [
        (
            "by_filter",
            "filter=in_segment('bayers')",
            &["did you mean 'buyers'", "users", "parameter filter"][..],
        ),
        ("by_filter", "filter=in_segment('event_catalogue')", &["no column user_id"]),
        ("by_filter", "filter=in_segment(buyers)", &["in quotes"]),
        ("by_filter", "filter=in_segment('a', 'b')", &["in quotes"]),
        ("by_step", "step=in_segment('buyers')", &["parameter step", "FILTER", "--segment buyers"]),
    ] {
        let (code, _, error) = report(only, parameter);
        assert_eq!(code, 2, "{parameter}: {error}");
        assert!(words.iter().all(|word| error.contains(word)), "{parameter}: {error}");
    }
    let asked = |filter: &str, sql: &str| place.ask(&["-p", filter], sql);
    let of = "f:filter=in_segment('buyers')";
    assert_eq!(asked(of, "select count(*) as n from visits where $f"), "4");
    assert_eq!(
        asked(of, "select user_id from events group by user_id having $f order by user_id"),
        "ann\ncat"
    );
    assert_eq!(
        asked(of, "select e.user_id from events e join users u using (user_id) where seq = 0 and $f"),
        "ann"
    );
    assert_eq!(
        asked(of, "select coalesce(max(n), 0) as n from (select count(*) as n from sessions where $f)"),
        "3"
    );
}

#[test]
fn a_session_of_a_segment() {
    // Expected: of ann and cat: 6 events, 4 page views, 3 opens (ann 2, cat 1), 2 users.
    let place = Place::new();
    place.ok(&["sql", "--store", "st", BUYERS]);
    let of = ["--segment", "buyers"];
    let figures = "select (select count(*) from events) as events, (select count(*) from visits) as views, \
                   (select count(*) from sessions) as opens, (select count(*) from users) as users";
    assert_eq!(place.ask(&[], figures), "9,7,6,4");
    assert_eq!(place.ask(&of, figures), "6,4,3,2");
    assert_eq!(place.ask(&["--segment", "buyers", "--read-only"], figures), "6,4,3,2");
    assert_eq!(
        place.ask(&of, "select user_id, count(*) as n from sessions group by user_id order by 1"),
        "ann,2\ncat,1"
    );
    // Without the user among the columns that are read.
    assert_eq!(place.ask(&of, "select count(*) as n from events where page = 'home'"), "3");
    assert_eq!(place.ask(&of, "select max(page) as page from events where event = 'page_view'"), "home");
    // Nobody.
    place.ok(&["sql", "--store", "st", "create view nobody as select user_id from events where event = 'x'"]);
    assert_eq!(place.ask(&["--segment", "nobody"], figures), "0,0,0,0");
    let (code, error) = place.refused(&["--segment", "bayers"], "select 1");
    assert!(code == 2 && error.contains("did you mean 'buyers'"), "{error}");
    let (code, error) = place.refused(&["--segment", "quarantine"], "select 1");
    assert!(code == 2 && error.contains("no column user_id"), "{error}");
    let (code, _, _) = place.run(&["sql", "--segment", "buyers", "select 1"]);
    assert_eq!(code, 2, "--segment asks for --store");

    // In the order of the store: sessions are streamed, and nothing is sorted or sent to other partitions.
    let plan =
        place.ask(&of, "explain select session_dt, count(*), sum(stay_ms) from sessions group by session_dt");
    assert!(plan.contains("in segment buyers (2 users)") && plan.contains("SessionizeExec"), "{plan}");
    let below = plan.split("SessionizeExec").nth(1).unwrap_or_default();
    assert!(!below.contains("SortExec") && !below.contains("RepartitionExec"), "{plan}");
}

#[test]
fn a_segment_of_the_bundled_month() {
    // Expected: the figures of whole users are the same, whether the others are there or not.
    let place = Place(tempfile::tempdir().expect("a temporary folder"));
    let events = data("shop_month");
    let users = repository().join("data/shop_month/users.parquet");
    let [events, users] = [events, users].map(|file| file.display().to_string());
    place.ok(&["land", &events, "--store", "st"]);
    place.ok(&["land", &users, "--store", "st", "--table", "users"]);
    place.ok(&[
        "sql",
        "--store",
        "st",
        "create view buyers as select user_id from events where event = 'pay_success'",
    ]);
    let opens = |tail: &str| {
        format!(
            "select session_dt, count(*) as opens, count(distinct user_id) as users, sum(views) as views, \
             sum(depth) as depth, sum(stay_ms) as stay_ms, count(*) filter (where is_first) as firsts from sessions {tail} \
             group by session_dt order by session_dt"
        )
    };
    let of = ["--segment", "buyers"];
    let expected = place.ask(&[], &opens("where user_id in (select distinct user_id from buyers)"));
    assert_eq!(expected.lines().count(), 31, "{expected}");
    assert_eq!(place.ask(&of, &opens("")), expected);
    let funnel = |from: &str| {
        format!(
            "select level, count(*) as users from (select window_funnel(interval '1 day', ts, event = 'product_view', \
             event = 'add_to_cart', event = 'pay_success') as level from {from} group by user_id) group by level order by level"
        )
    };
    let whole = "(select * from events where user_id in (select distinct user_id from buyers))";
    assert_eq!(place.ask(&of, &funnel("events")), place.ask(&[], &funnel(whole)));
    let profiles = "select count(*) as users, count(gender) as known, count(first_dt) as came from users";
    let whole = format!("{profiles} where user_id in (select distinct user_id from buyers)");
    assert_eq!(place.ask(&of, profiles), place.ask(&[], &whole));
}

const OF_A_DAY: &str = "-- title: Views\n-- param from date = first_day : first day\n-- param to date = last_day : last day\n\
    SELECT count(*) AS views FROM events WHERE event = 'page_view' AND dt >= $from AND dt <= $to\n";

const OF_BUYERS: &str = "-- title: Views of buyers\n-- param from date = first_day : first day\n\
    -- param to date = last_day : last day\nSELECT count(*) AS views FROM events\n\
    WHERE event = 'page_view' AND dt >= $from AND dt <= $to AND user_id IN (SELECT user_id FROM buyers)\n";

/// Every day in a folder of its own, of which the name follows.
const EACH_DAY: [&str; 11] =
    ["report", "--store", "st", "--pack", "pack", "--each", "day", "--changed", "--format", "csv", "-o"];

#[test]
fn reports_of_a_segment() {
    // Expected: views of ann and cat: 2 on the first day, 2 on the second; of all users 5 and 2.
    let place = Place::new();
    place.ok(&["sql", "--store", "st", BUYERS]);
    place.write("pack/views.sql", OF_A_DAY);
    let each = |output: &str, more: &[&str]| place.ok(&[&EACH_DAY[..], &[output], more].concat());
    each("all", &[]);
    each("some", &["--segment", "buyers"]);
    let views = |file: &str| place.read(file).lines().nth(1).unwrap_or_default().to_string();
    assert_eq!([views("all/2026-03-01/views.csv"), views("all/2026-03-02/views.csv")], ["5", "2"]);
    assert_eq!([views("some/2026-03-01/views.csv"), views("some/2026-03-02/views.csv")], ["2", "2"]);
    let heading = place.ok(&["report", "--store", "st", "--pack", "pack", "--segment", "buyers"]);
    assert!(heading.contains("users of segment buyers") && heading.contains(" 4 |"), "{heading}");

    let plan = |output: &str, more: &[&str]| each(output, &[&["--plan"][..], more].concat());
    assert!(plan("some", &["--segment", "buyers"]).starts_with("0 of 2"));
    let found = plan("some", &[]);
    assert!(found.contains("users of a segment") && found.contains("2 of 2"), "{found}");
    // One more buyer: his events of all days count now, though only the second day has a new event.
    place.land(&[("bob", 130_000_000, "pay", "")]);
    let found = plan("some", &["--segment", "buyers"]);
    assert!(found.contains("who is in it") && found.contains("2 of 2"), "{found}");
    assert!(plan("all", &[]).contains("1 of 2"));
    each("some", &["--segment", "buyers"]);
    assert_eq!([views("some/2026-03-01/views.csv"), views("some/2026-03-02/views.csv")], ["3", "2"]);
    // Another definition, the same users.
    place.write(
        "st/views/buyers.sql",
        "select distinct user_id from events where event = 'pay' -- each once\n",
    );
    assert!(plan("some", &["--segment", "buyers"]).starts_with("0 of 2"));
}

#[test]
fn a_saved_view_is_an_input() {
    // Expected: a report that reads the view is computed again when its file changes, another one is not.
    let place = Place::new();
    place.ok(&["sql", "--store", "st", BUYERS]);
    place.write("pack/all.sql", OF_A_DAY);
    place.write("pack/buyers.sql", OF_BUYERS);
    let words = [&EACH_DAY[..], &["out"]].concat();
    place.ok(&words);
    let plan = || place.ok(&[&words[..], &["--plan"]].concat());
    assert!(plan().starts_with("0 of 2"));
    place.write("st/views/buyers.sql", "select user_id from events where event = 'pay' and user_id <> 'ann'");
    let found = plan();
    assert!(found.contains("buyers: the catalogue or a saved view changed"), "{found}");
    assert!(found.contains("2 of 2 to run, 2 reports"), "{found}");
    place.ok(&words);
    let views = |file: &str| place.read(file).lines().nth(1).unwrap_or_default().to_string();
    assert_eq!([views("out/2026-03-01/buyers.csv"), views("out/2026-03-02/buyers.csv")], ["0", "1"]);
}

#[test]
fn a_view_of_another_process_is_not_replaced_unasked() {
    // Expected: the second one is told that there is one by now, and the file is that of the first.
    let place = Place::new();
    let open =
        || block_on(Engine::open(&place.path().join("st"), &EngineOptions::default())).expect("a store");
    let (ours, theirs) = (open(), open());
    let run = |engine: &Engine, sql: &str| {
        let source = Source::new("<sql>", sql);
        let statement = parse(&source).expect("SQL").remove(0);
        block_on(answer(engine.context(), &source, &statement, &Arguments::default()))
    };
    run(&theirs, "create view seg as select 'theirs' as user_id").expect("a free name");
    let error = run(&ours, "create view seg as select 'ours' as user_id").expect_err("a name that is taken");
    let error = error.to_string();
    assert!(error.contains("view seg exists") && error.contains("CREATE OR REPLACE VIEW seg"), "{error}");
    assert_eq!(place.read("st/views/seg.sql"), "select 'theirs' as user_id\n");
    run(&ours, "create view if not exists seg as select 'ours' as user_id").expect("it exists");
    assert_eq!(place.ask(&[], "select * from seg"), "theirs");
    // A name with the schema before it is no way around the file.
    let (_, error) = place.refused(&[], "drop view public.seg");
    assert!(error.contains("DROP VIEW seg"), "{error}");
    for (kept, help) in [
        ("table seg", "DROP VIEW seg"),
        ("table events", "every store has"),
        ("view visits", "every store has"),
    ] {
        let (_, error) = place.refused(&[], &format!("drop {kept}"));
        assert!(error.contains(help), "{kept}: {error}");
    }
    assert_eq!(place.ask(&[], "select * from seg"), "theirs");
}
