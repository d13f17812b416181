//! The options of a call to `funnel`: what they ask for, and whether they go together.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::physical_expr::PhysicalExpr;

use super::column::Chains;
use super::person::Attribution;
use super::rules::{Entry, Exclusion, Order, Rules};
use crate::error::did_you_mean;
use crate::functions::call::Arguments;
use crate::functions::conditions::{self, Conditions};
use crate::functions::events::{EventReader, Keep, PayloadColumn, PayloadKind};
use crate::functions::funnels::funnel::NAME;
use crate::functions::interner::is_keyable;
use crate::functions::options::{Options, check_names, constant, interval};
use crate::functions::row_value::RowValue;
use crate::functions::time::{TimeType, Window};

const OPTIONS: [&str; 15] = [
    "window",
    "window_open",
    "zone",
    "order",
    "entry",
    "step_windows",
    "optional",
    "exclude",
    "hold",
    "breakdown",
    "attribution",
    "grace",
    "ids",
    "dwell",
    "tie",
];

/// What the literals of a call ask for, and where its columns stand.
pub(in crate::functions::funnels) fn read(call: &Arguments) -> Result<(Chains, EventReader)> {
    let time = TimeType::new(NAME, "1, ts,", &call.types[0])?;
    let options = call.options(NAME, &OPTIONS)?;
    let conditions = Conditions::new(NAME, &call.exprs, &call.types, 1..call.len_without_options())?;
    let steps = conditions.count().unwrap_or(conditions::MAX_CONDITIONS);
    let (window, open) = window(&options, &time)?;
    let mut rules = Rules {
        steps,
        window,
        open,
        order: order(&options)?,
        entry: entry(&options)?,
        step_windows: step_windows(&options, &time, steps)?,
        optional: optional(&options, steps)?,
        exclusions: vec![],
        grace: grace(&options, &time)?,
    };
    let more_conditions = exclude(&options, &mut rules)?;
    let dwell = options.bool("dwell")?.unwrap_or(false);
    if conditions.count().is_none() && (dwell || !rules.is_plain()) {
        return plan_err!(
            "{NAME}: with these options the steps must be written out, as an array literal [c1, c2]; found one array \
             whose length is not known while planning"
        );
    }
    check_together(&rules)?;
    let mut payload = vec![];
    let mut column = |name: &str| -> Result<Option<usize>> {
        let Some((source, data_type)) = options.row_value(name)? else {
            return Ok(None);
        };
        if !is_keyable(&data_type) {
            return plan_err!(
                "{NAME}: option '{name}' must be a text, a number, a Boolean, a date or a timestamp; found {data_type}"
            );
        }
        payload.push(PayloadColumn { source, kind: PayloadKind::Key, data_type });
        Ok(Some(payload.len() - 1))
    };
    // The order of the columns is that in which events of one time are compared.
    let breakdown = column("breakdown")?;
    let hold = column("hold")?;
    let ids = column("ids")?;
    let attribution = attribution(&options, breakdown.is_some(), steps)?;
    let keep = if dwell || rules.sees_every_event() { Keep::All } else { Keep::Matching };
    let reader = EventReader {
        ts: 0,
        time: time.clone(),
        tie: options.tie()?,
        conditions,
        more_conditions,
        payload,
        keep,
        drop_null_conditions: false,
    };
    let chains = Chains { time, rules, breakdown: breakdown.zip(attribution), hold, ids, dwell };
    Ok((chains, reader))
}

