//! The line that says how far a query has come. It is drawn on a terminal's stderr after half a second, and wiped at the end.

use std::time::Duration;

use crate::repl::text::{bytes, cut, grouped};

/// From when on a query shows its progress.
pub const FROM: Duration = Duration::from_millis(500);
/// How often the line is drawn anew.
pub const EVERY: Duration = Duration::from_millis(200);

/// What the operators of a running query have told so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    /// Rows that the scans have given.
    pub rows: u64,
    /// Rows that they will give, as far as the files' statistics tell; 0 where they do not.
    pub all_rows: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes that operators hold.
    pub memory: u64,
}

/// The part that is done never falls, and is whole only when the query is.
#[derive(Debug, Default)]
pub struct Progress {
    done: f64,
}

impl Progress {
    /// The line, at most `width` cells wide.
    pub fn line(&mut self, elapsed: Duration, reading: Reading, width: usize) -> String {
        let seconds = elapsed.as_secs_f64();
        let mut parts = vec![format!("{seconds:.1} s")];
        if reading.rows > 0 {
            let rate = (reading.rows as f64 / seconds.max(0.001)) as u64;
            parts.push(format!("{} rows, {} rows/s", grouped(reading.rows), grouped(rate)));
        }
        if reading.bytes > 0 {
            parts.push(bytes(reading.bytes));
        }
        if reading.memory > 0 {
            parts.push(format!("memory {}", bytes(reading.memory)));
        }
        if let Some(done) = self.part(reading) {
            parts.push(format!("{:.0} %", (done * 100.0).floor()));
            if done >= 0.05 {
                parts.push(format!("{:.0} s left", (seconds / done - seconds).max(0.0).ceil()));
            }
        }
        parts.push("Ctrl-C cancels".to_string());
        cut(&parts.join(" · "), width)
    }

    /// The part of the input that was read; `None` where nobody knows how much there is.
    pub fn part(&mut self, reading: Reading) -> Option<f64> {
        if reading.all_rows == 0 {
            return None;
        }
        let done = (reading.rows as f64 / reading.all_rows as f64).min(0.99);
        self.done = self.done.max(done);
        Some(self.done)
    }
}
