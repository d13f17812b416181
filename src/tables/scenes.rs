//! Tables `source_keys` and `scene_tree`: what a WeChat scene value stands for, in both of WeChat's groupings.
//!
//! They are data, because WeChat adds scenes about every year: a file of the same name in the store's folder `scenes` takes
//! the place of the one that is built in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use xxhash_rust::xxh3::xxh3_128;

use crate::store::Store;

const FOLDER: &str = "scenes";

/// A table's name, its columns and its text; the last column is the scene.
struct Scenes {
    name: &'static str,
    columns: [&'static str; 3],
    text: &'static str,
}

const TABLES: [Scenes; 2] = [
    Scenes {
        name: "source_keys",
        columns: ["key", "source", "scene"],
        text: include_str!("../../data/scenes/source_keys.csv"),
    },
    Scenes {
        name: "scene_tree",
        columns: ["channel", "sub_channel", "scene"],
        text: include_str!("../../data/scenes/scene_tree.csv"),
    },
];

/// Registers both.
pub(super) fn register(context: &SessionContext, store: &Store) -> Result<()> {
    for table in &TABLES {
        let batch = table.read(&table.file(store.root()))?;
        context
            .register_table(table.name, Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))?;
    }
    Ok(())
}

/// What the store's own files say, hashed; empty where there are none.
pub fn scenes_version(store: &Path) -> Result<String> {
    let mut hashes = String::new();
    for table in &TABLES {
        match std::fs::read(table.file(store)) {
            Ok(bytes) => hashes.push_str(&format!("{:032x}", xxh3_128(&bytes))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return exec_err!("cannot read {}: {e}", table.file(store).display()),
        }
    }
    Ok(hashes)
}

impl Scenes {
    fn file(&self, store: &Path) -> PathBuf {
        store.join(FOLDER).join(format!("{}.csv", self.name))
    }

    /// The rows of `file`, or those that are built in if there is no such file.
    fn read(&self, file: &Path) -> Result<RecordBatch> {
        match std::fs::read_to_string(file) {
            // Spreadsheets begin a file with a mark of its encoding.
            Ok(text) => self.parse(text.trim_start_matches('\u{feff}'), &file.display().to_string()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => self.parse(self.text, self.name),
            Err(e) => exec_err!("cannot read {}: {e}", file.display()),
        }
    }

    fn parse(&self, text: &str, name: &str) -> Result<RecordBatch> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let columns = reader.headers().map_err(|e| exec_datafusion_err!("{name}: {e}"))?;
        if columns.iter().ne(self.columns) {
            let found: Vec<&str> = columns.iter().collect();
            return exec_err!(
                "{name}, line 1: the columns must be {}, found {}",
                self.columns.join(","),
                found.join(",")
            );
        }
        let (mut first, mut second, mut scenes) = (vec![], vec![], vec![]);
        let mut lines = HashMap::new();
        let mut lines_of_rows = vec![];
        for row in reader.records() {
            let row = row.map_err(|e| exec_datafusion_err!("{name}: {e}"))?;
            let line = row.position().map_or(0, csv::Position::line);
            let scene = match &row[2] {
                "" => None,
                text => Some(text.parse::<i32>().map_err(|_| {
                    exec_datafusion_err!("{name}, line {line}: a scene is a whole number, found '{text}'")
                })?),
            };
            // Twice in the table, an open of this scene would count twice.
            if let Some(known) = scene.and_then(|scene| lines.insert(scene, line)) {
                return exec_err!("{name}, line {line}: scene {} stands in line {known} already", &row[2]);
            }
            lines_of_rows.push(line);
            first.push(row[0].to_string());
            second.push(row[1].to_string());
            scenes.push(scene);
        }
        let first: ArrayRef = if self.columns[0] == "key" {
            let keys = first.iter().zip(&lines_of_rows).map(|(key, line)| {
                key.parse::<i64>().map_err(|_| {
                    exec_datafusion_err!("{name}, line {line}: a key is a whole number, found '{key}'")
                })
            });
            Arc::new(Int64Array::from(keys.collect::<Result<Vec<_>>>()?))
        } else {
            Arc::new(StringArray::from(first))
        };
        let second: ArrayRef = Arc::new(StringArray::from(second));
        let scenes: ArrayRef = Arc::new(Int32Array::from(scenes));
        Ok(RecordBatch::try_from_iter_with_nullable([
            (self.columns[0], first, false),
            (self.columns[1], second, false),
            (self.columns[2], scenes, true),
        ])?)
    }
}
