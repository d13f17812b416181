//! The days a store has events of, which reports take as their range unless told another.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Date32Type;
use datafusion::common::Result;
use datafusion::common::exec_err;

use crate::ask::{Given, Parameter, ParameterType};
use crate::engine::Engine;

const FIRST: &str = "first_day";
const LAST: &str = "last_day";

/// The first and the last local day with an event.
#[derive(Debug, Clone, Default)]
pub struct Days(Option<(String, String)>);

impl Days {
    /// Whether any value or default of these parameters is the name of a day.
    pub fn are_needed(parameters: &[Parameter], given: &[Given]) -> bool {
        parameters.iter().filter(|parameter| parameter.kind == ParameterType::Date).any(|parameter| {
            let last = given.iter().rev().find(|given| given.name == parameter.name);
            let text = last.map(|given| &given.value).or(parameter.default.as_ref());
            text.is_some_and(|text| text == FIRST || text == LAST)
        })
    }

    /// Asks the store.
    pub async fn of(engine: &Engine) -> Result<Self> {
        let context = engine.context();
        if !context.table_exist("events")? {
            return Ok(Self(None));
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
        Ok(Self(day(0).zip(day(1)).map(|(first, last)| (first.to_string(), last.to_string()))))
    }

    /// The value that a parameter's text stands for.
    pub fn resolve(&self, parameter: &Parameter, text: &str) -> Result<String> {
        if parameter.kind != ParameterType::Date || (text != FIRST && text != LAST) {
            return Ok(text.to_string());
        }
        match &self.0 {
            Some((first, _)) if text == FIRST => Ok(first.clone()),
            Some((_, last)) => Ok(last.clone()),
            None => exec_err!(
                "parameter {} is {text}, but there are no events; land some, or give a day",
                parameter.name
            ),
        }
    }
}
