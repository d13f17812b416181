//! A pattern as rules between places: what [`super::chain`] works on.
//!
//! Every element has a place where it begins; one that may stand for several events also has a place behind its last.
//! All rules are bounds on the distance of two places, counted in events or in time, or ask something of the events
//! between them. That form is what makes the search short; see [`super::chain`].
//!
//! ```text
//! (?1){2,3}(?t<=60)(?2)     a   b        c          a..b: 2 to 3 events that satisfy 1     c: an event that satisfies 2
//!                           ├───┤────────┤          b ≤ c     time from event b−1 to event c at most 60
//! ```

use super::pattern::{Element, Gate, Item, NumberedGate, Op, Pattern, Test};

/// One way to read a pattern; a pattern without `!=` has one.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) places: Vec<Place>,
    pub(crate) rules: Vec<Rule>,
    /// Per place, the rules to look at when it moves.
    pub(crate) watchers: Vec<Vec<usize>>,
    pub(crate) elements: Vec<Events>,
    /// The first event behind a match.
    pub(crate) end: Spot,
}

/// A position among a user's events that a rule can move to the right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The event here must pass.
    pub(crate) test: Option<Test>,
    /// May stand behind the last event.
    pub(crate) open: bool,
    pub(crate) step: usize,
}

/// The event `offset` after a place (-1: the one before it).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) place: usize,
    pub(crate) offset: isize,
}

/// A rule, and with which step of the pattern it starts to hold: element `i` enters at step `2 i` and is complete at `2 i + 1`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) step: usize,
    pub(crate) bound: Bound,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    /// `to` is at `from` or, unless exact, behind it.
    Follows { from: Spot, to: usize, exact: bool },
    /// `min` to `max` events from `begin` to before `end`; `max` is `None` without limit.
    Length { begin: usize, end: usize, min: usize, max: Option<usize> },
    /// Every event from `begin` to before `end` passes the test; `memory` is where the search remembers how far it looked.
    Pass { begin: usize, end: usize, test: Test, memory: usize },
    /// The time from one event to the other, in ticks.
    Time { from: Spot, to: Spot, least: i128, most: i128 },
}

/// Where the events of an element stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Events {
    pub(crate) begin: usize,
    pub(crate) end: Spot,
    pub(crate) named: bool,
    pub(crate) min: usize,
}

impl Plan {
    /// All ways to read the pattern: a gate with `!=` means below or above. A second, where ts has one, is `ticks` ticks.
    pub(crate) fn all(pattern: &Pattern, ticks: u64, clickhouse: bool) -> Vec<Plan> {
        let plain = pattern.items.iter().filter_map(|item| match item {
            Item::Gate(gate) => Some(gate),
            _ => None,
        });
        let gates = plain.chain(pattern.numbered.iter().map(|numbered| &numbered.gate));
        let not_equal = gates.filter(|gate| gate.op == Op::NotEqual).count();
        (0..1_u32 << not_equal).map(|above| Builder::new(ticks, above).build(pattern, clickhouse)).collect()
    }

    /// How many rules remember something.
    pub(crate) fn memories(&self) -> usize {
        self.rules.iter().filter(|rule| matches!(rule.bound, Bound::Pass { .. })).count()
    }
}

struct Builder {
    ticks: i128,
    /// Bit `i`: the i-th gate with `!=` is read as above.
    above: u32,
    not_equal: u32,
    places: Vec<Place>,
    rules: Vec<Rule>,
    elements: Vec<Events>,
    /// First and last event of each named element.
    named: Vec<(Spot, Spot, usize)>,
    memories: usize,
}

impl Builder {
    fn new(ticks: u64, above: u32) -> Self {
        Self {
            ticks: i128::from(ticks),
            above,
            not_equal: 0,
            places: Vec::new(),
            rules: Vec::new(),
            elements: Vec::new(),
            named: Vec::new(),
            memories: 0,
        }
    }

