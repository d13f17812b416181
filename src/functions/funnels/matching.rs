//! Events of one time, each good for one step: how far do they carry a chain that stands before a given step?
//!
//! ```text
//! events {1,2} {1} at one time     before step 1 → 2 steps: {1} takes step 1, {1,2} takes step 2
//! ```
//!
//! Three cases, from common to rare: one event carries a chain on by one step; events that satisfy one step each give
//! each step an event of its own; only where several events meet and some satisfy several steps a matching is computed.

/// Fills `reach` with, for each step, the end of the longest run of steps from it that different events can take; a
/// step that no event takes is its own end. `masks` are the steps of each event; they may be thinned out.
pub(super) fn reach_all(masks: &mut Vec<u64>, steps: usize, reach: &mut Vec<usize>) {
    reach.clear();
    let union = masks.iter().fold(0, |union, mask| union | mask);
    if let [mask] = masks.as_slice() {
        reach.extend((0..steps).map(|from| from + ((mask >> from) & 1) as usize));
    } else if masks.iter().all(|mask| mask.count_ones() <= 1) {
        reach.extend((0..steps).map(|from| from + (union >> from).trailing_ones() as usize));
    } else {
        keep_useful(masks, steps);
        let mut matching = Matching::new(masks);
        reach.extend((0..steps).map(|from| match union & (1 << from) {
            0 => from,
            _ => matching.run(from, steps),
        }));
    }
}

/// Keeps at most `steps` events for each step: with that many, one is always left for the step when the others are served.
fn keep_useful(masks: &mut Vec<u64>, steps: usize) {
    let mut seen = [0_usize; u64::BITS as usize];
    masks.retain(|&mask| {
        let mut useful = false;
        let mut rest = mask;
        while rest != 0 {
            let count = &mut seen[rest.trailing_zeros() as usize];
            rest &= rest - 1;
            useful |= *count < steps;
            *count += 1;
        }
        useful
    });
}

/// Which step each event takes.
struct Matching<'a> {
    masks: &'a [u64],
    served: Vec<Option<usize>>,
    tried: Vec<bool>,
}

impl<'a> Matching<'a> {
    fn new(masks: &'a [u64]) -> Self {
        Self { masks, served: vec![None; masks.len()], tried: vec![false; masks.len()] }
    }

    /// Steps are added one by one along augmenting paths; a run that cannot be served stays so when steps are added.
    fn run(&mut self, from: usize, steps: usize) -> usize {
        self.served.fill(None);
        for step in from..steps {
            self.tried.fill(false);
            if !self.serve(step) {
                return step;
            }
        }
        steps
    }

    /// Finds an event for `step`, moving other steps to other events if need be.
    fn serve(&mut self, step: usize) -> bool {
        for event in 0..self.masks.len() {
            if self.tried[event] || self.masks[event] & (1 << step) == 0 {
                continue;
            }
            self.tried[event] = true;
            let free = match self.served[event] {
                None => true,
                Some(other) => self.serve(other),
            };
            if free {
                self.served[event] = Some(step);
                return true;
            }
        }
        false
    }
}
