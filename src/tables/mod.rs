//! ③ A store as tables and views of a session.

mod comments;
mod event_catalogue;
mod events;
mod of_users;
mod quarantine;
mod saved;
mod scenes;
mod shard_scan;
mod users;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::datasource::ViewTable;
use datafusion::prelude::SessionContext;

use crate::store::{Snapshot, Store};

pub use comments::reference;
pub(crate) use comments::{of_column, of_table};
pub use events::EventsTable;
pub(crate) use of_users::{InSegment, SegmentUsers};
pub(crate) use saved::SavedViews;
pub use scenes::scenes_version;
pub(crate) use shard_scan::relax_order::RelaxScanOrder;
pub use shard_scan::{ShardScan, ShardScanExec};

/// The view over `events` on which `users` builds.
const ACTIVE_DAYS: &str = include_str!("../../sql/views/active_days.sql");

/// The views over `events` and `users`.
const VIEWS: &[(&str, &str)] = &[
    ("visits", include_str!("../../sql/views/visits.sql")),
    ("sessions", include_str!("../../sql/views/sessions.sql")),
    ("shares", include_str!("../../sql/views/shares.sql")),
];

/// Registers the tables of the store, events as of `snapshot`, and the views over them. With `users`, events and profiles are
/// those of these users, and so are all views.
pub(crate) async fn register(
    context: &SessionContext,
    store: &Store,
    snapshot: Snapshot,
    users: Option<&Arc<SegmentUsers>>,
) -> Result<()> {
    let catalogue = Arc::clone(&snapshot.catalogue);
    context.register_table("event_catalogue", event_catalogue::table(&catalogue)?)?;
    let events: Arc<dyn TableProvider> = Arc::new(EventsTable::new(store, snapshot)?);
    context.register_table("events", of(users, events)?)?;
    context.register_table("quarantine", quarantine::table(store).await?)?;
    scenes::register(context, store)?;
    view(context, "active_days", ACTIVE_DAYS.trim()).await?;
    users::register(context, store, users).await?;
    let zone = store.time_zone().to_string();
    for (name, query) in VIEWS {
        // The zone is an IANA name, checked when the store was opened; it cannot hold a quote.
        view(context, name, &query.trim().replace("{time_zone}", &zone)).await?;
    }
    comments::register(context, &catalogue).await
}

async fn view(context: &SessionContext, name: &str, query: &str) -> Result<()> {
    let plan = context.state().create_logical_plan(query).await;
    let plan = plan.map_err(|e| e.context(format!("view {name}")))?;
    context.register_table(name, Arc::new(ViewTable::new(plan, Some(query.to_string()))))?;
    Ok(())
}

/// The rows of these users, where only some are to be shown.
fn of(users: Option<&Arc<SegmentUsers>>, table: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
    match users {
        Some(users) => Ok(Arc::new(of_users::OfUsers::new(table, users)?)),
        None => Ok(table),
    }
}
