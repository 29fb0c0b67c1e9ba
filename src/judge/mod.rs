//! What many comparisons amount to: counts that can be kept and added up, and what follows from them.
//!
//! A [`Tally`] takes in one [`Comparison`](crate::compare::Comparison) after another and stays small. Tallies of several
//! replicas add up to the tally of them all.

mod history;
mod sequence;
mod spread;
mod tally;
mod verdict;

pub use history::{Day, DayOf, Moment, Point, by_day, history};
pub use sequence::Steps;
pub use spread::Spread;
pub use tally::{Cost, Counts, Tally};
pub use verdict::{Judged, Judgement, Verdict, judge, percent};
