//! Making connections: TCP and TLS under one deadline.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Connects within a deadline that covers name resolution, TCP and the TLS handshake.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    deadline: Duration,
}

impl Connector {
    /// A connector for a backend's URL. HTTP/2 is used where the backend's TLS offers it.
    pub(super) fn new(url: &Uri, deadline: Duration) -> io::Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(60)));
        let builder = hyper_rustls::HttpsConnectorBuilder::new();
        let builder = match url.scheme_str() {
            Some("https") => builder.with_native_roots()?,
            // Never used for TLS: no roots, so that a machine without certificates can still serve plain backends.
            _ => builder.with_tls_config(
                ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth(),
            ),
        };
        let inner = builder.https_or_http().enable_all_versions().wrap_connector(http);
        Ok(Self { inner, deadline })
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Cause>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, deadline) = (self.inner.call(uri), self.deadline);
        Box::pin(async move {
            match tokio::time::timeout(deadline, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(TimedOut.into()),
            }
        })
    }
}

/// The deadline passed.
#[derive(Debug)]
pub(super) struct TimedOut;

impl TimedOut {
    /// Whether this is the cause of an error.
    pub(super) fn caused(error: &(dyn std::error::Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(cause) = next {
            if cause.is::<Self>() {
                return true;
            }
            next = cause.source();
        }
        false
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connecting took too long")
    }
}

impl std::error::Error for TimedOut {}
