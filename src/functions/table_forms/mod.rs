//! Table forms in words: a whole question as one relation in FROM. What each one answers, what it takes, which columns it
//! has; `plan::table_forms` turns a call into SQL over the functions.

mod cohort;
mod funnel_report;
mod page_stats;
mod sessions;

use datafusion::logical_expr::{DocSection, Documentation};

use super::Function;

pub(crate) fn functions() -> Vec<Function> {
    TableForm::ALL.into_iter().map(Function::TableForm).collect()
}

/// A table form, known by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    Sessions,
    PageStats,
    Cohort,
    FunnelReport,
}

impl TableForm {
    pub(crate) const ALL: [TableForm; 4] =
        [TableForm::Sessions, TableForm::PageStats, TableForm::Cohort, TableForm::FunnelReport];

    pub fn name(self) -> &'static str {
        match self {
            TableForm::Sessions => "sessions",
            TableForm::PageStats => "page_stats",
            TableForm::Cohort => "cohort",
            TableForm::FunnelReport => "funnel_report",
        }
    }

    pub fn documentation(self) -> &'static Documentation {
        match self {
            TableForm::Sessions => &sessions::DOCUMENTATION,
            TableForm::PageStats => &page_stats::DOCUMENTATION,
            TableForm::Cohort => &cohort::DOCUMENTATION,
            TableForm::FunnelReport => &funnel_report::DOCUMENTATION,
        }
    }

    /// How a call is written.
    pub(crate) fn syntax(self) -> &'static str {
        &self.documentation().syntax_example
    }
}

const SECTION: DocSection = DocSection {
    include: true,
    label: "Table forms",
    description: Some(
        "How does a whole question read as one relation in FROM? A form takes its relation as it stands (a table, a view, \
         a CTE, a file in quotes, a table function, a subquery in brackets) and becomes the SQL over the functions that one \
         would write by hand. User and every other argument are expressions over the columns of that relation. Options are \
         a struct literal at the end, or `name => value`.",
    ),
};

const RELATION: &str = "What holds the events: a table, a view, a CTE, a file in quotes, a table function or a subquery in \
                        brackets; in a subquery stands whatever filters, joins or aggregates.";
const USER: &str =
    "Whose row it is: any expression over the columns of the relation. NULL is one user, as in GROUP BY.";
const TS: &str = "When it happened: a timestamp of any unit and zone, a date or an integer.";
