//! The text of a pattern, piece by piece: what stands here, and if nothing known does, what could?

use super::pattern::{Element, Gate, Item, NumberedGate, Op, PatternError, Test, error};

/// One piece of a pattern.
pub(super) enum Part {
    Item(Item),
    Numbered(NumberedGate),
}

/// Reads a pattern piece by piece.
pub(super) struct Parser {
    chars: Vec<char>,
    at: usize,
    conditions: usize,
}

impl Parser {
    pub(super) fn new(text: &str, conditions: usize) -> Self {
        Self { chars: text.chars().collect(), at: 0, conditions }
    }

    /// Where the next piece begins, `None` at the end of the pattern.
    pub(super) fn position(&self) -> Option<usize> {
        (self.at < self.chars.len()).then_some(self.at)
    }

    pub(super) fn part(&mut self) -> Result<Part, PatternError> {
        if self.take(".*") {
            return Ok(Part::Item(Item::Gap));
        }
        if self.take(".") {
            return Ok(Part::Item(self.element(Test::ANY, false)?));
        }
        if !self.take("(?") {
            return self.expected(
                "(?1), (?1|2), (?!1), a dot, .*, a time gate such as (?t<=60) or, after an element, {2,3}, ?, + or *",
            );
        }
        if self.take("t") {
            return self.gate();
        }
        let refused = self.take("!");
        let mut mask = 0;
        loop {
            mask |= self.condition()?;
            if !self.take("|") {
                break;
            }
        }
        self.close()?;
        let test = match refused {
            true => Test { any_of: 0, none_of: mask },
            false => Test { any_of: mask, none_of: 0 },
        };
        Ok(Part::Item(self.element(test, true)?))
    }

    fn gate(&mut self) -> Result<Part, PatternError> {
        let mut between = None;
        if self.take("[") {
            let from = self.number("the number of an element")?;
            if !self.take(",") {
                return self.expected("a comma and the number of a second element, as in (?t[1,3]<=600)");
            }
            let to = self.number("the number of an element")?;
            if !self.take("]") {
                return self.expected("]");
            }
            between = Some((from, to));
        }
        let ops = [
            ("<=", Op::LessOrEqual),
            ("<", Op::Less),
            (">=", Op::GreaterOrEqual),
            (">", Op::Greater),
            ("==", Op::Equal),
            ("!=", Op::NotEqual),
        ];
        let Some((_, op)) = ops.into_iter().find(|(text, _)| self.take(text)) else {
            return self.expected("one of <=, <, >=, >, ==, != after (?t");
        };
        let start = self.at;
        let distance = self.number("a whole number of seconds (of ticks where ts is no timestamp)")?;
        if (op, distance) == (Op::Less, 0) {
            return error(start, "no event comes less than 0 after another, the gate can never hold");
        }
        self.close()?;
        let gate = Gate { op, distance };
        Ok(match between {
            None => Part::Item(Item::Gate(gate)),
            // 0 stays 0 here and is refused with the other numbers that name no element.
            Some((from, to)) => {
                let position = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1);
                Part::Numbered(NumberedGate { from: position(from), to: position(to), gate })
            }
        })
    }

    fn condition(&mut self) -> Result<u64, PatternError> {
        let start = self.at;
        let number = self.number("the number of a condition")?;
        match usize::try_from(number) {
            Ok(n) if (1..=self.conditions.min(64)).contains(&n) => Ok(1 << (n - 1)),
            _ if self.conditions == 1 => {
                error(start, format!("condition {number} does not exist, there is condition 1 only"))
            }
            _ => error(
                start,
                format!(
                    "condition {number} does not exist, there are conditions 1 to {}",
                    self.conditions.min(64)
                ),
            ),
        }
    }

    /// An element and the quantifier behind it.
    fn element(&mut self, test: Test, named: bool) -> Result<Item, PatternError> {
        let start = self.at;
        let (min, max) = if self.take("?") {
            (0, 1)
        } else if self.take("+") {
            (1, u32::MAX)
        } else if self.take("*") {
            (0, u32::MAX)
        } else if self.take("{") {
            let min = self.times()?;
            let max = match self.take(",") {
                false => min,
                true if self.chars.get(self.at) == Some(&'}') => u32::MAX,
                true => self.times()?,
            };
            if !self.take("}") {
                return self.expected("} at the end of a quantifier such as {2}, {2,} or {2,3}");
            }
            if max == 0 {
                return error(start, "the element may never occur, its quantifier must allow 1 or more");
            }
            if min > max {
                return error(start, format!("the quantifier goes from {min} down to {max}"));
            }
            (min, max)
        } else {
            (1, 1)
        };
        Ok(Item::Element(Element { test, named, min, max }))
    }

    fn times(&mut self) -> Result<u32, PatternError> {
        let start = self.at;
        let number = self.number("a number of times")?;
        match u32::try_from(number) {
            Ok(times) if times < u32::MAX => Ok(times),
            _ => error(start, format!("{number} times is more than {}", u32::MAX - 1)),
        }
    }

    fn number(&mut self, what: &str) -> Result<u64, PatternError> {
        let start = self.at;
        while self.chars.get(self.at).is_some_and(char::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start {
            return self.expected(what);
        }
        let digits: String = self.chars[start..self.at].iter().collect();
        digits
            .parse()
            .or_else(|_| error(start, format!("{digits} is too large, at most {} is possible", u64::MAX)))
    }

    fn close(&mut self) -> Result<(), PatternError> {
        match self.take(")") {
            true => Ok(()),
            false => self.expected("a closing bracket )"),
        }
    }

    fn take(&mut self, text: &str) -> bool {
        let len = text.chars().count();
        let found = self
            .chars
            .get(self.at..self.at + len)
            .is_some_and(|found| found.iter().copied().eq(text.chars()));
        if found {
            self.at += len;
        }
        found
    }

    fn expected<T>(&self, what: &str) -> Result<T, PatternError> {
        let found: String = self.chars[self.at..].iter().take(12).collect();
        match found.is_empty() {
            true => error(self.at, format!("the pattern ends; expected {what}")),
            false => error(self.at, format!("found '{found}'; expected {what}")),
        }
    }
}
