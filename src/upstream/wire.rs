//! What a connection to a backend reads from and writes to, which can be asked whether the other side is silent.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::net::Stream;

/// A connection of HTTP/1.1.
pub(super) struct Wire {
    stream: Stream,
    probe: Probe,
}

/// Has the kernel asked, and not the runtime: that one knows of a close only when it has looked, which it does between two
/// tasks, and a request would be lost on the way.
#[derive(Clone, Default)]
pub(super) struct Probe(Arc<AtomicBool>);

impl Probe {
    /// Does something whose reads find out whether the other side is silent, and wait for nothing.
    pub(super) fn at_once<T>(&self, reads: impl FnOnce() -> T) -> T {
        self.0.store(true, Ordering::Relaxed);
        let read = reads();
        self.0.store(false, Ordering::Relaxed);
        read
    }
}

impl Wire {
    pub(super) fn new(stream: Stream) -> (Self, Probe) {
        let probe = Probe::default();
        (Self { stream, probe: probe.clone() }, probe)
    }

    fn socket(&self) -> &TcpStream {
        match &self.stream {
            MaybeHttpsStream::Http(stream) => stream.inner(),
            MaybeHttpsStream::Https(stream) => stream.inner().get_ref().0.inner().inner(),
        }
    }

    /// An error unless the other side is silent and has not closed. Whatever it says between an answer and the next request
    /// is no answer; most likely it is a farewell.
    fn silent(&self) -> io::Result<()> {
        match SockRef::from(self.socket()).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it speaks without being asked")),
        }
    }
}

impl Read for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.probe.0.load(Ordering::Relaxed) {
            return this.silent().map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending);
        }
        Pin::new(&mut this.stream).poll_read(cx, buffer)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }
}
