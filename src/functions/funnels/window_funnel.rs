//! `window_funnel(window, [mode, …] ts, c1, …, cn [, {zone: 'name'}])`: how many of the steps did this user take, in
//! order, within `window` of the first?
//!
//! ```text
//! window = 60 min            view ──20──▶ cart ──50──▶ pay        → 2  (pay is 70 min after view)
//!                            0            20           70
//! ```
//!
//! Ties: events of the same time are ordered by step, never by arrival. The window includes its bound. An event that
//! satisfies several steps may fill several (ClickHouse's default mode). A row without a time is ignored, a NULL
//! condition is false, a group without rows has level 0.
//! O(events × steps) once the events are in time order; 24 bytes an event that satisfies a step.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int32Array};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature, Volatility,
};

use super::accumulators::{Answers, Funnel, FunnelGroups, FunnelRows};
use super::events::{self, Event, EventReader};
use crate::error::did_you_mean;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions};
use crate::functions::options::{Options, check_names, constant};
use crate::functions::time::{self, TimeType, Window};

const NAME: &str = "window_funnel";

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct WindowFunnel {
    signature: Signature,
    aliases: Vec<String>,
}

impl WindowFunnel {
    pub(crate) fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
            aliases: vec!["windowfunnel".to_owned(), "funnel_max_step".to_owned()],
        }
    }
}

