//! A Sankey diagram: from where to where, the thicker the more. Pages stand in columns: by the step where the report says
//! it, else by how far they are from a beginning; where paths go round in circles, two columns, from and to.
//!
//! Only the largest pages of a column have a place of their own; what is left out is said below.

use std::collections::HashMap;

use super::super::chart::Chart;
use super::super::text;
use super::super::view::View;
use super::{Canvas, NARROW, Plot, WIDE, n};

/// Pages of a column, and columns of a picture.
const PAGES: usize = 8;
const COLUMNS: usize = 6;

struct Link {
    /// Places in `Flow::nodes`.
    from: usize,
    to: usize,
    value: f64,
}

struct Node {
    name: String,
    column: usize,
    value: f64,
}

struct Flow {
    nodes: Vec<Node>,
    links: Vec<Link>,
    columns: usize,
    left_out: usize,
}

pub(super) fn plots(view: View<'_>, chart: &Chart) -> Vec<Plot> {
    let (Some(from), Some(to), Some(value)) =
        (chart.column("from"), chart.column("to"), chart.column("value"))
    else {
        return Vec::new();
    };
    let parts = view.parts(chart.column("series"));
    let is_single = parts.len() == 1;
    parts
        .into_iter()
        .map(|(part, rows)| {
            let flow = flow(view, [from, to, value], chart.column("step"), &rows);
            let mut notes = Vec::new();
            if flow.left_out > 0 {
                notes.push(view.book.ui.links_left_out.replace("{count}", &flow.left_out.to_string()));
            }
            Plot {
                narrow: draw(view, value, &flow, NARROW),
                wide: Some(draw(view, value, &flow, WIDE)),
                label: if is_single { String::new() } else { part },
                legend: Vec::new(),
                notes,
            }
        })
        .collect()
}

fn flow(view: View<'_>, [from, to, value]: [usize; 3], step: Option<usize>, rows: &[usize]) -> Flow {
    let named: Vec<(i64, String, String, f64)> = rows
        .iter()
        .filter_map(|&row| {
            let value = view.cell(row, value).number().filter(|value| *value > 0.0)?;
            let at = step.and_then(|step| view.cell(row, step).number()).unwrap_or_default() as i64;
            Some((at, view.text(row, from), view.text(row, to), value))
        })
        .collect();
    let column_of: HashMap<(i64, bool, &str), usize> = columns(&named, step.is_some());
    let mut flow = Flow { nodes: Vec::new(), links: Vec::new(), columns: 0, left_out: 0 };
    let mut place_of: HashMap<(usize, &str), usize> = HashMap::new();
    let (mut outgoing, mut incoming) = (HashMap::new(), HashMap::new());
    for (at, from, to, value) in &named {
        let ends =
            [(column_of[&(*at, false, from.as_str())], from), (column_of[&(*at, true, to.as_str())], to)];
        let [from, to] = ends.map(|(column, name)| {
            *place_of.entry((column, name.as_str())).or_insert_with(|| {
                flow.nodes.push(Node { name: name.clone(), column, value: 0.0 });
                flow.nodes.len() - 1
            })
        });
        *outgoing.entry(from).or_insert(0.0) += value;
        *incoming.entry(to).or_insert(0.0) += value;
        flow.links.push(Link { from, to, value: *value });
    }
    for (place, node) in flow.nodes.iter_mut().enumerate() {
        let of = |sums: &HashMap<usize, f64>| sums.get(&place).copied().unwrap_or_default();
        node.value = f64::max(of(&outgoing), of(&incoming));
    }
    keep_largest(&mut flow);
    flow
}

/// The column of each end of each link: (step, is the far end, name).
fn columns(named: &[(i64, String, String, f64)], has_steps: bool) -> HashMap<(i64, bool, &str), usize> {
    let mut of = HashMap::new();
    if has_steps {
        let least = named.iter().map(|(step, ..)| *step).min().unwrap_or_default();
        for (step, from, to, _) in named {
            of.insert((*step, false, from.as_str()), (step - least) as usize);
            of.insert((*step, true, to.as_str()), (step - least) as usize + 1);
        }
        return of;
    }
    // The longest way from a beginning; without an end to it there is a circle.
    let mut depth: HashMap<&str, usize> = HashMap::new();
    let mut has_settled = false;
    for _ in 0..=COLUMNS {
        has_settled = true;
        for (_, from, to, _) in named {
            let next = depth.get(from.as_str()).copied().unwrap_or_default() + 1;
            if depth.get(to.as_str()).copied().unwrap_or_default() < next {
                depth.insert(to, next);
                has_settled = false;
            }
        }
        if has_settled {
            break;
        }
    }
    for (_, from, to, _) in named {
        let depth = |name: &str| depth.get(name).copied().unwrap_or_default();
        of.insert((0, false, from.as_str()), if has_settled { depth(from) } else { 0 });
        of.insert((0, true, to.as_str()), if has_settled { depth(to) } else { 1 });
    }
    of
}

