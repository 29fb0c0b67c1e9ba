//! A client's socket that is not waited for without end: a head that drips in, and a reader that has stopped reading.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use crate::config::ClientTimeouts;

/// Most bytes of one read. hyper has as much room for the next read as the last ones filled, and it has it while an answer
/// streams: what a large request leaves behind on an open stream is this much and no more.
const AT_ONCE: u64 = (16 << 10) - 1;

/// Between requests.
const IDLE: u32 = 0;
/// A head is arriving.
const HEAD: u32 = 1;
/// A request is being served.
const BUSY: u32 = 2;
/// The bits of the above; the others count, so that no two moments look alike.
const STATE: u32 = 3;

/// What the connection is doing; the server tells, the socket obeys.
#[derive(Clone, Debug)]
pub(super) struct Clock(Arc<AtomicU32>);

impl Clock {
    /// A head has arrived whole.
    pub(super) fn busy(&self) {
        self.turn(BUSY);
    }

    /// An answer has been sent whole.
    pub(super) fn idle(&self) {
        self.turn(IDLE);
    }

    /// One tells at a time: a connection has one request after another.
    fn turn(&self, state: u32) {
        let count = (self.now() & !STATE).wrapping_add(STATE + 1);
        self.0.store(count | state, Ordering::Relaxed);
    }

    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a client is connected by.
pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// A socket under the deadlines for heads, for silence between requests and for writes.
pub(super) struct Paced {
    stream: Take<Stream>,
    clock: Clock,
    /// Bytes read while the protocol was found out.
    begun: Vec<u8>,
    /// How many of them have been handed on.
    given: usize,
    head: Duration,
    idle: Duration,
    send: Duration,
    /// What the clock showed last, and since when.
    seen: u32,
    since: Instant,
    /// Never later than any deadline that may come to hold meanwhile. It is not moved for every request; when it fires early
    /// it is set anew.
    timer: Pin<Box<Sleep>>,
    send_timer: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    /// A new connection; its first head's deadline begins now.
    pub(super) fn new(stream: Stream, timeouts: &ClientTimeouts) -> Self {
        let ClientTimeouts { head, idle, send, .. } = *timeouts;
        let since = Instant::now();
        Self {
            stream: stream.take(AT_ONCE),
            clock: Clock(Arc::new(AtomicU32::new(HEAD))),
            begun: Vec::new(),
            given: 0,
            head,
            idle,
            send,
            seen: HEAD,
            since,
            timer: Box::pin(tokio::time::sleep_until(since + head.min(idle))),
            send_timer: None,
        }
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// What has been read so far to find out the protocol.
    pub(super) fn begun(&self) -> &[u8] {
        &self.begun
    }

    /// Reads more of it; false at the end of the stream.
    pub(super) async fn read_more(&mut self) -> io::Result<bool> {
        let until = self.since + self.head;
        self.stream.set_limit(AT_ONCE);
        match tokio::time::timeout_at(until, self.stream.read_buf(&mut self.begun)).await {
            Ok(read) => Ok(read? > 0),
            Err(_) => Err(late("no request in time")),
        }
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        self.stream.set_limit(AT_ONCE);
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before && self.clock.now() & STATE == IDLE {
            self.clock.turn(HEAD);
        }
        read
    }

    /// Ready when nothing has come for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let seen = self.clock.now();
        if seen != self.seen {
            (self.seen, self.since) = (seen, Instant::now());
        }
        loop {
            // While a request is served nothing is due, but hyper does not look again when it has been: the timer does.
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let next = now + self.head.min(self.idle);
            let (allowed, what) = match seen & STATE {
                IDLE => (self.idle, "the client has asked for nothing more"),
                HEAD => (self.head, "the request's head did not arrive in time"),
                _ => {
                    self.timer.as_mut().reset(next);
                    continue;
                }
            };
            let due = self.since + allowed;
            if due <= now {
                return Poll::Ready(late(what));
            }
            self.timer.as_mut().reset(due.min(next));
        }
    }

    fn poll_timed<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.send_timer = None;
            return write;
        }
        let send = self.send;
        let timer = self.send_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(send)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(late("the client has stopped reading")))
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.begun.get(self.given..).unwrap_or_default();
        if !left.is_empty() {
            let piece = left.len().min(buffer.remaining());
            buffer.put_slice(left.get(..piece).unwrap_or_default());
            self.given += piece;
            if self.given == self.begun.len() {
                self.begun = Vec::new();
                self.given = 0;
                // The rest of the head is usually there already. In one piece it is read once, and into half the room; an end
                // or an error is there for the next read, too.
                let _ = self.poll_socket(cx, buffer);
            }
            return Poll::Ready(Ok(()));
        }
        match self.poll_socket(cx, buffer) {
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => self.poll_patience(cx).map(Err),
        }
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(self.stream.get_mut()).poll_write(cx, bytes);
        self.poll_timed(cx, write)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(self.stream.get_mut()).poll_write_vectored(cx, pieces);
        self.poll_timed(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }
}
