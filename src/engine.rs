//! ⑥ The only assembler: options, functions, rules and tables become a session.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::Result;
use datafusion::dataframe::DataFrame;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::config::FootfallOptions;
use crate::folder::with_folders;
use crate::functions::Function;
#[cfg(feature = "store")]
use crate::store::{Snapshot, Store};
use crate::{functions, plan};

/// How an [`Engine`] works. Every `None` leaves the choice to DataFusion.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Threads that work on a query; the number of partitions unless that is given.
    pub threads: Option<usize>,
    /// Bytes that operators may hold; they spill or fail beyond.
    pub memory_limit: Option<usize>,
    /// Rows of a batch.
    pub batch_size: Option<usize>,
    /// Partitions of a query.
    pub target_partitions: Option<usize>,
}

/// A session with Footfall's functions and rules and, with a store, its tables and views.
#[derive(Clone)]
pub struct Engine {
    context: SessionContext,
}

impl Engine {
    /// A session without a store: functions over anyone's files. A file name in quotes is a table.
    pub fn new(options: &EngineOptions) -> Result<Self> {
        let mut config = SessionConfig::new()
            .with_information_schema(true)
            .with_option_extension(FootfallOptions::default());
        if let Some(partitions) = options.target_partitions.or(options.threads) {
            config = config.with_target_partitions(partitions);
        }
        if let Some(rows) = options.batch_size {
            config = config.with_batch_size(rows);
        }
        let mut runtime = RuntimeEnvBuilder::new();
        if let Some(bytes) = options.memory_limit {
            let named = NonZeroUsize::new(5).expect("five is not zero");
            runtime =
                runtime.with_memory_pool(Arc::new(TrackConsumersPool::new(FairSpillPool::new(bytes), named)));
        }
        let builder = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::new(runtime.build()?))
            .with_default_features()
            .with_footfall();
        // Last, because every rule before it may still come to need the order of a scan.
        #[cfg(feature = "store")]
        let builder = builder.with_physical_optimizer_rule(Arc::new(crate::tables::RelaxScanOrder));
        let state = builder.build();
        Ok(Self { context: with_folders(SessionContext::new_with_state(state)) })
    }

    /// A session over the store in the folder `store`, as the store is now.
    #[cfg(feature = "store")]
    pub async fn open(store: &std::path::Path, options: &EngineOptions) -> Result<Self> {
        let store = Store::open(store).await?;
        Self::over(&store, store.opened().clone(), options).await
    }

    /// As [`Engine::open`], over a store that is open already.
    #[cfg(feature = "store")]
    pub async fn with_store(store: &Store, options: &EngineOptions) -> Result<Self> {
        Self::over(store, store.snapshot().await?, options).await
    }

    /// As [`Engine::with_store`], over the version that was the newest when the store was opened.
    #[cfg(feature = "store")]
    pub async fn as_opened(store: &Store, options: &EngineOptions) -> Result<Self> {
        Self::over(store, store.opened().clone(), options).await
    }

    #[cfg(feature = "store")]
    async fn over(store: &Store, snapshot: Snapshot, options: &EngineOptions) -> Result<Self> {
        let engine = Self::new(options)?;
        engine.change_options(|options| options.time_zone = store.time_zone().to_string());
        crate::tables::register(&engine.context, store, snapshot).await?;
        Ok(engine)
    }

    /// A session with the same tables that only reads: statements given through [`crate::ask`] that would change tables,
    /// files or settings are refused, and no file is a table.
    pub async fn read_only(self) -> Result<Self> {
        self.change_options(|options| options.read_only = true);
        Ok(Self { context: with_tables(&self.context, own_tables(&self.context).await?)? })
    }

    fn change_options(&self, change: impl FnOnce(&mut FootfallOptions)) {
        let state = self.context.state_ref();
        let mut state = state.write();
        if let Some(options) = state.config_mut().options_mut().extensions.get_mut::<FootfallOptions>() {
            change(options);
        }
    }

    /// Plans one statement.
    pub async fn sql(&self, sql: &str) -> Result<DataFrame> {
        self.context.sql(sql).await
    }

    /// The DataFusion session.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Zone in which days are counted.
    pub fn time_zone(&self) -> String {
        let config = self.context.copied_config();
        let options = config.options().extensions.get::<FootfallOptions>();
        options.map_or_else(|| FootfallOptions::default().time_zone, |options| options.time_zone.clone())
    }
}

