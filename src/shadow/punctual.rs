//! How late a thread comes to what it waits for: times that are taken on it are off by as much, and deadlines run out early.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often it is looked.
const BEAT: Duration = Duration::from_millis(25);

/// How late a timer may be by itself: it counts in milliseconds.
const GRAIN: Duration = Duration::from_millis(2);

/// Waits for `work`; what came of it, and how late this thread was meanwhile, all in all.
pub(super) async fn watched<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let (mut work, mut beat) = (pin!(work), pin!(sleep(BEAT)));
    let mut late = Duration::ZERO;
    let done = poll_fn(|cx| {
        let now = Instant::now();
        if let Some(behind) = now.checked_duration_since(beat.deadline()) {
            late += behind.saturating_sub(GRAIN);
            beat.as_mut().reset(now + BEAT);
        }
        // It fires now or later, and then it is looked again.
        while beat.as_mut().poll(cx).is_ready() {
            beat.as_mut().reset(Instant::now() + BEAT);
        }
        work.as_mut().poll(cx)
    });
    (done.await, late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_that_was_away_is_late_and_one_that_waited_is_not() {
        let ((), late) = watched(sleep(Duration::from_millis(200))).await;
        assert!(late < Duration::from_millis(100), "{late:?} of 200 ms, and nothing else to do");
        let away = tokio::spawn(async {
            sleep(Duration::from_millis(50)).await;
            std::thread::sleep(Duration::from_millis(400));
        });
        let ((), late) = watched(sleep(Duration::from_millis(100))).await;
        assert!(late > Duration::from_millis(300), "{late:?}");
        away.await.unwrap();
    }
}
