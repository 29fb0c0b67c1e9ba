//! A backend's answer on its way into the transcoder, taken up again where its stream broke off.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::time::Instant;

use super::source::{News, Source};
use super::{Backend, Call, Form, Limits, Reply, whole};
use crate::dialect::Transcoder;
use crate::error::{Error, Kind};

/// How often a stream is asked for again without anything new coming of it.
const MOST: u32 = 3;

/// The wait before it is asked for; twice as long each time.
const WAIT: Duration = Duration::from_millis(250);

/// A backend's answer as it comes, over as many streams as it takes.
pub struct Feed {
    source: Source,
    /// Most bytes that the transcoder is given at a time, and what has come and waits for its turn.
    piece: usize,
    waiting: Bytes,
    backend: Arc<Backend>,
    /// How to ask for the rest, where the dialect has a way.
    follow: Option<Call>,
    /// Most bytes of a rest that comes as one document.
    limit: usize,
    /// When it must be over, if there is a limit to that.
    until: Option<Instant>,
    /// The rest was asked for and is awaited.
    awaited: Option<Awaited>,
    /// What was asked for last, and how often.
    asked: (String, u32),
}

type Awaited = Pin<Box<dyn Future<Output = Result<Rest, Error>> + Send>>;

/// The rest of an answer.
enum Rest {
    /// Goes on as a stream.
    Stream(Reply),
    /// Came as one document.
    Whole(Bytes),
}

impl Feed {
    /// The answer whose head has come; `follow` asks for the rest of a stream that stops, up to `limit` bytes of it.
    #[must_use]
    pub fn new(reply: Reply, backend: Arc<Backend>, follow: Option<Call>, limit: usize) -> Self {
        let until = backend.timeouts.stream_total.map(|total| (reply.asked + total).into());
        let source = Source::new(reply.body, &backend.timeouts, reply.asked.into(), until);
        let (piece, waiting) = (usize::MAX, Bytes::new());
        Self { source, piece, waiting, backend, follow, limit, until, awaited: None, asked: (String::new(), 0) }
    }

    /// The same in pieces of at most so many bytes, so that others have their turn between any two.
    #[must_use]
    pub fn in_pieces(self, piece: usize) -> Self {
        Self { piece, ..self }
    }

    /// Whether more has come than the transcoder has been given.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes the next news of the backend into the transcoder; the last of them ends its answer.
    pub fn poll(&mut self, cx: &mut Context<'_>, transcoder: &mut Transcoder) -> Poll<()> {
        if !self.waiting.is_empty() {
            self.push(transcoder);
        } else if let Some(awaited) = &mut self.awaited {
            let rest = ready!(awaited.as_mut().poll(cx));
            self.awaited = None;
            match rest {
                Ok(Rest::Stream(reply)) => {
                    let (timeouts, asked) = (&self.backend.timeouts, reply.asked.into());
                    self.source = Source::new(reply.body, timeouts, asked, self.until);
                }
                Ok(Rest::Whole(body)) => transcoder.rest(&body),
                Err(error) => self.stopped(Some(error), transcoder),
            }
        } else {
            match ready!(self.source.poll_next(cx)) {
                Some(Ok(bytes)) => {
                    self.waiting = bytes;
                    self.push(transcoder);
                }
                Some(Err(error)) => self.stopped(Some(error), transcoder),
                None => self.stopped(None, transcoder),
            }
        }
        Poll::Ready(())
    }

    fn push(&mut self, transcoder: &mut Transcoder) {
        let piece = self.waiting.split_to(self.piece.min(self.waiting.len()));
        transcoder.push(&piece);
    }

    /// The backend's bytes as they are, for streams that are not taken up again.
    pub fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        self.source.poll_next(cx)
    }

    /// The stream has stopped: asks for the rest if there is a way, and lets the answer end here if not.
    fn stopped(&mut self, error: Option<Error>, transcoder: &mut Transcoder) {
        let worth = error.as_ref().is_none_or(|error| {
            matches!(
                error.kind(),
                Kind::BackendPathNotFound
                    | Kind::Cut
                    | Kind::ConnectFailed
                    | Kind::ConnectTimeout
                    | Kind::BackendUnavailable
            )
        });
        let rest = self.follow.as_ref().filter(|_| worth).and_then(|call| Some((call.clone(), transcoder.resume()?)));
        if let Some((call, path)) = rest {
            if path != self.asked.0 {
                self.asked = (path, 0);
            }
            if self.asked.1 < MOST {
                self.asked.1 += 1;
                self.ask(call);
                return;
            }
        }
        match error {
            Some(error) => transcoder.fail(error),
            None => transcoder.end(),
        }
    }

    /// Asks for the rest, after a while if it was asked for in vain before.
    fn ask(&mut self, call: Call) {
        let (backend, limit, (path, times)) = (Arc::clone(&self.backend), self.limit, self.asked.clone());
        self.awaited = Some(Box::pin(async move {
            if times > 1 {
                tokio::time::sleep(WAIT * 2_u32.pow(times - 2)).await;
            }
            let reply = backend.call(&Call { rest: Some((Method::GET, path)), ..call }).await?;
            if reply.form == Form::Stream {
                return Ok(Rest::Stream(reply));
            }
            let timeouts = &backend.timeouts;
            let allowed = Limits { bytes: limit, idle: timeouts.idle, total: timeouts.total };
            Ok(Rest::Whole(whole(reply.body, allowed).await?))
        }));
    }
}
