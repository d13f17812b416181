//! Which files can be read one after the other.
//!
//! Files of one period lie side by side in the user space; chained they are one sorted input. So the merge has as many
//! inputs as there are periods, not as there are files:
//!
//! ```text
//! users       a ──── f ──── m ──── z
//! week 1      [file] [file] [file]        chain 0
//! week 2      [file] [file] [file]        chain 1
//! Monday      [        file       ]       chain 2
//! ```

use super::ScannedFile;
use crate::store::reader::UserRange;

/// The files that hold users of the range, as chains in which every file's users come before the next file's.
pub(super) fn chains<'a>(files: &'a [ScannedFile], users: &UserRange) -> Vec<Vec<&'a ScannedFile>> {
    let bounds = |file: &'a ScannedFile| {
        file.range.as_ref().map(|range| (range.users.0.as_str(), range.users.1.as_str()))
    };
    let mut inside: Vec<(&str, &str, &ScannedFile)> = files
        .iter()
        .filter_map(|file| bounds(file).map(|(low, high)| (low, high, file)))
        .filter(|(low, high, _)| users.overlaps(low, high))
        .collect();
    // By lowest user, then time: chains then keep to one period, and equal rows of several files have a fixed order.
    let first_ts = |file: &ScannedFile| file.range.as_ref().map(|range| range.ts);
    inside.sort_by(|a, b| (a.0, first_ts(a.2), &a.2.path).cmp(&(b.0, first_ts(b.2), &b.2.path)));
    let mut chains: Vec<(&str, Vec<&ScannedFile>)> = Vec::new();
    for (low, high, file) in inside {
        match chains.iter_mut().find(|(end, _)| *end < low) {
            Some((end, chain)) => {
                *end = high;
                chain.push(file);
            }
            None => chains.push((high, vec![file])),
        }
    }
    chains.into_iter().map(|(_, chain)| chain).collect()
}
