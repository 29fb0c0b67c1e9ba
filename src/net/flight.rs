//! One piece of work at a time: whoever asks while it goes on shares its result.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Where at most one piece of work goes on at a time.
pub struct Flight<T> {
    going: Mutex<Option<watch::Receiver<Option<T>>>>,
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self { going: Mutex::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// Joins what goes on, or starts it. It goes on to its end in a task of its own, although those who wait may give up;
    /// `work` should look first whether it has been done already by the flight before.
    pub fn join<F>(&self, work: impl FnOnce() -> F) -> Landing<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        // The sender is dropped when the work is over.
        if let Some(landing) = going.as_ref().filter(|landing| landing.has_changed().is_ok()) {
            return Landing(landing.clone());
        }
        let (done, landing) = watch::channel(None);
        let work = work();
        tokio::spawn(async move {
            done.send_replace(Some(work.await));
        });
        *going = Some(landing.clone());
        Landing(landing)
    }
}

/// The result that is to come.
pub struct Landing<T>(watch::Receiver<Option<T>>);

impl<T: Clone> Landing<T> {
    /// The result, if it comes in time.
    pub async fn within(mut self, patience: Duration) -> Option<T> {
        let landed = tokio::time::timeout(patience, self.0.wait_for(Option::is_some)).await.ok()?.ok()?;
        landed.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_share_one_flight_and_the_next_is_another() {
        let (flight, starts) = (Flight::default(), Arc::new(AtomicU32::new(0)));
        let work = || {
            let starts = Arc::clone(&starts);
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                starts.fetch_add(1, Ordering::Relaxed) + 1
            }
        };
        let landings: Vec<_> = (0..50).map(|_| flight.join(work)).collect();
        for landing in landings {
            assert_eq!(landing.within(Duration::from_secs(5)).await, Some(1));
        }
        assert_eq!(flight.join(work).within(Duration::from_secs(5)).await, Some(2));
    }

    #[tokio::test]
    async fn work_goes_on_although_everyone_gave_up() {
        let flight = Flight::default();
        let work = || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            7
        };
        assert_eq!(flight.join(work).within(Duration::from_millis(1)).await, None);
        assert_eq!(flight.join(|| async { 8 }).within(Duration::from_secs(5)).await, Some(7));
    }
}
