//! Aggregates whose rows commute: roll-ups over users, sets and sums. A group is one [`Fold`], and rows go into it one by one.

mod function;
mod groups;

pub(crate) use self::function::{Fold, FoldAggregate, FoldFunction};
