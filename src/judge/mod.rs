//! What many comparisons amount to: counts that can be kept and added up, and what follows from them.
//!
//! A [`Tally`] takes in one [`Comparison`](crate::compare::Comparison) after another and stays small. Tallies of several
//! replicas add up to the tally of them all.

mod spread;
mod tally;

pub use spread::Spread;
pub use tally::{Counts, Tally};
