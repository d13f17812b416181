//! From reports to screens: which screen a report is on, which reports share a panel, and in which order they come.

use super::input::{Choice, Page, Shown, Words};
use super::text::slug;
use super::words::AREAS;

/// A screen: its folder of reports.
pub(super) struct Section<'a> {
    pub area: &'a str,
    pub label: Words,
    pub panels: Vec<Panel<'a>>,
}

/// A report, or several of which one is looked at: by day, by week, by month.
pub(super) struct Panel<'a> {
    /// Unique on the page, and fit for an id and a file's name.
    pub id: String,
    pub title: Words,
    pub reports: Vec<(Words, &'a Shown)>,
}

/// The order of well-known reports on their screens, by how their names begin; others come after them.
const ORDER: [&str; 34] = [
    "overview/summary",
    "overview/trend",
    "overview/calendar",
    "overview/top_pages",
    "access/visit_trend",
    "access/sources_legacy",
    "access/sources",
    "access/new_user_sources",
    "access/retention",
    "access/stay_distribution",
    "access/depth_distribution",
    "access/opens_per_user",
    "access/active_days",
    "access/effective_visits",
    "access/pages_range",
    "access/page_ratios",
    "access/page_overview",
    "access/pages",
    "access/shares",
    "access/lifecycle",
    "access/returning_and_lost",
    "realtime/so_far",
    "realtime/trend",
    "realtime/pages",
    "realtime/scenes",
    "profile/portrait",
    "profile/gender_age",
    "events/",
    "retention/",
    "funnels/closed",
    "funnels/open",
    "funnels/trend",
    "paths/flow",
    "paths/edges",
];

pub(super) fn sections(page: &Page) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for shown in &page.reports {
        let (area, name) = shown.name.rsplit_once('/').unwrap_or(("", &shown.name));
        let at = sections.iter().position(|section| section.area == area).unwrap_or_else(|| {
            sections.push(Section { area, label: label(area), panels: Vec::new() });
            sections.len() - 1
        });
        let panels = &mut sections[at].panels;
        let choice = shown.choice.clone().or_else(|| by_name(name));
        let group = choice.as_ref().map_or(name, |choice| &choice.group);
        let id = id(area, group);
        let label = choice.as_ref().map(|choice| choice.label.clone()).unwrap_or_default();
        match panels.iter_mut().find(|panel| panel.id == id) {
            Some(panel) => panel.reports.push((label, shown)),
            None => panels.push(Panel { id, title: Words::default(), reports: vec![(label, shown)] }),
        }
    }
    for panel in sections.iter_mut().flat_map(|section| &mut section.panels) {
        panel
            .reports
            .sort_by_key(|(label, _)| ["Day", "Week", "Month"].iter().position(|grain| *grain == label.en));
        panel.title = title(&panel.reports);
    }
    let place = |area: &str| AREAS.iter().position(|(known, ..)| *known == area).unwrap_or(AREAS.len());
    sections.sort_by_key(|section| place(section.area));
    for section in &mut sections {
        let place = |panel: &Panel<'_>| {
            let name = &panel.reports[0].1.name;
            ORDER.iter().position(|known| name.starts_with(known)).unwrap_or(ORDER.len())
        };
        section.panels.sort_by_key(place);
    }
    sections
}

fn label(area: &str) -> Words {
    match AREAS.iter().find(|(known, ..)| *known == area) {
        Some((_, en, zh)) => Words { en: (*en).to_string(), zh: (*zh).to_string() },
        None if area.is_empty() => Words { en: "Reports".to_string(), zh: "报表".to_string() },
        None => Words::parse(area),
    }
}

/// `visit_trend_week` is the week of `visit_trend`.
fn by_name(name: &str) -> Option<Choice> {
    let (group, grain) = name.rsplit_once('_')?;
    let (en, zh) = match grain {
        "day" => ("Day", "日"),
        "week" => ("Week", "周"),
        "month" => ("Month", "月"),
        _ => return None,
    };
    Some(Choice { group: group.to_string(), label: Words { en: en.to_string(), zh: zh.to_string() } })
}

fn id(area: &str, group: &str) -> String {
    slug(&format!("{area}-{group}"))
}

/// The title of one report, or what the titles of several have in common: "Visit trend by day" and "Visit trend by
/// week" are "Visit trend".
fn title(reports: &[(Words, &Shown)]) -> Words {
    let of = |get: fn(&Words) -> &String| {
        let first = get(&reports[0].1.title).as_str();
        if reports.len() == 1 {
            return first.to_string();
        }
        let mut common: &str = first;
        for (_, shown) in reports {
            let same = common.chars().zip(get(&shown.title).chars()).take_while(|(a, b)| a == b);
            common = &common[..same.map(|(c, _)| c.len_utf8()).sum()];
        }
        let common = common.trim_end_matches([' ', ',', ':', '·', '(', '（', '，', '-', '–', '按']);
        let common = common.strip_suffix(" by").or_else(|| common.strip_suffix(" per")).unwrap_or(common);
        if common.is_empty() { first.to_string() } else { common.trim_end().to_string() }
    };
    Words { en: of(|words| &words.en), zh: of(|words| &words.zh) }
}
