//! The end of the drain window: what is still being answered ends now, with a word to its client.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Says when the time is over; clones say the same.
#[derive(Clone, Default)]
pub struct Ending {
    over: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Ending {
    /// The time is over.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Waits for it.
    pub async fn ended(&self) {
        self.token.cancelled().await;
    }

    /// Waits for it where there is nothing but a `poll`.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let wait = Box::pin(self.token.clone().cancelled_owned());
        Watch { over: Arc::clone(&self.over), wait, waker: None }
    }
}

/// Waits for the end. Once it waits, a look costs one atomic load: a stream looks at every event.
pub struct Watch {
    over: Arc<AtomicBool>,
    wait: Pin<Box<WaitForCancellationFutureOwned>>,
    waker: Option<Waker>,
}

impl Watch {
    /// Whether the time is over; if not, the task is woken when it is.
    pub fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.over.load(Ordering::Acquire) {
            return true;
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return false;
        }
        self.waker = Some(cx.waker().clone());
        self.wait.as_mut().poll(cx) == Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_and_whoever_comes_later_knows() {
        let ending = Ending::default();
        let mut watch = ending.watch();
        assert!(!poll_fn(|cx| Poll::Ready(watch.is_over(cx))).await);
        let waits = tokio::spawn(poll_fn(move |cx| if watch.is_over(cx) { Poll::Ready(()) } else { Poll::Pending }));
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        ending.end();
        waits.await.unwrap();
        ending.ended().await;
        let mut late = ending.watch();
        assert!(poll_fn(|cx| Poll::Ready(late.is_over(cx))).await);
    }
}
