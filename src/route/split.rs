//! Splitting by weight so that one conversation stays where it is.
//!
//! Weighted rendezvous hashing (Schindelhauer and Schomaker 2005; the logarithmic method): each backend gets the score
//! `part / -ln(h)`, where `h` in (0, 1) is a hash of the key and the backend's name, and the highest score wins. A backend
//! wins its share of all keys, no state is needed, and every replica agrees.
//!
//! What is promised when weights change, one or many at once: a conversation moves from X to Y only if Y has gained on X,
//! that is, if Y's part has grown by a larger factor than X's. So raising one part moves conversations to that backend and
//! nowhere else, lowering one moves them away from it and nowhere else, and writing all parts on another scale moves none.
//! Scores are made of the parts as they stand in the file, not of rounded percentages, so the promise holds to the last
//! conversation for the numbers that people write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::decision::Witness;
use super::ratio::{Counted, Observed, Tally};
use super::sticky::tag;
use crate::config;

/// The backends of a route with their weights, and what was seen of them.
#[derive(Debug)]
pub struct Split {
    shares: Vec<Weighted>,
    total: u64,
    tally: Arc<Tally>,
}

/// A share with what is made of its backend's name.
#[derive(Debug)]
struct Weighted {
    share: config::Share,
    /// Hash of the backend's name, the seed of its scores: names, not places, so that the order in the file is free.
    seed: u64,
    tag: String,
    /// When it was last sent something, in seconds since 1970; zero for never.
    last: Arc<AtomicU64>,
}

/// A backend of a split and what it has got, for people to see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The backend.
    pub backend: usize,
    /// Its share of the whole.
    pub share: f64,
    /// Conversations that were first seen since the weights changed, and went to it by their key.
    pub conversations: u64,
    /// Requests that named no conversation, and went to it by chance since the weights changed.
    pub requests: u64,
    /// When it was last sent something of any kind, in seconds since 1970, if it was.
    pub last: Option<u64>,
}

impl Split {
    /// A split of backends by name.
    pub fn new<'a>(shares: impl IntoIterator<Item = (&'a str, config::Share)>) -> Self {
        let weighted = |(name, share): (&str, config::Share)| Weighted {
            share,
            seed: xxh3_64(name.as_bytes()),
            tag: tag(name),
            last: Arc::default(),
        };
        let shares: Vec<_> = shares.into_iter().map(weighted).collect();
        let total: u64 = shares.iter().map(|share| share.share.part).sum();
        #[expect(clippy::cast_precision_loss, reason = "a share of the whole, to compare counts with")]
        let tally = Tally::new(shares.iter().map(|share| share.share.part as f64 / total.max(1) as f64).collect());
        Self { shares, total, tally: Arc::new(tally) }
    }

    /// Goes on from a split of the same route: each backend keeps what is known of it, and while all shares are the same
    /// the count of what was seen goes on.
    #[must_use]
    pub fn after(mut self, previous: &Self) -> Self {
        let same = |one: &Weighted, other: &Weighted| {
            let (ours, theirs) = (u128::from(one.share.part), u128::from(other.share.part));
            one.seed == other.seed && ours * u128::from(previous.total) == theirs * u128::from(self.total)
        };
        if self.shares.len() == previous.shares.len()
            && self.shares.iter().zip(&previous.shares).all(|(one, other)| same(one, other))
        {
            self.tally = Arc::clone(&previous.tally);
        }
        for share in &mut self.shares {
            if let Some(before) = previous.shares.iter().find(|before| before.seed == share.seed) {
                share.last = Arc::clone(&before.last);
            }
        }
        self
    }

    /// The backend for a key; `None` if all weights are zero.
    #[must_use]
    pub fn by_key(&self, key: &str, witness: &mut impl Witness) -> Option<usize> {
        let weighted = self.shares.iter().filter(|share| share.share.part > 0);
        let scored = weighted.map(|share| (share.score(key), share.share.backend));
        let scored = scored.inspect(|(score, backend)| witness.scored(*backend, *score));
        scored.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, backend)| backend)
    }

    /// A backend by chance and weight; `None` if all weights are zero.
    #[must_use]
    pub fn by_chance(&self) -> Option<usize> {
        let mut point = fastrand::u64(0..self.total.max(1));
        for Weighted { share, .. } in &self.shares {
            if point < share.part {
                return Some(share.backend);
            }
            point -= share.part;
        }
        None
    }

    /// The backend that made the answer with this id, if it is one of this split: our ids carry it, see
    /// [`mint_seed`](super::mint_seed).
    #[must_use]
    pub fn made(&self, response_id: &str) -> Option<usize> {
        let seed = response_id.split_once('_')?.1;
        self.shares.iter().find(|share| seed.starts_with(&share.tag)).map(|share| share.share.backend)
    }

    /// The backend of this name, if it has any weight.
    pub(super) fn weighted(&self, seed: u64) -> Option<usize> {
        let found = self.shares.iter().find(|share| share.seed == seed && share.share.part > 0);
        found.map(|share| share.share.backend)
    }

    /// What a backend is known by in this split and in those that come after.
    pub(super) fn seed(&self, backend: usize) -> Option<u64> {
        self.shares.iter().find(|share| share.share.backend == backend).map(|share| share.seed)
    }

    /// Something goes to a backend now; `counted` if its key or chance led there. What was seen, if that gives away that
    /// traffic does not go where it should.
    pub(super) fn note(&self, backend: usize, counted: Option<Counted>) -> Option<Observed> {
        let place = self.shares.iter().position(|share| share.share.backend == backend)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.shares.get(place)?.last.store(now, Ordering::Relaxed);
        self.tally.count(counted?, place)
    }

    /// What was seen so far.
    #[must_use]
    pub fn observed(&self, counted: Counted) -> Observed {
        self.tally.observed(counted)
    }

    /// What each backend has got, in the order of the file.
    #[must_use]
    pub fn standing(&self) -> Vec<Standing> {
        let [conversations, requests] = Counted::ALL.map(|counted| self.observed(counted).seen);
        let seen = conversations.into_iter().zip(requests);
        let shares = self.shares.iter().zip(self.tally.shares());
        let standing = shares.zip(seen).map(|((weighted, share), (conversations, requests))| {
            let last = weighted.last.load(Ordering::Relaxed);
            let last = (last > 0).then_some(last);
            Standing { backend: weighted.share.backend, share: *share, conversations, requests, last }
        });
        standing.collect()
    }

    /// Backends with their basis points, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u32)> {
        self.shares.iter().map(|share| (share.share.backend, share.share.basis_points))
    }
}

