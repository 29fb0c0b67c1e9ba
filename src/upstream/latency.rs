//! How long answers took lately: enough for a median and a 99th percentile, without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Steps to a doubling, from a millisecond on.
const STEPS: u8 = 4;

/// Twenty doublings: up to a quarter of an hour.
const BUCKETS: usize = 20 * STEPS as usize;

/// How long one half of what is remembered lasts.
const HALF: u64 = 60;

/// Two halves, of which the older is forgotten when a new one begins.
#[derive(Debug, Default)]
pub(super) struct Latency {
    halves: [Half; 2],
}

#[derive(Debug)]
struct Half {
    /// The number of the minute that it is of.
    minute: AtomicU64,
    counts: [AtomicU32; BUCKETS],
}

impl Default for Half {
    fn default() -> Self {
        Self { minute: AtomicU64::new(u64::MAX), counts: [const { AtomicU32::new(0) }; BUCKETS] }
    }
}

impl Latency {
    /// Notes what took so long and ended now.
    pub(super) fn note(&self, now: Duration, took: Duration) {
        let minute = now.as_secs() / HALF;
        let Some(half) = self.halves.get(usize::from(!minute.is_multiple_of(2))) else { return };
        // Whoever is first in a new minute wipes it; what others note meanwhile may be lost, which a quantile survives.
        if half.minute.swap(minute, Ordering::Relaxed) != minute {
            half.counts.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        }
        if let Some(count) = half.counts.get(bucket(took)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The time within which this share of the answers came, of the last minute or two; none without any.
    pub(super) fn quantile(&self, now: Duration, share: f64) -> Option<Duration> {
        let minute = now.as_secs() / HALF;
        let recent = |half: &&Half| minute.saturating_sub(half.minute.load(Ordering::Relaxed).min(minute + 2)) <= 1;
        let known = |half: &&Half| half.minute.load(Ordering::Relaxed) <= minute;
        let mut counts = [0_u64; BUCKETS];
        for half in self.halves.iter().filter(known).filter(recent) {
            for (sum, count) in counts.iter_mut().zip(&half.counts) {
                *sum += u64::from(count.load(Ordering::Relaxed));
            }
        }
        let all: u64 = counts.iter().sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let rank = ((all as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let place = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        place.filter(|_| all > 0).map(upper)
    }
}

/// The bucket of a time: how many steps above a millisecond it lies.
fn bucket(took: Duration) -> usize {
    let steps = (took.as_secs_f64() * 1_000.0).log2() * f64::from(STEPS);
    // What is under a millisecond is a negative number of steps, and becomes zero.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates")]
    let place = steps.ceil() as usize;
    place.min(BUCKETS - 1)
}

/// The longest time of a bucket.
fn upper(place: usize) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let steps = place as f64 / f64::from(STEPS);
    Duration::from_secs_f64(0.001 * steps.exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_fifth() {
        let latency = Latency::default();
        let now = Duration::from_secs(7);
        (1..=1_000).for_each(|millis| latency.note(now, Duration::from_millis(millis)));
        for (share, wanted) in [(0.5, 0.5), (0.9, 0.9), (0.99, 0.99)] {
            let found = latency.quantile(now, share).unwrap().as_secs_f64();
            assert!((wanted..wanted * 1.2).contains(&found), "{share}: {found}");
        }
    }

    #[test]
    fn what_is_minutes_ago_is_forgotten() {
        let latency = Latency::default();
        let at = Duration::from_secs;
        assert_eq!(latency.quantile(at(0), 0.5), None);
        latency.note(at(10), at(1));
        assert!(latency.quantile(at(90), 0.5).is_some());
        assert_eq!(latency.quantile(at(130), 0.5), None);
        latency.note(at(130), at(4));
        assert!(latency.quantile(at(130), 0.01).unwrap() >= at(4));
    }
}
