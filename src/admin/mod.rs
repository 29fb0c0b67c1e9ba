//! What operators call: health, metrics and the admin API, on an address of their own.
//!
//! `endpoints` below is the table of all there is: it routes, says which role is needed, and the OpenAPI document is written
//! from it. A new endpoint is a file in this folder with its types, its handler and its row, and a line in that table:
//!
//! ```text
//! //! `PUT /api/v1/routes/{route}/weights`: the split of a route, for now.
//!
//! pub(super) fn endpoint() -> Endpoint {
//!     Draft::put("/api/v1/routes/{route}/weights", "Sets the split of a route for now")
//!         .about("route", "the name of a route") // what stands in the path, or with `query` behind it
//!         .takes::<Weights>()                    // Deserialize + JsonSchema, with an example; without, there is no body
//!         .gives(set)                            // or `gives_later` with an async fn
//! }
//!
//! fn set(ask: &Ask<Weights>) -> Result<Change, Error> { // ask.body, ask.param("route"), ask.who, ask.running
//! ```
//!
//! `GET` needs a viewer and everything else an operator, unless the row says otherwise by `needs`. What is refused is an
//! [`Error`] with the `param` at fault. An endpoint needs no test of its own that it answers as documented: one test calls
//! every row by the examples of its types. What handlers work on is a field of [`Running`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::header::{ALLOW, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::error::{Error, Kind};
use crate::gateway::{Gateway, read_body};
use crate::server::Handler;
use crate::telemetry::Metrics;

mod access;
mod config;
mod endpoint;
mod health;
mod openapi;
mod path;
mod readiness;
mod reply;
mod version;

use access::Door;
pub use endpoint::{Ask, Draft, Endpoint, Role};

use endpoint::Arrived;
use reply::Reply;

/// Every endpoint there is, but the document that describes them.
fn endpoints() -> Vec<Endpoint> {
    vec![
        health::alive(),
        health::ready(),
        health::metrics(),
        config::endpoint(),
        readiness::endpoint(),
        version::endpoint(),
    ]
}

/// The running parts that endpoints show and change.
pub struct Running {
    /// What serves clients.
    pub gateway: Arc<Gateway>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Clients are being served, and nobody has said stop.
    serves: AtomicBool,
    /// An operator wants no new requests here.
    held: AtomicBool,
    since: Instant,
}

/// Answers on the admin address.
pub struct Admin {
    running: Arc<Running>,
    door: Door,
    endpoints: Vec<Endpoint>,
}

impl Admin {
    /// For a listener at `address`; not ready yet.
    #[must_use]
    pub fn new(address: SocketAddr, gateway: Arc<Gateway>, metrics: Arc<Metrics>) -> Self {
        let (serves, held) = (AtomicBool::new(false), AtomicBool::new(false));
        let running = Running { gateway, metrics, serves, held, since: Instant::now() };
        let mut endpoints = endpoints();
        endpoints.push(openapi::endpoint(&endpoints));
        Self { running: Arc::new(running), door: Door::new(address), endpoints }
    }

    /// Says whether new requests are welcome.
    pub fn set_ready(&self, ready: bool) {
        self.running.serves.store(ready, Ordering::Relaxed);
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Reply, Error> {
        let (head, incoming) = request.into_parts();
        self.door.check_host(&head)?;
        let (endpoint, params) = self.find(&head)?;
        let snapshot = self.running.gateway.snapshot();
        let who = match endpoint.needs {
            None => access::NOBODY.into(),
            Some(role) => self.door.admit(&snapshot, &head, role).await?,
        };
        let query = endpoint.query(head.uri.query())?;
        let body = if endpoint.only_looks() {
            Bytes::new()
        } else {
            access::check_origin(&head)?;
            endpoint.check_type(&head.headers)?;
            let limits = crate::config::ClientLimits { body: endpoint.largest, ..snapshot.limits };
            read_body(incoming, &limits, &snapshot.timeouts).await?
        };
        let arrived = Arrived { running: Arc::clone(&self.running), who: Arc::clone(&who), params, query, body };
        let answer = endpoint.run(arrived).await;
        if !endpoint.only_looks() {
            let outcome = answer.as_ref().map_or_else(|error| error.facts().code, |_| "done");
            tracing::info!(%who, method = %endpoint.method, path = head.uri.path(), outcome, "asked by an operator");
        }
        answer
    }

    /// The endpoint of a request, and what stands in its path.
    fn find(&self, head: &Parts) -> Result<(&Endpoint, path::Params), Error> {
        let path = head.uri.path();
        let mut there = self.endpoints.iter().filter_map(|endpoint| Some((endpoint, endpoint.path.read(path)?)));
        // HEAD is GET, of which hyper leaves out the body.
        let method = if head.method == Method::HEAD { &Method::GET } else { &head.method };
        there.find(|(endpoint, _)| endpoint.method == *method).ok_or_else(|| self.missing(path))
    }

    fn missing(&self, path: &str) -> Error {
        let allowed = self.allowed(path);
        if allowed.is_empty() {
            let all: Vec<_> = self.endpoints.iter().map(Endpoint::title).collect();
            return Error::new(Kind::PathNotFound, format!("no such path; there are {}", all.join(", ")));
        }
        Error::new(Kind::MethodNotAllowed, format!("this path takes {allowed} only"))
    }

    /// The methods that a path takes.
    fn allowed(&self, path: &str) -> String {
        let here = self.endpoints.iter().filter(|endpoint| endpoint.path.read(path).is_some());
        here.map(|endpoint| endpoint.method.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl Handler for Admin {
    type Body = Full<Bytes>;

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let (mut response, refused) = match self.answer(request).await {
            Ok(reply) => (reply.response(), None),
            Err(error) => (reply::refuse(&error), Some(error.kind())),
        };
        if refused == Some(Kind::MethodNotAllowed)
            && let Ok(allowed) = HeaderValue::from_str(&self.allowed(&path))
        {
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}
