//! A bar for each step of a funnel, with its share of the first step and of the step before.
//!
//! ```text
//! step          users                                of first  of previous
//! view           4210 ██████████████████████████████  100.0 %
//! cart           1180 ████████▍                        28.0 %       28.0 %
//! ```

use super::bar::bar;
use super::{Canvas, coloured};
use crate::repl::grid::Grid;
use crate::repl::text::{fitted, one_line, pad, width};

const SHARES: usize = 10 + 13;

pub(super) fn draw(grid: &Grid, columns: &[usize], canvas: Canvas) -> Result<Vec<String>, String> {
    let [step, figure] = columns else {
        return Err("\\chart funnel: name the step and the number".to_string());
    };
    let (step, figure) = (*step, *figure);
    let column = |at: usize| one_line(&grid.columns[at].name);
    let widest = |at: usize, most: usize| {
        let cells = grid.rows.iter().map(|row| width(&one_line(row[at].shown())));
        cells.chain([width(&column(at))]).max().unwrap_or(0).clamp(1, most)
    };
    let (steps, numbers) = (widest(step, canvas.width / 4), widest(figure, canvas.width / 5));
    // A narrow terminal has no room for the shares beside the bars.
    let shares = if canvas.width > steps + numbers + SHARES + 12 { SHARES } else { 0 };
    let room = canvas.width.saturating_sub(steps + numbers + shares + 2).max(1);
    let high = grid.rows.iter().filter_map(|row| row[figure].value()).fold(0.0_f64, f64::max);
    let first = grid.rows[0][figure].value();
    let heading =
        format!("{} {}", fitted(&column(step), steps, false), fitted(&column(figure), numbers, true));
    let mut lines = vec![match shares {
        0 => heading,
        _ => format!("{heading} {}{:>10}{:>13}", " ".repeat(room), "of first", "of previous"),
    }];
    let mut before: Option<f64> = None;
    for row in &grid.rows {
        let value = row[figure].value();
        let drawn = value.map(|value| bar(value.max(0.0), 0.0, high, room, '█')).unwrap_or_default();
        let label = fitted(&one_line(row[step].shown()), steps, false);
        let number = fitted(&one_line(row[figure].shown()), numbers, true);
        let mut line = format!("{label} {number} {}", coloured(&pad(&drawn, room, false), 0, canvas.colour));
        if shares > 0 {
            line.push_str(&format!(
                "{:>10}{:>13}",
                share(value, first),
                if before.is_some() { share(value, before) } else { String::new() }
            ));
        }
        lines.push(line);
        before = value;
    }
    Ok(lines)
}

/// Per cent with one digit behind the point; nothing of nothing, nor where it is no share.
fn share(part: Option<f64>, whole: Option<f64>) -> String {
    match (part, whole) {
        (Some(part), Some(whole)) if whole > 0.0 && (0.0..100.0).contains(&(part / whole)) => {
            format!("{:.1} %", part / whole * 100.0)
        }
        _ => String::new(),
    }
}