    fn build(mut self, pattern: &Pattern, clickhouse: bool) -> Plan {
        // Where the next part begins at the earliest, whether events may lie before it, and what a gate measures from.
        let mut behind: Option<Spot> = None;
        let mut gap = true;
        let mut measured: Option<Spot> = None;
        let mut gate: Option<Gate> = None;
        for (i, item) in pattern.items.iter().enumerate() {
            let step = 2 * self.elements.len();
            match item {
                Item::Gap => {
                    gap = true;
                    // ClickHouse: a gate before `.*` is met by an event of its own.
                    if clickhouse && let Some(gate) = gate.take() {
                        let open = may_end(&pattern.items[i..]) && tolerant(gate);
                        let place = self.waiting(step, behind, open);
                        self.time(step, measured.unwrap_or(place), place, gate);
                        (behind, measured) = (Some(place), Some(place));
                    }
                }
                Item::Gate(next) => {
                    // ClickHouse: a gate behind `.*` measures from wherever `.*` ended.
                    if clickhouse && gap {
                        let open = may_end(&pattern.items[i..]);
                        let place = self.waiting(step, behind, open);
                        (behind, measured) = (Some(place), Some(place));
                    }
                    gate = Some(*next);
                    gap = true;
                }
                Item::Element(element) => {
                    let (first, last) = self.element(step, *element, behind, gap);
                    if let (Some(gate), Some(from)) = (gate.take(), measured) {
                        self.time(step, from, first, gate);
                    }
                    behind = self.elements.last().map(|events| events.end);
                    (measured, gap) = (Some(last), false);
                }
            }
        }
        let step = 2 * self.elements.len();
        if let (Some(gate), Some(from)) = (gate, measured) {
            let place = self.waiting(step, behind, tolerant(gate));
            self.time(step, from, place, gate);
            behind = Some(place);
        }
        for NumberedGate { from, to, gate } in &pattern.numbered {
            let (first, last, step) = (self.named[*from].0, self.named[*to].1, self.named[*to].2);
            self.time(step, first, last, *gate);
        }
        let mut watchers = vec![Vec::new(); self.places.len()];
        for (i, rule) in self.rules.iter().enumerate() {
            let (a, b) = match rule.bound {
                Bound::Follows { from, to, .. } => (from.place, to),
                Bound::Length { begin, end, .. } | Bound::Pass { begin, end, .. } => (begin, end),
                Bound::Time { from, to, .. } => (from.place, to.place),
            };
            watchers[a].push(i);
            if a != b {
                watchers[b].push(i);
            }
        }
        let end = behind.unwrap_or(Spot { place: 0, offset: 0 });
        Plan { places: self.places, rules: self.rules, watchers, elements: self.elements, end }
    }

    /// The spots of its first and last event.
    fn element(&mut self, step: usize, element: Element, behind: Option<Spot>, gap: bool) -> (Spot, Spot) {
        let Element { test, named, min, max } = element;
        let begin = self.places.len();
        self.places.push(Place { test: (min > 0).then_some(test), open: min == 0, step });
        if let Some(from) = behind {
            self.rule(step, Bound::Follows { from, to: begin, exact: !gap });
        }
        let first = Spot { place: begin, offset: 0 };
        let (last, end) = if (min, max) == (1, 1) {
            (first, Spot { place: begin, offset: 1 })
        } else {
            let end = self.places.len();
            self.places.push(Place { test: None, open: true, step });
            let max = (max != u32::MAX).then_some(max as usize);
            self.rule(step, Bound::Length { begin, end, min: min as usize, max });
            if test != Test::ANY {
                self.rule(step, Bound::Pass { begin, end, test, memory: self.memories });
                self.memories += 1;
            }
            (Spot { place: end, offset: -1 }, Spot { place: end, offset: 0 })
        };
        self.elements.push(Events { begin, end, named, min: min as usize });
        if named {
            self.named.push((first, last, step + 1));
        }
        (first, last)
    }

    /// A place that takes no event: any event behind the last part.
    fn waiting(&mut self, step: usize, behind: Option<Spot>, open: bool) -> Spot {
        let place = self.places.len();
        self.places.push(Place { test: None, open, step });
        if let Some(from) = behind {
            self.rule(step, Bound::Follows { from, to: place, exact: false });
        }
        Spot { place, offset: 0 }
    }

    fn time(&mut self, step: usize, from: Spot, to: Spot, gate: Gate) {
        let distance = i128::from(gate.distance) * self.ticks;
        let (least, most) = match gate.op {
            Op::Less => (0, distance - 1),
            Op::LessOrEqual => (0, distance),
            Op::Greater => (distance + 1, i128::MAX),
            Op::GreaterOrEqual => (distance, i128::MAX),
            Op::Equal => (distance, distance),
            Op::NotEqual => {
                let bit = 1 << self.not_equal;
                self.not_equal += 1;
                if self.above & bit == 0 { (0, distance - 1) } else { (distance + 1, i128::MAX) }
            }
        };
        self.rule(step, Bound::Time { from, to, least, most });
    }

    fn rule(&mut self, step: usize, bound: Bound) {
        self.rules.push(Rule { step, bound });
    }
}

/// Whether a gate at the end of a pattern also holds when no event follows: it sets no least wait.
fn tolerant(gate: Gate) -> bool {
    match gate.op {
        Op::Less | Op::LessOrEqual => true,
        Op::GreaterOrEqual => gate.distance == 0,
        Op::Greater | Op::Equal | Op::NotEqual => false,
    }
}

/// Whether the rest of a pattern needs no event.
fn may_end(rest: &[Item]) -> bool {
    rest.iter().all(|item| match item {
        Item::Element(_) => false,
        Item::Gap => true,
        Item::Gate(gate) => tolerant(*gate),
    })
}