/// The window of the whole chain, and whether its end is outside.
fn window(options: &Options, time: &TimeType) -> Result<(Window, bool)> {
    let open = options.bool("window_open")?.unwrap_or(false);
    let Some(window) = options.window("window", time)? else {
        if open {
            return plan_err!("{NAME}: option 'window_open' needs a window, but there is no option 'window'");
        }
        return Ok((Window::UNBOUNDED, false));
    };
    if !open {
        return Ok((window, false));
    }
    // An interval of parts of a tick has been rounded down: whole ticks below it are whole ticks up to it.
    let rest = options
        .value("window", "a literal interval")?
        .and_then(|value| interval(&value))
        .zip(time.nanos_per_tick());
    let whole = rest.is_none_or(|(interval, tick)| {
        interval.nanoseconds % tick == 0 && (interval.days == 0 || 86_400_000_000_000 % tick == 0)
    });
    match window {
        Window::Ticks(0) if whole => {
            plan_err!("{NAME}: a window of 0 whose end is open holds nothing; leave out 'window_open'")
        }
        Window::Ticks(ticks) if whole => Ok((Window::Ticks(ticks - 1), false)),
        window => Ok((window, whole)),
    }
}

fn order(options: &Options) -> Result<Order> {
    let order = options.choice("order", &["ordered", "strict", "exact", "any", "unordered"])?;
    Ok(match order {
        Some("strict") => Order::Strict,
        Some("exact") => Order::Exact,
        Some("any" | "unordered") => Order::Any,
        _ => Order::Ordered,
    })
}

fn entry(options: &Options) -> Result<Entry> {
    Ok(match options.choice("entry", &["best", "first", "last"])? {
        Some("first") => Entry::First,
        Some("last") => Entry::Last,
        _ => Entry::Best,
    })
}

fn step_windows(options: &Options, time: &TimeType, steps: usize) -> Result<Vec<Option<Window>>> {
    let Some(items) = options.list("step_windows")? else {
        return Ok(vec![]);
    };
    if items.len() + 1 != steps {
        return plan_err!(
            "{NAME}: option 'step_windows' needs one item for each of the {} transitions between {steps} steps, NULL \
             for no limit; found {}",
            steps - 1,
            items.len()
        );
    }
    let zone = options.zone()?;
    let windows = items.iter().map(|item| match literal("step_windows", item)? {
        value if value.is_null() => Ok(None),
        value => Window::new(NAME, &value, time, zone).map(Some),
    });
    let windows: Vec<Option<Window>> = windows.collect::<Result<_>>()?;
    Ok(if windows.iter().all(Option::is_none) { vec![] } else { windows })
}

/// The optional steps as bits.
fn optional(options: &Options, steps: usize) -> Result<u64> {
    let mut optional = 0;
    for item in options.list("optional")?.unwrap_or_default() {
        let value = literal("optional", &item)?;
        optional |= 1 << step("optional", integer(&value), &value.to_string(), steps)?;
    }
    if optional & 1 != 0 {
        return plan_err!("{NAME}: option 'optional' must not contain step 1, with which a chain begins");
    }
    Ok(optional)
}

/// Reads the exclusions into `rules`; their conditions are returned.
fn exclude(options: &Options, rules: &mut Rules) -> Result<Vec<RowValue>> {
    let mut conditions = vec![];
    for (i, exclusion) in options.structs("exclude")?.unwrap_or_default().iter().enumerate() {
        check_names(NAME, exclusion.names(), &["when", "from", "to"])?;
        let Some((when, data_type)) = exclusion.row_value("when")? else {
            return plan_err!(
                "{NAME}: item {} of option 'exclude' needs a condition, as in {{when: event = 'refund', from: 1, to: 2}}",
                i + 1
            );
        };
        if !matches!(data_type, DataType::Boolean | DataType::Null) {
            return plan_err!(
                "{NAME}: 'when' in item {} of option 'exclude' must be a Boolean condition, found {data_type}",
                i + 1
            );
        }
        let place = |name: &str, default: usize| -> Result<usize> {
            let number = exclusion.integer(name)?.unwrap_or(default as i64);
            let step = step(&format!("exclude', '{name}"), Some(number), &number.to_string(), rules.steps)?;
            if rules.optional & (1 << step) != 0 {
                return plan_err!(
                    "{NAME}: '{name}' in item {} of option 'exclude' is step {number}, which is optional; an exclusion \
                     lies between required steps",
                    i + 1
                );
            }
            Ok(step)
        };
        let required = (0..rules.steps).rev().find(|step| rules.optional & (1 << step) == 0);
        let (from, to) = (place("from", 1)?, place("to", required.map_or(1, |step| step + 1))?);
        if from >= to {
            return plan_err!(
                "{NAME}: item {} of option 'exclude' must lead from a step to a later one, found from {} to {}",
                i + 1,
                from + 1,
                to + 1
            );
        }
        conditions.push(when);
        rules.exclusions.push(Exclusion { from, to });
    }
    Ok(conditions)
}

