//! Which event comes right after, or right before, a chain of consecutive events?
//!
//! ```text
//! forward, first_match       x  A  B  D            A: base and event 1, B: event 2      → D
//! backward, last_match       D  B  A  x            read from A to the left              → D
//! ```
//!
//! Forward a chain grows with each event, so its length is all there is to remember. Backward its end comes first: bits say
//! how much of the chain, read to the right, the latest events are, and a ring holds the values of the last few.

/// Which way the chain runs from its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Forward,
    Backward,
}

/// Which event is the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Base {
    /// The first event, if it satisfies the base condition.
    Head,
    /// The last event, if it does.
    Tail,
    /// The first event that satisfies the base condition and event 1.
    FirstMatch,
    /// The last one.
    LastMatch,
}

/// The neighbour of one user's chain, the events given in order.
#[derive(Debug, Clone)]
pub(crate) enum Neighbour {
    Forward(Forward),
    Backward(Backward),
}

impl Neighbour {
    /// A chain of `length` events, the base among them. Bit 0 of a mask is the base condition, bit `i` event `i`.
    pub(crate) fn new(direction: Direction, base: Base, length: usize) -> Self {
        match direction {
            Direction::Forward => {
                Self::Forward(Forward { base, length, seen: 0, chain: Growth::NotBegun, found: None })
            }
            Direction::Backward => Self::Backward(Backward {
                base,
                length,
                states: 0,
                recent: vec![0; length + 1],
                seen: 0,
                decided: false,
                found: None,
            }),
        }
    }

    pub(crate) fn push(&mut self, mask: u64, value: u32) {
        match self {
            Self::Forward(forward) => forward.push(mask, value),
            Self::Backward(backward) => backward.push(mask, value),
        }
    }

    /// The value beside the chain; ready for the next user.
    pub(crate) fn finish(&mut self) -> Option<u32> {
        match self {
            Self::Forward(forward) => {
                (forward.seen, forward.chain) = (0, Growth::NotBegun);
                forward.found.take()
            }
            Self::Backward(backward) => {
                (backward.seen, backward.states, backward.decided) = (0, 0, false);
                backward.found.take()
            }
        }
    }

    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Forward(_) => 0,
            Self::Backward(backward) => backward.recent.capacity() * size_of::<u32>(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Forward {
    base: Base,
    length: usize,
    seen: usize,
    chain: Growth,
    found: Option<u32>,
}

/// The chain that began last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    NotBegun,
    /// So many of its events are there.
    Grows(usize),
    /// Broken off, or its neighbour is known.
    Ended,
}

impl Forward {
    fn push(&mut self, mask: u64, value: u32) {
        let first = self.seen == 0;
        self.seen += 1;
        let begins = match self.base {
            Base::Head => first && mask & 1 == 1,
            Base::LastMatch => starts(mask, self.length),
            // A base whose chain breaks off is not tried again elsewhere.
            Base::FirstMatch | Base::Tail => self.chain == Growth::NotBegun && starts(mask, self.length),
        };
        if begins {
            (self.chain, self.found) = (Growth::Grows(0), None);
        }
        let Growth::Grows(events) = self.chain else {
            return;
        };
        if events == self.length {
            (self.chain, self.found) = (Growth::Ended, Some(value));
        } else if mask >> (events + 1) & 1 == 1 {
            self.chain = Growth::Grows(events + 1);
        } else {
            self.chain = Growth::Ended;
        }
    }
}

/// Base condition and event 1, where there is one.
fn starts(mask: u64, length: usize) -> bool {
    mask & 1 == 1 && (length == 0 || mask & 2 != 0)
}

#[derive(Debug, Clone)]
pub(crate) struct Backward {
    base: Base,
    length: usize,
    /// Bit `i`: the latest `i + 1` events are the far end of the chain.
    states: u64,
    /// The values of the latest events; event `i` of the user stands at `i % len`.
    recent: Vec<u32>,
    seen: usize,
    decided: bool,
    found: Option<u32>,
}

impl Backward {
    fn push(&mut self, mask: u64, value: u32) {
        let ring = self.recent.len();
        self.recent[self.seen % ring] = value;
        self.seen += 1;
        // Read to the right the chain is event n, ..., event 2, event 1: bits 1 to n of the mask, turned around.
        let wanted = match self.length {
            0 => 0,
            length => (mask >> 1).reverse_bits() >> (64 - length),
        };
        self.states = ((self.states << 1) | 1) & wanted;
        let is_base = match self.base {
            Base::Tail => mask & 1 == 1,
            _ => starts(mask, self.length),
        };
        let decides = match self.base {
            Base::Tail => true,
            Base::LastMatch => is_base,
            _ => is_base && !self.decided,
        };
        if decides {
            self.decided = true;
            let complete = self.length == 0 || self.states >> (self.length - 1) & 1 == 1;
            let neighbour = self.seen.checked_sub(self.length + 1);
            self.found = neighbour.filter(|_| is_base && complete).map(|place| self.recent[place % ring]);
        }
    }
}
