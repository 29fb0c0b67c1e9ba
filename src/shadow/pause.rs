//! A candidate that fails again and again is left alone for a while, and longer each time.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Failures in a row before the first pause.
const MOST: u32 = 5;

/// The first pause; each that follows without a success between them is twice as long.
const FIRST: Duration = Duration::from_secs(10);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(300);

/// Whether copies are sent at present.
#[derive(Debug, Default)]
pub(super) struct Pause {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Failures since the last success.
    failures: u32,
    /// Pauses since the last success.
    pauses: u32,
    until: Option<Instant>,
}

impl Pause {
    /// Whether copies are not sent now.
    pub(super) fn is_on(&self, now: Instant) -> bool {
        self.lock().until.is_some_and(|until| now < until)
    }

    /// The candidate answered.
    pub(super) fn succeeded(&self) {
        *self.lock() = State::default();
    }

    /// The candidate gave no answer; it may have said how long to wait.
    pub(super) fn failed(&self, now: Instant, wait: Duration) {
        let mut state = self.lock();
        // Those that were on their way when the pause began say nothing new.
        if state.until.is_some_and(|until| now < until) {
            return;
        }
        state.failures += 1;
        // After a pause the first failure is enough.
        if state.failures >= MOST || state.pauses > 0 || !wait.is_zero() {
            let pause = FIRST.saturating_mul(1 << state.pauses.min(10)).max(wait).min(LONGEST);
            state.until = Some(now + pause);
            state.pauses += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_are_a_pause_and_one_more_a_longer_one() {
        let (pause, now) = (Pause::default(), Instant::now());
        for _ in 0..4 {
            pause.failed(now, Duration::ZERO);
        }
        pause.succeeded();
        for _ in 0..4 {
            pause.failed(now, Duration::ZERO);
            assert!(!pause.is_on(now));
        }
        pause.failed(now, Duration::ZERO);
        assert!(pause.is_on(now + Duration::from_secs(9)) && !pause.is_on(now + FIRST));
        // Latecomers of the time before.
        pause.failed(now + Duration::from_secs(1), Duration::ZERO);
        assert!(!pause.is_on(now + FIRST));
        let later = now + FIRST;
        pause.failed(later, Duration::ZERO);
        assert!(pause.is_on(later + Duration::from_secs(19)) && !pause.is_on(later + FIRST * 2));
        let mut now = later;
        for _ in 0..40 {
            now += LONGEST;
            pause.failed(now, Duration::ZERO);
        }
        assert!(!pause.is_on(now + LONGEST));
        pause.succeeded();
        assert!(!pause.is_on(now));
    }

    #[test]
    fn a_candidate_that_asks_for_time_gets_it() {
        let (pause, now) = (Pause::default(), Instant::now());
        pause.failed(now, Duration::from_secs(60));
        assert!(pause.is_on(now + Duration::from_secs(59)) && !pause.is_on(now + Duration::from_secs(60)));
    }
}
