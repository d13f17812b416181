//! Our operators as bytes and back, for plans that travel to another process.
//!
//! DataFusion writes its own operators and all expressions; here is only what it does not know. Functions travel by name:
//! whoever reads a plan has registered ours. A new operator is a new variant of `Operator`, one arm in each direction.

use std::sync::Arc;

use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::registry::FunctionRegistry;
#[cfg(feature = "store")]
use datafusion::physical_expr::PhysicalExpr;
#[cfg(feature = "store")]
use datafusion::physical_expr_common::physical_expr::{
    proto_decode::PhysicalExprDecodeCtx, proto_encode::PhysicalExprEncodeCtx,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion_proto::physical_plan::from_proto::{parse_physical_exprs, parse_physical_sort_exprs};
use datafusion_proto::physical_plan::to_proto::{serialize_physical_exprs, serialize_physical_sort_exprs};
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::{PhysicalExprNode, PhysicalPlanNode, PhysicalSortExprNode};
use prost::Message;

use crate::functions::sessions::InfoFields;
use crate::plan::grouping_sets::exec::UnorderedExec;
use crate::plan::keyed_aggregate::KeyedAggregateExec;
use crate::plan::sessionize::{SessionWindow, SessionizeExec};
#[cfg(feature = "store")]
use crate::tables::{InSegment, SegmentUsers, ShardScanExec};

/// Reads and writes the operators of this crate.
#[derive(Debug)]
pub struct FootfallCodec;

impl PhysicalExtensionCodec for FootfallCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let node = Node::decode(buf)
            .map_err(|error| exec_datafusion_err!("this is no operator of Footfall: {error}"))?;
        match node.operator {
            Some(Operator::Sessionize(node)) => {
                let context = PhysicalPlanDecodeContext::new(ctx, self);
                Ok(Arc::new(node.into_plan(inputs, &context, proto_converter)?))
            }
            Some(Operator::KeyedAggregate(node)) => {
                let context = PhysicalPlanDecodeContext::new(ctx, self);
                node.into_plan(inputs, &context, proto_converter)
            }
            Some(Operator::Unordered(_)) => match inputs {
                [input] => Ok(Arc::new(UnorderedExec::new(Arc::clone(input)))),
                _ => exec_err!("UnorderedExec has one input, found {}", inputs.len()),
            },
            #[cfg(feature = "store")]
            Some(Operator::ShardScan(node)) => {
                let context = PhysicalPlanDecodeContext::new(ctx, self);
                Ok(Arc::new(shard_scan::decode(*node, &context, proto_converter)?))
            }
            #[cfg(not(feature = "store"))]
            Some(Operator::ShardScan(_)) => {
                exec_err!("this program has no store: build it with the feature 'store'")
            }
            None => {
                exec_err!("an operator of a newer version of Footfall; use the same version on both sides")
            }
        }
    }

    fn try_encode(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let operator = self.operator(plan.as_ref(), proto_converter)?;
        let node = Node { operator: Some(operator) };
        node.encode(buf).map_err(|error| DataFusionError::External(Box::new(error)))
    }

    #[cfg(feature = "store")]
    fn try_decode_expr(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn PhysicalExpr>],
        _: &PhysicalExprDecodeCtx<'_>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let node = InSegmentNode::decode(buf)
            .map_err(|error| exec_datafusion_err!("this is no expression of Footfall: {error}"))?;
        let [user_id] = inputs else {
            return exec_err!("a segment asks for one user, found {}", inputs.len());
        };
        let users = Arc::new(SegmentUsers::new(&node.name, node.users));
        Ok(Arc::new(InSegment::new(Arc::clone(user_id), users)))
    }

    #[cfg(feature = "store")]
    fn try_encode_expr(
        &self,
        expr: &Arc<dyn PhysicalExpr>,
        buf: &mut Vec<u8>,
        _: &PhysicalExprEncodeCtx<'_>,
    ) -> Result<()> {
        let Some(expr) = expr.downcast_ref::<InSegment>() else {
            return exec_err!("{expr} is no expression of Footfall");
        };
        let users = expr.users();
        let node = InSegmentNode {
            name: users.name().to_string(),
            users: users.users().into_iter().map(str::to_string).collect(),
        };
        node.encode(buf).map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

/// The users of a segment; which column says the user stands beside it.
#[cfg(feature = "store")]
#[derive(Clone, PartialEq, Message)]
struct InSegmentNode {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "2")]
    users: Vec<String>,
}

