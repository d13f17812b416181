//! Case function → SQL text: the one table to edit when a name or an argument changes.

use serde_json::Value;

use super::{Mode, Time, items};

/// ClickHouse's own names, used where its answers are asked for: they must work too.
const CLICKHOUSE_NAMES: [(&str, &str); 7] = [
    ("window_funnel", "windowFunnel"),
    ("sequence_match", "sequenceMatch"),
    ("sequence_count", "sequenceCount"),
    ("sequence_match_events", "sequenceMatchEvents"),
    ("sequence_next_node", "sequenceNextNode"),
    ("uniq_up_to", "uniqUpTo"),
    ("sum_map", "sumMap"),
];

pub(super) fn sql(case: &Value, function: &str, mode: Mode, time: Time) -> Result<String, String> {
    let options = &case["options"];
    let own = CLICKHOUSE_NAMES.iter().find(|(name, _)| *name == function && mode == Mode::ClickHouse);
    let name = own.map_or(function, |(_, clickhouse)| clickhouse);
    let steps = || list(&options["steps"], condition);
    let conditions = || list(&options["conditions"], condition);
    let window = || time.span(&case["window"]);
    Ok(match function {
        "sessionize" => format!(
            "SELECT sessionize(ts, {}{}) OVER (PARTITION BY u ORDER BY ts, seq) FROM t ORDER BY seq",
            time.span(&options["gap"]),
            session_options(options)?
        ),
        "session_summary" => format!(
            "SELECT u, s['session'], {start}, {end} - {start}, \
             min(s['entry_page']), min(s['exit_page']), min(s['views']), min(s['depth']), count(*) \
             FROM {} GROUP BY u, s['session'] ORDER BY u, s['session']",
            info(options, time),
            start = time.seconds("min(s['session_start'])"),
            end = time.seconds("max(s['session_end'])"),
        ),
        "exit_rate" => format!(
            "SELECT page, count(s['visit_no']), count(DISTINCT u), \
             count(*) FILTER (WHERE s['is_entry']), count(*) FILTER (WHERE s['is_exit']), \
             exit_rate(s['is_exit']), \
             exit_rate(s['is_exit'], {{basis: 'visits', visit_key: concat(u, '/', s['session'])}}), \
             bounce_rate(s['is_bounce'], s['is_entry']) \
             FROM {} WHERE s['visit_no'] IS NOT NULL GROUP BY page ORDER BY page",
            info(options, time)
        ),
        // The session is the row: `page_view` makes views, any other event is an interactive one.
        "bounce_rate" => format!(
            "SELECT bounce_rate(views = 1), \
             bounce_rate(views = 1, {{basis: 'plausible', interactive: others > 0}}), \
             1 - bounce_rate(views = 1, {{basis: 'ga4', duration_ms: seconds * 1000, key_event: keys > 0}}) \
             FROM (SELECT count(*) FILTER (WHERE name = 'page_view') AS views, \
             count(*) FILTER (WHERE name <> 'page_view') AS others, \
             count(*) FILTER (WHERE name IN ({})) AS keys, \
             {} - {} AS seconds FROM {} GROUP BY u, s['session'])",
            list(&options["key_events"], literal)?,
            time.seconds("max(s['session_end'])"),
            time.seconds("min(s['session_start'])"),
            info(options, time)
        ),
        "visit_overview" => format!(
            "SELECT count(*), sum(views), count(DISTINCT u), \
             CAST(sum(stay) AS DOUBLE) / count(*), CAST(sum(stay) AS DOUBLE) / count(DISTINCT u), \
             avg(CAST(depth AS DOUBLE)) \
             FROM (SELECT u, min(s['views']) AS views, min(s['depth']) AS depth, sum(s['stay_ms']) / {} AS stay \
             FROM {} GROUP BY u, s['session'])",
            // The stay of an integer ts is in its own unit.
            if time == Time::Integer { 1 } else { 1000 },
            info(options, time)
        ),
        "window_funnel" => {
            let modes: Vec<&str> = items(&options["modes"]).filter_map(Value::as_str).collect();
            let modes = match modes.is_empty() {
                true => String::new(),
                false => format!("'{}', ", modes.join(", ")),
            };
            // Where ClickHouse's answer follows from the order in which rows of one time arrive, that order is named.
            let arrival = mode == Mode::ClickHouse && !case["recommended_expected"]["any_of"].is_null();
            let tie = if arrival { ", {tie: seq}" } else { "" };
            format!(
                "SELECT u, {name}({}, {modes}ts, {}{tie}) FROM t GROUP BY u ORDER BY u",
                window(),
                steps()?
            )
        }
        "window_funnel_state/merge" => {
            let part = options["partition_field"].as_str().unwrap_or_default();
            format!(
                "SELECT u, window_funnel_merge(state) FROM (SELECT u, window_funnel_state({}, ts, {}) AS state \
                 FROM t GROUP BY u, {part}) GROUP BY u ORDER BY u",
                window(),
                conditions()?
            )
        }
        "funnel" => format!(
            "SELECT f['level'], f['excluded'], CAST(f['times'] AS BIGINT[]) \
             FROM (SELECT funnel(ts, [{}], {{{}}}) AS f FROM t GROUP BY u)",
            steps()?,
            funnel_options(case, time)?
        ),
        "funnel_breakdown" => {
            let field = options["field"].as_str().unwrap_or_default();
            match options["attribution"].as_str().unwrap_or_default() {
                "all_events" => format!(
                    "SELECT b['value'], max(b['level']) FROM (SELECT unnest(f['breakdowns']) AS b FROM (SELECT \
                     funnel(ts, [{}], {{{}, breakdown: {field}, attribution: 'all'}}) AS f FROM t GROUP BY u)) \
                     GROUP BY b['value']",
                    steps()?,
                    funnel_options(case, time)?
                ),
                attribution => format!(
                    "SELECT f['breakdown'], max(f['level']) FROM (SELECT \
                     funnel(ts, [{}], {{{}, breakdown: {field}, attribution: '{}'}}) AS f FROM t GROUP BY u) \
                     GROUP BY f['breakdown']",
                    steps()?,
                    funnel_options(case, time)?,
                    attribution.replace("_touch", "")
                ),
            }
        }
        "funnel_totals" => {
            let exclude = list(&options["exclusion"], |step| {
                Ok(format!("{{when: {}, from: 1, to: 2}}", condition(step)?))
            })?;
            format!(
                "SELECT sum(r['entries']), sum(r['conversions']) FROM (SELECT \
                 funnel_count_runs({}, ts, {}, {{exclude: [{exclude}]}}) AS r FROM t GROUP BY u)",
                window(),
                steps()?
            )
        }
        "funnel_match_step" | "funnel_complete_count" => {
            format!("SELECT u, {name}({}, ts, {}) FROM t GROUP BY u ORDER BY u", window(), steps()?)
        }
        "funnel_count" => format!("SELECT funnel_count(u, {}) FROM t", steps()?),
        "sequence_match" | "sequence_count" => format!(
            "SELECT u, {name}({}, ts, {}) FROM t GROUP BY u ORDER BY u",
            literal(&options["pattern"])?,
            conditions()?
        ),
        "sequence_match_events" => format!(
            "SELECT u, CAST({name}({}, ts, {}) AS BIGINT[]) FROM t GROUP BY u ORDER BY u",
            literal(&options["pattern"])?,
            conditions()?
        ),
        "sequence_next_node" => {
            let base = match &options["base_condition"] {
                Value::Null => "true".to_string(),
                given => condition(given)?,
            };
            format!(
                "SELECT u, {name}({}, {}, ts, {}, {base}, {}) FROM t GROUP BY u ORDER BY u",
                literal(&options["direction"])?,
                literal(&options["base"])?,
                options["value_field"].as_str().unwrap_or_default(),
                conditions()?
            )
        }
        "retention" => format!("SELECT u, retention({}) FROM t GROUP BY u ORDER BY u", conditions()?),
        "retention_matrix" => format!(
            "SELECT CAST(CAST(r['cohort'] AS DATE) AS INT), r['offset'], r['users'] FROM \
             (SELECT unnest(retention_rollup(first, back, {{mode: '{}', kind: '{}'}})) AS r \
             FROM (SELECT active_bitmap(ts, 'day', '{zone}'{}) AS first, \
             active_bitmap(ts, 'day', '{zone}'{}) AS back FROM t GROUP BY u)) \
             WHERE r['users'] > 0 ORDER BY 1, 2",
            options["mode"].as_str().unwrap_or("n_day"),
            options["kind"].as_str().unwrap_or("first"),
            only(&options["start"])?,
            only(&options["ret"])?,
            zone = options["tz"].as_str().unwrap_or("UTC"),
        ),
        "retention_rolling" => {
            let floor = match &options["floor"] {
                Value::Null => String::new(),
                unit => format!(", floor: {}", literal(unit)?),
            };
            format!(
                "SELECT r['offset'] FROM (SELECT unnest(retention_rollup(seen, seen, \
                 {{rolling: INTERVAL '{} hours'{floor}}})) AS r FROM (SELECT active_bitmap(ts, 'second') AS seen \
                 FROM t GROUP BY u)) WHERE r['users'] > 0 ORDER BY 1",
                options["hours"]
            )
        }
        "stickiness" => format!(
            "SELECT r['users'], r['cumulative'] FROM (SELECT unnest(stickiness_rollup(seen)) AS r \
             FROM (SELECT active_bitmap(ts, {}) AS seen FROM t GROUP BY u)) ORDER BY r['periods']",
            literal(&options["unit"])?
        ),
        "path_edges" => format!(
            "SELECT e['step'], e['from'], e['to'], e['count'] FROM (SELECT unnest(path_rollup(path)) AS e \
             FROM (SELECT user_path(ts, name, {{gap: {}}}) AS path FROM t GROUP BY u)) ORDER BY 1, 2, 3",
            time.span(&options["gap"])
        ),
        "path_split" => format!(
            "SELECT u, p['nodes'] FROM (SELECT u, unnest(user_path(ts, name, \
             {{gap: {}, max_steps: {}, start: {}, collapse: false}})) AS p FROM t GROUP BY u) \
             ORDER BY u, p['times'][1]",
            time.span(&options["session_time"]),
            options["max_depth"],
            literal(&options["start_event"])?
        ),
        "attribution" => format!(
            "SELECT map_keys(a), map_values(a) FROM (SELECT attribution(ts, {}, {}, {}, {}, {}, {}) AS a \
             FROM t GROUP BY u)",
            condition(&options["touch"])?,
            options["field"].as_str().unwrap_or_default(),
            condition(&options["conversion"])?,
            options["value_field"].as_str().unwrap_or_default(),
            window(),
            literal(&options["model"])?
        ),
        "conversion_rate" => format!(
            "SELECT sum(c['base']), sum(c['converted']), CAST(sum(c['converted']) AS DOUBLE) / sum(c['base']) \
             FROM (SELECT conversion(ts, {}, {}, {}) AS c FROM t GROUP BY u)",
            condition(&options["base"])?,
            condition(&options["conversion"])?,
            window()
        ),
        "uniq_up_to" => {
            format!("SELECT u, {name}({}, value) FROM t GROUP BY u ORDER BY u", options["n"])
        }
        "sum_map" => format!(
            "SELECT u, map_keys(m), map_values(m) FROM (SELECT u, {name}(\"keys\", \"values\") AS m FROM t GROUP BY u) \
             ORDER BY u"
        ),
        other => return Err(format!("no SQL for function {other}")),
    })
}

