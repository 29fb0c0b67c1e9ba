//! Responses: the head that every answer carries, errors in the client's own words, and the list of models.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use serde::Serialize;

use super::exchange::Exchange;
use super::relay::{Answered, Body};
use crate::auth::Caller;
use crate::error::Error;
use crate::route::Table;
use crate::server::Ending;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ROUTE: HeaderName = HeaderName::from_static("x-cutover-route");
const BACKEND: HeaderName = HeaderName::from_static("x-cutover-backend");
const DROPPED: HeaderName = HeaderName::from_static("x-cutover-dropped");
/// Tells proxies in front of us (nginx reads it) to hold no event back.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An answer that went well, so far.
pub(super) fn answer(answered: Answered, mut exchange: Exchange, ending: &Ending) -> Response<Body> {
    let status = match &answered {
        Answered::Passed(passed) => passed.status,
        _ => StatusCode::OK,
    };
    exchange.answered(status);
    let mut response = match answered {
        Answered::Plain(bytes) => {
            exchange.complete();
            whole(bytes, "application/json", &mut exchange)
        }
        Answered::Frames(bytes) => {
            exchange.complete();
            let mut response = whole(bytes, "text/event-stream; charset=utf-8", &mut exchange);
            no_buffering(response.headers_mut());
            response
        }
        Answered::Passed(passed) => {
            exchange.complete();
            let mut response = whole(passed.body, "application/json", &mut exchange);
            response.headers_mut().extend(passed.headers);
            response
        }
        Answered::Stream(mut relay) => {
            relay.until(ending);
            let headers = head(&exchange, "text/event-stream; charset=utf-8");
            let mut response = Response::new(Body::Coming(relay, Box::new(exchange)));
            *response.headers_mut() = headers;
            no_buffering(response.headers_mut());
            response
        }
    };
    *response.status_mut() = status;
    response
}

/// A refusal, or a failure before the first byte went to the client.
pub(super) fn refuse(error: &Error, mut exchange: Exchange) -> Response<Body> {
    exchange.answered(error.status());
    exchange.failed(error);
    let body = exchange.surface.write_error(error);
    let mut response = whole(body.into(), "application/json", &mut exchange);
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    if let Some(seconds) = error.wait() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(challenge) = error.authenticate().and_then(|challenge| HeaderValue::from_str(challenge).ok()) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// `GET /v1/models`: the routes that this caller can call by name.
pub(super) fn models(routes: &Table, caller: &Caller) -> Answered {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: Vec<Model<'a>>,
    }

    #[derive(Serialize)]
    struct Model<'a> {
        id: &'a str,
        object: &'static str,
        created: u64,
        owned_by: &'static str,
    }

    let model = |id| Model { id, object: "model", created: 0, owned_by: "cutover" };
    let list = List { object: "list", data: routes.models(caller).map(model).collect() };
    Answered::Plain(serde_json::to_vec(&list).unwrap_or_default().into())
}

fn whole(bytes: Bytes, kind: &'static str, exchange: &mut Exchange) -> Response<Body> {
    exchange.sent(bytes.len());
    let headers = head(exchange, kind);
    let mut response = Response::new(Body::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())));
    *response.headers_mut() = headers;
    response
}

/// What every answer carries.
fn head(exchange: &Exchange, kind: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(REQUEST_ID, exchange.request_id.clone());
    for (name, value) in [ROUTE, BACKEND].into_iter().zip(exchange.names()) {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
    if let Some(dropped) = HeaderValue::from_str(exchange.dropped()).ok().filter(|value| !value.is_empty()) {
        headers.insert(DROPPED, dropped);
    }
    headers
}

fn no_buffering(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
}
