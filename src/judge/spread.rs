//! How numbers are spread, in buckets that grow by a tenth: quantiles to within five percent from a few dozen counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How much wider each bucket is than the one before.
const GROWTH: f64 = 1.1;

/// The last bucket; numbers from here on (about 10^12) share it.
const LAST: u16 = 290;

/// Counts of numbers by size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spread(BTreeMap<u16, u64>);

impl Spread {
    /// Takes in a number; what is not over zero counts as one.
    pub fn add(&mut self, number: f64) {
        let place = (number.max(1.0).ln() / GROWTH.ln()).floor().min(f64::from(LAST));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and LAST; NaN is 0")]
        let bucket = place as u16;
        *self.0.entry(bucket).or_default() += 1;
    }

    /// Adds another one's counts.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// How many numbers there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The number that a share of all numbers is not over, to within five percent; none without numbers.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let wanted = self.count() as f64 * share;
        let mut seen = 0.0;
        for (bucket, count) in &self.0 {
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            let more = *count as f64;
            seen += more;
            if seen >= wanted {
                return Some(GROWTH.powf(f64::from(*bucket) + 0.5));
            }
        }
        None
    }

    /// The middle of each bucket that is not empty, and its count.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.0.iter().map(|(bucket, count)| (GROWTH.powf(f64::from(*bucket) + 0.5), *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_five_percent() {
        let mut spread = Spread::default();
        for number in 1..=10_000 {
            spread.add(f64::from(number));
        }
        for (share, exact) in [(0.5, 5_000.0), (0.95, 9_500.0), (0.99, 9_900.0)] {
            let found = spread.quantile(share).unwrap();
            assert!((found / exact - 1.0).abs() < 0.051, "{share}: {found}");
        }
        assert_eq!(Spread::default().quantile(0.5), None);
    }

    #[test]
    fn odd_numbers_have_a_place_too() {
        let mut spread = Spread::default();
        for odd in [0.0, -5.0, f64::NAN, f64::INFINITY, 1e300] {
            spread.add(odd);
        }
        assert_eq!(spread.count(), 5);
        assert!(spread.buckets().count() <= 2);
    }
}
