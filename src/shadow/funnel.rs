//! What became of a route's requests on their way to the mirror: each is counted once, so that the counts add up.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus::IntCounter;

use crate::telemetry::Metrics;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its copy was sent, and its answer heard or waited for in vain.
    Mirrored,
    /// Its conversation is not in the sample.
    NotSampled,
    /// It cannot be mirrored, or there is nothing to compare.
    NotEligible(Why),
    /// It has no mark that says that it is safe to run twice.
    Unmarked,
    /// The candidate takes its caller's own token, which copies do not carry.
    Withheld,
    /// The request or the primary's answer is larger than what is copied.
    TooLarge,
    /// The candidate failed too often and is left alone for a while.
    Paused,
    /// The day's requests or tokens are used up.
    OverBudget,
    /// No room, or no time left before the gateway stopped.
    Shed,
}

/// Why a request is not eligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The candidate answered it itself.
    AnsweredByCandidate,
    /// It goes on from what the primary keeps: a stored answer, a conversation, a question of the agent's.
    StateElsewhere,
    /// Its answer is made in the background.
    Background,
    /// The candidate's dialect cannot say it.
    Untranslatable,
    /// It was refused before an agent saw it.
    Refused,
    /// The primary's answer never came to its end: the client left, or the gateway failed.
    Unfinished,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Mirrored,
        Self::NotSampled,
        Self::NotEligible(Why::AnsweredByCandidate),
        Self::NotEligible(Why::StateElsewhere),
        Self::NotEligible(Why::Background),
        Self::NotEligible(Why::Untranslatable),
        Self::NotEligible(Why::Refused),
        Self::NotEligible(Why::Unfinished),
        Self::Unmarked,
        Self::Withheld,
        Self::TooLarge,
        Self::Paused,
        Self::OverBudget,
        Self::Shed,
    ];

    /// Its label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mirrored => "mirrored",
            Self::NotSampled => "not_sampled",
            Self::NotEligible(_) => "not_eligible",
            Self::Unmarked => "unmarked",
            Self::Withheld => "withheld",
            Self::TooLarge => "too_large",
            Self::Paused => "paused",
            Self::OverBudget => "over_budget",
            Self::Shed => "shed",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Mirrored => "its copy was sent",
            Self::NotSampled => "it is not in the sample",
            Self::NotEligible(Why::AnsweredByCandidate) => "the candidate answers it itself",
            Self::NotEligible(Why::StateElsewhere) => "it goes on from what the primary keeps",
            Self::NotEligible(Why::Background) => "its answer is made in the background",
            Self::NotEligible(Why::Untranslatable) => "the candidate's dialect cannot say it",
            Self::NotEligible(Why::Refused) => "it is refused before an agent sees it",
            Self::NotEligible(Why::Unfinished) => "the primary's answer never came to its end",
            Self::Unmarked => "it has no mark that says that it is safe to run twice",
            Self::Withheld => "the candidate takes its caller's own token, which copies do not carry",
            Self::TooLarge => "it is larger than what is copied",
            Self::Paused => "the candidate is left alone for a while",
            Self::OverBudget => "the day's budget is used up",
            Self::Shed => "there was no room for it, or no time before the gateway stopped",
        }
    }

    /// Why it is not eligible; empty for every other fate.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::NotEligible(Why::AnsweredByCandidate) => "answered_by_candidate",
            Self::NotEligible(Why::StateElsewhere) => "state_elsewhere",
            Self::NotEligible(Why::Background) => "background",
            Self::NotEligible(Why::Untranslatable) => "untranslatable",
            Self::NotEligible(Why::Refused) => "refused",
            Self::NotEligible(Why::Unfinished) => "unfinished",
            _ => "",
        }
    }
}

/// The counts of one route.
pub struct Funnel {
    requests: AtomicU64,
    fates: [AtomicU64; Fate::ALL.len()],
    /// Of those: the store has them, or is being told.
    kept: [AtomicU64; Fate::ALL.len()],
    counters: [IntCounter; Fate::ALL.len()],
}

impl Funnel {
    /// A funnel that starts at zero.
    #[must_use]
    pub fn new(metrics: &Metrics, route: &str) -> Self {
        Self {
            requests: AtomicU64::new(0),
            fates: array::from_fn(|_| AtomicU64::new(0)),
            kept: array::from_fn(|_| AtomicU64::new(0)),
            counters: Fate::ALL.map(|fate| metrics.shadow.requests(route, fate.name(), fate.why())),
        }
    }

    /// A request has come.
    pub fn begin(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A request that has come has met its fate.
    pub fn end(&self, fate: Fate) {
        let place = Fate::ALL.iter().position(|known| *known == fate);
        if let Some((count, counter)) =
            place.and_then(|place| Some((self.fates.get(place)?, self.counters.get(place)?)))
        {
            count.fetch_add(1, Ordering::Relaxed);
            counter.inc();
        }
    }

    /// Requests that have come, and how many have met each fate. Those that are still on their way have met none.
    #[must_use]
    pub fn counts(&self) -> (u64, Vec<(Fate, u64)>) {
        let fates = Fate::ALL.iter().zip(&self.fates).map(|(fate, count)| (*fate, count.load(Ordering::Relaxed)));
        (self.requests.load(Ordering::Relaxed), fates.collect())
    }

    /// Waits until every request that has come has met its fate.
    pub(super) async fn settled(&self) {
        const LOOK: Duration = Duration::from_millis(10);
        while self.fates.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u64>()
            < self.requests.load(Ordering::Relaxed)
        {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Takes out the counts that are to be brought to the store. Two mirrors that share this funnel, one of them from
    /// before a reload, never bring the same ones.
    pub(super) fn leaving(&self) -> Vec<(Fate, u64)> {
        let counts = Fate::ALL.iter().zip(self.fates.iter().zip(&self.kept));
        let new = counts.map(|(fate, (count, kept))| {
            let count = count.load(Ordering::Relaxed);
            (*fate, count.saturating_sub(kept.fetch_max(count, Ordering::Relaxed)))
        });
        new.filter(|(_, count)| *count > 0).collect()
    }

    /// The store did not take these counts.
    pub(super) fn back(&self, counts: &[(Fate, u64)]) {
        for (fate, kept) in Fate::ALL.iter().zip(&self.kept) {
            let count: u64 = counts.iter().filter(|(known, _)| known == fate).map(|(_, count)| count).sum();
            kept.fetch_sub(count, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_leave_once_and_come_back_when_they_are_not_taken() {
        let funnel = Funnel::new(&Metrics::new().unwrap(), "r");
        for _ in 0..3 {
            funnel.begin();
            funnel.end(Fate::Mirrored);
        }
        let three = funnel.leaving();
        assert_eq!(three, [(Fate::Mirrored, 3)]);
        assert!(funnel.leaving().is_empty());
        funnel.begin();
        funnel.end(Fate::Mirrored);
        let one = funnel.leaving();
        funnel.back(&three);
        assert_eq!((one, funnel.leaving()), (vec![(Fate::Mirrored, 1)], three));
    }
}
