//! Tables `user_profiles`, what the users files say, and `users`, which knows the page views, too.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::prelude::SessionContext;

use super::SegmentUsers;
use crate::store::users::{Profiles, UPDATED_AT_OF, profile_schema};
use crate::store::{Store, table_url};

const WITHOUT_PROFILES: &str = include_str!("../../sql/views/users.sql");
const WITH_PROFILES: &str = include_str!("../../sql/views/users_with_profiles.sql");

/// Registers both; `active_days` has to be there. With `users`, the profiles are those of these users.
pub(super) async fn register(
    context: &SessionContext,
    store: &Store,
    users: Option<&Arc<SegmentUsers>>,
) -> Result<()> {
    let profiles = store.profiles().await?;
    let query = match &profiles {
        Some(profiles) => {
            context.register_table("user_profiles", super::of(users, table(store, profiles)?)?)?;
            with_profiles(&profiles.schema, store.time_zone().name())
        }
        None => {
            let empty = MemTable::try_new(without_times(&profile_schema()), vec![vec![]])?;
            context.register_table("user_profiles", Arc::new(empty))?;
            WITHOUT_PROFILES.trim().to_string()
        }
    };
    super::view(context, "users", &query).await
}

/// The profiles, read by DataFusion's own Parquet scan.
fn table(store: &Store, profiles: &Profiles) -> Result<Arc<dyn TableProvider>> {
    let folder = table_url(store.root(), "users")?;
    let urls = profiles
        .files
        .iter()
        .map(|file| ListingTableUrl::parse(format!("{folder}{}", file.path)))
        .collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(without_times(&profiles.schema));
    Ok(Arc::new(ListingTable::try_new(config)?))
}

fn with_profiles(schema: &SchemaRef, time_zone: &str) -> String {
    let profile = without_times(schema);
    let columns = profile.fields().iter().filter(|field| field.name() != "user_id");
    let columns: Vec<(String, &DataType)> = columns
        .map(|field| (format!("\"{}\"", field.name().replace('"', "\"\"")), field.data_type()))
        .collect();
    let list = |form: fn(&str, &DataType) -> String| {
        columns.iter().map(|(name, data_type)| form(name, data_type)).collect::<Vec<_>>().join(", ")
    };
    WITH_PROFILES
        .trim()
        .replace("{time_zone}", time_zone)
        .replace("{picked}", &list(|name, _| format!("max({name}) AS {name}")))
        .replace("{nulls}", &list(|name, data_type| format!("arrow_cast(NULL, '{data_type:?}') AS {name}")))
        .replace("{given}", &list(|name, _| name.to_string()))
}

/// The columns of SQL.
fn without_times(schema: &Schema) -> SchemaRef {
    let fields: Vec<Arc<Field>> =
        schema.fields().iter().filter(|field| field.name() != UPDATED_AT_OF).cloned().collect();
    Arc::new(Schema::new(fields))
}
