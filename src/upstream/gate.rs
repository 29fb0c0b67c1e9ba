//! Lets one task drive a connection of its own without waking itself: what the connection and whoever reads from it say to
//! each other is taken in while the task is at it, and only what comes from elsewhere wakes the task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// The task is at it.
const INSIDE: u8 = 1;
/// There is news since it last looked.
const NEWS: u8 = 2;

/// Rounds before others have their turn: a task that has used up its share of the runtime is told so by being woken at once,
/// and would go round for ever.
const ROUNDS: usize = 16;

/// What connection and reader wake.
#[derive(Default)]
struct Bell {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(NEWS, Ordering::AcqRel) & INSIDE == 0 {
            self.task.wake();
        }
    }
}

/// One for each connection, for as long as it lives.
pub(super) struct Gate {
    bell: Arc<Bell>,
    waker: Waker,
}

impl Gate {
    pub(super) fn new() -> Self {
        let bell = Arc::<Bell>::default();
        Self { waker: Waker::from(Arc::clone(&bell)), bell }
    }

    /// Polls `step` until there is nothing new: with the connection's own waker, in the name of the task of `cx`.
    pub(super) fn poll<T>(&self, cx: &mut Context<'_>, mut step: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let Bell { state, task } = &*self.bell;
        task.register(cx.waker());
        let mut inner = Context::from_waker(&self.waker);
        for _ in 0..ROUNDS {
            state.store(INSIDE, Ordering::Release);
            let polled = step(&mut inner);
            if polled.is_ready() {
                state.store(0, Ordering::Release);
                return polled;
            }
            // From here on whoever has news wakes the task; what came before is taken in now.
            if state.fetch_and(!INSIDE, Ordering::AcqRel) & NEWS == 0 {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// What has come so far is taken in by what is polled next.
    pub(super) fn heard(&self) {
        self.bell.state.store(INSIDE, Ordering::Release);
    }

    /// Nobody waits any more.
    pub(super) fn leave(&self) {
        drop(self.bell.task.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_happens_inside_is_taken_in_and_what_comes_from_outside_wakes() {
        let outer = Arc::<Counted>::default();
        let waker = Waker::from(Arc::clone(&outer));
        let woken = || outer.0.load(Ordering::Relaxed);
        let gate = Gate::new();
        let (mut polls, mut kept) = (0, None);
        let polled = gate.poll::<()>(&mut Context::from_waker(&waker), |cx| {
            polls += 1;
            kept = Some(cx.waker().clone());
            if polls < 3 {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        });
        assert_eq!((polled, polls, woken()), (Poll::Pending, 3, 0), "news of its own");
        kept.unwrap().wake();
        assert_eq!(woken(), 1, "news from outside");
    }

    #[test]
    fn who_always_has_news_lets_others_have_their_turn() {
        let outer = Arc::<Counted>::default();
        let waker = Waker::from(Arc::clone(&outer));
        let mut polls = 0;
        let polled = Gate::new().poll::<()>(&mut Context::from_waker(&waker), |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!((polled, polls), (Poll::Pending, ROUNDS));
        assert_eq!(outer.0.load(Ordering::Relaxed), 1, "and comes back");
    }
}
