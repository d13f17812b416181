//! From values to places: a linear scale from zero with round ticks.

/// A scale whose domain begins at zero, or below where there are negative values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Maps 0 to `from` and the round number at or above `most` to `to`; the step between ticks comes with it.
    pub(super) fn round(least: f64, most: f64, ticks: usize, from: f64, to: f64) -> (Self, f64) {
        let most = if most <= 0.0 && least >= 0.0 { 1.0 } else { most.max(0.0) };
        let least = least.min(0.0);
        let rough = (most - least) / ticks as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(10.0 * power);
        let scale =
            Self { low: (least / step).floor() * step, high: (most / step - 1e-9).ceil() * step, from, to };
        (scale, step)
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    pub(super) fn ticks(&self, step: f64) -> Vec<f64> {
        let count = ((self.high - self.low) / step).round() as usize;
        (0..=count).map(|n| self.low + n as f64 * step).collect()
    }
}

/// Which of the places of a clock are labelled where at most so many labels fit: full hours, evenly apart.
pub(super) fn hours(labels: &[String], fits: usize) -> Vec<bool> {
    let hour = |label: &String| label.strip_suffix(":00").and_then(|hour| hour.parse::<usize>().ok());
    let all = labels.iter().filter_map(hour).count();
    let step = [1, 2, 3, 4, 6, 12].into_iter().find(|step| all.div_ceil(*step) <= fits.max(1)).unwrap_or(24);
    labels.iter().map(|label| hour(label).is_some_and(|hour| hour.is_multiple_of(step))).collect()
}

/// Which of so many labels are drawn where at most so many fit: every n-th, counted from the last.
pub(super) fn every(count: usize, fits: usize) -> impl Fn(usize) -> bool {
    let step = [1, 2, 3, 5, 7, 10, 14, 30, 61, 91, 182, 365, 730]
        .into_iter()
        .find(|step| count.div_ceil(*step) <= fits.max(1))
        .unwrap_or(count.max(1));
    move |at| (count - 1 - at).is_multiple_of(step)
}