fn grace(options: &Options, time: &TimeType) -> Result<u64> {
    match options.window("grace", time)? {
        None => Ok(0),
        Some(Window::Ticks(ticks)) => Ok(ticks),
        Some(Window::Months { .. }) => {
            plan_err!("{NAME}: option 'grace' must not hold months, whose length differs")
        }
    }
}

/// `first`, `last`, `step_2`, `all`, or PostHog's names for them.
fn attribution(options: &Options, breakdown: bool, steps: usize) -> Result<Option<Attribution>> {
    let Some(text) = options.text("attribution")? else {
        return Ok(breakdown.then_some(Attribution::First));
    };
    if !breakdown {
        return plan_err!(
            "{NAME}: option 'attribution' needs a property, but there is no option 'breakdown'"
        );
    }
    let word = text.trim().to_lowercase();
    if let Some(number) = word.strip_prefix("step_") {
        return Ok(Some(Attribution::Step(step("attribution", number.parse().ok(), &word, steps)?)));
    }
    match word.as_str() {
        "first" | "first_touch" => Ok(Some(Attribution::First)),
        "last" | "last_touch" => Ok(Some(Attribution::Last)),
        "all" | "all_events" => Ok(Some(Attribution::All)),
        _ => plan_err!(
            "{NAME}: option 'attribution' is '{text}'; accepted are 'first', 'last', 'step_1' to 'step_{steps}', 'all' \
             (and 'first_touch', 'last_touch', 'all_events'){}",
            did_you_mean(
                &word,
                &["first", "last", "all", "first_touch", "last_touch", "all_events", "step_1"]
            )
        ),
    }
}

/// Options that contradict each other.
fn check_together(rules: &Rules) -> Result<()> {
    let given = [
        ("step_windows", !rules.step_windows.is_empty()),
        ("optional", rules.optional != 0),
        ("exclude", !rules.exclusions.is_empty()),
        ("grace", rules.grace > 0),
    ];
    for (name, given) in given {
        if rules.order == Order::Any && given {
            return plan_err!(
                "{NAME}: option '{name}' speaks of the order of the steps, so it cannot be combined with order 'any'"
            );
        }
    }
    if rules.order == Order::Any && rules.entry == Entry::Last {
        return plan_err!(
            "{NAME}: entry 'last' cannot be combined with order 'any', where every event may be the entry: nothing would \
             follow the last one"
        );
    }
    if rules.grace > 0 && rules.order != Order::Ordered {
        return plan_err!(
            "{NAME}: option 'grace' leaves the order of close events open, so it cannot be combined with order 'strict' \
             or 'exact'"
        );
    }
    Ok(())
}

/// A step from 0, out of its number from 1.
fn step(option: &str, number: Option<i64>, found: &str, steps: usize) -> Result<usize> {
    match number.and_then(|number| usize::try_from(number).ok()) {
        Some(number) if (1..=steps).contains(&number) => Ok(number - 1),
        _ => plan_err!("{NAME}: option '{option}' must name a step from 1 to {steps}, found {found}"),
    }
}

fn literal(option: &str, item: &Arc<dyn PhysicalExpr>) -> Result<ScalarValue> {
    match constant(item)? {
        Some(value) => Ok(value),
        None => plan_err!("{NAME}: option '{option}' must hold literals, found the expression {item}"),
    }
}

fn integer(value: &ScalarValue) -> Option<i64> {
    if !value.data_type().is_integer() {
        return None;
    }
    match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(value)) => value,
        _ => None,
    }
}
