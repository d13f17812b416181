//! Which files are meant? A name, a pattern, or a folder, each looked at again and again: logs appear, are renamed, and go.
//!
//! | given | logs that grow | files that land as a whole |
//! |---|---|---|
//! | a file | it, whether it exists yet or not | – |
//! | a pattern | what matches | .parquet, .gz and .zst that match |
//! | a folder | its files with a known extension, `app.jsonl.1` included | .parquet, .gz and .zst |
//!
//! Beside each named or matching log lie those that it was renamed or copied to, such as `app.log.1`: they are read to their
//! end if they were followed before.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use datafusion::common::{Result, exec_datafusion_err, plan_datafusion_err, plan_err};
use glob::{MatchOptions, Pattern, glob_with};

use super::super::input::format_of;
use super::super::pass::naming;
use super::super::{Format, LandOptions};

/// What was given.
#[derive(Debug)]
pub(super) enum Place {
    File(PathBuf),
    Pattern(String),
    Folder(PathBuf),
}

impl Place {
    pub(super) fn parse(given: &str, options: &LandOptions) -> Result<Self> {
        let path = Path::new(given);
        if given == "-" {
            return plan_err!(
                "stdin cannot be followed: it has no place to go on from; name a file or a folder"
            );
        }
        if path.is_dir() {
            if options.format.is_some() {
                format_of(path, options)?;
            }
            return Ok(Self::Folder(path.to_owned()));
        }
        if !path.exists() && given.contains(['*', '?', '[']) {
            Pattern::new(given).map_err(|e| plan_datafusion_err!("pattern '{given}': {e}"))?;
            return Ok(Self::Pattern(given.to_owned()));
        }
        match kind_of_log(path, options)? {
            Kind::Grows(_) => Ok(Self::File(path.to_owned())),
            Kind::Whole(_) => plan_err!(
                "{given}: a file that is Parquet, .gz or .zst does not grow; follow its folder, or land it without following"
            ),
        }
    }

    /// The files that are there now.
    pub(super) fn list(&self, options: &LandOptions) -> Result<Vec<Found>> {
        match self {
            Self::File(path) => {
                let there = path.is_file().then(|| path.clone());
                let mut found = logs(there.as_slice(), options);
                found.extend(renamed(std::slice::from_ref(path), options)?);
                Ok(found)
            }
            Self::Folder(folder) => {
                let files = names(folder)?.into_iter().filter_map(|name| {
                    let kind = kind_of_name(&name, options)?;
                    Some(Found { path: folder.join(name), kind, renamed: false })
                });
                Ok(files.collect())
            }
            Self::Pattern(pattern) => {
                let matching = MatchOptions {
                    case_sensitive: true,
                    require_literal_separator: true,
                    require_literal_leading_dot: true,
                };
                let paths = glob_with(pattern, matching)
                    .map_err(|e| exec_datafusion_err!("pattern '{pattern}': {e}"))?;
                let paths: Vec<PathBuf> = paths.flatten().filter(|path| path.is_file()).collect();
                let mut found = logs(&paths, options);
                found.extend(renamed(&paths, options)?);
                Ok(found)
            }
        }
    }
}

/// A file that is there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    /// It counts only if it was followed before.
    pub(super) renamed: bool,
}

/// How a file lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Grows(Format),
    Whole(Format),
}

/// Of a file that was named, or matches a pattern.
fn kind_of_log(path: &Path, options: &LandOptions) -> Result<Kind> {
    let name = name_of(path);
    let (plain, packed) = unpacked_name(&name);
    let format =
        format_of(&path.with_file_name(without_rotation(plain)), options).map_err(|e| naming(path, e))?;
    Ok(if packed || format == Format::Parquet { Kind::Whole(format) } else { Kind::Grows(format) })
}

fn unpacked_name(name: &str) -> (&str, bool) {
    match name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")) {
        Some(plain) => (plain, true),
        None => (name, false),
    }
}

/// Those that are logs by their names.
fn logs(paths: &[PathBuf], options: &LandOptions) -> Vec<Found> {
    let found = |path: &PathBuf| {
        let kind = kind_of_log(path, options).ok()?;
        Some(Found { path: path.clone(), kind, renamed: false })
    };
    paths.iter().filter_map(found).collect()
}

/// Of a file in a folder; `None` if it is none of ours.
fn kind_of_name(name: &str, options: &LandOptions) -> Option<Kind> {
    let name = name.to_lowercase();
    let (plain, packed) = unpacked_name(&name);
    let extension = without_rotation(plain).rsplit_once('.').map_or("", |(_, last)| last);
    let given = options.format.or(options.map.format());
    let format = match (extension, given) {
        ("parquet", None | Some(Format::Parquet)) => Format::Parquet,
        ("jsonl" | "ndjson" | "json", None | Some(Format::Jsonl)) => Format::Jsonl,
        ("csv", None | Some(Format::Csv)) => Format::Csv,
        // Names that logs of any format have.
        ("log" | "txt" | "", Some(format)) => format,
        _ => return None,
    };
    Some(if packed || format == Format::Parquet { Kind::Whole(format) } else { Kind::Grows(format) })
}

/// `app.log` of `app.log.1`, `app.log-20260801` and `app.log.2026-08-01.2`.
fn without_rotation(name: &str) -> &str {
    let is_part = |c: char| c.is_ascii_digit() || ['.', '-', '_', ':'].contains(&c);
    let stem = name.trim_end_matches(is_part);
    let numbered =
        name[stem.len()..].starts_with(['.', '-', '_']) && name.ends_with(|c: char| c.is_ascii_digit());
    if numbered { stem } else { name }
}

/// Files beside `logs` whose names are theirs with a number or a date.
fn renamed(logs: &[PathBuf], options: &LandOptions) -> Result<Vec<Found>> {
    let named: HashSet<&Path> = logs.iter().map(PathBuf::as_path).collect();
    let folders: HashSet<&Path> = logs.iter().filter_map(|log| log.parent()).collect();
    let mut found = vec![];
    for folder in folders {
        let here = if folder == Path::new("") { Path::new(".") } else { folder };
        if !here.is_dir() {
            continue;
        }
        for name in names(here)? {
            let (path, stem) = (folder.join(&name), folder.join(without_rotation(&name)));
            if path == stem || named.contains(path.as_path()) || !named.contains(stem.as_path()) {
                continue;
            }
            if let Kind::Grows(format) = kind_of_log(&stem, options)? {
                found.push(Found { path, kind: Kind::Grows(format), renamed: true });
            }
        }
    }
    Ok(found)
}

/// The files of a folder that are not hidden, in order.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).map_err(|e| exec_datafusion_err!("{}: {e}", folder.display()))?;
    let mut names = vec![];
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_file() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
