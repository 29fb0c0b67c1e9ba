//! Connections to a backend: HTTP/1.1 ones are kept between calls, and one of HTTP/2 is shared by all.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Response, Uri};
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service as _;

use super::line::{Asked, Coming, Line};
use super::wire::Wire;
use crate::net::Connector;

/// Idle connections are let go before the servers behind them do it: a request that meets a close on its way cannot be sent
/// again, for nobody knows whether it was read. uvicorn and Node close after 5 s (`timeout_keep_alive`, `keepAliveTimeout`),
/// and those are the servers of Apps and of MLflow.
const IDLE: Duration = Duration::from_secs(4);

/// How long one is waited for that somebody else opens: a handshake to another continent.
const TOGETHER: Duration = Duration::from_millis(200);

/// A connection of HTTP/2 that nobody has asked on for so long is not asked again: whatever stands in between may have
/// forgotten it without a word, and a request would wait for its deadline.
const QUIET: Duration = Duration::from_secs(30);

/// Nobody has connected yet.
const UNKNOWN: u8 = 0;
/// The backend speaks HTTP/1.1.
const ONE: u8 = 1;
/// The backend speaks HTTP/2.
const TWO: u8 = 2;

type Cause = Box<dyn std::error::Error + Send + Sync>;
type Shared = http2::SendRequest<Full<Bytes>>;

/// Why a call got no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no connection.
    Connect(Cause),
    /// There was one.
    Call(hyper::Error),
}

/// The connections to one backend.
pub(super) struct Pool {
    connector: Connector,
    url: Uri,
    host: Option<HeaderValue>,
    idle: Arc<Idle>,
    /// What the backend was found to speak.
    speaks: AtomicU8,
    /// With when it was asked on last.
    shared: Mutex<Option<(Instant, Shared)>>,
    /// Held while a connection is opened that all will share, or may.
    opening: tokio::sync::Mutex<()>,
}

impl Pool {
    /// Of a backend at this URL.
    pub(super) fn new(connector: Connector, url: Uri) -> Self {
        let host = url.authority().and_then(|authority| {
            let default = match url.scheme_str() {
                Some("https") => 443,
                _ => 80,
            };
            let port = authority.port_u16().filter(|port| *port != default);
            let host = port.map_or_else(|| authority.host().to_owned(), |port| format!("{}:{port}", authority.host()));
            HeaderValue::try_from(host).ok()
        });
        Self {
            connector,
            url,
            host,
            idle: Arc::default(),
            speaks: AtomicU8::new(UNKNOWN),
            shared: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }
    }

    /// Sends a request, whose URL is whole, and waits for the answer's head. One of which nothing was written because its
    /// connection was closed meanwhile is sent again by another one.
    pub(super) async fn send(&self, mut request: Asked) -> Result<Response<Coming>, Failure> {
        loop {
            let (sent, used) = match self.connection().await? {
                Way::Own(line, used) => (self.by_own(line, request).await, used),
                Way::Shared(sender, used) => (by_shared(sender, request).await, used),
            };
            match sent {
                Ok(response) => return Ok(response),
                Err((_, Some(unsent))) if used => {
                    *lock(&self.shared) = None;
                    request = unsent;
                }
                Err((error, _)) => return Err(Failure::Call(error)),
            }
        }
    }

    async fn by_own(&self, mut line: Box<Line>, mut request: Asked) -> Result<Response<Coming>, Unsent> {
        let whole = request.uri().clone();
        if let Some(path) = whole.path_and_query() {
            *request.uri_mut() = Uri::from(path.clone());
        }
        if let Some(host) = &self.host {
            request.headers_mut().insert(HOST, host.clone());
        }
        match line.send(request).await {
            Ok(response) => {
                let idle = Arc::downgrade(&self.idle);
                Ok(response.map(|body| Coming::new(body, Some((line, idle)))))
            }
            Err(mut error) => {
                let unsent = error.take_message().map(|mut request| {
                    *request.uri_mut() = whole;
                    request.headers_mut().remove(HOST);
                    request
                });
                Err((error.into_error(), unsent))
            }
        }
    }

