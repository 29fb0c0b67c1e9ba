//! Splitting by weight so that one conversation stays where it is.
//!
//! Weighted rendezvous hashing (Schindelhauer and Schomaker 2005; the logarithmic method): each backend gets the score
//! `weight / -ln(h)`, where `h` in (0, 1) is a hash of the key and the backend's name, and the highest score wins. A
//! backend wins its share of all keys; raising a weight moves keys only to that backend; no state is needed and every
//! replica agrees.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::sticky::tag;

/// The backends of a route with their weights.
#[derive(Debug)]
pub struct Split {
    shares: Vec<Share>,
    total: u32,
}

#[derive(Debug)]
struct Share {
    backend: usize,
    basis_points: u32,
    /// Hash of the backend's name, the seed of its scores: names, not places, so that the order in the file is free.
    seed: u64,
    tag: String,
}

impl Split {
    /// A split of backends as (place, name, basis points).
    pub fn new<'a>(shares: impl IntoIterator<Item = (usize, &'a str, u32)>) -> Self {
        let shares: Vec<_> = shares
            .into_iter()
            .map(|(backend, name, basis_points)| Share {
                backend,
                basis_points,
                seed: xxh3_64(name.as_bytes()),
                tag: tag(name),
            })
            .collect();
        let total = shares.iter().map(|share| share.basis_points).sum();
        Self { shares, total }
    }

    /// The backend for a key, or a random one by weight without a key; `None` if all weights are zero.
    #[must_use]
    pub fn pick(&self, key: Option<&str>) -> Option<usize> {
        match key {
            Some(key) => self.by_key(key),
            None => self.by_chance(fastrand::u32(0..self.total.max(1))),
        }
    }

    /// The backend that made the answer with this id, if it is one of this split: our ids carry it, see
    /// [`mint_seed`](super::mint_seed).
    #[must_use]
    pub fn made(&self, response_id: &str) -> Option<usize> {
        let seed = response_id.split_once('_')?.1;
        self.shares.iter().find(|share| seed.starts_with(&share.tag)).map(|share| share.backend)
    }

    /// Backends with their basis points.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u32)> {
        self.shares.iter().map(|share| (share.backend, share.basis_points))
    }

    fn by_key(&self, key: &str) -> Option<usize> {
        let weighted = self.shares.iter().filter(|share| share.basis_points > 0);
        let scored = weighted.map(|share| (share.score(key), share.backend));
        scored.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, backend)| backend)
    }

    fn by_chance(&self, mut point: u32) -> Option<usize> {
        for share in &self.shares {
            if point < share.basis_points {
                return Some(share.backend);
            }
            point -= share.basis_points;
        }
        None
    }
}

impl Share {
    fn score(&self, key: &str) -> f64 {
        // 53 bits, the precision of a double; half a step off zero and one, where the logarithm has no use.
        #[expect(clippy::cast_precision_loss, reason = "the value has 53 bits and fits exactly")]
        let hash = ((xxh3_64_with_seed(key.as_bytes(), self.seed) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        f64::from(self.basis_points) / -hash.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 5] = ["legacy", "app", "c", "d", "e"];

    fn split(weights: &[u32]) -> Split {
        Split::new(weights.iter().enumerate().map(|(place, weight)| (place, NAMES[place], *weight)))
    }

    #[test]
    fn shares_are_kept_with_and_without_keys() {
        let split = split(&[9_000, 1_000]);
        let sigma = (10_000.0_f64 * 0.9 * 0.1).sqrt();
        let keyed = (0..10_000).filter(|n| split.pick(Some(&format!("conversation-{n}"))) == Some(1)).count();
        let random = (0..10_000).filter(|_| split.pick(None) == Some(1)).count();
        for (app, how) in [(keyed, "by key"), (random, "by chance")] {
            let off = (f64::from(u32::try_from(app).unwrap()) - 1_000.0).abs();
            // Five sigma: a random test that fails once in two million runs.
            assert!(off < 5.0 * sigma, "{how}: {app} of 10,000 to a backend of 10 %");
        }
    }

    #[test]
    fn zero_is_none() {
        let split = split(&[10_000, 0]);
        assert!((0..1_000).all(|n| split.pick(Some(&n.to_string())) == Some(0) && split.pick(None) == Some(0)));
        assert_eq!(Split::new([(0, "a", 0)]).pick(Some("x")), None);
        assert_eq!(Split::new([(0, "a", 0)]).pick(None), None);
    }

    #[test]
    fn the_order_in_the_file_decides_nothing() {
        let other = Split::new([(1, "app", 3_000), (0, "legacy", 7_000)]);
        let split = split(&[7_000, 3_000]);
        assert!((0..1_000).all(|n| split.pick(Some(&n.to_string())) == other.pick(Some(&n.to_string()))));
    }

    #[test]
    fn our_own_ids_lead_back_to_the_backend() {
        let split = split(&[5_000, 5_000]);
        for (place, name) in NAMES.iter().enumerate().take(2) {
            assert_eq!(split.made(&format!("resp_{}", super::super::mint_seed(name))), Some(place));
        }
        assert_eq!(split.made("resp_unknown"), None);
        assert_eq!(split.made("nonsense"), None);
    }

    proptest! {
        #[test]
        fn raising_one_weight_moves_keys_only_to_it(
            weights in proptest::collection::vec(0u32..10_000, 2..5), raised in 0usize..4, by in 1u32..10_000, key in ".*",
        ) {
            let raised = raised % weights.len();
            let mut after = weights.clone();
            after[raised] += by;
            let (before, after) = (split(&weights).pick(Some(&key)), split(&after).pick(Some(&key)));
            prop_assert!(before == after || after == Some(raised));
        }
    }
}
