//! A moment that all connections wait for without asking each other: the beginning of the drain, or its end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
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

    /// What comes of `work`, or nothing if the time is over first. Work that is done at once does not look at the time.
    pub fn unless<F: Future>(&self, work: F) -> Unless<'_, F> {
        Unless { work, ending: self, watch: None }
    }

    /// Waits for it where there is nothing but a `poll`.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let wait = Box::pin(self.token.clone().cancelled_owned());
        Watch { over: Arc::clone(&self.over), wait, waker: None }
    }
}

pin_project! {
    /// What [`Ending::unless`] waits for. No async function: that would hold the work twice.
    pub struct Unless<'e, F> {
        #[pin]
        work: F,
        ending: &'e Ending,
        watch: Option<Watch>,
    }
}

impl<F: Future> Future for Unless<'_, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let this = self.project();
        match this.work.poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if this.watch.get_or_insert_with(|| this.ending.watch()).is_over(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Waits for the end. Once it waits, a look costs one atomic load and no lock: a connection looks at every event.
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
        assert_eq!(ending.unless(async { 1 }).await, Some(1));
        let never = tokio::spawn({
            let ending = ending.clone();
            async move { ending.unless(std::future::pending::<()>()).await }
        });
        tokio::task::yield_now().await;
        ending.end();
        waits.await.unwrap();
        assert_eq!(never.await.unwrap(), None);
        let mut late = ending.watch();
        assert!(poll_fn(|cx| Poll::Ready(late.is_over(cx))).await);
    }
}