impl AggregateUDFImpl for WindowFunnel {
    fn name(&self) -> &str {
        NAME
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let layout = Layout::of(types)?;
        TimeType::new(NAME, "ts", &types[layout.ts])?;
        let mut types = types.to_vec();
        conditions::coerce(NAME, &mut types, layout.conditions)?;
        Ok(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int32(Some(0)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|mut call: AggregateFunction, context: &SimplifyContext| {
            call.params.args = conditions::flatten_arrays(call.params.args);
            call::checked(NAME, &call, context, |args| read(args).map(drop))?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let (levels, reader) = read(&Arguments::of_accumulator(NAME, &args)?)?;
        Ok(Box::new(FunnelRows::new(levels, reader)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(events::state_fields(&args))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let (levels, reader) = read(&Arguments::of_accumulator(NAME, &args)?)?;
        Ok(Box::new(FunnelGroups::new(levels, reader)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// Where the arguments stand: window, modes, ts, conditions, options.
struct Layout {
    modes: Range<usize>,
    ts: usize,
    conditions: Range<usize>,
}

impl Layout {
    fn of(types: &[DataType]) -> Result<Self> {
        let len = call::len_without_options(types);
        let modes = types.iter().skip(1).take_while(|data_type| is_text(data_type)).count();
        let ts = 1 + modes;
        if ts + 1 >= len {
            return plan_err!(
                "{NAME}: needs a window, a time and at least one condition, as in \
                 {NAME}(INTERVAL '1 day', ts, c1, c2); found {len} arguments"
            );
        }
        match &types[0] {
            DataType::Interval(_) | DataType::Duration(_) | DataType::Null => {}
            integer if integer.is_integer() => {}
            other => {
                return plan_err!(
                    "{NAME}: argument 1, the window, must be an interval such as INTERVAL '1 day', or an integer in \
                     the unit of ts; found {other}"
                );
            }
        }
        Ok(Self { modes: 1..ts, ts, conditions: ts + 1..len })
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string(),
    }
}

/// What the literals of a call ask for, and where its columns stand.
fn read(args: &Arguments) -> Result<(Levels, EventReader)> {
    let layout = Layout::of(&args.types)?;
    for expr in &args.exprs[layout.modes] {
        match constant(expr)? {
            Some(mode) => check_modes(mode.try_as_str().flatten().unwrap_or_default())?,
            None => {
                return plan_err!("{NAME}: the mode must be a text literal, found {expr}");
            }
        }
    }
    let zone = match args.options(NAME)? {
        Some(options) => zone(&options)?,
        None => None,
    };
    let time = TimeType::new(NAME, "ts", &args.types[layout.ts])?;
    let Some(window) = constant(&args.exprs[0])? else {
        return plan_err!("{NAME}: the window must be a literal, found {}", args.exprs[0]);
    };
    let window = Window::new(NAME, &window, &time, zone)?;
    let conditions = Conditions::new(NAME, &args.exprs, &args.types, layout.conditions)?;
    let levels =
        Levels { window: Arc::new(window), steps: conditions.count().unwrap_or(conditions::MAX_CONDITIONS) };
    let reader = EventReader { ts: layout.ts, time, conditions };
    Ok((levels, reader))
}

fn zone(options: &Options) -> Result<Option<chrono_tz::Tz>> {
    check_names(NAME, options.names(), &["zone"])?;
    options.text("zone")?.map(|name| time::zone(NAME, &name)).transpose()
}

/// The modes of ClickHouse, Doris and Pinot that have no equivalent here, so that they are told apart from typing errors.
const OTHER_MODES: [&str; 10] = [
    "strict",
    "strict_deduplication",
    "strict_order",
    "strict_increase",
    "strict_once",
    "allow_reentry",
    "deduplication",
    "fixed",
    "increase",
    "keep_all",
];

fn check_modes(modes: &str) -> Result<()> {
    for mode in modes.split(',').map(str::trim) {
        let known = mode.to_lowercase();
        if known == "default" {
            continue;
        }
        if OTHER_MODES.contains(&known.as_str()) {
            return plan_err!("{NAME}: mode '{mode}' is not supported; accepted is 'default'");
        }
        let mut all = vec!["default"];
        all.extend(OTHER_MODES);
        return plan_err!("{NAME}: unknown mode '{mode}'; accepted is 'default'{}", did_you_mean(mode, &all));
    }
    Ok(())
}

/// The levels of groups under one window.
#[derive(Debug)]
struct Levels {
    window: Arc<Window>,
    steps: usize,
}

impl Funnel for Levels {
    type Answers = LevelColumn;

    fn answers(&self, groups: usize) -> LevelColumn {
        LevelColumn {
            scan: LevelScan::new(Arc::clone(&self.window), self.steps),
            levels: Vec::with_capacity(groups),
        }
    }
}

struct LevelColumn {
    scan: LevelScan,
    levels: Vec<i32>,
}

impl Answers for LevelColumn {
    fn push(&mut self, events: &[Event]) {
        for event in events {
            self.scan.push(event.ts, event.mask);
        }
        self.levels.push(self.scan.finish() as i32);
    }

    fn finish(self) -> Result<ArrayRef> {
        Ok(Arc::new(Int32Array::from(self.levels)))
    }
}

/// One pass over the events of a group, ascending in time.
///
/// Level `k` is reached when some chain e1 ≤ e2 ≤ … ≤ ek satisfies steps 1 to k with ek inside e1's window. Of all chains
/// that reach a level only the one whose window ends last is kept: whatever extends another chain extends it too. So one
/// number a level is an exact summary of all chains.
///
/// Events of the same time count in the order of their steps, and an event may fill several steps. Together that makes
/// all events of one time equal to a single event that satisfies the union of their steps, taken step by step upwards.
struct LevelScan {
    window: Arc<Window>,
    /// Per level, when the window of the best chain ends; valid where `reached` has the bit.
    deadlines: Vec<i64>,
    /// Bit `k` is set when level `k + 1` is reached; the set bits are always the lowest ones.
    reached: u64,
    all: u64,
    /// The union of the events at `ts`, not yet taken.
    ts: i64,
    mask: u64,
}

impl LevelScan {
    fn new(window: Arc<Window>, steps: usize) -> Self {
        Self { window, deadlines: vec![0; steps], reached: 0, all: u64::MAX >> (64 - steps), ts: 0, mask: 0 }
    }

    fn push(&mut self, ts: i64, mask: u64) {
        if ts != self.ts {
            self.take_pending();
            self.ts = ts;
        }
        self.mask |= mask;
    }

    /// The level of the group; the scan is then ready for the next one.
    fn finish(&mut self) -> u32 {
        self.take_pending();
        std::mem::take(&mut self.reached).count_ones()
    }

    fn take_pending(&mut self) {
        let mut steps = std::mem::take(&mut self.mask);
        if self.reached == self.all {
            return;
        }
        while steps != 0 {
            let step = steps.trailing_zeros() as usize;
            steps &= steps - 1;
            let deadline = if step == 0 {
                self.window.deadline(self.ts)
            } else if self.reached & (1 << (step - 1)) != 0 && self.ts <= self.deadlines[step - 1] {
                self.deadlines[step - 1]
            } else {
                continue;
            };
            let bit = 1 << step;
            let best = &mut self.deadlines[step];
            *best = if self.reached & bit == 0 { deadline } else { deadline.max(*best) };
            self.reached |= bit;
        }
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How many of the steps did a user take, in order, within a window that starts at the first? The best chain \
         over all entries counts, so a later entry that leads further wins.\n\n\
         Result: Int32 from 0 to the number of conditions, never NULL; 0 for a group without rows.\n\n\
         The window includes its bound. Events of the same time are ordered by step, never by arrival, and an event \
         that satisfies several steps may fill several; `funnel` never lets it. A row whose ts is NULL is ignored, a \
         NULL condition is false. The order of the input makes no difference, a huge window does not overflow.\n\n\
         ```text\n\
         window = 60 min     view ──20──▶ cart ──50──▶ pay      → 2  (pay is 70 min after view)\n\
         \x20                   0            20           70\n\
         ```\n\n\
         Errors while planning: a window that is negative or no literal, an interval over an integer ts, an integer \
         over a timestamp, a mode other than 'default', no condition or more than 64, DISTINCT.\n\n\
         Cost: one pass, O(events × steps); 24 bytes for each event that satisfies a step, of the users in one batch \
         when the input is ordered by user and time, of all users otherwise.\n\n\
         Definition: ClickHouse's `windowFunnel` in its default mode, result for result, except that ClickHouse drops \
         a row with a NULL condition.",
        "window_funnel(window, [mode,] ts, c1, ..., cn [, {zone: 'name'}])",
    )
    .with_argument(
        "window",
        "A literal: an INTERVAL, or an integer in the unit of a ts that is an integer (Date32: days, Date64: \
         milliseconds). Months are calendar months in `zone`; a day is 24 hours. 0 keeps events of the same time only.",
    )
    .with_argument("mode", "A text literal; accepted is 'default'.")
    .with_argument("ts", "When the event happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument(
        "c1, ..., cn",
        "The steps as Boolean conditions, 1 to 64, or all of them as one array [c1, ..., cn].",
    )
    .with_argument("zone", "Option: the IANA time zone of calendar months, by default UTC.")
    .with_alternative_syntax("windowFunnel(window, [mode,] ts, c1, ..., cn)")
    .with_alternative_syntax("funnel_max_step(window, [mode,] ts, c1, ..., cn)")
    .with_sql_example(
        "SELECT u, window_funnel(INTERVAL '60 minutes', ts, e = 'view', e = 'cart', e = 'pay') AS level\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'view'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:20:00', 'cart'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 11:10:00', 'pay')) AS t(u, ts, e)\n\
         GROUP BY u;\n\
         -- ann | 2",
    )
    .with_related_udf("funnel")
    .build()
});
