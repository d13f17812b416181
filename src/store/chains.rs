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

use super::FileRange;
use super::reader::UserRange;

/// A file whose lowest and highest values are known.
pub(crate) trait Ranged {
    fn range(&self) -> Option<&FileRange>;
    fn path(&self) -> &str;
}

/// The files that hold users of the range, as chains in which every file's users come before the next file's.
pub(crate) fn chains<'a, F: Ranged>(files: &'a [F], users: &UserRange) -> Vec<Vec<&'a F>> {
    let mut inside: Vec<(&FileRange, &F)> = files
        .iter()
        .filter_map(|file| file.range().map(|range| (range, file)))
        .filter(|(range, _)| users.overlaps(&range.users.0, &range.users.1))
        .collect();
    // By lowest user, then time: chains then keep to one period.
    inside.sort_by(|(a, f), (b, g)| (&a.users.0, a.ts, f.path()).cmp(&(&b.users.0, b.ts, g.path())));
    let mut chains: Vec<(&str, Vec<&F>)> = Vec::new();
    for (range, file) in inside {
        match chains.iter_mut().find(|(end, _)| *end < range.users.0.as_str()) {
            Some((end, chain)) => {
                *end = &range.users.1;
                chain.push(file);
            }
            None => chains.push((&range.users.1, vec![file])),
        }
    }
    chains.into_iter().map(|(_, chain)| chain).collect()
}
