//! `GET /healthz`, `/readyz` and `/metrics`: what probes and scrapers ask, without a token.

use std::sync::atomic::Ordering;

use http::StatusCode;

use super::{Draft, Endpoint};

const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn alive() -> Endpoint {
    Draft::get("/healthz", "Whether the process is alive").open().shows(TEXT, |_| (StatusCode::OK, b"ok\n".to_vec()))
}

pub(super) fn ready() -> Endpoint {
    Draft::get("/readyz", "Whether new requests are welcome; 503 while draining or held back").open().shows(
        TEXT,
        |running| match (running.serves.load(Ordering::Relaxed), running.held.load(Ordering::Relaxed)) {
            (true, false) => (StatusCode::OK, b"ok\n".to_vec()),
            (true, true) => (StatusCode::SERVICE_UNAVAILABLE, b"held back by an operator\n".to_vec()),
            (false, _) => (StatusCode::SERVICE_UNAVAILABLE, b"draining\n".to_vec()),
        },
    )
}

pub(super) fn metrics() -> Endpoint {
    let row = Draft::get("/metrics", "What is counted, in Prometheus' text format").open();
    row.shows("text/plain; version=0.0.4; charset=utf-8", |running| match running.metrics.text() {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n").into_bytes()),
    })
}
