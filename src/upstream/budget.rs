//! The retry budget: however badly backends fail, what is sent again stays a small part of what is sent.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::window::Window;
use crate::config::Retries;

/// How long a request counts for retries of others.
const SPAN: Duration = Duration::from_secs(10);

/// What may be sent again, shared by everybody.
///
/// A retry is paid by requests of the last seconds: `share` percent of them may be repeated. Where there is little
/// traffic a few each second are free. Nothing is saved up for longer than those seconds.
#[derive(Debug)]
pub struct Budget {
    begun: Instant,
    /// Requests, and those that were sent again.
    sent: Window,
    /// One at a time decides about a retry, so that many at once do not all take the last one.
    deciding: Mutex<()>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { begun: Instant::now(), sent: Window::default(), deciding: Mutex::default() }
    }
}

impl Budget {
    /// A request was sent for the first time.
    pub fn deposit(&self) {
        self.deposit_at(self.begun.elapsed());
    }

    /// Whether one more may be sent again; if so, it counts.
    pub fn withdraw(&self, policy: Retries) -> bool {
        self.withdraw_at(policy, self.begun.elapsed())
    }

    /// How many may be sent again right now.
    pub fn left(&self, policy: Retries) -> u64 {
        self.left_at(policy, self.begun.elapsed())
    }

    fn deposit_at(&self, now: Duration) {
        self.sent.add(SPAN, now, 1, 0);
    }

    fn withdraw_at(&self, policy: Retries, now: Duration) -> bool {
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let may = self.left_at(policy, now) > 0;
        if may {
            self.sent.add(SPAN, now, 0, 1);
        }
        may
    }

    fn left_at(&self, policy: Retries, now: Duration) -> u64 {
        let (requests, retries) = self.sent.sum(SPAN, now);
        let (_, just_now) = self.sent.latest(SPAN, now);
        let paid = (requests * u64::from(policy.share) / 100).saturating_sub(retries);
        paid.max(u64::from(policy.least).saturating_sub(just_now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Retries = Retries { share: 20, least: 3 };

    #[test]
    fn one_in_five_may_be_repeated() {
        let budget = Budget::default();
        (0..1_000).for_each(|_| budget.deposit_at(Duration::ZERO));
        let repeated = (0..1_000).filter(|_| budget.withdraw_at(POLICY, Duration::from_secs(1))).count();
        assert_eq!(repeated, 200);
    }

    #[test]
    fn what_is_long_ago_pays_for_nothing() {
        let budget = Budget::default();
        (0..1_000).for_each(|_| budget.deposit_at(Duration::ZERO));
        let repeated = (0..1_000).filter(|_| budget.withdraw_at(POLICY, Duration::from_secs(20))).count();
        assert_eq!(repeated, 3);
    }

    #[test]
    fn a_few_a_second_are_free() {
        let budget = Budget::default();
        let at = |second| (0..10).filter(|_| budget.withdraw_at(POLICY, Duration::from_secs(second))).count();
        assert_eq!([at(0), at(1), at(2)], [3, 3, 3]);
        let none = Retries { share: 20, least: 0 };
        assert!(!budget.withdraw_at(none, Duration::from_secs(3)));
    }

    #[test]
    fn many_at_once_do_not_all_take_the_last_one() {
        let budget = Budget::default();
        (0..100).for_each(|_| budget.deposit_at(Duration::ZERO));
        let taken = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        if budget.withdraw_at(POLICY, Duration::ZERO) {
                            taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(taken.into_inner(), 20);
    }

    proptest! {
        #[test]
        fn retries_stay_a_share_and_a_few_a_second(steps in proptest::collection::vec((0u64..400, 0u32..20, 0u32..20), 1..100)) {
            let (budget, mut now, mut sent, mut again) = (Budget::default(), 0, 0, 0);
            for (wait, requests, retries) in steps {
                now += wait;
                (0..requests).for_each(|_| budget.deposit_at(Duration::from_millis(now)));
                sent += u64::from(requests);
                again += (0..retries).filter(|_| budget.withdraw_at(POLICY, Duration::from_millis(now))).count() as u64;
                prop_assert!(again <= sent / 5 + 3 * (now / 1_000 + 1), "{} of {} after {} ms", again, sent, now);
            }
        }
    }
}
