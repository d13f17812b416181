//! The SQL side of all session functions: they differ in their arguments, their result and their runner, in nothing else.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::function::{
    ExpressionArgs, PartitionEvaluatorArgs, WindowFunctionSimplification, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{
    Documentation, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;

use super::options::{self, SessionSpec};
use super::{InfoFields, SessionFunction, SessionRunner};

/// One of the session functions, as DataFusion knows it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionWindowFunction {
    function: SessionFunction,
    signature: Signature,
}

impl SessionWindowFunction {
    pub(super) fn new(function: SessionFunction) -> Self {
        Self { function, signature: Signature::user_defined(Volatility::Immutable) }
    }

    pub(super) fn kind_of(function: &WindowUDF) -> Option<SessionFunction> {
        function.inner().downcast_ref::<Self>().map(|function| function.function)
    }
}

impl WindowUDFImpl for SessionWindowFunction {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        options::check_types(self.function, types)?;
        Ok(types.to_vec())
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> =
            args.input_fields().iter().map(|field| field.data_type().clone()).collect();
        Ok(Arc::new(Field::new(args.name(), self.function.result_type(&types), true)))
    }

    fn simplify(&self) -> Option<WindowFunctionSimplification> {
        let function = self.function;
        Some(Box::new(move |call, _| options::flatten(function, call)))
    }

    fn expressions(&self, args: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        match SessionSpec::parse(self.function, args.input_exprs(), args.input_fields()) {
            Ok(spec) => spec.inputs().to_vec(),
            // The call is wrong: `partition_evaluator` says so.
            Err(_) => args.input_exprs().to_vec(),
        }
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        let spec = SessionSpec::parse(self.function, args.input_exprs(), args.input_fields())?;
        Ok(Box::new(SessionEvaluator { spec: Arc::new(spec) }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.function.documentation())
    }
}

/// The window function's way: a whole partition, that is one user, at once.
#[derive(Debug)]
struct SessionEvaluator {
    spec: Arc<SessionSpec>,
}

impl PartitionEvaluator for SessionEvaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let mut runner = SessionRunner::new(&self.spec, InfoFields::ALL);
        runner.push(values, if num_rows == 0 { &[] } else { &[0] })?;
        runner.finish();
        runner.take(num_rows)
    }
}
