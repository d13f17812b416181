//! The language of modes: `'strict_order, strict_once'`, several arguments, or the numbers of StarRocks.
//!
//! | mode | also | rule, see [`Rules`] |
//! |---|---|---|
//! | `default` | `keep_all` | none: an event without a step is seen wherever a rule asks for it |
//! | `strict_deduplication` | `deduplication`, 1 | `no_repeats` |
//! | `strict_order` | | `no_strangers`, `no_skips` |
//! | `allow_reentry` | | with `strict_order`: without `no_skips` |
//! | | 2 | `no_skips` |
//! | `fixed` | | `neighbours` |
//! | `strict_increase` | `increase`, 4 | `increase` |
//! | `strict_once` | | `once` |
//! | `clickhouse` | | ClickHouse's answers: the first violation ends the search |

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use serde::{Deserialize, Serialize};

use super::rules::Rules;
use crate::error::did_you_mean;

/// What the modes of a call ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Modes {
    pub(crate) rules: Rules,
    /// ClickHouse's answers where ours differ on purpose.
    pub(crate) clickhouse: bool,
}

const NAMES: [&str; 11] = [
    "default",
    "strict_deduplication",
    "strict_order",
    "strict_increase",
    "strict_once",
    "allow_reentry",
    "deduplication",
    "fixed",
    "increase",
    "keep_all",
    "clickhouse",
];

/// Collects the modes of one call.
pub(super) struct ModeReader {
    function: &'static str,
    modes: Modes,
    strict_order: bool,
    allow_reentry: bool,
    /// A mode that ClickHouse does not have, and what to write instead.
    not_in_clickhouse: Option<(&'static str, &'static str)>,
}

impl ModeReader {
    pub(super) fn new(function: &'static str) -> Self {
        Self {
            function,
            modes: Modes::default(),
            strict_order: false,
            allow_reentry: false,
            not_in_clickhouse: None,
        }
    }

    /// Takes the value of argument `position`, counted from 1.
    pub(super) fn add(&mut self, position: usize, value: &ScalarValue) -> Result<()> {
        if let Some(Some(text)) = value.try_as_str() {
            return text.split(',').try_for_each(|name| self.add_name(position, name.trim()));
        }
        let number = match value.data_type().is_integer().then(|| value.cast_to(&DataType::Int64)) {
            Some(Ok(ScalarValue::Int64(number))) => number,
            _ => None,
        };
        match number {
            Some(number @ 0..=7) => {
                self.modes.rules.no_repeats |= number & 1 != 0;
                self.modes.rules.increase |= number & 4 != 0;
                if number & 2 != 0 {
                    self.modes.rules.no_skips = true;
                    self.not_in_clickhouse = Some(("2", "'strict_order'"));
                }
                Ok(())
            }
            _ => plan_err!(
                "{}: argument {position}, a mode, is {value}; accepted are {} or a sum of the numbers 1 (deduplication), \
                 2 (fixed) and 4 (increase)",
                self.function,
                accepted()
            ),
        }
    }

    fn add_name(&mut self, position: usize, name: &str) -> Result<()> {
        let rules = &mut self.modes.rules;
        match name.to_lowercase().as_str() {
            "default" | "keep_all" => {}
            "strict_deduplication" | "deduplication" => rules.no_repeats = true,
            "strict" => {
                return plan_err!(
                    "{}: mode 'strict' in argument {position} is ClickHouse's old name; write 'strict_deduplication'",
                    self.function
                );
            }
            "strict_order" => self.strict_order = true,
            "allow_reentry" => self.allow_reentry = true,
            "fixed" => {
                rules.neighbours = true;
                self.not_in_clickhouse = Some(("fixed", "'strict_order'"));
            }
            "strict_increase" | "increase" => rules.increase = true,
            "strict_once" => rules.once = true,
            "clickhouse" => self.modes.clickhouse = true,
            _ => {
                return plan_err!(
                    "{}: unknown mode '{name}' in argument {position}; accepted are {}{}",
                    self.function,
                    accepted(),
                    did_you_mean(name, &NAMES)
                );
            }
        }
        Ok(())
    }

    /// The modes, with what the option `compatibility` says.
    pub(super) fn finish(mut self, clickhouse: bool) -> Result<Modes> {
        let function = self.function;
        if self.allow_reentry && !self.strict_order {
            return plan_err!(
                "{function}: mode 'allow_reentry' softens 'strict_order' and needs it; write 'strict_order, allow_reentry'"
            );
        }
        self.modes.clickhouse |= clickhouse;
        if let (true, Some((mode, instead))) = (self.modes.clickhouse, self.not_in_clickhouse) {
            return plan_err!(
                "{function}: ClickHouse has no mode '{mode}'; write {instead}, or leave its compatibility"
            );
        }
        if self.strict_order {
            self.modes.rules.no_strangers = true;
            self.modes.rules.no_skips |= !self.allow_reentry;
        }
        Ok(self.modes)
    }
}

fn accepted() -> String {
    NAMES.map(|name| format!("'{name}'")).join(", ")
}
