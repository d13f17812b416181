//! A report is a `.sql` file: a header that says what it answers and what it needs, and one query that computes it.
//!
//! Every figure is computed in its file; what is here finds the file, checks the parameters, runs the query and writes
//! the rows. So a person can read, copy and change a figure without reading Rust.

mod days;
mod pack;

use std::fmt::Write as _;
use std::io::Write;

use datafusion::common::Result;
use datafusion::prelude::DataFrame;

use crate::ask::{
    Arguments, Format, Given, Header, Numbers, Parameter, Parsed, Source, Usage, answer, locate, parse,
};
use crate::engine::Engine;

pub use days::Days;
pub use pack::Pack;

/// A report that can be run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its place in the pack, `access/pages`.
    pub name: String,
    pub title: String,
    pub question: String,
    pub parameters: Vec<Parameter>,
    source: Source,
    query: Parsed,
}

impl Report {
    /// Reads a report's text; everything but the tables and columns it names is checked here.
    pub fn parse(name: impl Into<String>, source: Source) -> Result<Self> {
        let header = Header::parse(&source)?;
        let Some(title) = header.title else {
            return Err(Usage::error(format!(
                "{}: a report's first line is a comment `-- title: …`",
                source.name
            )));
        };
        let statements = parse(&source)?;
        let count = statements.len();
        let Some(query) = statements.into_iter().next().filter(|first| count == 1 && first.returns_rows())
        else {
            return Err(Usage::error(format!(
                "{}: a report is one query; this file has {count} statements",
                source.name
            )));
        };
        let is_declared = |name: &String| header.parameters.iter().any(|parameter| parameter.name == *name);
        if let Some(name) = query.parameters().iter().find(|name| !is_declared(name)) {
            return Err(Usage::error(format!(
                "{}: the query uses ${name}, which the header does not declare: add `-- param {name} type = default`",
                source.name
            )));
        }
        Ok(Self {
            name: name.into(),
            title,
            question: header.question.unwrap_or_default(),
            parameters: header.parameters,
            source,
            query,
        })
    }

    /// Checks the values for this report; those for other reports are passed over.
    pub fn arguments(&self, given: &[Given], days: &Days) -> Result<Arguments> {
        Arguments::declared(&self.parameters, given, |parameter, text| days.resolve(parameter, text))
    }

    /// Plans the report's query.
    pub async fn plan(&self, engine: &Engine, arguments: &Arguments) -> Result<DataFrame> {
        match answer(engine.context(), &self.source, &self.query, arguments).await? {
            Some(frame) => Ok(frame),
            None => Err(Usage::error(format!("{}: the query has no columns", self.source.name))),
        }
    }

    /// Runs the report and writes its rows; Markdown gets a heading that says what was asked. The number of rows.
    pub async fn write(
        &self,
        engine: &Engine,
        arguments: &Arguments,
        format: Format,
        out: &mut (dyn Write + Send),
    ) -> Result<u64> {
        let frame = self.plan(engine, arguments).await?;
        if format == Format::Markdown {
            out.write_all(self.heading(engine, arguments).as_bytes())?;
        }
        crate::ask::write(frame, format, Numbers::Figures, out)
            .await
            .map_err(|e| locate(&e, &self.source, &self.query))
    }

    /// Title, question, and what a reader must know to read the numbers: the parameters and the zone of the days.
    fn heading(&self, engine: &Engine, arguments: &Arguments) -> String {
        let mut heading = format!("## {}\n\n", self.title);
        if !self.question.is_empty() {
            heading.push_str(&format!("{}\n\n", self.question));
        }
        for (name, value) in arguments.texts() {
            let _ = write!(heading, "{name} {value} · ");
        }
        let _ = write!(heading, "days in {}\n\n", engine.time_zone());
        heading
    }
}
