//! A connection to a backend that is driven by whoever uses it: no task of its own, and nothing to wake between a request
//! and its answer.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Weak;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Connection, SendRequest};

use super::gate::Gate;
use super::pool::Idle;
use super::wire::{Probe, Wire};

/// What is sent.
pub(super) type Asked = Request<Full<Bytes>>;

/// An HTTP/1.1 connection. Dropped while an answer is on its way, it is closed at once.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// None once it has ended.
    connection: Option<Connection<Wire, Full<Bytes>>>,
    gate: Gate,
    probe: Probe,
}

impl Line {
    pub(super) fn new(
        sender: SendRequest<Full<Bytes>>,
        connection: Connection<Wire, Full<Bytes>>,
        probe: Probe,
    ) -> Box<Self> {
        Box::new(Self { sender, connection: Some(connection), gate: Gate::new(), probe })
    }

    /// Sends a request and waits for the answer's head. A request that nothing was written of comes back with its error.
    pub(super) async fn send(&mut self, request: Asked) -> Result<Response<Incoming>, TrySendError<Asked>> {
        // Nobody waits here yet, so that nobody is woken by it.
        let mut answer = pin!(self.sender.try_send_request(request));
        let Self { connection, gate, .. } = self;
        poll_fn(|cx| drive(gate, connection, cx, |cx| answer.as_mut().poll(cx))).await
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Incoming,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { connection, gate, .. } = self;
        drive(gate, connection, cx, |cx| Pin::new(&mut *body).poll_frame(cx))
    }

    /// Whether another request may be sent. A connection that the other side has closed meanwhile shows it here.
    pub(super) fn is_free(&mut self) -> bool {
        let Self { sender, connection, probe, .. } = self;
        let mut unheard = Context::from_waker(Waker::noop());
        let mut over =
            || connection.as_mut().is_none_or(|connection| Pin::new(connection).poll(&mut unheard).is_ready());
        !probe.at_once(&mut over) && sender.is_ready()
    }
}

/// Polls what is waited for, and the connection that brings it.
fn drive<T>(
    gate: &Gate,
    connection: &mut Option<Connection<Wire, Full<Bytes>>>,
    cx: &mut Context<'_>,
    mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    gate.poll(cx, |cx| {
        if let Poll::Ready(wanted) = wanted(cx) {
            return Poll::Ready(wanted);
        }
        gate.heard();
        // How it ended is told to whoever waits for an answer.
        if connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            *connection = None;
        }
        wanted(cx)
    })
}

/// Bytes of a body in one go before others have their turn: nothing else keeps whoever reads what is always there.
const TURN: usize = 256 << 10;

/// The body of an answer, with the connection that it comes by where that is its own.
pub struct Coming {
    body: Incoming,
    line: Option<(Box<Line>, Weak<Idle>)>,
    /// Bytes that have come without a pause.
    at_once: usize,
}

impl Coming {
    pub(super) fn new(body: Incoming, line: Option<(Box<Line>, Weak<Idle>)>) -> Self {
        Self { body, line, at_once: 0 }
    }

    /// The answer is whole: its connection can be used again.
    fn release(&mut self) {
        let Some((mut line, idle)) = self.line.take() else { return };
        if let Some(idle) = idle.upgrade().filter(|_| line.sender.is_ready() || line.is_free()) {
            line.gate.leave();
            idle.put(line);
        }
    }
}

impl Body for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, line, at_once } = &mut *self;
        if *at_once >= TURN {
            *at_once = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = match line {
            Some((line, _)) => line.poll_body(cx, body),
            None => Pin::new(body).poll_frame(cx),
        };
        if polled.is_pending() {
            *at_once = 0;
        }
        let frame = ready!(polled);
        match &frame {
            None => self.release(),
            Some(Err(_)) => self.line = None,
            Some(Ok(frame)) => self.at_once += frame.data_ref().map_or(0, Bytes::len),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
