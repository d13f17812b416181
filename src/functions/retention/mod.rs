//! Retention: which of the users who did the first thing came back for the others?
//!
//! ```text
//! events ──▶ retention ───────▶ [true, false, true]        a user and a few conditions
//!    └─────▶ active_bitmap ──▶ a bitmap a user ──┬──▶ retention_rollup    cohorts × offsets
//!                                                ├──▶ lifecycle_rollup    new, returning, resurrecting, dormant
//!                                                ├──▶ stickiness_rollup   users by number of periods
//!                                                └──▶ bitmap_dates, bitmap_count
//! ```
//!
//! `bitmap`, `counts`, `cohorts`, `lifecycle` and `period` are plain machines over whole numbers; `local` asks the zone.

pub(crate) mod active_bitmap;
pub(crate) mod bitmap_count;
pub(crate) mod bitmap_dates;
pub(crate) mod lifecycle_rollup;
#[expect(clippy::module_inception, reason = "a folder is a mission, a file in it a function of that name")]
pub(crate) mod retention;
pub(crate) mod retention_rollup;
pub(crate) mod retention_state;
pub(crate) mod stickiness_rollup;

mod bitmap;
mod cohorts;
mod counts;
mod lifecycle;
mod local;
mod period;
mod rollup;

use datafusion::logical_expr::{AggregateUDF, DocSection, ScalarUDF};

use super::Function;
use super::folds::FoldAggregate;

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = vec![AggregateUDF::from(retention::Retention::new()).into()];
    functions.extend(retention_state::functions());
    functions.extend(FoldAggregate::<active_bitmap::ActiveBitmap>::functions());
    functions.extend(FoldAggregate::<retention_rollup::RetentionRollup>::functions());
    functions.extend(FoldAggregate::<lifecycle_rollup::LifecycleRollup>::functions());
    functions.extend(FoldAggregate::<stickiness_rollup::StickinessRollup>::functions());
    functions.push(ScalarUDF::from(bitmap_count::BitmapCount::new()).into());
    functions.push(ScalarUDF::from(bitmap_dates::BitmapDates::new()).into());
    functions
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Retention",
    description: Some("Which of the users who did the first thing came back for the others?"),
};
