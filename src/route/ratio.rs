//! Whether traffic goes where the config says: the observed split against the configured one, looked at all the time.
//!
//! A test that is looked at again and again must not raise its voice by and by, as a chi-square test would. This one is a
//! bet against the config (Lindon and Malek 2020, for counts of several kinds): before each conversation it says how likely
//! each backend is by what it has seen so far, beginning near the configured shares, and its stake is multiplied by how much
//! likelier than the config it held the backend that came. If the config is right, nobody wins at such a bet: the chance
//! that the stake is *ever* a thousandfold is one in a thousand, however long one looks (Ville's inequality).

use std::sync::{Mutex, PoisonError};

/// The stake at which the config is not believed any more: false alarms are one in this many splits.
const ALARM: f64 = 1_000.0;

/// How many conversations the belief in the configured shares is worth at the beginning.
const BELIEF: f64 = 100.0;

/// Which traffic is counted: the two come about in different ways, so they go wrong in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Conversations that were seen for the first time, and went where their key says.
    Conversations,
    /// Requests that name no conversation, and went where chance said.
    Requests,
}

impl Counted {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Conversations, Self::Requests];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Conversations => "conversations",
            Self::Requests => "requests",
        }
    }
}

/// What was seen of a split so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// How much went to each backend, in the order of the split.
    pub seen: Vec<u64>,
    /// The highest stake so far, at most `f64::MAX`: one over it is the chance that a right split looks as wrong as this.
    pub evidence: f64,
    /// The traffic is not what the config says.
    pub mismatch: bool,
}

/// The count of one split.
#[derive(Debug)]
pub(super) struct Tally {
    shares: Vec<f64>,
    bets: Mutex<[Bet; 2]>,
}

#[derive(Clone, Debug)]
struct Bet {
    seen: Vec<u64>,
    /// Logarithms of the stake, now and at its highest.
    stake: f64,
    highest: f64,
}

impl Tally {
    /// Of backends with these shares of the whole.
    pub(super) fn new(shares: Vec<f64>) -> Self {
        let bet = Bet { seen: vec![0; shares.len()], stake: 0.0, highest: 0.0 };
        Self { shares, bets: Mutex::new([bet.clone(), bet]) }
    }

    /// The shares of the whole that are configured.
    pub(super) fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Something went to the backend at this place; what was seen, if that is what gives the mismatch away.
    pub(super) fn count(&self, counted: Counted, place: usize) -> Option<Observed> {
        let mut bets = self.bets.lock().unwrap_or_else(PoisonError::into_inner);
        let bet = bets.get_mut(counted as usize)?;
        let before = bet.highest;
        bet.count(&self.shares, place);
        (before < ALARM.ln() && bet.highest >= ALARM.ln()).then(|| bet.observed())
    }

    /// What was seen so far.
    pub(super) fn observed(&self, counted: Counted) -> Observed {
        let bets = self.bets.lock().unwrap_or_else(PoisonError::into_inner);
        bets.get(counted as usize).map(Bet::observed).unwrap_or_default()
    }
}

impl Bet {
    #[expect(clippy::cast_precision_loss, reason = "counts of conversations are far below 2^53")]
    fn count(&mut self, shares: &[f64], place: usize) {
        let total: u64 = self.seen.iter().sum();
        let (Some(share), Some(seen)) = (shares.get(place), self.seen.get_mut(place)) else { return };
        let believed = (BELIEF * share + *seen as f64) / (BELIEF + total as f64);
        // A backend without a share was never to be met.
        self.stake += if *share > 0.0 { (believed / share).ln() } else { f64::INFINITY };
        self.highest = self.highest.max(self.stake);
        *seen += 1;
    }

    fn observed(&self) -> Observed {
        let evidence = self.highest.exp().min(f64::MAX);
        Observed { seen: self.seen.clone(), evidence, mismatch: self.highest >= ALARM.ln() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a split are seen until it is found out; none if it is not within `most`.
    fn found_out(configured: f64, real: f64, most: u32, chance: &mut fastrand::Rng) -> Option<u32> {
        let tally = Tally::new(vec![1.0 - configured, configured]);
        (1..=most).find(|_| {
            let place = usize::from(chance.f64() < real);
            tally.count(Counted::Requests, place).is_some()
        })
    }

    #[test]
    fn a_right_split_is_left_in_peace_however_often_one_looks() {
        let mut chance = fastrand::Rng::with_seed(7);
        let mut alarms = 0;
        for configured in [0.01, 0.05, 0.5] {
            alarms += (0..300).filter(|_| found_out(configured, configured, 2_000, &mut chance).is_some()).count();
        }
        // One in a thousand is promised; of 900 runs, five or more would be one in hundreds.
        assert!(alarms < 5, "{alarms} false alarms in 900 splits");
    }

    #[test]
    fn a_wrong_split_is_found_out() {
        let mut chance = fastrand::Rng::with_seed(7);
        for (configured, real, within) in [(0.05, 0.10, 2_000), (0.5, 0.6, 2_000), (0.05, 0.0, 2_000), (0.1, 0.5, 100)]
        {
            for _ in 0..20 {
                let found = found_out(configured, real, within, &mut chance);
                assert!(found.is_some(), "{configured} that is {real} is not found out within {within}");
            }
        }
    }

    #[test]
    fn it_says_once_what_was_seen_and_remembers_it() {
        let tally = Tally::new(vec![0.9, 0.1]);
        let said: Vec<_> = (0..100).filter_map(|_| tally.count(Counted::Conversations, 1)).collect();
        assert_eq!(said.len(), 1);
        assert!(said[0].mismatch && said[0].seen[0] == 0 && said[0].evidence >= ALARM);
        let observed = tally.observed(Counted::Conversations);
        assert!(observed.mismatch && observed.seen == [0, 100]);
        assert_eq!(tally.observed(Counted::Requests), Observed { seen: vec![0, 0], evidence: 1.0, mismatch: false });
        assert!(
            Tally::new(vec![1.0, 0.0])
                .count(Counted::Requests, 1)
                .is_some_and(|observed| observed.evidence.is_finite())
        );
    }
}
