//! Which files were named? Patterns become the files that match, `-` becomes a file that holds what stdin gave.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_datafusion_err, plan_err};
use glob::{MatchOptions, glob_with};
use tempfile::TempDir;

use super::Format;

/// The files to land. What stdin gave is there as long as this is.
#[derive(Debug)]
pub struct Sources {
    /// Each file once; those of a pattern by name, the patterns in the order in which they were given.
    pub files: Vec<PathBuf>,
    stdin: Option<TempDir>,
}

impl Sources {
    /// Whether one of the files is stdin.
    pub fn has_stdin(&self) -> bool {
        self.stdin.is_some()
    }
}

/// The files that `given` names. A name of a file that exists is that file, whatever it would mean as a pattern.
///
/// Reads stdin to its end if it is named.
pub fn sources(given: &[String], format: Option<Format>) -> Result<Sources> {
    let mut files = vec![];
    let mut stdin = None;
    for name in given {
        if name == STDIN {
            if stdin.is_none() {
                let (folder, file) = spool(format)?;
                stdin = Some(folder);
                files.push(file);
            }
        } else if Path::new(name).exists() || !is_pattern(name) {
            let file = PathBuf::from(name);
            std::fs::metadata(&file).map_err(|e| exec_datafusion_err!("cannot read {name}: {e}"))?;
            files.push(file);
        } else {
            files.extend(matching(name)?);
        }
    }
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
    Ok(Sources { files, stdin })
}

const STDIN: &str = "-";
/// Begins the name of the folder in which stdin is kept, and is no name that a folder has by chance.
const SPOOL: &str = "footfall-stdin-";

/// What a source is called in messages and in the store.
pub fn shown(source: &Path) -> String {
    let folder = source.parent().and_then(Path::file_name);
    match folder.is_some_and(|folder| folder.to_string_lossy().starts_with(SPOOL)) {
        true => "<stdin>".to_owned(),
        false => source.display().to_string(),
    }
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

fn matching(pattern: &str) -> Result<Vec<PathBuf>> {
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let found = glob_with(pattern, options).map_err(|e| plan_datafusion_err!("pattern '{pattern}': {e}"))?;
    let mut files = vec![];
    for file in found {
        let file = file.map_err(|e| exec_datafusion_err!("pattern '{pattern}': {e}"))?;
        if !file.is_dir() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return exec_err!("no file matches '{pattern}'");
    }
    files.sort();
    Ok(files)
}

/// Stdin as a file: an input is read twice, once to know it and once to land it.
fn spool(format: Option<Format>) -> Result<(TempDir, PathBuf)> {
    if format.is_none() {
        return plan_err!(
            "stdin has no name that tells its format; give it as {}",
            Format::NAMES[..Format::NAMES.len() - 1].join(", ")
        );
    }
    let failed = |e: std::io::Error| exec_datafusion_err!("cannot keep stdin in a temporary file: {e}");
    let folder = tempfile::Builder::new().prefix(SPOOL).tempdir().map_err(failed)?;
    let path = folder.path().join("stdin");
    let mut file = std::fs::File::create(&path).map_err(failed)?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file).map_err(failed)?;
    file.flush().map_err(failed)?;
    Ok((folder, path))
}
