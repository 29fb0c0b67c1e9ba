//! What each backend of each route did lately, from readings of its counters every few seconds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two readings.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// Readings that are kept: a minute of them.
const KEPT: usize = 12;

/// Exchanges that have ended: all, and those that failed by the backend's fault or ours.
pub(super) type Ended = (u64, u64);

/// The counters of every (route, backend) at one time.
pub(super) type Reading = BTreeMap<(String, String), Ended>;

/// The readings of the last minute.
#[derive(Default)]
pub(super) struct Recent(Mutex<VecDeque<(Instant, Reading)>>);

impl Recent {
    /// Keeps a reading.
    pub(super) fn add(&self, reading: Reading) {
        let mut kept = self.kept();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((Instant::now(), reading));
    }

    /// What has ended since the oldest reading, and for how long that is.
    pub(super) fn since(&self, now: &Reading) -> (Duration, Reading) {
        let kept = self.kept();
        let Some((at, before)) = kept.front() else { return (Duration::ZERO, now.clone()) };
        let ended = now.iter().map(|(pair, (all, failed))| {
            let (before_all, before_failed) = before.get(pair).copied().unwrap_or_default();
            // Counters of a route that went and came back begin anew.
            (pair.clone(), (all.saturating_sub(before_all), failed.saturating_sub(before_failed)))
        });
        (at.elapsed(), ended.collect())
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Instant, Reading)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(all: u64, failed: u64) -> Reading {
        [(("support".to_owned(), "app".to_owned()), (all, failed))].into()
    }

    #[test]
    fn what_ended_lately_is_the_difference_to_the_oldest_reading_that_is_kept() {
        let recent = Recent::default();
        assert_eq!(recent.since(&reading(7, 1)).1, reading(7, 1), "since the start");
        for all in 0..100 {
            recent.add(reading(all, 0));
        }
        assert_eq!(recent.since(&reading(103, 5)).1, reading(103 - 88, 5));
        assert_eq!(recent.since(&reading(3, 0)).1, reading(0, 0), "counters that began anew");
        assert_eq!(recent.since(&Reading::new()).1, Reading::new(), "a route that is gone");
    }
}
