//! What copies may take: so many a second, so many requests and tokens a day.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config;

/// What a day's copies have taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// The day of UTC, counted from 1970.
    pub day: u64,
    /// Copies.
    pub requests: u64,
    /// Tokens of copies and their answers.
    pub tokens: u64,
}

/// The day's account.
#[derive(Debug)]
pub(super) struct Budget {
    most: config::Budget,
    spent: Mutex<Spent>,
}

impl Budget {
    pub(super) fn new(most: config::Budget) -> Self {
        Self { most, spent: Mutex::new(Spent { day: today(), ..Spent::default() }) }
    }

    /// Whether nothing is left of this day's.
    pub(super) fn is_spent(&self) -> bool {
        let spent = self.of_day(today());
        spent.requests >= self.most.requests || spent.tokens >= self.most.tokens
    }

    /// Takes one request from the day, if one is left.
    pub(super) fn take(&self) -> bool {
        let mut spent = self.of_day(today());
        let left = spent.requests < self.most.requests && spent.tokens < self.most.tokens;
        spent.requests += u64::from(left);
        left
    }

    /// Tokens are known when they have been spent: the last copy of a day may go over.
    pub(super) fn used(&self, tokens: u64) {
        let mut spent = self.of_day(today());
        spent.tokens = spent.tokens.saturating_add(tokens);
    }

    /// What has been spent.
    pub(super) fn spent(&self) -> Spent {
        *self.of_day(today())
    }

    /// Goes on from what was spent before a restart, if that was today.
    pub(super) fn resume(&self, before: Spent) {
        let mut spent = self.of_day(today());
        if spent.day == before.day {
            spent.requests = spent.requests.saturating_add(before.requests);
            spent.tokens = spent.tokens.saturating_add(before.tokens);
        }
    }

    fn of_day(&self, day: u64) -> MutexGuard<'_, Spent> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.day != day {
            *spent = Spent { day, ..Spent::default() };
        }
        spent
    }
}

fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400
}

/// Spreads copies out: so many a second, evenly.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    next: Instant,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self { gap: Duration::from_secs(1) / per_second.max(1), next: Instant::now() }
    }

    /// When the next copy may go.
    pub(super) fn turn(&mut self, now: Instant) -> Instant {
        let turn = self.next.max(now);
        self.next = turn + self.gap;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_an_end_and_the_next_one_begins_at_zero() {
        let budget = Budget::new(config::Budget { requests: 2, tokens: 100 });
        assert!(budget.take() && budget.take() && !budget.take() && budget.is_spent());
        budget.spent.lock().unwrap().day -= 1;
        assert!(!budget.is_spent() && budget.take());
        budget.used(100);
        assert!(budget.is_spent() && !budget.take());
        assert_eq!((budget.spent().requests, budget.spent().tokens), (1, 100));
    }

    #[test]
    fn a_restart_does_not_open_a_new_account() {
        let budget = Budget::new(config::Budget { requests: 10, tokens: 100 });
        budget.resume(Spent { day: today() - 1, requests: 9, tokens: 9 });
        assert_eq!(budget.spent().requests, 0);
        budget.resume(Spent { day: today(), requests: 10, tokens: 9 });
        assert!(budget.is_spent());
    }

    #[test]
    fn copies_are_spread_evenly_and_time_that_was_not_used_is_not_saved_up() {
        let mut pace = Pace::new(10);
        let now = Instant::now() + Duration::from_secs(5);
        assert_eq!(pace.turn(now), now);
        assert_eq!(pace.turn(now), now + Duration::from_millis(100));
        assert_eq!(pace.turn(now), now + Duration::from_millis(200));
        let later = now + Duration::from_secs(60);
        assert_eq!(pace.turn(later), later);
    }
}
