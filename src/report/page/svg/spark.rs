//! The small line on a card: a shape without axes, for the eye only; the figures are in the card and in the trend.

use super::n;

/// A line through the values, oldest first; nothing where there are fewer than two.
pub(in super::super) fn spark(values: &[f64]) -> String {
    const WIDTH: f64 = 120.0;
    const HEIGHT: f64 = 32.0;
    if values.len() < 2 {
        return String::new();
    }
    let most = values.iter().copied().fold(f64::MIN, f64::max);
    let least = values.iter().copied().fold(f64::MAX, f64::min);
    let span = if most > least { most - least } else { 1.0 };
    let mut d = String::new();
    for (at, value) in values.iter().enumerate() {
        let x = at as f64 * WIDTH / (values.len() - 1) as f64;
        let y = HEIGHT - 3.0 - (value - least) / span * (HEIGHT - 6.0);
        d += &format!("{}{} {}", if at == 0 { 'M' } else { 'L' }, n(x), n(y));
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"area\" d=\"{d}V{}H0Z\"/><path class=\"l k1\" d=\"{d}\"/></svg>",
        n(WIDTH),
        n(HEIGHT),
        n(HEIGHT)
    )
}
