//! What operators call: health, readiness and metrics, on an address of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::server::Handler;
use crate::telemetry::Metrics;

/// Answers on the admin address.
pub struct Admin {
    metrics: Arc<Metrics>,
    ready: AtomicBool,
}

impl Admin {
    /// Not ready yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, ready: AtomicBool::new(false) }
    }

    /// Says whether new requests are welcome.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    fn answer(&self, method: &Method, path: &str) -> (StatusCode, &'static str, Vec<u8>) {
        const TEXT: &str = "text/plain; charset=utf-8";
        if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
            return (StatusCode::NOT_FOUND, TEXT, b"no such path; try /healthz, /readyz or /metrics\n".to_vec());
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            return (StatusCode::METHOD_NOT_ALLOWED, TEXT, b"GET only\n".to_vec());
        }
        match path {
            "/metrics" => match self.metrics.text() {
                Ok(text) => (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n").into_bytes()),
            },
            "/readyz" if !self.ready.load(Ordering::Relaxed) => {
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, b"draining\n".to_vec())
            }
            _ => (StatusCode::OK, TEXT, b"ok\n".to_vec()),
        }
    }
}

impl Handler for Admin {
    type Body = Full<Bytes>;

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, kind, text) = self.answer(request.method(), request.uri().path());
        let mut response = Response::new(Full::new(text.into()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}
