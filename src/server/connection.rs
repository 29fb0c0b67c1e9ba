//! One connection: which protocol it speaks, and serving it until it ends or the server stops.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pin_project_lite::pin_project;

use super::ending::Ending;
use super::io_limits::{Clock, Paced};
use super::{Handler, PeerName};
use crate::config::ClientLimits;

/// What an HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Most headers of a request.
const HEADERS: usize = 100;

/// Streams at a time on one HTTP/2 connection.
const STREAMS: u32 = 128;

/// Bytes that may wait for a slow reader on one HTTP/2 stream.
const SEND_BUFFER: usize = 64 * 1024;

/// Who answers on a connection, and who is at its other end.
pub(super) struct Served<H> {
    pub(super) handler: Arc<H>,
    pub(super) peer: Option<PeerName>,
}

impl<H: Handler> Served<H> {
    /// The answer of the handler in the form that hyper wants.
    async fn answer(&self, mut request: Request<Incoming>) -> Result<Response<H::Body>, Infallible> {
        if let Some(peer) = &self.peer {
            request.extensions_mut().insert(peer.clone());
        }
        Ok(Arc::clone(&self.handler).handle(request).await)
    }
}

/// Serves one connection to its end.
pub(super) async fn serve<H: Handler>(mut io: Paced, served: Arc<Served<H>>, limits: ClientLimits, stopping: Ending) {
    // The head's deadline runs while the protocol is found out, too: a client that says nothing gets nothing.
    let Some(speaks_http2) = stopping.unless(speaks_http2(&mut io)).await else { return };
    let ended = match speaks_http2 {
        // In a box, so that connections of the other protocol do not carry its room.
        Ok(true) => Box::pin(two(io, served, &limits, stopping)).await,
        Ok(false) => one(io, served, &limits, stopping).await,
        Err(error) => return tracing::debug!(%error, "connection ended before a request"),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// Reads until it is clear which protocol this is; the bytes stay in `io`.
async fn speaks_http2(io: &mut Paced) -> io::Result<bool> {
    loop {
        let begun = io.begun();
        if !PREFACE.starts_with(begun.get(..PREFACE.len()).unwrap_or(begun)) {
            return Ok(false);
        }
        if begun.len() >= PREFACE.len() {
            return Ok(true);
        }
        if !io.read_more().await? {
            return Ok(false);
        }
    }
}

async fn one<H: Handler>(
    io: Paced,
    served: Arc<Served<H>>,
    limits: &ClientLimits,
    stopping: Ending,
) -> hyper::Result<()> {
    let clock = io.clock();
    let service = service_fn(move |request: Request<Incoming>| {
        let (served, clock) = (Arc::clone(&served), clock.clone());
        clock.busy();
        // hyper keeps room for it as long as the connection lives; in a box its 7 KiB are there until the answer's head is,
        // and not while a stream is open.
        Box::pin(async move {
            let response = served.answer(request).await?;
            Ok::<_, Infallible>(response.map(|inner| Ended { inner, clock }))
        })
    });
    let connection = http1::Builder::new()
        // `Paced` has the deadlines of heads and of silence, for one timer that is hardly ever set.
        .header_read_timeout(None)
        .max_headers(HEADERS)
        .max_header_size(limits.head)
        .max_buf_size(limits.head.max(64 * 1024))
        .serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    if let Some(served) = stopping.unless(connection.as_mut()).await {
        return served;
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

async fn two<H: Handler>(
    io: Paced,
    served: Arc<Served<H>>,
    limits: &ClientLimits,
    stopping: Ending,
) -> hyper::Result<()> {
    // From here on hyper's pings watch over the connection.
    io.clock().busy();
    let service = service_fn(move |request| {
        let served = Arc::clone(&served);
        async move { served.answer(request).await }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    if let Some(served) = stopping.unless(connection.as_mut()).await {
        return served;
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

pin_project! {
    /// A body that tells the connection's clock when it is over.
    struct Ended<B> {
        #[pin]
        inner: B,
        clock: Clock,
    }

    impl<B> PinnedDrop for Ended<B> {
        fn drop(this: Pin<&mut Self>) {
            this.project().clock.idle();
        }
    }
}

impl<B: Body> Body for Ended<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
