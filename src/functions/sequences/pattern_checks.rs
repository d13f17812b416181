//! What a pattern must be as a whole, once each of its pieces has been read.

use super::pattern::{Element, Item, NumberedGate, PatternError, error};

/// An item and the character where it begins, counted from 0.
type Placed = (usize, Item);

pub(super) fn check_elements(items: &[Placed]) -> Result<(), PatternError> {
    let mut elements = items.iter().filter_map(|(_, item)| match item {
        Item::Element(element) => Some(element),
        Item::Gap | Item::Gate(_) => None,
    });
    if elements.clone().next().is_none() {
        return error(0, "the pattern names no event; write at least one element such as (?1)");
    }
    if elements.all(|element| element.min == 0) {
        return error(
            0,
            "every element may be left out, so that no event at all would match; one must occur",
        );
    }
    Ok(())
}

/// A plain gate measures from one event to the next one of the pattern, so it must be clear which these are.
pub(super) fn check_gates(items: &[Placed], leading_gates: bool) -> Result<(), PatternError> {
    let mut element: Option<Element> = None;
    let mut gate: Option<usize> = None;
    for (at, item) in items {
        match item {
            Item::Element(next) => {
                if let Some(gate) = gate
                    && next.min == 0
                {
                    return optional_beside_gate(gate);
                }
                (element, gate) = (Some(*next), None);
            }
            Item::Gap if leading_gates => gate = None,
            Item::Gap => {}
            Item::Gate(_) => {
                if gate.is_some() {
                    return error(
                        *at,
                        "a gate right after a gate; measure the same two elements a second time by their numbers, as in \
                         (?t[1,2]>=5)",
                    );
                }
                match element {
                    Some(before) if before.min == 0 => return optional_beside_gate(*at),
                    None if !leading_gates => {
                        return error(*at, "a gate needs an element before it to measure from");
                    }
                    _ => gate = Some(*at),
                }
            }
        }
    }
    Ok(())
}

fn optional_beside_gate<T>(at: usize) -> Result<T, PatternError> {
    error(
        at,
        "a gate beside an element that may be left out; name the two elements it measures by their numbers instead, as in \
         (?t[1,3]<=60)",
    )
}

pub(super) fn check_numbered(
    items: &[Placed],
    numbered: &[(usize, NumberedGate)],
) -> Result<(), PatternError> {
    let named: Vec<Element> = items
        .iter()
        .filter_map(|(_, item)| match item {
            Item::Element(element) if element.named => Some(*element),
            _ => None,
        })
        .collect();
    for &(at, NumberedGate { from, to, .. }) in numbered {
        for end in [from, to] {
            match named.get(end) {
                None => {
                    return error(
                        at,
                        format!(
                            "the gate names element {}; the pattern has named elements 1 to {} (those in brackets, dots \
                             do not count)",
                            end.wrapping_add(1),
                            named.len()
                        ),
                    );
                }
                Some(element) if element.min == 0 => {
                    return error(
                        at,
                        format!(
                            "the gate names element {}, which may be left out; name elements that must occur",
                            end + 1
                        ),
                    );
                }
                Some(_) => {}
            }
        }
        if from > to {
            return error(
                at,
                format!(
                    "the gate goes from element {} back to {}; name the earlier one first",
                    from + 1,
                    to + 1
                ),
            );
        }
        if from == to && named[from].max == 1 {
            return error(
                at,
                format!("the gate goes from element {} to itself, which is a single event", from + 1),
            );
        }
    }
    Ok(())
}