/// Drops the smallest pages of full columns, and pages in columns too far to the right, with their links.
fn keep_largest(flow: &mut Flow) {
    let mut order: Vec<usize> = (0..flow.nodes.len()).collect();
    let by_size = |a: &usize, b: &usize| {
        let (a, b) = (&flow.nodes[*a], &flow.nodes[*b]);
        a.column.cmp(&b.column).then(b.value.total_cmp(&a.value)).then(a.name.cmp(&b.name))
    };
    order.sort_by(by_size);
    let mut kept_of = [0; COLUMNS];
    let mut new_place = HashMap::new();
    for place in order {
        let column = flow.nodes[place].column;
        if column < COLUMNS && kept_of[column] < PAGES {
            kept_of[column] += 1;
            new_place.insert(place, new_place.len());
        }
    }
    let all = flow.links.len();
    let place = |old: usize| new_place.get(&old).copied();
    flow.links = flow
        .links
        .iter()
        .filter_map(|link| Some(Link { from: place(link.from)?, to: place(link.to)?, value: link.value }))
        .collect();
    flow.left_out = all - flow.links.len();
    let mut nodes: Vec<(usize, Node)> = std::mem::take(&mut flow.nodes)
        .into_iter()
        .enumerate()
        .filter_map(|(old, node)| Some((place(old)?, node)))
        .collect();
    nodes.sort_by_key(|(place, _)| *place);
    flow.nodes = nodes.into_iter().map(|(_, node)| node).collect();
    flow.columns = flow.nodes.iter().map(|node| node.column + 1).max().unwrap_or_default();
}

fn draw(view: View<'_>, value: usize, flow: &Flow, width: f64) -> String {
    const BAR: f64 = 8.0;
    const GAP: f64 = 22.0;
    let mut canvas = Canvas::new(width);
    let top = 16.0;
    let in_column = |column: usize| flow.nodes.iter().filter(move |node| node.column == column);
    let tallest = (0..flow.columns).map(|column| in_column(column).count()).max().unwrap_or_default();
    let height = (tallest as f64 * 46.0).max(120.0);
    let most =
        (0..flow.columns).map(|c| in_column(c).map(|node| node.value).sum::<f64>()).fold(0.0, f64::max);
    let unit = (height - GAP * tallest.saturating_sub(1) as f64) / most.max(f64::MIN_POSITIVE);
    // Names stand above their bars and run to the right, the last column's too.
    let last = (width / flow.columns.max(1) as f64).min(190.0);
    let stride = (width - last) / flow.columns.saturating_sub(1).max(1) as f64;

    let mut bars: Vec<[f64; 3]> = Vec::new();
    let mut below: Vec<f64> = vec![top; flow.columns];
    for node in &flow.nodes {
        let tall = (node.value * unit).max(2.0);
        bars.push([node.column as f64 * stride, below[node.column], tall]);
        below[node.column] += tall + GAP;
    }
    let mut order: Vec<usize> = (0..flow.links.len()).collect();
    let ends = |link: &Link| (bars[link.from][1], bars[link.to][1]);
    order.sort_by(|a, b| {
        let (a, b) = (ends(&flow.links[*a]), ends(&flow.links[*b]));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let (mut used_out, mut used_in) = (vec![0.0; bars.len()], vec![0.0; bars.len()]);
    for link in order.into_iter().map(|at| &flow.links[at]) {
        let thick = (link.value * unit).max(1.0);
        let (from, to) = (bars[link.from], bars[link.to]);
        let y_from = from[1] + used_out[link.from] + thick / 2.0;
        let y_to = to[1] + used_in[link.to] + thick / 2.0;
        used_out[link.from] += link.value * unit;
        used_in[link.to] += link.value * unit;
        let (x_from, x_to) = (from[0] + BAR, to[0]);
        let middle = (x_from + x_to) / 2.0;
        let (from, to) = (&flow.nodes[link.from], &flow.nodes[link.to]);
        let number = text::figure(link.value, view.kind(value));
        let share = text::decimals(link.value / from.value.max(f64::MIN_POSITIVE) * 100.0, 1);
        let tip = format!(
            "{} → {}\n{}{}{number}\n{}{}{share}%",
            from.name,
            to.name,
            view.label(value),
            view.book.ui.colon,
            view.book.ui.of_from,
            view.book.ui.colon
        );
        canvas.mark("flow", &tip, |canvas| {
            let d = format!(
                "M{} {}C{} {} {} {} {} {}",
                n(x_from),
                n(y_from),
                n(middle),
                n(y_from),
                n(middle),
                n(y_to),
                n(x_to),
                n(y_to)
            );
            canvas.body.push_str(&format!("<path d=\"{d}\" stroke-width=\"{}\"/>", n(thick)));
        });
    }
    for (node, [x, y, tall]) in flow.nodes.iter().zip(&bars) {
        let number = text::figure(node.value, view.kind(value));
        let tip = format!("{}\n{}{}{number}", node.name, view.label(value), view.book.ui.colon);
        let is_last = node.column + 1 == flow.columns;
        let room = (if is_last { last } else { stride } - 6.0) / 12.5;
        canvas.mark("", &tip, |canvas| {
            canvas.rect("node", [*x, *y, BAR, *tall], 2.0);
            // Between many narrow columns there is room for the names only.
            let short = match canvas.is_wide() || flow.columns <= 3 {
                true => format!(" {}", text::short(node.value, view.kind(value), view.book.language)),
                false => String::new(),
            };
            let name = text::fitted(&node.name, (room - text::width(&short)).max(3.0));
            canvas.text(*x, y - 5.0, "halo", &format!("{name}{short}"));
        });
    }
    let title = format!("{} · {}", view.shown.title.get(view.book.language), view.label(value));
    canvas.finish(top + height + 6.0, &title, None)
}
