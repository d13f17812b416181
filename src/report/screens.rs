//! The answers of reports as one page for a browser.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::Result;

use super::batch::Day;
use super::page::{self, Cell, Chart, Column, Kind, Language, Page, Shown, Words};
use super::{Answer, Report, Shared};
use crate::ask::{Arguments, Label, Numbers, Usage, cells};
use crate::engine::Engine;

/// What a page says about the store it was made from.
#[derive(Debug, Clone)]
pub struct Store {
    pub name: String,
    pub version: u64,
}

/// Runs the reports and writes the page that shows them. Those of the data API are for programs and are left out.
pub async fn write_page(
    engine: &Engine,
    shared: &Shared,
    asked: &[(&Report, Arguments)],
    store: &Store,
    language: Language,
) -> Result<String> {
    let mut reports = Vec::new();
    for (report, arguments) in asked.iter().filter(|(report, _)| !report.json_object) {
        let answer = report.answer(engine, shared, arguments).await?;
        reports.push(shown(report, arguments, &answer)?);
    }
    let day = |name: &str, last: bool| {
        let days = asked.iter().flat_map(|(_, arguments)| arguments.texts());
        let days = days.filter(|(known, _)| *known == name).map(|(_, day)| day.to_string());
        if last { days.max() } else { days.min() }
    };
    let to = day("to", true).or_else(|| day("day", true)).unwrap_or_default();
    let from = day("from", false).unwrap_or_else(|| to.clone());
    let (oldest, newest) = events_between(engine).await?;
    let complete = match engine.segment() {
        // The days of the store, not those on which these users came.
        Some(_) => engine.days_of_all()?.map(|(first, last)| (Day(first).to_string(), Day(last).to_string())),
        None => {
            let day = |time: &str| time.split(' ').next().map(str::to_string);
            day(&oldest).zip(day(&newest))
        }
    };
    let (complete_from, complete_to) = complete.unwrap_or_default();
    let page = Page {
        name: store.name.clone(),
        zone: engine.time_zone(),
        from,
        to,
        complete_from,
        // The newest day counts as finished, as in the reports.
        complete_to,
        newest,
        version: store.version.to_string(),
        language,
        reports,
    };
    Ok(page::write(&page))
}

/// Local times of the oldest and the newest event, in whole seconds; empty without events.
async fn events_between(engine: &Engine) -> Result<(String, String)> {
    let zone = engine.time_zone();
    // The zone is an IANA name, checked when the store was opened; it cannot hold a quote.
    let local = |end: &str| {
        format!("to_local_time(arrow_cast({end}(ts), 'Timestamp(Microsecond, Some(\"{zone}\"))'))")
    };
    let sql = format!("SELECT {} AS oldest, {} AS newest FROM events", local("min"), local("max"));
    let batches = engine.sql(&sql).await?.collect().await?;
    let time = |column: usize| {
        let time = batches.iter().find(|batch| batch.num_rows() > 0).and_then(|batch| {
            let times = batch.column(column).as_primitive_opt::<TimestampMicrosecondType>()?;
            times.iter().next().flatten().and_then(chrono::DateTime::from_timestamp_micros)
        });
        time.map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
    };
    Ok((time(0), time(1)))
}

fn shown(report: &Report, arguments: &Arguments, answer: &Answer) -> Result<Shown> {
    let rows = rows(answer)?;
    let columns: Vec<Column> = answer
        .schema
        .fields()
        .iter()
        .enumerate()
        .map(|(at, field)| {
            let note = report.columns.iter().find(|note| note.name == *field.name());
            let definition = note.map(|note| words(&note.definition)).unwrap_or_default();
            let cells = rows.iter().map(|row| &row[at]);
            Column {
                kind: Kind::of(field.name(), &definition.en, cells),
                name: field.name().clone(),
                label: note.map_or_else(|| Words::parse(field.name()), |note| words(&note.label)),
                definition,
            }
        })
        .collect();
    let chart = report.charts.first().map(|chart| {
        Chart::of(chart, &columns)
            .map_err(|reason| Usage::error(format!("{}:{}: {reason}", report.source.name, chart.line)))
    });
    Ok(Shown {
        name: report.name.clone(),
        title: words(&report.title),
        question: report.question.as_ref().map(words).unwrap_or_default(),
        chart: chart.transpose()?,
        columns,
        rows,
        sql: report.text().to_string(),
        parameters: arguments.texts().map(|(name, text)| (name.to_string(), text.to_string())).collect(),
        choice: None,
    })
}

fn words(label: &Label) -> Words {
    Words { en: label.en.clone(), zh: label.zh.clone().unwrap_or_else(|| label.en.clone()) }
}

fn rows(answer: &Answer) -> Result<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let columns = cells::columns(batch)?;
        let columns = columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        rows.extend(
            (0..batch.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect()),
        );
    }
    Ok(rows)
}

fn column(values: &ArrayRef) -> Result<Vec<Cell>> {
    Ok(match values.data_type() {
        integer if integer.is_integer() && *integer != DataType::UInt64 => {
            let values = cast(values, &DataType::Int64)?;
            values
                .as_primitive::<Int64Type>()
                .iter()
                .map(|value| value.map_or(Cell::Null, Cell::Int))
                .collect()
        }
        number if number.is_numeric() => {
            let values = cast(values, &DataType::Float64)?;
            values
                .as_primitive::<Float64Type>()
                .iter()
                .map(|value| value.map_or(Cell::Null, Cell::Float))
                .collect()
        }
        _ => {
            let columns = [ArrayRef::clone(values)];
            let texts = cells::Cells::all(&columns, Numbers::Figures)?;
            (0..values.len())
                .map(|row| {
                    if texts[0].is_null(row) {
                        return Ok(Cell::Null);
                    }
                    let mut text = String::new();
                    texts[0].text(row, &mut text)?;
                    Ok(Cell::Text(text))
                })
                .collect::<Result<_>>()?
        }
    })
}
