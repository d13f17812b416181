//! Sequences: did a user's events happen in a given order, how often, when, and what came next?
//!
//! Three functions look for a [`pattern`]: [`sequence_match`] whether it occurs, [`sequence_count`] how often,
//! [`sequence_match_events`] and [`sequence_match_events_all`] when. They see one user (GROUP BY user), and of that user
//! the rows that have a time and satisfy at least one condition; all others are invisible. Events of the same time are in
//! the order of the `tie` column, then of the lowest condition they satisfy, then of all of them: never of arrival.
//!
//! A match gives each element of the pattern its own events, in ascending order:
//!
//! ```text
//! (?1)(?2)           two visible events next to each other          a b
//! (?1).*(?2)         anything may lie between                       a x x b
//! (?1)(?t<=60)(?2)   anything may lie between, the time is bounded  a ──60──▶ b
//! ```
//!
//! Without a gate a pattern is a [`scan`] of one word of bits, and no event is kept. With gates, [`search`] keeps one
//! user's events and moves the places of the pattern over them, see [`chain`]; a [`plan`] is the pattern in that form.
//! [`sequence_next_node`] needs no pattern: it counts rows, see [`neighbour`].

pub(crate) mod chain;
pub(crate) mod matcher;
pub(crate) mod neighbour;
pub(crate) mod pattern;
pub(crate) mod pattern_call;
pub(crate) mod pattern_checks;
pub(crate) mod pattern_parser;
pub(crate) mod plan;
pub(crate) mod scan;
pub(crate) mod search;
pub(crate) mod sequence_count;
pub(crate) mod sequence_match;
pub(crate) mod sequence_match_events;
pub(crate) mod sequence_match_events_all;
pub(crate) mod sequence_next_node;
pub(crate) mod times;

use datafusion::logical_expr::DocSection;

use super::Function;
use super::events::EventAggregate;

pub(crate) fn functions() -> Vec<Function> {
    [
        EventAggregate::<sequence_match::SequenceMatch>::functions(),
        EventAggregate::<sequence_count::SequenceCount>::functions(),
        EventAggregate::<sequence_match_events::SequenceMatchEvents>::functions(),
        EventAggregate::<sequence_match_events_all::SequenceMatchEventsAll>::functions(),
        EventAggregate::<sequence_next_node::SequenceNextNode>::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Sequences",
    description: Some("Did events happen in a given order, how often, when, and what came next?"),
};
