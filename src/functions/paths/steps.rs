//! The steps of one session as a path: repeats made one, cut at its start and its end, no longer than allowed.
//!
//! ```text
//! rows                 home  list  list  item  cart  pay  home
//! collapsed            home  list        item  cart  pay  home
//! start 'list'               list        item  cart  pay  home
//! end 'pay'                  list        item  cart  pay
//! at most 3 steps            list        ...         pay
//! ```

/// One row of a session: where the user was, since when, and whether a path may start or end here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) node: u32,
    pub(super) ts: i64,
    pub(super) starts: bool,
    pub(super) ends: bool,
}

/// How a session becomes a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Rows of the same node, one right after the other, are one step: since the first, starting and ending where any does.
    pub(super) collapse: bool,
    /// The path starts at the first step that may start it; a session without one has no path.
    pub(super) from_start: bool,
    /// The path ends at the first step that may end it, after the start if that is asked for; without one no path.
    pub(super) to_end: bool,
    pub(super) max_steps: usize,
}

/// The session at hand.
#[derive(Debug)]
pub(super) struct PathScan {
    shape: Shape,
    steps: Vec<Step>,
}

impl PathScan {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, steps: Vec::new() }
    }

    pub(super) fn push(&mut self, row: Step) {
        if let Some(step) = self.steps.last_mut()
            && self.shape.collapse
            && step.node == row.node
        {
            step.starts |= row.starts;
            step.ends |= row.ends;
            return;
        }
        // Without cuts nothing after the last allowed step can matter.
        let is_full = self.steps.len() >= self.shape.max_steps;
        if is_full && !self.shape.from_start && !self.shape.to_end {
            return;
        }
        self.steps.push(row);
    }

    /// Ends the session and hands out the steps of its path, `None` for a stretch left out; false where there is no path.
    pub(super) fn end_session(&mut self, mut step: impl FnMut(Option<u32>, i64)) -> bool {
        let Some((first, last)) = self.cut() else {
            self.steps.clear();
            return false;
        };
        let path = &self.steps[first..=last];
        let max = self.shape.max_steps;
        let (head, tail) = match (path.len() > max, self.shape.from_start, self.shape.to_end) {
            (false, _, _) => (path.len(), 0),
            // Both ends matter: the middle is left out, and its place counts as a step.
            (true, true, true) => (max / 2, max - 1 - max / 2),
            (true, false, true) => (0, max),
            (true, _, false) => (max, 0),
        };
        path[..head].iter().for_each(|s| step(Some(s.node), s.ts));
        if path.len() > max && self.shape.from_start && self.shape.to_end {
            step(None, path[head].ts);
        }
        path[path.len() - tail..].iter().for_each(|s| step(Some(s.node), s.ts));
        self.steps.clear();
        true
    }

    /// Heap bytes.
    pub(super) fn size(&self) -> usize {
        self.steps.capacity() * size_of::<Step>()
    }

    /// The first and the last step of the path.
    fn cut(&self) -> Option<(usize, usize)> {
        let first = match self.shape.from_start {
            true => self.steps.iter().position(|step| step.starts)?,
            false => 0,
        };
        let last = match self.shape.to_end {
            true => {
                let from = first + usize::from(self.shape.from_start);
                from + self.steps.get(from..)?.iter().position(|step| step.ends)?
            }
            false => self.steps.len().checked_sub(1)?,
        };
        Some((first, last))
    }
}
