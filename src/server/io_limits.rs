//! A client's socket that is not waited for without end: a head that drips in, and a reader that has stopped reading.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// Between requests.
const IDLE: u8 = 0;
/// A head is arriving.
const HEAD: u8 = 1;
/// A request is being served.
const BUSY: u8 = 2;

/// What the connection is doing; the server tells, the socket obeys.
#[derive(Clone, Debug)]
pub(super) struct Clock(Arc<AtomicU8>);

impl Clock {
    /// A head has arrived whole.
    pub(super) fn busy(&self) {
        self.0.store(BUSY, Ordering::Relaxed);
    }

    /// An answer has been sent whole.
    pub(super) fn idle(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }
}

/// What a client is connected by.
pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// A socket under the deadlines for heads and for writes.
pub(super) struct Paced {
    stream: Stream,
    clock: Clock,
    /// Bytes read while the protocol was found out.
    begun: Vec<u8>,
    /// How many of them have been handed on.
    given: usize,
    head: Duration,
    send: Duration,
    head_timer: Pin<Box<Sleep>>,
    send_timer: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    /// A new connection; its first head's deadline begins now.
    pub(super) fn new(stream: Stream, head: Duration, send: Duration) -> Self {
        let clock = Clock(Arc::new(AtomicU8::new(HEAD)));
        let head_timer = Box::pin(tokio::time::sleep(head));
        Self { stream, clock, begun: Vec::new(), given: 0, head, send, head_timer, send_timer: None }
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
        tokio::select! {
            read = self.stream.read_buf(&mut self.begun) => Ok(read? > 0),
            () = self.head_timer.as_mut() => Err(late("no request in time")),
        }
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before && self.clock.0.load(Ordering::Relaxed) == IDLE {
            self.clock.0.store(HEAD, Ordering::Relaxed);
            self.head_timer.as_mut().reset(Instant::now() + self.head);
        }
        read
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
        let read = self.poll_socket(cx, buffer);
        if read.is_pending() && self.clock.0.load(Ordering::Relaxed) == HEAD {
            ready!(self.head_timer.as_mut().poll(cx));
            return Poll::Ready(Err(late("the request's head did not arrive in time")));
        }
        read
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_timed(cx, write)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.poll_timed(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
