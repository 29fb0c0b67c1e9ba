//! Signs of life on a silent stream, in the form that its client survives.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::dialect::Surface;

/// Says something when nothing has been said for a while, so that no proxy or client on the way gives the stream up.
pub(super) struct KeepAlive {
    sign: &'static [u8],
    every: Duration,
    /// When anything was said last. The timer is not moved for every event; when it fires early it is set anew.
    spoken: Instant,
    timer: Pin<Box<Sleep>>,
}

impl KeepAlive {
    /// For a client of this surface, after every such silence.
    pub(super) fn new(surface: Surface, every: Duration) -> Self {
        let sign: &[u8] = match surface {
            // A comment is the one sign that no OpenAI client minds; an event of our own would break two of them.
            Surface::OpenAi => b": keep-alive\n\n",
            // MLflow's client gives up on a comment. We never write `id:` lines, beside which a blank line would be an event.
            Surface::Invocations => b"\n",
        };
        Self { sign, every, spoken: Instant::now(), timer: Box::pin(tokio::time::sleep(every)) }
    }

    /// Something was said.
    pub(super) fn spoke(&mut self) {
        self.spoken = Instant::now();
    }

    /// Ready with the sign when the silence has lasted long enough.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<&'static [u8]> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let due = self.spoken + self.every;
            let late = due <= Instant::now();
            self.timer.as_mut().reset(if late { Instant::now() + self.every } else { due });
            if late {
                return Poll::Ready(self.sign);
            }
        }
    }
}