    /// The next free connection, or a new one.
    async fn connection(&self) -> Result<Way, Failure> {
        if let Some(way) = self.open() {
            return Ok(way);
        }
        let plain = self.url.scheme_str() != Some("https");
        if plain || self.speaks.load(Ordering::Relaxed) == ONE {
            return Box::pin(self.connect()).await;
        }
        // A connection may be for all who wait. One that takes long may never come, and then each has its own deadline.
        let _opening = tokio::time::timeout(TOGETHER, self.opening.lock()).await;
        match self.open() {
            Some(way) => Ok(way),
            None => Box::pin(self.connect()).await,
        }
    }

    fn open(&self) -> Option<Way> {
        if self.speaks.load(Ordering::Relaxed) == TWO {
            let mut shared = lock(&self.shared);
            if let Some((asked, sender)) = shared.as_mut()
                && asked.elapsed() < QUIET
                && !sender.is_closed()
            {
                *asked = Instant::now();
                return Some(Way::Shared(sender.clone(), true));
            }
            *shared = None;
        }
        self.idle.take().map(|line| Way::Own(line, true))
    }

    async fn connect(&self) -> Result<Way, Failure> {
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Failure::Connect)?;
        let stream = connector.call(self.url.clone()).await.map_err(Failure::Connect)?;
        if !stream.connected().is_negotiated_h2() {
            self.speaks.store(ONE, Ordering::Relaxed);
            let (wire, probe) = Wire::new(stream);
            let (sender, connection) = http1::handshake(wire).await.map_err(Failure::Call)?;
            return Ok(Way::Own(Line::new(sender, connection, probe), false));
        }
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let (mut sender, connection) =
            builder.timer(TokioTimer::new()).handshake(stream).await.map_err(Failure::Call)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a backend ended");
            }
        });
        sender.ready().await.map_err(Failure::Call)?;
        self.speaks.store(TWO, Ordering::Relaxed);
        *lock(&self.shared) = Some((Instant::now(), sender.clone()));
        Ok(Way::Shared(sender, false))
    }
}

/// A connection for a request, and whether others have been sent by it.
enum Way {
    Own(Box<Line>, bool),
    Shared(Shared, bool),
}

/// Why a request failed, and the request if nothing of it was written.
type Unsent = (hyper::Error, Option<Asked>);

async fn by_shared(mut sender: Shared, request: Asked) -> Result<Response<Coming>, Unsent> {
    match sender.try_send_request(request).await {
        Ok(response) => Ok(response.map(|body| Coming::new(body, None))),
        Err(mut error) => {
            let unsent = error.take_message();
            Err((error.into_error(), unsent))
        }
    }
}

/// Connections that wait for the next request; the one that was used last is taken first.
#[derive(Default)]
pub(super) struct Idle {
    lines: Mutex<Vec<(Instant, Box<Line>)>>,
    /// Somebody looks after those that nobody takes.
    kept: AtomicBool,
}

impl Idle {
    fn take(&self) -> Option<Box<Line>> {
        loop {
            let (since, mut line) = lock(&self.lines).pop()?;
            if since.elapsed() < IDLE && line.is_free() {
                return Some(line);
            }
        }
    }

    pub(super) fn put(self: &Arc<Self>, line: Box<Line>) {
        lock(&self.lines).push((Instant::now(), line));
        if !self.kept.swap(true, Ordering::AcqRel) {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(let_go(Arc::downgrade(self)))),
                Err(_) => self.kept.store(false, Ordering::Release),
            }
        }
    }

    /// Lets go of those that have been idle for too long, and of those that the other side has closed. False if none are
    /// left, and nobody looks after them any more.
    fn sweep(&self) -> bool {
        let mut lines = lock(&self.lines);
        lines.retain_mut(|(since, line)| since.elapsed() < IDLE && line.is_free());
        if lines.is_empty() {
            self.kept.store(false, Ordering::Release);
        }
        !lines.is_empty()
    }
}

async fn let_go(idle: Weak<Idle>) {
    loop {
        tokio::time::sleep(IDLE / 4).await;
        if !idle.upgrade().is_some_and(|idle| idle.sweep()) {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