impl Weighted {
    fn score(&self, key: &str) -> f64 {
        // 53 bits, the precision of a double; half a step off zero and one, where the logarithm has no use.
        #[expect(clippy::cast_precision_loss, reason = "the value has 53 bits and fits exactly")]
        let hash = ((xxh3_64_with_seed(key.as_bytes(), self.seed) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        // Parts have 50 bits at most.
        #[expect(clippy::cast_precision_loss, reason = "the value has 50 bits and fits exactly")]
        let part = self.share.part as f64;
        part / -hash.ln()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 8] = ["legacy", "app", "c", "d", "e", "f", "g", "h"];

    fn share(backend: usize, part: u64) -> config::Share {
        config::Share { backend, basis_points: 0, part }
    }

    fn split(parts: &[u64]) -> Split {
        Split::new(parts.iter().enumerate().map(|(place, part)| (NAMES[place], share(place, *part))))
    }

    /// The backend for a key, or by chance without one.
    fn pick(split: &Split, key: Option<&str>) -> Option<usize> {
        match key {
            Some(key) => split.by_key(key, &mut ()),
            None => split.by_chance(),
        }
    }

    #[test]
    fn shares_are_kept_with_and_without_keys() {
        let split = split(&[9_000, 1_000]);
        let sigma = (10_000.0_f64 * 0.9 * 0.1).sqrt();
        let keyed = (0..10_000).filter(|n| pick(&split, Some(&format!("conversation-{n}"))) == Some(1)).count();
        let random = (0..10_000).filter(|_| pick(&split, None) == Some(1)).count();
        for (app, how) in [(keyed, "by key"), (random, "by chance")] {
            let off = (f64::from(u32::try_from(app).unwrap()) - 1_000.0).abs();
            // Five sigma: a random test that fails once in two million runs.
            assert!(off < 5.0 * sigma, "{how}: {app} of 10,000 to a backend of 10 %");
        }
    }

    #[test]
    fn zero_is_none() {
        let one = split(&[10_000, 0]);
        assert!((0..1_000).all(|n| pick(&one, Some(&n.to_string())) == Some(0) && pick(&one, None) == Some(0)));
        let none = split(&[0]);
        assert_eq!((pick(&none, Some("x")), pick(&none, None)), (None, None));
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

    #[test]
    fn what_was_seen_is_counted_until_the_weights_change() {
        let count = |split: &Split| split.standing().iter().map(|standing| standing.conversations).collect::<Vec<_>>();
        let first = split(&[90, 10]);
        first.note(1, Some(Counted::Conversations));
        first.note(0, None);
        assert_eq!(count(&first), [0, 1]);
        assert!(first.standing().iter().all(|standing| standing.last.is_some()));
        let scaled = split(&[9, 1]).after(&first);
        assert_eq!(count(&scaled), [0, 1], "the same shares on another scale");
        let raised = split(&[80, 20]).after(&scaled);
        assert_eq!(count(&raised), [0, 0]);
        assert!(
            raised.standing().iter().all(|standing| standing.last.is_some()),
            "that a backend was used is still known"
        );
        let alarms = (0..500).filter_map(|_| raised.note(1, Some(Counted::Requests))).count();
        assert_eq!((alarms, raised.observed(Counted::Requests).mismatch), (1, true));
        assert!(!split(&[70, 30]).after(&raised).observed(Counted::Requests).mismatch);
    }

    /// Parts of up to eight backends by their place among [`NAMES`]; one that is not there has been removed.
    fn parts() -> impl Strategy<Value = BTreeMap<usize, u64>> {
        let part = prop_oneof![Just(0u64), 1u64..100, 1u64..1_000_000_000];
        proptest::collection::btree_map(0usize..8, part, 2..=8)
            .prop_filter("somebody answers", |parts| parts.values().any(|part| *part > 0))
    }

    fn of(parts: &BTreeMap<usize, u64>) -> Split {
        Split::new(parts.iter().map(|(place, part)| (NAMES[*place], share(*place, *part))))
    }

    proptest! {
        #[test]
        fn raising_one_weight_moves_keys_only_to_it(
            weights in proptest::collection::vec(0u64..10_000, 2..=8), raised in 0usize..8, by in 1u64..10_000, key in ".*",
        ) {
            let raised = raised % weights.len();
            let mut after = weights.clone();
            after[raised] += by;
            let (before, after) = (pick(&split(&weights), Some(&key)), pick(&split(&after), Some(&key)));
            prop_assert!(before == after || after == Some(raised));
        }

        #[test]
        fn through_any_changes_a_key_moves_only_to_a_backend_that_has_gained_on_its_own(
            history in proptest::collection::vec(parts(), 2..6), keys in proptest::collection::vec("[a-z0-9-]{1,20}", 40),
        ) {
            for change in history.windows(2) {
                let (before, after) = (of(&change[0]), of(&change[1]));
                for key in &keys {
                    let (from, to) = (pick(&before, Some(key)).unwrap(), pick(&after, Some(key)).unwrap());
                    if from != to {
                        let part = |parts: &BTreeMap<usize, u64>, place| u128::from(parts.get(&place).copied().unwrap_or(0));
                        // to's new part / to's old part > from's new part / from's old part
                        let gained = part(&change[1], to) * part(&change[0], from);
                        let kept = part(&change[1], from) * part(&change[0], to);
                        prop_assert!(gained > kept, "{} went from {} to {} at {:?}", key, from, to, change);
                    }
                }
            }
        }

        #[test]
        fn a_ramp_never_moves_a_key_twice(
            steps in proptest::collection::vec(0u64..=10_000, 2..8), key in "[a-z0-9-]{1,20}",
        ) {
            let mut steps = steps;
            steps.sort_unstable();
            let path: Vec<_> = steps.iter().map(|app| pick(&split(&[10_000 - app, *app]), Some(&key)).unwrap()).collect();
            prop_assert!(path.is_sorted(), "{:?} at {:?}", path, steps);
            // Back down the same steps, everybody returns by the way they came.
            let back: Vec<_> = steps.iter().rev().map(|app| pick(&split(&[10_000 - app, *app]), Some(&key)).unwrap()).collect();
            prop_assert!(back.iter().rev().eq(&path));
        }

        #[test]
        fn scale_and_order_in_the_file_decide_nothing(
            parts in parts(), scale in 1u64..1_000, turn in 0usize..8, keys in proptest::collection::vec(".{1,20}", 20),
        ) {
            let here = of(&parts);
            let mut elsewhere: Vec<_> = parts.iter().map(|(place, part)| (*place, part * scale)).collect();
            let turn = turn % elsewhere.len();
            elsewhere.rotate_left(turn);
            let elsewhere = Split::new(elsewhere.iter().map(|(place, part)| (NAMES[*place], share(*place, *part))));
            for key in &keys {
                prop_assert_eq!(pick(&here, Some(key)), pick(&elsewhere, Some(key)));
            }
        }
    }
}
