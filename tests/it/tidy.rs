//! House rules that a machine can check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use footfall::functions::all;

use crate::support::repository;

/// Which modules a module may name: the drawing in `lib.rs`, as a table. `calendar`, `config`, `error` and `parquet_gate` may be named by all.
const MAY_USE: [(&str, &[&str]); 16] = [
    ("generate", &[]),
    ("folder", &[]),
    ("land", &["store"]),
    ("store", &[]),
    ("tables", &["store", "functions", "plan"]),
    ("functions", &[]),
    ("plan", &["functions"]),
    ("codec", &["functions", "plan", "tables", "store"]),
    ("engine", &["functions", "plan", "folder", "tables", "store"]),
    ("ask", &["engine", "folder"]),
    ("report", &["ask", "engine"]),
    ("repl", &["ask", "engine", "functions", "report", "store"]),
    ("calendar", &[]),
    ("config", &[]),
    ("error", &[]),
    ("parquet_gate", &[]),
];

#[test]
fn modules_use_each_other_in_one_direction() {
    // Expected: the table above.
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.into();
    let source = repository().join("src");
    let mut wrong = Vec::new();
    for file in files(&source, "rs") {
        let relative = file.strip_prefix(&source).expect("a file of the folder");
        let module = relative
            .components()
            .next()
            .map(|first| first.as_os_str().to_string_lossy().replace(".rs", ""))
            .unwrap_or_default();
        if ["lib", "main", "cli", "commands"].contains(&module.as_str()) {
            continue;
        }
        let Some(allowed) = allowed.get(module.as_str()) else {
            wrong.push(format!("src/{module}: not in the table of modules"));
            continue;
        };
        let text = read(&file);
        for used in used_modules(&text) {
            let fine = used == module
                || ["calendar", "config", "error", "parquet_gate"].contains(&used.as_str())
                || allowed.contains(&used.as_str());
            if !fine {
                wrong.push(format!("{} uses {used}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// First words after `crate::`, in `use` lines, paths and groups; comments do not count.
fn used_modules(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let word =
        |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        // `footfall_crate::` or `$crate::` is something else.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split('}').next().unwrap_or_default();
                used.extend(group.split(',').map(|item| word(item.trim())));
            }
            None => used.push(word(rest)),
        }
    }
    // Items that lib.rs re-exports are not modules.
    used.retain(|name| name.starts_with(|c: char| c.is_lowercase()) && !name.ends_with("_err"));
    used
}

#[test]
fn every_function_has_its_file_its_suite_and_its_page() {
    // Expected: a function's name is the name of its file, of its suite file and of a section of the reference.
    let (source, suite) = (repository().join("src/functions"), repository().join("tests/sql"));
    let names = |folder: &Path, extension: &str| -> Vec<String> {
        files(folder, extension)
            .iter()
            .filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()))
            .collect()
    };
    let (sources, suites) = (names(&source, "rs"), names(&suite, "slt"));
    let reference = read(&repository().join("sql/README.md"));
    let mut missing = Vec::new();
    for function in all().into_iter().filter(|function| function.states_of().is_none()) {
        let name = function.name().to_string();
        if !sources.contains(&name) {
            missing.push(format!("src/functions/**/{name}.rs"));
        }
        if !suites.contains(&name) {
            missing.push(format!("tests/sql/**/{name}.slt"));
        }
        match function.documentation() {
            None => missing.push(format!("documentation of {name}")),
            Some(page) if page.sql_example.is_none() => missing.push(format!("an example of {name}")),
            Some(_) => {}
        }
        if !reference.contains(&name) {
            missing.push(format!("{name} in sql/README.md"));
        }
    }
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}

#[test]
fn the_reference_is_fresh() {
    // Expected: the generated page, which `footfall functions` prints too.
    let found = read(&repository().join("sql/README.md"));
    let generated = footfall::functions::docs::reference();
    assert!(found == generated, "sql/README.md is stale; write it again: footfall functions > sql/README.md");
}

#[test]
fn one_arrow_and_one_datafusion() {
    // Expected: one version each; a second one would make two kinds of every array.
    let lock = read(&repository().join("Cargo.lock"));
    for package in ["arrow", "arrow-array", "arrow-schema", "parquet", "datafusion", "object_store"] {
        let versions = lock.matches(&format!("name = \"{package}\"\n")).count();
        assert_eq!(versions, 1, "{package} stands {versions} times in Cargo.lock");
    }
}

#[test]
fn no_path_of_somebodys_machine() {
    // Expected: a fresh clone anywhere is the same; files that name a folder of one machine are found.
    let folders = ["work", "root", "home", "tmp"].map(|folder| format!("/{folder}/"));
    let mut found = Vec::new();
    for folder in ["src", "sql", "data", "tests"] {
        for extension in ["rs", "sql", "slt", "md", "toml", "py", "sh", "jsonl", "csv"] {
            for file in files(&repository().join(folder), extension) {
                let text = read(&file);
                for (number, line) in text.lines().enumerate() {
                    let bad = folders.iter().any(|path| {
                        line.match_indices(path.as_str())
                            .any(|(at, _)| at == 0 || line[..at].ends_with([' ', '"', '=', '(', '`', '\'']))
                    });
                    if bad {
                        found.push(format!("{}:{}: {line}", file.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_ships_is_described() {
    // Expected: design.md's rule that each data set lies beside its README, and that data/README.md lists it.
    let list = read(&repository().join("data/README.md"));
    for entry in std::fs::read_dir(repository().join("data")).expect("the data folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && entry.path().join("events.parquet").exists() {
            assert!(entry.path().join("README.md").exists(), "data/{name} has no README.md");
            assert!(list.contains(&name), "data/README.md does not name {name}");
        }
    }
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// All files under a folder with an extension, in order.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
