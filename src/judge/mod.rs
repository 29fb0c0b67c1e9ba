//! What many comparisons amount to: counts that can be kept and added up, and what follows from them.
//!
//! A [`Tally`] takes in one [`Comparison`](crate::compare::Comparison) after another and stays small. Tallies of several
//! replicas add up to the tally of them all.

mod sequence;
mod spread;
mod tally;
mod verdict;

pub use sequence::Steps;
pub use spread::Spread;
pub use tally::{Counts, Tally};
pub use verdict::{Judged, Judgement, Point, Verdict, history, judge, percent};
