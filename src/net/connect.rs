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
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::config::CaBundle;

/// A connection, behind TLS where the URL says so.
pub type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Connects within a deadline that covers name resolution, TCP and the TLS handshake.
#[derive(Clone)]
pub struct Connector {
    inner: HttpsConnector<HttpConnector>,
    deadline: Duration,
}

impl Connector {
    /// A connector for a URL. HTTP/2 is used where TLS offers it. With a bundle of authorities, those are trusted and no
    /// others.
    ///
    /// # Errors
    /// When the URL is behind TLS and the authorities cannot be had.
    pub fn new(url: &Uri, deadline: Duration, ca: Option<&CaBundle>) -> io::Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(60)));
        let builder = hyper_rustls::HttpsConnectorBuilder::new();
        let trusting =
            |roots: RootCertStore| ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let builder = match (ca, url.scheme_str()) {
            (Some(bundle), _) => builder.with_tls_config(trusting(roots(bundle)?)),
            (None, Some("https")) => builder.with_native_roots()?,
            // Never used for TLS: no roots, so that a machine without certificates can still serve plain backends.
            (None, _) => builder.with_tls_config(trusting(RootCertStore::empty())),
        };
        let inner = builder.https_or_http().enable_all_versions().wrap_connector(http);
        Ok(Self { inner, deadline })
    }
}

fn roots(bundle: &CaBundle) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in bundle.certificates() {
        roots.add(certificate.clone()).map_err(io::Error::other)?;
    }
    Ok(roots)
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
pub struct TimedOut;

impl TimedOut {
    /// Whether this is the cause of an error.
    #[must_use]
    pub fn caused(error: &(dyn std::error::Error + 'static)) -> bool {
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
