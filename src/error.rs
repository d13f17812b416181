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

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let change = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
