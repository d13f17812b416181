//! `session_key(user, ts, gap [, {options, salt: ''}]) OVER (PARTITION BY user ORDER BY ts)`: a name for the session that
//! late rows and incremental loads do not change.
//!
//! ```text
//! key = xxh3-128 of  ┌ user, UTF-8 ┬ session start, µs, 8 bytes LE ┬ salt, UTF-8 ┐   as 32 hex digits
//! ```
//!
//! An integer user is hashed by its decimal digits, so that a key does not depend on the type of the column; the start is
//! in microseconds since 1970 whatever the unit of `ts`, the number itself where `ts` is an integer. For one salt different
//! pairs of user and start never give the same bytes. NULL where `ts` or `user` is NULL.
//! One pass, O(1) state for each user; one hash a session.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayBuilder, ArrayRef, StringBuilder};
use datafusion::common::Result;
use datafusion::logical_expr::Documentation;
use xxhash_rust::xxh3::xxh3_128;

use super::facts::{Facts, users};
use super::options::SessionSpec;
use super::walk::Walk;
use crate::error::footfall_internal_err;

const DIGITS: usize = 32;

/// Nothing later changes a session's start, so rows are ready at once.
#[derive(Debug)]
pub(crate) struct KeyRunner {
    spec: Arc<SessionSpec>,
    walk: Walk,
    key: SessionKey,
    done: VecDeque<ArrayRef>,
}

impl KeyRunner {
    pub(super) fn new(spec: Arc<SessionSpec>) -> Self {
        Self {
            walk: Walk::new(Arc::clone(&spec)),
            key: SessionKey::new(spec.salt.clone()),
            spec,
            done: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, inputs: &[ArrayRef], user_starts: &[usize]) -> Result<()> {
        let facts = Facts::new(&self.spec, inputs)?;
        let users = users(&self.spec, inputs)?;
        let rows = facts.ts.len();
        let mut keys = StringBuilder::with_capacity(rows, rows * DIGITS);
        let (key, unit) = (&mut self.key, self.spec.rule.unit);
        self.walk.rows(&facts, user_starts, |row, ts, starts| {
            if starts {
                key.start(unit.micros(ts));
            }
            if users.is_valid(row) {
                keys.append_nulls(row - keys.len());
                keys.append_value(key.of(users.value(row)));
            }
        })?;
        keys.append_nulls(rows - keys.len());
        self.done.push_back(Arc::new(keys.finish()));
        Ok(())
    }

    pub(super) fn ready(&self) -> usize {
        self.done.iter().map(|keys| keys.len()).sum()
    }

    pub(super) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        match self.done.pop_front() {
            Some(keys) if keys.len() == rows => Ok(keys),
            _ => footfall_internal_err!("session_key was asked for {rows} rows that are no batch"),
        }
    }
}

/// The key of the session that is on.
#[derive(Debug)]
struct SessionKey {
    salt: String,
    start: i64,
    user: String,
    digits: String,
    /// What is hashed.
    bytes: Vec<u8>,
}

impl SessionKey {
    fn new(salt: String) -> Self {
        Self { salt, start: 0, user: String::new(), digits: String::new(), bytes: vec![] }
    }

    fn start(&mut self, micros: i64) {
        self.start = micros;
        self.digits.clear();
    }

    fn of(&mut self, user: &str) -> &str {
        if self.digits.is_empty() || self.user != user {
            self.user.clear();
            self.user.push_str(user);
            self.bytes.clear();
            self.bytes.extend_from_slice(user.as_bytes());
            self.bytes.extend_from_slice(&self.start.to_le_bytes());
            self.bytes.extend_from_slice(self.salt.as_bytes());
            self.digits.clear();
            write!(self.digits, "{:032x}", xxh3_128(&self.bytes)).expect("a String takes any text");
        }
        &self.digits
    }
}

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Names each row's session by a text that is the same in every load: it depends on the user and the session's start, \
         not on how many sessions came before.\n\n\
         Result: Utf8, 32 hexadecimal digits; NULL where ts or user is NULL.\n\n\
         The digits are xxh3-128 (seed 0, the most significant digit first) of three parts, one after the other: the user \
         as UTF-8 text, an integer by its decimal digits; the ts of the session's first row in microseconds since 1970 as \
         8 bytes, little-endian, two's complement (the number itself where ts is an integer); the salt as UTF-8 text. For \
         one salt, different pairs of user and start never give the same bytes. The user is that of the row itself.\n\n\
         A key stays when rows of other sessions arrive late or are left out. It changes only where a late row joins the \
         front of the session itself, or closes the gap between two sessions.\n\n\
         ```text\n\
         key = xxh3-128 of  | user, UTF-8 | session start, µs, 8 bytes | salt, UTF-8 |\n\
         ```\n\n\
         Sessions, errors and the options not listed here are those of `sessionize`. A user that is neither text nor an \
         integer is an error while planning.\n\n\
         Cost: one pass, one hash for each session, constant memory for each user where the input is in order of user and \
         time.",
        "session_key(user, ts, gap [, {name: value, ...}]) OVER (PARTITION BY user ORDER BY ts)",
    )
    .with_argument("user", "Text or an integer: whose session it is, the same column as in PARTITION BY.")
    .with_argument("ts", "When it happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument("gap", "A literal: an INTERVAL, or an integer in the unit of an integer ts.")
    .with_argument(
        "salt",
        "Option, text literal, '' by default: another salt gives other keys, so that keys of two products or exports \
         cannot be joined.",
    )
    .with_sql_example(
        "SELECT count(*) AS events, count(DISTINCT key) AS sessions, max(length(key)) AS digits\n\
         FROM (SELECT session_key(u, ts, INTERVAL '30 minutes') OVER (PARTITION BY u ORDER BY ts) AS key\n\
         \x20     FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-01 10:30:00'),\n\
         \x20                  ('bob', TIMESTAMP '2026-01-01 10:00:00')) AS t(u, ts));\n\
         -- 3 | 2 | 32",
    )
    .with_related_udf("session_start")
    .with_related_udf("sessionize")
    .build()
});