impl FootfallCodec {
    fn operator(
        &self,
        plan: &dyn ExecutionPlan,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Operator> {
        if let Some(plan) = plan.downcast_ref::<SessionizeExec>() {
            return Ok(Operator::Sessionize(SessionizeNode::of_plan(plan, self, converter)?));
        }
        if let Some(plan) = plan.downcast_ref::<KeyedAggregateExec>() {
            return Ok(Operator::KeyedAggregate(KeyedAggregateNode::of_plan(plan, self, converter)?));
        }
        if plan.is::<UnorderedExec>() {
            return Ok(Operator::Unordered(UnorderedNode {}));
        }
        #[cfg(feature = "store")]
        if let Some(plan) = plan.downcast_ref::<ShardScanExec>() {
            return Ok(Operator::ShardScan(Box::new(shard_scan::encode(plan, self, converter)?)));
        }
        exec_err!("{} is no operator of Footfall", plan.name())
    }
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(oneof = "Operator", tags = "1, 2, 3, 4")]
    operator: Option<Operator>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Operator {
    #[prost(message, tag = "1")]
    Sessionize(SessionizeNode),
    #[prost(message, tag = "2")]
    ShardScan(Box<ShardScanNode>),
    #[prost(message, tag = "3")]
    KeyedAggregate(KeyedAggregateNode),
    #[prost(message, tag = "4")]
    Unordered(UnorderedNode),
}

/// It has nothing but its input.
#[derive(Clone, PartialEq, Message)]
struct UnorderedNode {}

/// The aggregation as DataFusion writes it, over an empty input in place of its own.
#[derive(Clone, PartialEq, Message)]
struct KeyedAggregateNode {
    #[prost(bytes, tag = "1")]
    aggregate: Vec<u8>,
}

impl KeyedAggregateNode {
    fn of_plan(
        plan: &KeyedAggregateExec,
        codec: &dyn PhysicalExtensionCodec,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Self> {
        let aggregate: Arc<dyn ExecutionPlan> = Arc::clone(plan.aggregate()) as _;
        let nothing = Arc::new(EmptyExec::new(plan.aggregate().input().schema()));
        let aggregate = replace_children(aggregate, vec![nothing])?;
        let node = converter.execution_plan_to_proto(&aggregate, codec)?;
        Ok(Self { aggregate: node.encode_to_vec() })
    }

    fn into_plan(
        self,
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &PhysicalPlanDecodeContext<'_>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let node = PhysicalPlanNode::decode(self.aggregate.as_slice())
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let aggregate = converter.proto_to_execution_plan(&node, context)?;
        let aggregate = replace_children(aggregate, inputs.to_vec())?;
        Ok(match aggregate.downcast_ref::<AggregateExec>().and_then(KeyedAggregateExec::of) {
            Some(sorted) => Arc::new(sorted),
            None => aggregate,
        })
    }
}

fn replace_children(
    plan: Arc<dyn ExecutionPlan>,
    children: Vec<Arc<dyn ExecutionPlan>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
}

#[derive(Clone, PartialEq, Message)]
struct ShardScanNode {
    #[prost(string, tag = "1")]
    url: String,
    #[prost(uint64, tag = "2")]
    version: u64,
    #[prost(string, tag = "3")]
    time_zone: String,
    /// JSON: these lists are plain data of our own.
    #[prost(string, tag = "4")]
    files: String,
    #[prost(string, tag = "5")]
    partitions: String,
    #[prost(uint64, repeated, tag = "6")]
    projection: Vec<u64>,
    #[prost(message, optional, tag = "7")]
    predicate: Option<PhysicalExprNode>,
    #[prost(bool, tag = "8")]
    ordered: bool,
    /// An Arrow schema as datafusion-proto writes it.
    #[prost(message, optional, tag = "9")]
    declared: Option<datafusion_proto::protobuf::Schema>,
    #[prost(message, optional, tag = "10")]
    filter: Option<PhysicalExprNode>,
}

#[cfg(feature = "store")]
mod shard_scan {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{FieldRef, Schema};
    use datafusion::common::{DataFusionError, Result};
    use datafusion::physical_expr::PhysicalExpr;
    use datafusion_proto::physical_plan::from_proto::parse_physical_exprs;
    use datafusion_proto::physical_plan::to_proto::serialize_physical_exprs;
    use datafusion_proto::physical_plan::{
        PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
    };
    use datafusion_proto::protobuf::PhysicalExprNode;

    use super::ShardScanNode;
    use crate::store::schema::event_schema_with;
    use crate::tables::{ShardScan, ShardScanExec};

