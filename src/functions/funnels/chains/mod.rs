//! The chains of `funnel` under its options: which ways through the steps count, and which of them is the best?
//!
//! A *chain of level k* gives each of the first k required steps an event of its own. An option adds a rule, and each
//! rule bounds one event of the chain by another one: "e_j is not later than f(e_i)", where f grows with its argument.
//!
//! ```text
//! order          e_i ≤ e_i+1                     grace        e_i ≤ e_j + grace, i < j
//! window         e_j ≤ end of e_1's window       step_windows e_i+1 ≤ e_i + limit
//! strict, exact  e_i+1 ≤ first event after e_i that may not stand there
//! exclude        e_to  ≤ first excluded event after e_from; where `to` is not reached: e_1's window ends before that event
//! ```
//!
//! Rules of this form have a property on which everything here rests: of two chains that keep them, the chain that takes
//! the earlier event at each step keeps them too, and so does the one that takes the later event. (The same holds for
//! events of one time that must all be different: of two chains, the one that is there from the lower step on is there
//! with all steps that any of them has there.) So among the chains of a level there is one that is earliest at *every*
//! step. [`search`] finds it by starting each step at its first event and moving on whatever breaks a rule, never back:
//! the highest level, the earliest time of the top step, and then, by asking for later and later entries, the best chain.

mod answers;
mod any_order;
mod barriers;
mod column;
mod item;
mod options;
mod person;
mod rules;
mod search;
mod sharing;

pub(super) use self::answers::{answer_fields, ts_type};
pub(super) use self::column::{Chains, ChainsColumn};
pub(super) use self::options::read;