/// The tables and views of a session, without the files that a name in quotes stands for.
pub(crate) async fn own_tables(context: &SessionContext) -> Result<MemorySchemaProvider> {
    let options = context.copied_config().options().catalog.clone();
    let own = MemorySchemaProvider::new();
    let known = context.catalog(&options.default_catalog).and_then(|it| it.schema(&options.default_schema));
    if let Some(known) = known {
        for name in known.table_names() {
            if let Some(table) = known.table(&name).await? {
                own.register_table(name, table)?;
            }
        }
    }
    Ok(own)
}

/// The session with these tables in place of its own.
pub(crate) fn with_tables(context: &SessionContext, tables: MemorySchemaProvider) -> Result<SessionContext> {
    let state = context.state();
    let options = state.config().options().catalog.clone();
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(&options.default_schema, Arc::new(tables))?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(options.default_catalog, Arc::new(catalog));
    let state = SessionStateBuilder::new_from_existing(state).with_catalog_list(Arc::new(catalogs)).build();
    Ok(SessionContext::new_with_state(state))
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("session", &self.context.session_id()).finish()
    }
}

/// Adds Footfall to another program's DataFusion session.
///
/// ```
/// use datafusion::execution::session_state::SessionStateBuilder;
/// use datafusion::prelude::SessionContext;
/// use footfall::FootfallExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> datafusion::error::Result<()> {
/// let state = SessionStateBuilder::new().with_default_features().with_footfall().build();
/// let context = SessionContext::new_with_state(state);
/// let rows = context
///     .sql("select retention(d = 1, d = 2) from (values (1), (2)) t(d)")
///     .await?
///     .collect()
///     .await?;
/// assert_eq!(rows[0].num_rows(), 1);
/// # Ok(())
/// # }
/// ```
pub trait FootfallExt: Sized {
    /// Functions, rules and options. Call it once, after `with_default_features`.
    #[must_use]
    fn with_footfall(self) -> Self;
}

impl FootfallExt for SessionStateBuilder {
    fn with_footfall(mut self) -> Self {
        let config = self.config().get_or_insert_default();
        let options = config.options_mut();
        // A scan that is partitioned by user satisfies a grouping by user and more, whatever the number of partitions.
        options.optimizer.subset_repartition_threshold = 1;
        if options.extensions.get::<FootfallOptions>().is_none() {
            options.extensions.insert(FootfallOptions::default());
        }
        for function in functions::all() {
            match function {
                Function::Scalar(function) => self.scalar_functions().get_or_insert_default().push(function),
                Function::Aggregate(function) => {
                    self.aggregate_functions().get_or_insert_default().push(function)
                }
                Function::Window(function) => self.window_functions().get_or_insert_default().push(function),
                // The relation planner below knows them.
                Function::TableForm(_) => {}
            }
        }
        let (name, function) = plan::table_forms::named_table();
        self.table_functions().get_or_insert_default().insert(name, function);
        let mut planners = self.relation_planners().take().unwrap_or_default();
        planners.insert(0, Arc::new(plan::table_forms::TableForms::default()));
        self = self.with_relation_planners(planners);
        for rule in plan::analyzer_rules() {
            self = self.with_analyzer_rule(rule);
        }
        for rule in plan::logical_rules() {
            self = self.with_optimizer_rule(rule);
        }
        for rule in plan::physical_rules() {
            self = self.with_physical_optimizer_rule(rule);
        }
        self
    }
}
