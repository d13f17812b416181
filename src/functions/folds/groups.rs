//! One fold a group.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryBuilder};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;

use super::function::{Fold, FoldFunction};
use crate::functions::aggregate::Groups;
use crate::functions::states::append;

pub(crate) struct FoldGroups<F: FoldFunction> {
    parameters: F::Parameters,
    folds: Vec<F::Fold>,
    /// Heap bytes of all folds.
    heap: usize,
}

impl<F: FoldFunction> FoldGroups<F> {
    pub(super) fn new(parameters: F::Parameters) -> Self {
        Self { parameters, folds: vec![], heap: 0 }
    }

    pub(super) fn change(
        &mut self,
        group: usize,
        change: impl FnOnce(&mut F::Fold) -> Result<()>,
    ) -> Result<()> {
        let fold = &mut self.folds[group];
        let before = fold.heap();
        change(fold)?;
        self.heap = (self.heap + fold.heap()).saturating_sub(before);
        Ok(())
    }

    fn emit(&mut self, emit_to: EmitTo) -> Vec<F::Fold> {
        let folds = emit_to.take_needed(&mut self.folds);
        self.heap = self.heap.saturating_sub(folds.iter().map(Fold::heap).sum());
        folds
    }
}

impl<F: FoldFunction> Groups for FoldGroups<F> {
    fn set_groups(&mut self, groups: usize) -> Result<()> {
        if self.folds.len() < groups {
            self.folds.resize_with(groups, F::Fold::default);
        }
        Ok(())
    }

    fn merge(&mut self, group: usize, content: &[u8]) -> Result<()> {
        let other = F::Fold::decode(content)?;
        self.change(group, |fold| {
            fold.merge(other);
            Ok(())
        })
    }

    fn answers(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let folds = self.emit(emit_to);
        F::answers(&self.parameters, &folds)
    }

    fn states(&mut self, emit_to: EmitTo, head: &[u8]) -> Result<ArrayRef> {
        let folds = self.emit(emit_to);
        let mut states = BinaryBuilder::with_capacity(folds.len(), folds.len() * (head.len() + 8));
        let mut state = vec![];
        for fold in &folds {
            state.clear();
            state.extend_from_slice(head);
            fold.encode(&mut state);
            append(&mut states, &state)?;
        }
        Ok(Arc::new(states.finish()))
    }

    fn snapshot(&self) -> Result<Self> {
        Ok(Self { parameters: self.parameters.clone(), folds: self.folds.clone(), heap: self.heap })
    }

    fn size(&self) -> usize {
        self.folds.capacity() * size_of::<F::Fold>() + self.heap
    }
}