/// The rows with the struct of their session.
fn info(options: &Value, time: Time) -> String {
    format!(
        "(SELECT *, session_info(ts, {}, page, {{is_page: name = '{}'}}) OVER (PARTITION BY u ORDER BY ts, seq) s FROM t)",
        time.span(&options["gap"]),
        options["page_event"].as_str().unwrap_or("page_view")
    )
}

fn session_options(options: &Value) -> Result<String, String> {
    let mut named = Vec::new();
    for (option, value) in options.as_object().into_iter().flatten() {
        match option.as_str() {
            "gap" => {}
            "split_tz" => named.push(format!("split_day: {}", literal(value)?)),
            "split_on" => named.push(format!("split_on: {}", value.as_str().unwrap_or_default())),
            "start_names" => named.push(format!("restart: name IN ({})", list(value, literal)?)),
            "end_names" => named.push(format!("close: name IN ({})", list(value, literal)?)),
            other => return Err(format!("no SQL for option {other}")),
        }
    }
    Ok(match named.is_empty() {
        true => String::new(),
        false => format!(", {{{}}}", named.join(", ")),
    })
}

fn funnel_options(case: &Value, time: Time) -> Result<String, String> {
    let mut named = vec![format!("window: {}", time.span(&case["window"]))];
    let options = &case["options"];
    for (option, value) in options.as_object().into_iter().flatten() {
        match (option.as_str(), value.as_str().unwrap_or_default()) {
            ("steps" | "field" | "attribution", _) | ("reentry", "optimized") => {}
            ("order", "unordered") => named.push("order: 'any'".to_string()),
            ("order", order) => named.push(format!("order: '{order}'")),
            ("excl", _) => {
                let exclude = list(value, |part| {
                    let names = list(&part[0], literal)?;
                    Ok(format!("{{when: name IN ({names}), from: {}, to: {}}}", part[1], part[2]))
                })?;
                named.push(format!("exclude: [{exclude}]"));
            }
            // Unique users are judged by their first entry, unless the report looks for the best one.
            ("counting", "uniques") if options["reentry"] != "optimized" => {
                named.push("entry: 'first'".to_string());
            }
            ("counting", "uniques") | ("reentry", "default") => {}
            ("hold_constant", _) => {
                let held = items(value).filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
                named.push(format!("hold: {held}"));
            }
            ("grace_seconds", _) => named.push(format!("grace: {}", time.span(value))),
            (other, _) => return Err(format!("no SQL for option {other}")),
        }
    }
    Ok(named.join(", "))
}

/// The condition on the events of a bitmap, none for all events.
fn only(name: &Value) -> Result<String, String> {
    match name {
        Value::Null => Ok(String::new()),
        name => Ok(format!(", name = {}", literal(name)?)),
    }
}

/// `"flags[k]"`, or an object whose listed fields equal the value or are in the list.
fn condition(value: &Value) -> Result<String, String> {
    if let Some(flag) = value.as_str().and_then(|text| text.strip_prefix("flags[")) {
        return Ok(format!("flag_{}", flag.trim_end_matches(']')));
    }
    let fields = value.as_object().ok_or_else(|| format!("{value} is no condition"))?;
    let mut parts = Vec::new();
    for (field, wanted) in fields {
        let wanted = match wanted {
            Value::Array(_) => list(wanted, literal)?,
            one => literal(one)?,
        };
        parts.push(format!("{field} IN ({wanted})"));
    }
    Ok(parts.join(" AND "))
}

fn literal(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("{other} is no text or number")),
    }
}

fn list(values: &Value, sql: impl Fn(&Value) -> Result<String, String>) -> Result<String, String> {
    let parts: Result<Vec<String>, String> = items(values).map(sql).collect();
    Ok(parts?.join(", "))
}
