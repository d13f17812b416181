//! ⑥ The only assembler: options, functions, rules and tables become a session.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::Result;
#[cfg(feature = "store")]
use datafusion::common::plan_err;
use datafusion::dataframe::DataFrame;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
#[cfg(feature = "store")]
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::config::FootfallOptions;
use crate::folder::with_folders;
use crate::functions::Function;
#[cfg(feature = "store")]
use crate::store::{Snapshot, Store};
#[cfg(feature = "store")]
use crate::tables::SegmentUsers;
use crate::{functions, plan};

#[cfg(feature = "store")]
pub(crate) use crate::store::is_view_name;
#[cfg(feature = "store")]
pub(crate) use crate::tables::SavedViews;

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
    #[cfg(feature = "store")]
    opened: Option<Arc<Opened>>,
    #[cfg(feature = "store")]
    segment: Option<Arc<Segment>>,
}

/// What a session with a store was made of.
#[cfg(feature = "store")]
#[derive(Clone)]
struct Opened {
    store: Store,
    snapshot: Snapshot,
    options: EngineOptions,
    /// Of whom the events are; `None`: of all.
    users: Option<Arc<SegmentUsers>>,
}

/// The segment of users that a session shows.
#[cfg(feature = "store")]
#[derive(Debug)]
pub struct Segment {
    /// The view or table that names its users.
    pub name: String,
    /// How many they are.
    pub users: usize,
    /// Another text for other users.
    pub version: String,
    _memory: MemoryReservation,
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
        Ok(Self {
            context: with_folders(SessionContext::new_with_state(state)),
            #[cfg(feature = "store")]
            opened: None,
            #[cfg(feature = "store")]
            segment: None,
        })
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
        let opened = Opened { store: store.clone(), snapshot, options: options.clone(), users: None };
        Self::showing(opened).await
    }

    /// A session over the store, with all its events or those of some users.
    #[cfg(feature = "store")]
    async fn showing(opened: Opened) -> Result<Self> {
        let mut engine = Self::new(&opened.options)?;
        engine.change_options(|options| options.time_zone = opened.store.time_zone().to_string());
        let context = &engine.context;
        let users = opened.users.as_ref();
        crate::tables::register(context, &opened.store, opened.snapshot.clone(), users).await?;
        let saved = Arc::new(SavedViews::new(&opened.store, own_tables(context).await?.table_names()));
        context.state_ref().write().config_mut().set_extension(Arc::clone(&saved));
        saved.load(context).await?;
        engine.opened = Some(Arc::new(opened));
        Ok(engine)
    }

    /// A new session over the same version of the same store, in which `events` and `users`, and so all views, show only these
    /// users: those of the segment `name`.
    #[cfg(feature = "store")]
    pub(crate) async fn of_users(&self, name: &str, users: Vec<String>) -> Result<Self> {
        let Some(opened) = &self.opened else {
            return plan_err!("segment '{name}': a session without a store has no users");
        };
        let users = Arc::new(SegmentUsers::new(name, users));
        let opened = Opened { users: Some(Arc::clone(&users)), ..Opened::clone(opened) };
        let mut engine = Self::showing(opened).await?;
        let runtime = engine.context.runtime_env();
        let memory = MemoryConsumer::new(format!("segment {name}")).register(&runtime.memory_pool);
        memory.try_grow(users.size())?;
        engine.segment = Some(Arc::new(Segment {
            name: users.name().to_string(),
            users: users.count(),
            version: format!("{name} {:016x}", users.version()),
            _memory: memory,
        }));
        Ok(engine)
    }

    /// Shows the store as of `snapshot`. What the session made itself stays, and so do the users of its segment.
    #[cfg(feature = "cli")]
    pub(crate) async fn renew(&mut self, snapshot: Snapshot) -> Result<()> {
        let (Some(opened), Some(saved)) = (&self.opened, saved_views(&self.context)) else {
            return Ok(());
        };
        for name in saved.built_in() {
            self.context.deregister_table(name)?;
        }
        crate::tables::register(&self.context, &opened.store, snapshot.clone(), opened.users.as_ref())
            .await?;
        saved.load(&self.context).await?;
        self.opened = Some(Arc::new(Opened { snapshot, ..Opened::clone(opened) }));
        Ok(())
    }

    /// The segment whose users alone the session shows; `None`: all users.
    #[cfg(feature = "store")]
    pub fn segment(&self) -> Option<&Segment> {
        self.segment.as_deref()
    }

    /// The first and the last day of all events of the store, whomever the session shows; `None` without events or store.
    #[cfg(feature = "store")]
    pub(crate) fn days_of_all(&self) -> Result<Option<(i32, i32)>> {
        let Some(opened) = &self.opened else { return Ok(None) };
        let days = opened.snapshot.events_of_days()?;
        Ok(days.keys().next().copied().zip(days.keys().next_back().copied()))
    }

    /// Names of the views that somebody saved in the store.
    #[cfg(feature = "store")]
    pub(crate) fn saved_views(&self) -> Vec<String> {
        saved_views(&self.context).map(|saved| saved.names()).unwrap_or_default()
    }

    /// What one row of a table or view of the store is; `None` for any other table.
    #[cfg(feature = "store")]
    pub(crate) fn comment_of_table(&self, table: &str) -> Option<&'static str> {
        self.opened.as_ref().and_then(|_| crate::tables::of_table(table))
    }

    /// What a column of a table or view of the store means, with unit and definition.
    #[cfg(feature = "store")]
    pub(crate) fn comment_of_column(&self, table: &str, column: &str) -> Option<String> {
        crate::tables::of_column(table, column, &self.opened.as_ref()?.snapshot.catalogue)
    }

    /// A session with the same tables that only reads: statements given through [`crate::ask`] that would change tables,
    /// files or settings are refused, and no file is a table.
    pub async fn read_only(mut self) -> Result<Self> {
        self.change_options(|options| options.read_only = true);
        self.context = copy_of(&self.context).await?;
        Ok(self)
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

/// The views that somebody saved in the store of a session, if it has one.
#[cfg(feature = "store")]
pub(crate) fn saved_views(context: &SessionContext) -> Option<Arc<SavedViews>> {
    context.copied_config().get_extension::<SavedViews>()
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

/// A session with the same tables and views, in which some can be replaced while the other one keeps its own.
pub(crate) async fn copy_of(context: &SessionContext) -> Result<SessionContext> {
    let tables = own_tables(context).await?;
    let state = context.state();
    let options = state.config().options().catalog.clone();
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(&options.default_schema, Arc::new(tables))?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(options.default_catalog, Arc::new(catalog));
    let state = SessionStateBuilder::new_from_existing(state).with_catalog_list(Arc::new(catalogs)).build();
    Ok(SessionContext::new_with_state(state))
}

/// The names of Footfall's functions and table forms.
pub(crate) fn own_functions() -> Vec<String> {
    functions::all()
        .iter()
        .flat_map(|function| std::iter::once(function.name().to_string()).chain(function.aliases().to_vec()))
        .collect()
}

/// The names of what Footfall adds to FROM.
pub(crate) fn table_forms() -> Vec<String> {
    let forms = functions::all();
    let forms = forms.iter().filter(|function| matches!(function, Function::TableForm(_)));
    forms.map(|form| form.name().to_string()).collect()
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
        let rules = &mut self.analyzer().get_or_insert_default().rules;
        for (at, rule) in plan::first_analyzer_rules().into_iter().enumerate() {
            rules.insert(at, rule);
        }
        for rule in plan::analyzer_rules() {
            self = self.with_analyzer_rule(rule);
        }
        for rule in plan::logical_rules() {
            self = self.with_optimizer_rule(rule);
        }
        let rules = &mut self.physical_optimizers().get_or_insert_default().rules;
        for (at, rule) in plan::first_physical_rules().into_iter().enumerate() {
            rules.insert(at, rule);
        }
        for rule in plan::physical_rules() {
            self = self.with_physical_optimizer_rule(rule);
        }
        self
    }
}
