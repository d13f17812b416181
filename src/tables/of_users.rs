//! A table, of which only the rows of some users are shown: those of a segment.
//!
//! ```text
//! ShardScanExec: events …, filter=user_id in segment buyers (1,203 users), skip_unless=user_id >= … AND user_id <= …
//! ```
//! Sessions, funnels and cohorts are decided user by user, so what is computed from the rows of whole users is what it would
//! be among all. The users are known before a query is planned; rows come user by user, so that each user is looked up once
//! and not each row.

use std::collections::HashSet;
use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray, BooleanBuilder, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, Result, ScalarValue, plan_err};
use datafusion::logical_expr::{ColumnarValue, Expr, TableProviderFilterPushDown, TableType, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExecBuilder;
use xxhash_rust::xxh3::Xxh3;

const USER_ID: &str = "user_id";

/// With as many users or fewer, files and row groups are skipped by each of them, else by the first and the last one.
const FEW: usize = 20;

/// The users of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SegmentUsers {
    name: String,
    users: HashSet<String>,
    version: u64,
}

impl SegmentUsers {
    pub(crate) fn new(name: &str, users: impl IntoIterator<Item = String>) -> Self {
        let users: HashSet<String> = users.into_iter().collect();
        let mut hash = Xxh3::new();
        for user in sorted(&users) {
            hash.update(&(user.len() as u64).to_le_bytes());
            hash.update(user.as_bytes());
        }
        Self { name: name.to_string(), users, version: hash.digest() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn count(&self) -> usize {
        self.users.len()
    }

    /// The same for the same users only.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// In order.
    pub(crate) fn users(&self) -> Vec<&str> {
        sorted(&self.users)
    }

    /// Bytes that they take.
    pub(crate) fn size(&self) -> usize {
        let entry = size_of::<String>() + 1;
        self.users.capacity() * entry + self.users.iter().map(String::capacity).sum::<usize>()
    }

    /// A condition that holds of all of them, by which files can be skipped.
    fn bounds(&self, data_type: &DataType) -> Result<Option<Expr>> {
        let users = sorted(&self.users);
        let (Some(first), Some(last)) = (users.first().copied(), users.last().copied()) else {
            return Ok(None);
        };
        let user_id = || Expr::from(Column::new_unqualified(USER_ID));
        let user = |id: &str| -> Result<Expr> { Ok(lit(ScalarValue::from(id).cast_to(data_type)?)) };
        Ok(Some(if users.len() <= FEW {
            user_id().in_list(users.iter().copied().map(&user).collect::<Result<_>>()?, false)
        } else {
            user_id().gt_eq(user(first)?).and(user_id().lt_eq(user(last)?))
        }))
    }
}

fn sorted(users: &HashSet<String>) -> Vec<&str> {
    let mut users: Vec<&str> = users.iter().map(String::as_str).collect();
    users.sort_unstable();
    users
}

/// See the module.
#[derive(Debug)]
pub(super) struct OfUsers {
    table: Arc<dyn TableProvider>,
    users: Arc<SegmentUsers>,
    /// Place of the column by which users are told apart.
    user_id: usize,
    bounds: Option<Expr>,
}

impl OfUsers {
    pub(super) fn new(table: Arc<dyn TableProvider>, users: &Arc<SegmentUsers>) -> Result<Self> {
        let schema = table.schema();
        let user_id = schema.index_of(USER_ID)?;
        let bounds = users.bounds(schema.field(user_id).data_type())?;
        Ok(Self { table, users: Arc::clone(users), user_id, bounds })
    }
}

#[async_trait]
impl TableProvider for OfUsers {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.table.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        // Rows of other users do not count.
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.schema().fields().len()).collect();
        let mut columns: Vec<usize> = projection.cloned().unwrap_or_else(all);
        let asked = columns.len();
        let place = match columns.iter().position(|column| *column == self.user_id) {
            Some(place) => place,
            None => {
                columns.push(self.user_id);
                asked
            }
        };
        let filters: Vec<Expr> = filters.iter().chain(&self.bounds).cloned().collect();
        let rows = self.table.scan(state, Some(&columns), &filters, None).await?;
        let user_id = Arc::new(PhysicalColumn::new(USER_ID, place));
        let predicate = Arc::new(InSegment::new(user_id, Arc::clone(&self.users)));
        let mut filter = FilterExecBuilder::new(predicate, rows).with_batch_size(state.config().batch_size());
        if columns.len() > asked {
            filter = filter.apply_projection(Some((0..asked).collect()))?;
        }
        Ok(Arc::new(filter.build()?))
    }
}

/// Whether a user belongs to a segment.
#[derive(Debug)]
pub(crate) struct InSegment {
    user_id: Arc<dyn PhysicalExpr>,
    users: Arc<SegmentUsers>,
}

impl InSegment {
    pub(crate) fn new(user_id: Arc<dyn PhysicalExpr>, users: Arc<SegmentUsers>) -> Self {
        Self { user_id, users }
    }

    pub(crate) fn users(&self) -> &SegmentUsers {
        &self.users
    }
}

impl PhysicalExpr for InSegment {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, input: &Schema) -> Result<bool> {
        self.user_id.nullable(input)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let ids = self.user_id.evaluate(batch)?.into_array(batch.num_rows())?;
        let ids = if *ids.data_type() == DataType::Utf8View { ids } else { cast(&ids, &DataType::Utf8View)? };
        let mut found = BooleanBuilder::with_capacity(ids.len());
        let mut last: Option<(&str, bool)> = None;
        for id in ids.as_string_view() {
            let Some(id) = id else {
                found.append_null();
                continue;
            };
            let is_member = match last {
                Some((known, is_member)) if known == id => is_member,
                _ => self.users.users.contains(id),
            };
            last = Some((id, is_member));
            found.append_value(is_member);
        }
        Ok(ColumnarValue::Array(Arc::new(found.finish())))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.user_id]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match (children.pop(), children.is_empty()) {
            (Some(user_id), true) => Ok(Arc::new(Self::new(user_id, Arc::clone(&self.users)))),
            _ => plan_err!("a segment asks for one user"),
        }
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Display for InSegment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} in segment {} ({} users)", self.user_id, self.users.name, self.users.count())
    }
}

impl PartialEq for InSegment {
    fn eq(&self, other: &Self) -> bool {
        self.user_id.eq(&other.user_id)
            && (Arc::ptr_eq(&self.users, &other.users) || self.users == other.users)
    }
}

impl Eq for InSegment {}

impl Hash for InSegment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.user_id.hash(state);
        self.users.version.hash(state);
    }
}
