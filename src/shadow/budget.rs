//! What copies may take: so many a second, so many requests and tokens a day.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config;
use crate::store::Day;

/// The day's account.
#[derive(Debug)]
pub(super) struct Budget {
    most: config::Budget,
    spent: Mutex<Spent>,
}

/// What a day has cost so far.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    /// In all, as far as it is known.
    day: Day,
    /// Of that: what the store does not have yet.
    unkept: Day,
}

impl Budget {
    pub(super) fn new(most: config::Budget) -> Self {
        Self { most, spent: Mutex::new(Spent::of(today())) }
    }

    /// Whether nothing is left of this day's.
    pub(super) fn is_spent(&self) -> bool {
        self.of_day(today()).is_over(self.most)
    }

    /// Takes one request from the day, if one is left.
    pub(super) fn take(&self) -> bool {
        let mut spent = self.of_day(today());
        let left = !spent.is_over(self.most);
        spent.add(u64::from(left), 0);
        left
    }

    /// Tokens are known when they have been spent: the last copies of a day may go over.
    pub(super) fn used(&self, tokens: u64) {
        self.of_day(today()).add(0, tokens);
    }

    /// Goes on from what another account of the same day has spent.
    pub(super) fn resume(&self, before: &Self) {
        let before = *before.of_day(today());
        self.of_day(today()).day = before.day;
    }

    /// What the store does not have yet.
    pub(super) fn unkept(&self) -> Day {
        self.of_day(today()).unkept
    }

    /// The store has this much more now, and this in all: with what was spent before a restart, and by others.
    pub(super) fn keep(&self, more: Day, all: Day) {
        let mut spent = self.of_day(today());
        if spent.day.day == more.day {
            spent.unkept.requests = spent.unkept.requests.saturating_sub(more.requests);
            spent.unkept.tokens = spent.unkept.tokens.saturating_sub(more.tokens);
        }
        if spent.day.day == all.day {
            spent.day.requests = all.requests.saturating_add(spent.unkept.requests);
            spent.day.tokens = all.tokens.saturating_add(spent.unkept.tokens);
        }
    }

    fn of_day(&self, day: u64) -> MutexGuard<'_, Spent> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.day.day != day {
            *spent = Spent::of(day);
        }
        spent
    }
}

impl Spent {
    fn of(day: u64) -> Self {
        let day = Day { day, ..Day::default() };
        Self { day, unkept: day }
    }

    fn add(&mut self, requests: u64, tokens: u64) {
        for day in [&mut self.day, &mut self.unkept] {
            day.requests = day.requests.saturating_add(requests);
            day.tokens = day.tokens.saturating_add(tokens);
        }
    }

    fn is_over(&self, most: config::Budget) -> bool {
        self.day.requests >= most.requests || self.day.tokens >= most.tokens
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
        budget.spent.lock().unwrap().day.day -= 1;
        assert!(!budget.is_spent() && budget.take());
        budget.used(100);
        assert!(budget.is_spent() && !budget.take());
        assert_eq!(budget.unkept(), Day { day: today(), requests: 1, tokens: 100 });
    }

    #[test]
    fn a_restart_does_not_open_a_new_account() {
        let day = |requests, tokens| Day { day: today(), requests, tokens };
        let budget = Budget::new(config::Budget { requests: 10, tokens: 100 });
        assert!(budget.take());
        let more = budget.unkept();
        // While the store is at it, another one is sent.
        assert!(budget.take());
        budget.keep(more, day(8, 0));
        assert_eq!(budget.unkept(), day(1, 0));
        assert!(budget.take() && !budget.take(), "eight, the one on its way, and this one");
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
