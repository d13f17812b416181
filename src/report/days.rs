//! The days a store has events of, which reports take as their range unless told another, and the zone of these days.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Date32Type;
use datafusion::common::Result;
use datafusion::common::exec_err;

use crate::ask::{Given, Parameter, ParameterType};
use crate::engine::Engine;

const FIRST: &str = "first_day";
const LAST: &str = "last_day";
const ZONE: &str = "time_zone";

/// The first and the last local day with an event, and the zone in which days are counted.
#[derive(Debug, Clone, Default)]
pub struct Days {
    ends: Option<(String, String)>,
    zone: String,
}

impl Days {
    /// Days known already: the first and the last one of a store, if it has events, and its zone.
    pub fn known(ends: Option<(String, String)>, zone: impl Into<String>) -> Self {
        Self { ends, zone: zone.into() }
    }

    /// Whether any value or default of these parameters is the name of a day, or of the zone.
    fn are_needed(parameters: &[Parameter], given: &[Given]) -> bool {
        parameters.iter().any(|parameter| {
            text(parameter, given).is_some_and(|text| is_day(parameter, text) || is_zone(parameter, text))
        })
    }

    /// Whether any of them is the name of a day, which a store without events does not have.
    pub fn are_missing(&self, parameters: &[Parameter], given: &[Given]) -> bool {
        self.ends.is_none()
            && parameters
                .iter()
                .any(|parameter| text(parameter, given).is_some_and(|text| is_day(parameter, text)))
    }

    /// Those of the store, if any value or default of these parameters asks for one.
    pub async fn where_needed<'a>(
        engine: &Engine,
        mut parameters: impl Iterator<Item = &'a [Parameter]>,
        given: &[Given],
    ) -> Result<Self> {
        let are_needed = parameters.any(|parameters| Self::are_needed(parameters, given));
        if are_needed { Self::of(engine).await } else { Ok(Self::default()) }
    }

    /// Asks the store.
    pub async fn of(engine: &Engine) -> Result<Self> {
        if engine.segment().is_some() {
            // The days of the store, not those on which these users came.
            let day = |day: i32| Date32Type::to_naive_date_opt(day).map(|day| day.to_string());
            let ends = engine.days_of_all()?.and_then(|(first, last)| day(first).zip(day(last)));
            return Ok(Self::known(ends, engine.time_zone()));
        }
        let context = engine.context();
        if !context.table_exist("events")? {
            return Ok(Self::known(None, engine.time_zone()));
        }
        let batches = context
            .sql("SELECT min(dt) AS first_day, max(dt) AS last_day FROM events")
            .await?
            .collect()
            .await?;
        let day = |column: usize| {
            let batch = batches.iter().find(|batch| batch.num_rows() > 0)?;
            let days = batch.column(column).as_primitive_opt::<Date32Type>()?;
            days.iter().next().flatten().and_then(Date32Type::to_naive_date_opt)
        };
        let ends = day(0).zip(day(1)).map(|(first, last)| (first.to_string(), last.to_string()));
        Ok(Self::known(ends, engine.time_zone()))
    }

    /// The value that a parameter's text stands for.
    pub fn resolve(&self, parameter: &Parameter, text: &str) -> Result<String> {
        if is_zone(parameter, text) {
            return Ok(self.zone.clone());
        }
        if !is_day(parameter, text) {
            return Ok(text.to_string());
        }
        match &self.ends {
            Some((first, _)) if text == FIRST => Ok(first.clone()),
            Some((_, last)) => Ok(last.clone()),
            None => exec_err!(
                "parameter {} is {text}, but there are no events; land some, or give a day",
                parameter.name
            ),
        }
    }
}

/// The value given last, or the default.
fn text<'a>(parameter: &'a Parameter, given: &'a [Given]) -> Option<&'a str> {
    let last = given.iter().rev().find(|given| given.name == parameter.name);
    last.map(|given| given.value.as_str()).or(parameter.default.as_deref())
}

fn is_day(parameter: &Parameter, text: &str) -> bool {
    parameter.kind == ParameterType::Date && (text == FIRST || text == LAST)
}

/// Of a zone, or of a text that is called so: elsewhere the word is a text like any other.
fn is_zone(parameter: &Parameter, text: &str) -> bool {
    let is_zone = match parameter.kind {
        ParameterType::Zone => true,
        ParameterType::Text => parameter.name == "zone",
        _ => false,
    };
    is_zone && text == ZONE
}
