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
    nearest(found, accepted).map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

/// The one of `accepted` that was probably meant: at most two changes or a third of the characters, and less than half of them.
pub(crate) fn nearest<'a>(found: &str, accepted: &[&'a str]) -> Option<&'a str> {
    let found = found.to_lowercase();
    let mut best: Option<(usize, &'a str)> = None;
    for name in accepted {
        if let Some(distance) = close(&found, name)
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// How far a name is from what was found, in small letters, if it may be meant.
pub(crate) fn close(found: &str, name: &str) -> Option<usize> {
    let distance = edit_distance(found, &name.to_lowercase());
    let longer = name.chars().count().max(found.chars().count());
    (distance <= (longer / 3).max(2) && distance * 2 < longer).then_some(distance)
}

/// How many characters must be added, taken, changed or swapped with their neighbour.
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
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
