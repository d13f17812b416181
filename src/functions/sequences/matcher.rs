//! Whether a pattern occurs and how often: by a [`Scan`] where the pattern allows it, else by a [`Search`].

use super::pattern::Pattern;
use super::scan::Scan;
use super::search::Search;

#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    Scan(Box<Scan>),
    Search(Box<Search>),
}

impl Matcher {
    /// With `first_only` only [`Self::is_match`] may be asked.
    pub(crate) fn new(pattern: &Pattern, ticks: u64, clickhouse: bool, first_only: bool) -> Self {
        match Scan::new(pattern, first_only) {
            Some(scan) => Self::Scan(Box::new(scan)),
            None => Self::Search(Box::new(Search::new(pattern, ticks, clickhouse))),
        }
    }

    /// The events of a user come in order.
    #[inline]
    pub(crate) fn push(&mut self, ts: i64, mask: u64) {
        match self {
            Self::Scan(scan) => scan.push(mask),
            Self::Search(search) => search.push(ts, mask),
        }
    }

    /// Ends the user.
    pub(crate) fn is_match(&mut self) -> bool {
        match self {
            Self::Scan(scan) => scan.finish() > 0,
            Self::Search(search) => {
                let found = search.is_match();
                search.clear();
                found
            }
        }
    }

    /// Ends the user.
    pub(crate) fn count(&mut self) -> i64 {
        match self {
            Self::Scan(scan) => scan.finish(),
            Self::Search(search) => {
                let count = search.count();
                search.clear();
                count
            }
        }
    }

    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Scan(_) => size_of::<Scan>(),
            Self::Search(search) => size_of::<Search>() + search.size(),
        }
    }
}
