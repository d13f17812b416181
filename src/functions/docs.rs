//! The reference of all functions, written from the documentation that each one carries.

use std::fmt::Write;

use super::{Function, all};
use crate::error::did_you_mean;

/// The whole reference as Markdown: a table of contents, then a page for each function, mission by mission.
pub fn reference() -> String {
    let functions = answering();
    let mut missions: Vec<&str> = Vec::new();
    for function in &functions {
        let mission = mission(function);
        if !missions.contains(&mission) {
            missions.push(mission);
        }
    }
    let mut contents = String::from("| function | kind | question |\n|---|---|---|\n");
    let mut pages = String::new();
    for name in missions {
        let mine: Vec<&Function> = functions.iter().filter(|f| mission(f) == name).collect();
        let question = mine.iter().find_map(|function| function.documentation()?.doc_section.description);
        pages.push_str(&format!("\n## {name}\n"));
        if let Some(question) = question {
            pages.push_str(&format!("\n{question}\n"));
        }
        for function in mine {
            let (name, kind) = (function.name(), function.kind());
            // The first sentence of a description is the question that the function answers.
            let first =
                function.documentation().map(|docs| first_sentence(&docs.description)).unwrap_or_default();
            contents.push_str(&format!("| {} | {kind} | {first} |\n", link(name)));
            pages.push('\n');
            pages.push_str(&write_page(function));
        }
    }
    format!("{contents}{pages}{STATES}")
}

/// All functions but those of stored states, of which one section speaks.
pub fn answering() -> Vec<Function> {
    all().into_iter().filter(|function| function.states_of().is_none()).collect()
}

const STATES: &str = "
## Stored states

How do daily figures roll up without reading events again? Every aggregate `f` of funnels, retention, sequences, paths and
counts has three more functions:

| function | result |
|---|---|
| `f_state(arguments of f)` | Binary: what `f` keeps of a group, with the parameters of the call |
| `f_merge(state [, {ts: ts, value: value}])` | what `f` would answer over all rows whose states are merged; NULL over no state |
| `f_merge_state(state)` | Binary: one state out of many; NULL over no state |

The order of merging makes no difference, NULL states are ignored. A state begins with `FFS`, a version, the function and
its parameters; states of other parameters, of another function or of a newer version are an error. Where an answer holds
times or values that are no Timestamp(µs) and no text, `ts` and `value` give any expression of their types.

```sql
CREATE TABLE daily AS
SELECT dt, user_id, window_funnel_state(INTERVAL '1 day', ts, event = 'view', event = 'pay') AS state
FROM events GROUP BY dt, user_id;

SELECT user_id, window_funnel_merge(state) AS level FROM daily GROUP BY user_id;
```
";

/// The page of one function or table form, by its name or an alias in any case; `None` when there is no such one.
pub fn page(name: &str) -> Option<String> {
    named(name).as_ref().map(write_page)
}

/// The function or table form of this name or alias in any case.
pub fn named(name: &str) -> Option<Function> {
    let name = name.to_lowercase();
    all().into_iter().find(|function| function.name() == name || function.aliases().contains(&name))
}

/// What to say where no function has this name.
pub fn unknown(name: &str) -> String {
    let functions = answering();
    let names: Vec<&str> = functions.iter().map(|function| function.name()).collect();
    match did_you_mean(name, &names) {
        hint if hint.is_empty() => {
            format!("Footfall has no function '{name}'; it has {}", names.join(", "))
        }
        hint => format!("Footfall has no function '{name}'{hint}"),
    }
}

/// A link to the page of a function. A mission of the same name stands before it and has the plain anchor.
fn link(name: &str) -> String {
    let is_mission = all().iter().any(|function| mission(function).eq_ignore_ascii_case(name));
    format!("[`{name}`](#{name}{})", if is_mission { "-1" } else { "" })
}

fn mission(function: &Function) -> &'static str {
    function.documentation().map_or("Functions", |docs| docs.doc_section.label)
}

fn first_sentence(description: &str) -> String {
    let end = description.find(['.', '?', '\n']).map_or(description.len(), |end| end + 1);
    description[..end].trim().replace('|', "\\|")
}

fn write_page(function: &Function) -> String {
    let mut page = String::new();
    write_into(&mut page, function).expect("writing to a String does not fail");
    page
}

fn write_into(page: &mut String, function: &Function) -> std::fmt::Result {
    writeln!(page, "### {}\n", function.name())?;
    let Some(docs) = function.documentation() else {
        return writeln!(page, "{}", function.kind());
    };
    writeln!(page, "```sql\n{}", docs.syntax_example)?;
    for syntax in docs.alternative_syntax.iter().flatten() {
        writeln!(page, "{syntax}")?;
    }
    writeln!(page, "```\n\n{}", docs.description.trim_end())?;
    if let Some(arguments) = &docs.arguments {
        writeln!(page, "\n| argument | meaning |\n|---|---|")?;
        for (name, meaning) in arguments {
            let meaning = meaning.replace('|', "\\|").replace('\n', " ");
            writeln!(page, "| `{name}` | {meaning} |")?;
        }
    }
    if let Some(example) = &docs.sql_example {
        writeln!(page, "\n```sql\n{}\n```", example.trim_end())?;
    }
    if let Some(related) = &docs.related_udfs {
        let links: Vec<String> = related.iter().map(|name| link(name)).collect();
        writeln!(page, "\nSee also {}.", links.join(", "))?;
    }
    Ok(())
}
