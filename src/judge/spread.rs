//! How numbers are spread, in buckets that grow by a tenth: quantiles to within five percent from a few dozen counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sequence::number;

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
    pub fn add(&mut self, value: f64) {
        let place = (value.max(1.0).ln() / GROWTH.ln()).floor().min(f64::from(LAST));
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
        let wanted = number(self.count()) * share;
        let mut seen = 0.0;
        for (bucket, count) in &self.0 {
            seen += number(*count);
            if seen >= wanted {
                return Some(GROWTH.powf(f64::from(*bucket) + 0.5));
            }
        }
        None
    }

    /// The middle of each bucket from the first to the last, and its share of all numbers.
    #[must_use]
    pub fn shares(&self) -> Vec<(f64, f64)> {
        let (Some((first, _)), Some((last, _))) = (self.0.first_key_value(), self.0.last_key_value()) else {
            return Vec::new();
        };
        let all = number(self.count().max(1));
        let share = |bucket: u16| number(self.0.get(&bucket).copied().unwrap_or(0)) / all;
        (*first..=*last).map(|bucket| (GROWTH.powf(f64::from(bucket) + 0.5), share(bucket))).collect()
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
        assert!(spread.shares().len() <= usize::from(LAST) + 1);
        let whole: f64 = spread.shares().iter().map(|(_, share)| share).sum();
        assert!((whole - 1.0).abs() < 1e-9);
    }
}
