//! What may be `SET`: options under the prefix `footfall.`.

use datafusion::common::config::{ConfigExtension, ConfigOptions};
use datafusion::common::extensions_options;

extensions_options! {
    /// Options of Footfall, `SET footfall.<name> = …`.
    pub struct FootfallOptions {
        /// Zone in which the store counts days, an IANA name such as `Asia/Shanghai`; UTC without a store. For reading:
        /// the days of a store are fixed when it is created, and functions take a zone as an option.
        pub time_zone: String, default = "UTC".to_string()
        /// Whose answers functions give where ours differ on purpose: `none` (ours) or `clickhouse`.
        pub compatibility: String, default = "none".to_string()
        /// Execute session functions by the streaming operator where the plan proves order by (user, time).
        /// Off: the generic window operator, which holds a whole partition in memory. For comparison only.
        pub stream_sessions: bool, default = true
        /// Execute aggregates over a user's events without keeping the events where the plan proves order by (user, time).
        /// Off: the events of a batch of users are kept and sorted. For comparison only.
        pub stream_events: bool, default = true
        /// Group rows that come in order of their groups by comparing each with the one before it.
        /// Off: by a hash table. For comparison only.
        pub sorted_aggregates: bool, default = true
        /// Number the texts by which rows without an order are grouped, before the groups of several threads are put together.
        /// Off: by a hash table. For comparison only.
        pub numbered_aggregates: bool, default = true
        /// Leave out the rows of `events` for which a filter is not true while files are read, before they are merged.
        /// Off: an operator above the scan does it. For comparison only.
        pub filter_in_scan: bool, default = true
        /// Refuse all that does more than read: tables, rows, files and settings stay as they are. Once on it stays on, because
        /// `SET` is refused, too.
        pub read_only: bool, default = false
        /// Read only the days that a filter on a session view can depend on.
        /// Off: the views read all days. For comparison only.
        pub bound_days: bool, default = true
    }
}

impl ConfigExtension for FootfallOptions {
    const PREFIX: &'static str = "footfall";
}

impl FootfallOptions {
    /// Whether a rule is on. Someone else's session that has the rule but not the options has it on.
    pub(crate) fn is_on(config: &ConfigOptions, rule: impl FnOnce(&Self) -> bool) -> bool {
        config.extensions.get::<Self>().is_none_or(rule)
    }
}

/// Key in the metadata of a Date32 field: it holds the local day of the table's column `ts` in the zone of that name.
pub(crate) const DAY_ZONE: &str = "footfall.day_zone";
