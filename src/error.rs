//! Error helpers: whose fault it is decides the macro.
//!
//! `plan_err!` says that the query is wrong, `exec_err!` that the data is, and [`footfall_internal_err!`] that we are:
//! DataFusion's own internal error would send the user to DataFusion's issue tracker.

/// `Err` of a bug in Footfall itself.
macro_rules! footfall_internal_err {
    ($($arg:tt)*) => {
        Err(datafusion::common::DataFusionError::External(
            format!("a bug in Footfall, please report it: {}", format_args!($($arg)*)).into(),
        ))
    };
}
pub(crate) use footfall_internal_err;

/// `"; did you mean 'x'?"` when one of `accepted` is close to `found`, else nothing.
pub(crate) fn did_you_mean(found: &str, accepted: &[&str]) -> String {
    let found = found.to_lowercase();
    accepted
        .iter()
        .map(|name| (edit_distance(&found, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| format!("; did you mean '{name}'?"))
        .unwrap_or_default()
}

/// How many characters must be added, taken, changed or swapped with their neighbour.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut above = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = last.clone();
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(above[j - 2] + 1);
            }
        }
        std::mem::swap(&mut above, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}
