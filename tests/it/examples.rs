//! The examples of the reference: what they show is what the engine answers.

use footfall::functions::all;
use footfall::{Engine, EngineOptions};

use crate::support::try_ask;

#[test]
fn every_example_gives_the_rows_it_shows() {
    // Expected: the lines `-- a | b` at the end of each example, worked out by hand; values as Arrow prints them.
    let engine = Engine::new(&EngineOptions::default()).expect("a session");
    let mut wrong = Vec::new();
    // An example of stored states would be one of the aggregate they belong to.
    for function in all().into_iter().filter(|function| function.states_of().is_none()) {
        let Some(example) = function.documentation().and_then(|page| page.sql_example.as_deref()) else {
            continue;
        };
        let sql: Vec<&str> = example.lines().filter(|line| !line.starts_with("-- ")).collect();
        let shown: Vec<&str> = example.lines().filter_map(|line| line.strip_prefix("-- ")).collect();
        match try_ask(&engine, &sql.join("\n")) {
            Ok(rows) => {
                let rows: Vec<String> = rows.iter().map(|row| row.join(" | ")).collect();
                if shown.is_empty() || rows != shown {
                    let name = function.name();
                    wrong.push(format!("{name} shows\n{}\nand is\n{}", shown.join("\n"), rows.join("\n")));
                }
            }
            Err(error) => wrong.push(format!("{}: {error}", function.name())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
