//! Where a session meets a folder: a name in quotes, and `CREATE EXTERNAL TABLE … STORED AS PARQUET`.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    DynamicFileCatalog, Session, TableProvider, TableProviderFactory, UrlTableFactory,
};
use datafusion::common::{Result, plan_err};
use datafusion::datasource::dynamic_file::DynamicListTableFactory;
use datafusion::datasource::listing_table_factory::ListingTableFactory;
use datafusion::execution::SessionState;
use datafusion::logical_expr::CreateExternalTable;
use datafusion::prelude::SessionContext;

use super::Folder;
use super::files::Location;

/// The session, in which a file, folder or pattern in quotes is a table, and a folder of Parquet files may have grown.
pub(crate) fn with_folders(context: SessionContext) -> SessionContext {
    let catalogs = Arc::clone(context.state_ref().read().catalog_list());
    let tables = Arc::new(QuotedTables::default());
    let factory: Arc<dyn UrlTableFactory> = Arc::<QuotedTables>::clone(&tables);
    let session_id = context.session_id();
    let context: SessionContext = context
        .into_state_builder()
        .with_session_id(session_id)
        .with_catalog_list(Arc::new(DynamicFileCatalog::new(catalogs, factory)))
        .with_table_factory(PARQUET.to_string(), Arc::new(ExternalTables::default()))
        .build()
        .into();
    tables.files.session_store().with_state(context.state_weak_ref());
    context
}

/// The name of the format in SQL.
const PARQUET: &str = "PARQUET";

/// A name in quotes: folders and patterns of Parquet are ours, everything else is DataFusion's.
#[derive(Debug, Default)]
struct QuotedTables {
    files: DynamicListTableFactory,
}

#[async_trait]
impl UrlTableFactory for QuotedTables {
    async fn try_new(&self, url: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let session = self.files.session_store().get_session().upgrade();
        let state =
            session.and_then(|session| session.read().as_any().downcast_ref::<SessionState>().cloned());
        let (Some(state), Ok(location)) = (state, Location::parse(url)) else {
            return self.files.try_new(url).await;
        };
        let extension = ".parquet";
        if !location.url.is_collection()
            || !location
                .files(&state, extension)
                .await
                .is_ok_and(|found| found.first().is_some_and(|file| file.name.ends_with(extension)))
        {
            return self.files.try_new(url).await;
        }
        Ok(Some(Arc::new(parquet(&state, url, extension)?.table(&state).await?)))
    }
}

/// The folder or pattern of Parquet files that is written so.
fn parquet(state: &SessionState, location: &str, extension: &str) -> Result<Folder> {
    let Some(factory) = state.get_file_format_factory("parquet") else {
        return plan_err!("this build cannot read parquet files");
    };
    Ok(Folder {
        name: None,
        format: factory.create(state, &HashMap::new())?,
        extension: extension.to_string(),
        locations: vec![location.to_string()],
        order: vec![],
    })
}

/// `CREATE EXTERNAL TABLE` over Parquet; one that lists its columns or keys itself is DataFusion's.
#[derive(Debug, Default)]
struct ExternalTables {
    listed: ListingTableFactory,
}

#[async_trait]
impl TableProviderFactory for ExternalTables {
    async fn create(&self, state: &dyn Session, cmd: &CreateExternalTable) -> Result<Arc<dyn TableProvider>> {
        let session = state.as_any().downcast_ref::<SessionState>();
        let factory = session.and_then(|session| session.get_file_format_factory("parquet"));
        let (Some(session), Some(factory)) = (session, factory) else {
            return self.listed.create(state, cmd).await;
        };
        if !cmd.schema.fields().is_empty() || !cmd.table_partition_cols.is_empty() {
            return self.listed.create(state, cmd).await;
        }
        let folder = Folder {
            name: Some(cmd.name.clone()),
            format: factory.create(session, &cmd.options)?,
            extension: ".parquet".to_string(),
            locations: cmd.locations.clone(),
            order: cmd.order_exprs.clone(),
        };
        let table = folder.table(state).await?;
        Ok(Arc::new(
            table
                .with_definition(cmd.definition.clone())
                .with_constraints(cmd.constraints.clone())
                .with_column_defaults(cmd.column_defaults.clone()),
        ))
    }
}