    pub(super) fn encode(
        plan: &ShardScanExec,
        codec: &dyn PhysicalExtensionCodec,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<ShardScanNode> {
        let scan = plan.scan();
        let encoded = |expr: &Option<Arc<dyn PhysicalExpr>>| -> Result<Option<PhysicalExprNode>> {
            Ok(serialize_physical_exprs(expr.as_slice(), codec, converter)?.pop())
        };
        Ok(ShardScanNode {
            url: scan.url.clone(),
            version: scan.version,
            time_zone: scan.time_zone.clone(),
            files: serde_json::to_string(&scan.files).map_err(external)?,
            partitions: serde_json::to_string(&scan.partitions).map_err(external)?,
            projection: scan.projection.iter().map(|&column| column as u64).collect(),
            predicate: encoded(&scan.predicate)?,
            filter: encoded(&scan.filter)?,
            ordered: scan.ordered,
            declared: Some((&Schema::new(scan.declared.to_vec())).try_into()?),
        })
    }

    pub(super) fn decode(
        node: ShardScanNode,
        context: &PhysicalPlanDecodeContext<'_>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<ShardScanExec> {
        let declared = node.declared.as_ref().map(Schema::try_from).transpose()?;
        let declared: Arc<[FieldRef]> =
            declared.iter().flat_map(|schema| schema.fields().iter().cloned()).collect();
        let schema = event_schema_with(&declared);
        let decoded = |node: Option<PhysicalExprNode>| -> Result<Option<Arc<dyn PhysicalExpr>>> {
            Ok(parse_physical_exprs(node.as_slice(), context, &schema, converter)?.pop())
        };
        ShardScanExec::try_new(ShardScan {
            url: node.url,
            version: node.version,
            time_zone: node.time_zone,
            declared,
            files: serde_json::from_str(&node.files).map_err(external)?,
            partitions: serde_json::from_str(&node.partitions).map_err(external)?,
            projection: node.projection.into_iter().map(|column| column as usize).collect(),
            predicate: decoded(node.predicate)?,
            filter: decoded(node.filter)?,
            ordered: node.ordered,
        })
    }

    fn external(error: serde_json::Error) -> DataFusionError {
        DataFusionError::External(Box::new(error))
    }
}

#[derive(Clone, PartialEq, Message)]
struct SessionizeNode {
    #[prost(message, repeated, tag = "1")]
    windows: Vec<SessionWindowNode>,
    #[prost(message, repeated, tag = "2")]
    partition_by: Vec<PhysicalExprNode>,
    #[prost(message, repeated, tag = "3")]
    order_by: Vec<PhysicalSortExprNode>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionWindowNode {
    #[prost(string, tag = "1")]
    function: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "3")]
    args: Vec<PhysicalExprNode>,
    #[prost(uint32, tag = "4")]
    needed: u32,
}

impl SessionizeNode {
    fn of_plan(
        plan: &SessionizeExec,
        codec: &dyn PhysicalExtensionCodec,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Self> {
        let windows = plan.windows().iter().map(|window| -> Result<SessionWindowNode> {
            Ok(SessionWindowNode {
                function: window.function().name().to_owned(),
                name: window.name().to_owned(),
                args: serialize_physical_exprs(window.args(), codec, converter)?,
                needed: window.needed().bits(),
            })
        });
        Ok(Self {
            windows: windows.collect::<Result<_>>()?,
            partition_by: serialize_physical_exprs(plan.partition_by(), codec, converter)?,
            order_by: serialize_physical_sort_exprs(plan.order_by().iter().cloned(), codec, converter)?,
        })
    }

    fn into_plan(
        self,
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &PhysicalPlanDecodeContext<'_>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<SessionizeExec> {
        let [input] = inputs else {
            return exec_err!("SessionizeExec has one input, found {}", inputs.len());
        };
        let schema = input.schema();
        let windows = self.windows.iter().map(|window| {
            SessionWindow::try_new(
                context.task_ctx().udwf(&window.function)?,
                parse_physical_exprs(&window.args, context, &schema, converter)?,
                &window.name,
                &schema,
                InfoFields::from_bits(window.needed),
            )
        });
        SessionizeExec::try_new(
            Arc::clone(input),
            windows.collect::<Result<_>>()?,
            parse_physical_exprs(&self.partition_by, context, &schema, converter)?,
            parse_physical_sort_exprs(&self.order_by, context, &schema, converter)?,
        )
    }
}
