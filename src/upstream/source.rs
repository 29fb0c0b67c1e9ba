//! A backend's stream with a limit on its silence.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use tokio::time::{Instant, Sleep};

use super::Coming;
use crate::config::BackendTimeouts;
use crate::error::{Error, Kind};

/// The next bytes, `None` at the end in good order, or why there are no more.
pub type News = Option<Result<Bytes, Error>>;

/// The backend's bytes as they come.
pub(super) struct Source {
    body: Coming,
    /// How long it may be silent: the first-byte deadline before the first byte, the idle deadline after it.
    allowed: Duration,
    idle: Duration,
    begun: bool,
    over: bool,
    /// When it must be over, if there is a limit to that.
    until: Option<Instant>,
    /// When it was heard last. The timer is not moved on every event; when it fires early it is set anew.
    heard: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Source {
    /// What comes of a call that was made at `asked`; `until` is when it must be over.
    pub(super) fn new(body: Coming, timeouts: &BackendTimeouts, asked: Instant, until: Option<Instant>) -> Self {
        let (allowed, idle) = (timeouts.first_byte, timeouts.idle);
        let due = asked + allowed;
        let timer = Box::pin(tokio::time::sleep_until(until.map_or(due, |until| due.min(until))));
        Self { body, allowed, idle, begun: false, over: false, until, heard: asked, timer }
    }

    /// What the backend says next.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        while !self.over {
            if self.until.is_some_and(|until| until <= Instant::now()) {
                self.over = true;
                return Poll::Ready(Some(Err(Error::new(Kind::TotalTimeout, "the agent's answer took too long"))));
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return self.poll_silence(cx),
                Poll::Ready(None) => self.over = true,
                Poll::Ready(Some(Err(error))) => {
                    self.over = true;
                    let error = Error::new(Kind::Cut, "the agent's answer was cut short").because(error);
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.begun = true;
                    self.allowed = self.idle;
                    self.heard = Instant::now();
                    if !data.is_empty() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
        Poll::Ready(None)
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        loop {
            std::task::ready!(self.timer.as_mut().poll(cx));
            let due = self.heard + self.allowed;
            let now = Instant::now();
            if due <= now {
                break;
            }
            if self.until.is_some_and(|until| until <= now) {
                return self.poll_next(cx);
            }
            self.timer.as_mut().reset(self.until.map_or(due, |until| due.min(until)));
        }
        self.over = true;
        let kind = if self.begun { Kind::IdleTimeout } else { Kind::FirstByteTimeout };
        let waited = self.allowed.as_secs_f32();
        let error = Error::new(kind, format!("the agent's endpoint fell silent for {waited} s"));
        Poll::Ready(Some(Err(error)))
    }
}
