//! Which reports are there? Those built in, or those of a folder.

use std::path::{Path, PathBuf};

use datafusion::common::{Result, exec_err, plan_err};

use crate::ask::{Source, Usage};
use crate::error::close;
use crate::report::Report;

/// The reports that are built in, name and text, in the order of the screens.
macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../sql/", $name, ".sql")))),*]
    };
}

const BUILT_IN: [(&str, &str); 50] = built_in![
    "overview/summary",
    "overview/trend",
    "overview/top_pages",
    "access/visit_trend_day",
    "access/visit_trend_week",
    "access/visit_trend_month",
    "access/sources_legacy",
    "access/sources_wedata",
    "access/new_user_sources",
    "access/stay_distribution",
    "access/depth_distribution",
    "access/opens_per_user",
    "access/active_days",
    "access/effective_visits",
    "access/retention_day",
    "access/retention_week",
    "access/retention_month",
    "access/retention_next_day",
    "access/returning_and_lost",
    "access/lifecycle",
    "access/pages",
    "access/pages_range",
    "access/page_ratios",
    "access/page_overview",
    "access/shares",
    "campaigns/campaign",
    "realtime/trend",
    "realtime/so_far",
    "realtime/pages",
    "realtime/scenes",
    "profile/gender_age",
    "profile/portrait",
    "events/analysis",
    "funnels/closed",
    "funnels/open",
    "funnels/trend",
    "retention/event_retention",
    "paths/flow",
    "paths/edges",
    "segments/size",
    "datacube/daily_summary",
    "datacube/daily_visit_trend",
    "datacube/weekly_visit_trend",
    "datacube/monthly_visit_trend",
    "datacube/daily_retain",
    "datacube/weekly_retain",
    "datacube/monthly_retain",
    "datacube/visit_page",
    "datacube/visit_distribution",
    "datacube/user_portrait",
];

/// Reports by name.
#[derive(Debug, Clone)]
pub struct Pack {
    pub reports: Vec<Report>,
}

impl Pack {
    /// The reports that come with Footfall.
    pub fn built_in() -> Result<Self> {
        let report =
            |(name, text): &(&str, &str)| Report::parse(*name, Source::new(format!("sql/{name}.sql"), *text));
        Ok(Self { reports: BUILT_IN.iter().map(report).collect::<Result<_>>()? })
    }

    /// The `.sql` files of a folder and of the folders in it, except hidden ones, those of `views/`, which define
    /// tables, and those of `tests/`.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        find_sql(folder, &mut files)?;
        files.sort();
        if files.is_empty() {
            return plan_err!("{} holds no .sql files", folder.display());
        }
        let mut reports = Vec::new();
        for file in files {
            let name = file.strip_prefix(folder).unwrap_or(&file).with_extension("");
            let name: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
            reports.push(Report::parse(name.join("/"), Source::read(&file)?)?);
        }
        Ok(Self { reports })
    }

    /// The reports of these names, in the pack's order; all of them if no name is given.
    ///
    /// `access/pages`, `pages` and `access` (all of that folder) are names.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Report>> {
        let matches = |report: &Report, name: &str| {
            report.name == name
                || report.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
                || report.name.strip_suffix(name).is_some_and(|rest| rest.ends_with('/'))
        };
        for name in names {
            if !self.reports.iter().any(|report| matches(report, name)) {
                return Err(Usage::error(self.unknown(name)));
            }
        }
        let is_wanted = |report: &&Report| names.is_empty() || names.iter().any(|name| matches(report, name));
        Ok(self.reports.iter().filter(is_wanted).collect())
    }

    /// What to say where no report has this name: the few that may be meant, and where all are.
    fn unknown(&self, name: &str) -> String {
        const MOST: usize = 3;
        let known: Vec<&str> = self.reports.iter().map(|report| report.name.as_str()).collect();
        let mut near: Vec<(usize, &str)> =
            known.iter().filter_map(|known| Some((distance(name, known)?, *known))).collect();
        near.sort_by_key(|(distance, _)| *distance);
        let near: Vec<String> = near.iter().take(MOST).map(|(_, known)| format!("'{known}'")).collect();
        let meant = match near.split_last() {
            None => String::new(),
            Some((one, [])) => format!("; did you mean {one}?"),
            Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
        };
        let all = match known.len() {
            1..=MOST => format!("there are {}", known.join(", ")),
            count => {
                format!("`footfall report --list` shows all {count}, and so does \\report at the prompt")
            }
        };
        format!("there is no report '{name}'{meant}{} {all}", if meant.is_empty() { ";" } else { "" })
    }
}

/// How far the name of a report, with or without its folder, is from what was asked for; `None` where it is another one.
fn distance(asked: &str, known: &str) -> Option<usize> {
    let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
    let (asked_short, known_short) = (short(asked), short(known));
    // A part of the name is as far as two slips.
    let part = (asked_short.chars().count() >= 3 && known_short.contains(&asked_short)).then_some(2);
    let slips = [close(&asked.to_lowercase(), known), close(&asked_short, &known_short)];
    slips.into_iter().chain([part]).flatten().min()
}

fn find_sql(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => return exec_err!("cannot read folder {}: {e}", folder.display()),
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if name != "views" && name != "tests" {
                find_sql(&path, files)?;
            }
        } else if name.ends_with(".sql") {
            files.push(path);
        }
    }
    Ok(())
}
