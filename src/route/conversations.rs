//! The conversations that are alive: where each was served last, and when.
//!
//! In the memory of this process and nowhere else. The split needs none of it: it is what `hold` goes by, how a conversation
//! is counted once, and how many of them a backend still has. Bounded: the one that has been silent longest makes room.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Most conversations that are remembered; each takes some 200 bytes.
const MOST: u64 = 100_000;

/// Longest silence that any conversation outlives, and longest `hold`.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A conversation: a hash of its key, on its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conversation(pub(super) u128);

/// All conversations of this process.
pub(super) struct Conversations {
    known: Cache<Conversation, Arc<Last>>,
    began: Instant,
}

/// How a conversation was served last.
struct Last {
    route: u64,
    backend: AtomicU64,
    /// Milliseconds since we began.
    at: AtomicU64,
}

/// How many conversations of a route a backend has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) backend: u64,
    pub(super) conversations: usize,
}

impl Default for Conversations {
    fn default() -> Self {
        Self::holding(MOST)
    }
}

impl Conversations {
    fn holding(most: u64) -> Self {
        let known = Cache::builder()
            .max_capacity(most)
            // A new conversation is worth more than one that has been silent, however much was said in it.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(LONGEST)
            .build();
        Self { known, began: Instant::now() }
    }

    /// Where a conversation was served last, and how long ago, unless it has been silent for longer than `hold`.
    pub(super) fn place(&self, conversation: Conversation, hold: Duration, now: Instant) -> Option<(u64, Duration)> {
        let last = self.known.get(&conversation)?;
        let silence = self.silence(&last, now);
        (silence <= hold).then(|| (last.backend.load(Ordering::Relaxed), silence))
    }

    /// A conversation is served here and now; whether nothing was known of it.
    pub(super) fn note(&self, conversation: Conversation, route: u64, backend: u64, now: Instant) -> bool {
        let at = self.millis(now);
        if let Some(last) = self.known.get(&conversation) {
            last.backend.store(backend, Ordering::Relaxed);
            last.at.store(at, Ordering::Relaxed);
            return false;
        }
        let last = || Arc::new(Last { route, backend: AtomicU64::new(backend), at: AtomicU64::new(at) });
        self.known.entry(conversation).or_insert_with(last).is_fresh()
    }

    /// The conversations of a route that spoke within `hold`, by backend.
    pub(super) fn count(&self, route: u64, hold: Duration, now: Instant) -> Vec<Count> {
        let mut counts: Vec<Count> = Vec::new();
        for (_, last) in &self.known {
            if last.route != route || self.silence(&last, now) > hold {
                continue;
            }
            let backend = last.backend.load(Ordering::Relaxed);
            match counts.iter_mut().find(|count| count.backend == backend) {
                Some(count) => count.conversations += 1,
                None => counts.push(Count { backend, conversations: 1 }),
            }
        }
        counts
    }

    fn silence(&self, last: &Last, now: Instant) -> Duration {
        Duration::from_millis(self.millis(now).saturating_sub(last.at.load(Ordering::Relaxed)))
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Conversations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversations({})", self.known.entry_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(1800);

    #[test]
    fn a_conversation_is_where_it_was_served_last_until_it_has_been_silent_for_too_long() {
        let (all, began) = (Conversations::default(), Instant::now());
        let after = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(all.place(Conversation(1), HOLD, began), None);
        assert!(all.note(Conversation(1), 7, 70, began));
        assert!(!all.note(Conversation(1), 7, 71, after(60)));
        assert_eq!(all.place(Conversation(1), HOLD, after(60 + 1799)).map(|place| place.0), Some(71));
        // To look does not keep it alive.
        assert_eq!(all.place(Conversation(1), HOLD, after(60 + 1802)), None);
        assert_eq!(all.place(Conversation(1), 2 * HOLD, after(60 + 1802)).map(|place| place.0), Some(71));
    }

    #[test]
    fn conversations_are_counted_by_backend_while_they_are_alive() {
        let (all, began) = (Conversations::default(), Instant::now());
        for (id, backend) in [(1, 70), (2, 70), (3, 71)] {
            all.note(Conversation(id), 7, backend, began);
        }
        all.note(Conversation(4), 8, 70, began);
        let mut counts = all.count(7, HOLD, began);
        counts.sort_by_key(|count| count.backend);
        assert_eq!(counts, [Count { backend: 70, conversations: 2 }, Count { backend: 71, conversations: 1 }]);
        assert_eq!(all.count(7, HOLD, began + 2 * HOLD), []);
    }

    #[test]
    fn no_flood_of_conversations_fills_the_memory() {
        let (all, now) = (Conversations::holding(100), Instant::now());
        for id in 0..10_000 {
            all.note(Conversation(id), 7, 70, now);
        }
        all.known.run_pending_tasks();
        assert!(all.known.entry_count() <= 100, "{}", all.known.entry_count());
        assert!(all.place(Conversation(9_999), HOLD, now).is_some(), "the newest is remembered");
    }
}
