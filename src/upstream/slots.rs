//! How much one backend is given at a time, and the short queue before it.
//!
//! First come, first served: a slot that becomes free goes to whoever has waited longest, and nobody who comes later can
//! take it. Serving the latest first would help where waits are long; here nobody waits longer than a moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::config::Capacity;

/// The slots of one backend; their number may change while they are taken.
#[derive(Debug)]
pub(super) struct Slots {
    free: Semaphore,
    /// How many there are, taken or not.
    size: Mutex<usize>,
    /// How many are to disappear when they are given back, because there are fewer now.
    excess: AtomicUsize,
    waiting: AtomicUsize,
}

/// A slot that is taken until it is dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Slots>);

/// There is no slot, and no room or no time to wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Too many wait already.
    Queue,
    /// It waited, and none became free.
    Waited,
}

/// A place in the queue.
struct Waiting<'a>(&'a Slots);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slots {
    pub(super) fn new(size: usize) -> Self {
        Self {
            free: Semaphore::new(size),
            size: Mutex::new(size),
            excess: AtomicUsize::default(),
            waiting: AtomicUsize::default(),
        }
    }

    /// From now on there are so many.
    pub(super) fn resize(&self, wanted: usize) {
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in *size..wanted {
            if !self.one_less_in_excess() {
                self.free.add_permits(1);
            }
        }
        let fewer = size.saturating_sub(wanted);
        let taken = fewer - self.free.forget_permits(fewer);
        self.excess.fetch_add(taken, Ordering::AcqRel);
        *size = wanted;
    }

    /// A slot, at once or after a short wait.
    pub(super) async fn take(self: &Arc<Self>, capacity: &Capacity) -> Result<Slot, Full> {
        if self.take_free() {
            return Ok(Slot(Arc::clone(self)));
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= capacity.pending {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::Queue);
        }
        let _waiting = Waiting(self);
        match tokio::time::timeout(capacity.wait, self.free.acquire()).await {
            Ok(Ok(permit)) => {
                permit.forget();
                Ok(Slot(Arc::clone(self)))
            }
            // It is never closed.
            Ok(Err(_)) | Err(_) => Err(Full::Waited),
        }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn take_free(&self) -> bool {
        self.free.try_acquire().map(tokio::sync::SemaphorePermit::forget).is_ok()
    }

    fn one_less_in_excess(&self) -> bool {
        self.excess.fetch_update(Ordering::AcqRel, Ordering::Acquire, |excess| excess.checked_sub(1)).is_ok()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.0.one_less_in_excess() {
            self.0.free.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn capacity(in_flight: usize, pending: usize, wait: u64) -> Capacity {
        Capacity { in_flight, pending, wait: Duration::from_millis(wait) }
    }

    #[tokio::test]
    async fn the_queue_is_short_and_the_wait_too() {
        let slots = Arc::new(Slots::new(1));
        let capacity = capacity(1, 1, 100);
        let held = slots.take(&capacity).await.unwrap();
        let waits = slots.take(&capacity);
        tokio::pin!(waits);
        assert!(futures_util::poll!(&mut waits).is_pending());
        assert_eq!(slots.waiting(), 1);
        assert_eq!(slots.take(&capacity).await.unwrap_err(), Full::Queue);
        assert_eq!(waits.await.unwrap_err(), Full::Waited);
        assert_eq!(slots.waiting(), 0);
        drop(held);
        slots.take(&capacity).await.unwrap();
    }

    #[tokio::test]
    async fn who_waited_longest_is_next_and_nobody_gets_in_between() {
        let slots = Arc::new(Slots::new(1));
        let capacity = capacity(1, 10, 60_000);
        let held = slots.take(&capacity).await.unwrap();
        let (first, second) = (slots.take(&capacity), slots.take(&capacity));
        tokio::pin!(first, second);
        assert!(futures_util::poll!(&mut first).is_pending() && futures_util::poll!(&mut second).is_pending());
        drop(held);
        assert!(!slots.take_free(), "the free slot is the first's already");
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first.await.unwrap());
        second.await.unwrap();
    }

    #[tokio::test]
    async fn who_gives_up_leaves_the_queue() {
        let slots = Arc::new(Slots::new(1));
        let capacity = capacity(1, 1, 60_000);
        let _held = slots.take(&capacity).await.unwrap();
        {
            let waits = slots.take(&capacity);
            tokio::pin!(waits);
            assert!(futures_util::poll!(&mut waits).is_pending());
        }
        assert_eq!(slots.waiting(), 0);
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_there_should_be(steps in proptest::collection::vec((0u8..3, 1usize..6), 1..100)) {
            let slots = Arc::new(Slots::new(3));
            let (mut held, mut size) = (Vec::new(), 3);
            for (what, number) in steps {
                match what {
                    0 => {
                        let free = slots.take_free();
                        prop_assert_eq!(free, held.len() < size);
                        held.extend(free.then(|| Slot(Arc::clone(&slots))));
                    }
                    1 => drop(held.pop()),
                    _ => {
                        slots.resize(number);
                        size = number;
                    }
                }
            }
            held.clear();
            let free = std::iter::repeat_with(|| slots.take_free()).take_while(|free| *free).count();
            prop_assert_eq!(free, size);
        }
    }
}
