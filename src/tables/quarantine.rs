//! Table `quarantine`: the rejected rows, read by DataFusion's own Parquet scan; they have no order to keep.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};

use crate::store::{Store, schema::quarantine_schema, table_url};

pub(super) async fn table(store: &Store) -> Result<Arc<dyn TableProvider>> {
    let files = store.quarantined().await?;
    if files.is_empty() {
        return Ok(Arc::new(MemTable::try_new(quarantine_schema(), vec![vec![]])?));
    }
    let folder = table_url(store.root(), "quarantine")?;
    let urls = files
        .iter()
        .map(|file| ListingTableUrl::parse(format!("{folder}{}", file.path)))
        .collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(quarantine_schema());
    Ok(Arc::new(ListingTable::try_new(config)?))
}
