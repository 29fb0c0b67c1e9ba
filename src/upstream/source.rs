//! A backend's stream with a limit on its silence.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::error::{Error, Kind};

/// The next bytes, `None` at the end in good order, or why there are no more.
pub type News = Option<Result<Bytes, Error>>;

/// The backend's bytes as they come.
pub(super) struct Source {
    body: Incoming,
    /// How long it may be silent: the first-byte deadline before the first byte, the idle deadline after it.
    allowed: Duration,
    idle: Duration,
    begun: bool,
    over: bool,
    /// When it was heard last. The timer is not moved on every event; when it fires early it is set anew.
    heard: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Source {
    pub(super) fn new(body: Incoming, first_byte: Duration, idle: Duration) -> Self {
        let timer = Box::pin(tokio::time::sleep(first_byte));
        Self { body, allowed: first_byte, idle, begun: false, over: false, heard: Instant::now(), timer }
    }

    /// What the backend says next.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        while !self.over {
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
            let until = self.heard + self.allowed;
            if until <= Instant::now() {
                break;
            }
            self.timer.as_mut().reset(until);
        }
        self.over = true;
        let kind = if self.begun { Kind::IdleTimeout } else { Kind::FirstByteTimeout };
        let waited = self.allowed.as_secs_f32();
        let error = Error::new(kind, format!("the agent's endpoint fell silent for {waited} s"));
        Poll::Ready(Some(Err(error)))
    }
}
