//! Listening: HTTP/1.1 and HTTP/2 on one port, limits on what clients may do, and a drain that loses nothing.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use prometheus::IntGauge;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{ClientLimits, ClientTimeouts};

mod connection;
mod ending;
mod io_limits;
mod tls;

pub use ending::{Ending, Watch};
pub use tls::{PeerName, Tls};

use io_limits::{Paced, Stream};

/// What answers requests; the server knows nothing of gateways.
pub trait Handler: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = bytes::Bytes, Error: std::error::Error + Send + Sync> + Send + 'static;

    /// Answers one request.
    fn handle(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The drain window is over: what is still being answered is to end now, with a word to its client.
    fn end(&self) {}
}

/// When a server is to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Accept nothing more; what is in flight may finish within the drain window.
    pub drain: CancellationToken,
    /// The drain window is over now, however long it would be.
    pub now: CancellationToken,
}

impl From<CancellationToken> for Stop {
    fn from(drain: CancellationToken) -> Self {
        Self { drain, now: CancellationToken::new() }
    }
}

/// How long the last words to clients may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// A bound port.
pub struct Server {
    listener: TcpListener,
    limits: ClientLimits,
    timeouts: ClientTimeouts,
    connections: IntGauge,
    tls: Option<Arc<Tls>>,
}

impl Server {
    /// Binds a port; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub fn bind(
        address: SocketAddr,
        limits: ClientLimits,
        timeouts: ClientTimeouts,
        connections: IntGauge,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart finds its port although old connections linger.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self { listener: TcpListener::from_std(socket.into())?, limits, timeouts, connections, tls: None })
    }

    /// The same behind TLS, if there is any.
    #[must_use]
    pub fn behind(self, tls: Option<Tls>) -> Self {
        Self { tls: tls.map(Arc::new), ..self }
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, then lets what is in flight finish within the drain window; what does not is told so. Returns
    /// how many connections that were.
    pub async fn serve<H: Handler>(self, handler: Arc<H>, stop: Stop) -> usize {
        let Stop { drain: stop, now } = stop;
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let tasks = TaskTracker::new();
        let (stopping, cut) = (Ending::default(), Ending::default());
        while let Some(stream) = self.accept(&places, &stop).await {
            let (stream, place) = stream;
            let (tls, handler, stopping) = (self.tls.clone(), Arc::clone(&handler), stopping.clone());
            let (limits, timeouts) = (self.limits, self.timeouts);
            let (cut, open) = (cut.clone(), Open::count(&self.connections));
            tasks.spawn(async move {
                // Made here: a task has room for what it is given beside what it waits for, as long as it lives.
                let connection = pin!(connect(stream, tls, handler, limits, timeouts, stopping));
                let _ = cut.unless(connection).await;
                drop((place, open));
            });
        }
        stopping.end();
        drop(self.listener);
        tasks.close();
        tokio::select! {
            () = tasks.wait() => return 0,
            () = tokio::time::sleep(self.timeouts.drain) => {}
            () = now.cancelled() => {}
        }
        let left = tasks.len();
        handler.end();
        if tokio::time::timeout(LAST_WORDS, tasks.wait()).await.is_err() {
            cut.end();
            tasks.wait().await;
        }
        left
    }

    /// The next connection with its place under the limit; `None` when it is time to stop.
    async fn accept(
        &self,
        places: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
        /// When accepting fails (no file descriptors left), trying again at once would only burn the processor.
        const PAUSE: Duration = Duration::from_millis(20);
        let next = async {
            let place = Arc::clone(places).acquire_owned().await.ok()?;
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        let _ = stream.set_nodelay(true);
                        return Some((stream, place));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            next = next => next,
        }
    }
}

/// Serves a connection from its handshake on.
async fn connect<H: Handler>(
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    handler: Arc<H>,
    limits: ClientLimits,
    timeouts: ClientTimeouts,
    stopping: Ending,
) {
    let (stream, peer): (Stream, _) = match tls {
        None => (Either::Left(stream), None),
        Some(tls) => {
            let Some(shaken) = stopping.unless(tls.accept(stream, timeouts.head)).await else { return };
            match shaken {
                Ok((stream, peer)) => (Either::Right(stream), peer),
                Err(error) => return tracing::debug!(%error, "no TLS handshake"),
            }
        }
    };
    let paced = Paced::new(stream, &timeouts);
    let caller = connection::Served { handler, peer };
    connection::serve(paced, Arc::new(caller), limits, stopping).await;
}

/// Counts a connection while it is open.
struct Open(IntGauge);

impl Open {
    fn count(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
