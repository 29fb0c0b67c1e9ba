//! The life of a request, one named step after another.
//!
//! [`Gateway::handle`] reads top to bottom; nothing else decides the order. A request sees one [`Snapshot`] of the
//! config from its first step to its last, whatever is reloaded meanwhile.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::config::ClientLimits;
use crate::error::Error;
use crate::ir;
use crate::route::Peek;
use crate::server::PeerName;
use crate::telemetry::Metrics;

mod admission;
mod call;
mod course;
mod exchange;
mod lookup;
mod made;
mod receive;
mod relay;
mod reply;
mod snapshot;
mod translate;
mod workspace;

pub use crate::dialect::Transcoder;
pub use exchange::{Exchange, Observer, Summary};
pub use relay::{Aborted, Body, Relay};
pub use snapshot::Snapshot;

use call::Received;
use course::Course;
use receive::Entrance;
use relay::Answered;
use workspace::Workspace;

/// What serves clients.
pub struct Gateway {
    live: ArcSwap<Snapshot>,
    metrics: Arc<Metrics>,
    observer: Observer,
}

impl Gateway {
    /// A gateway that serves by `snapshot` and offers finished exchanges to `observer`.
    #[must_use]
    pub fn new(snapshot: Snapshot, metrics: Arc<Metrics>, observer: Observer) -> Self {
        Self { live: ArcSwap::from_pointee(snapshot), metrics, observer }
    }

    /// What new requests are served by from now on; those in flight keep theirs.
    pub fn replace(&self, snapshot: Snapshot) {
        self.live.store(Arc::new(snapshot));
    }

    /// What requests are served by now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.live.load_full()
    }

    /// Serves one request. Dropping the future, or the body it returns, ends the backend's call at once.
    pub async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let snapshot = self.live.load_full();
        let mut exchange = Exchange::begin(&request, Arc::clone(&self.metrics), self.observer.clone());
        match serve(&snapshot, request, &mut exchange).await {
            // 8. The finished exchange is offered when it is dropped: here for plain answers, with the body for streams.
            Ok(answered) => reply::answer(answered, exchange),
            Err(error) => reply::refuse(&error, exchange),
        }
    }
}

/// Steps 1 to 7.
async fn serve(snapshot: &Snapshot, request: Request<Incoming>, exchange: &mut Exchange) -> Result<Answered, Error> {
    let (head, incoming) = request.into_parts();
    // 1. Receive: the path names the family of clients. The body is left where it is until we know who sends it.
    let entrance = Entrance::of(&head.method, head.uri.path())?;
    if entrance == Entrance::SignIn {
        return pass(snapshot, &head, incoming, |_| true).await;
    }
    // 2. Authenticate.
    let certified = head.extensions.get::<PeerName>().map(|PeerName(name)| &**name);
    let caller = snapshot.auth.authenticate(&head.headers, certified).await?;
    exchange.caller = Some(Arc::clone(&caller));
    if entrance == Entrance::Models {
        return Ok(reply::models(&snapshot.routes, &caller));
    }
    if let Entrance::Lookup(lookup) = &entrance {
        return lookup.answer(&snapshot.routes, &caller, &head, snapshot.https);
    }
    if entrance == Entrance::Workspace {
        return pass(snapshot, &head, incoming, |workspace| workspace.allows(head.uri.path())).await;
    }
    exchange.admitted(snapshot.admission.admit(&snapshot.limits, &caller)?);
    if let Entrance::Made(made) = &entrance {
        let (course, outbound) = made.outbound(snapshot, &head, &caller, exchange)?;
        return call::answered(course, outbound, None, exchange).await.map_err(made::unknown);
    }
    let bytes = receive::body(incoming, &snapshot.limits, &snapshot.timeouts).await?;
    let received = Received { entrance: &entrance, head: &head, bytes: &bytes, caller: &caller };
    let (course, outbound) = {
        // 3. Peek: the body's top-level fields, read no further.
        let body = ir::Body::parse(&bytes)?;
        let model = entrance.model(&body)?;
        let (path, headers) = (head.uri.path(), &head.headers);
        let peek = Peek { model: model.as_deref(), path, caller: &caller, headers, body: &body };
        // 4. Route, around a backend that is left alone.
        let decision = snapshot.routes.pick(peek)?;
        let course = Course::of(snapshot, &decision, exchange)?.around(&body, headers, exchange)?;
        // 5. Translate the request.
        (course, received.translated(&body, &course, course.backend()?, exchange)?)
    };
    // 6. Call, again or elsewhere if need be. 7. Relay.
    call::answered(course, outbound, Some(received), exchange).await
}

/// The way of what is the workspace's to answer, if there is one that may be asked this.
async fn pass(
    snapshot: &Snapshot,
    head: &Parts,
    incoming: Incoming,
    may: impl FnOnce(&Workspace) -> bool,
) -> Result<Answered, Error> {
    let workspace = snapshot.workspace.as_ref().filter(|workspace| may(workspace));
    let workspace = workspace.ok_or_else(workspace::no_such_path)?;
    let limits = ClientLimits { body: snapshot.limits.body.min(workspace::BODY), ..snapshot.limits };
    let body = receive::body(incoming, &limits, &snapshot.timeouts).await?;
    Ok(Answered::Passed(Box::new(workspace.pass(head, body).await?)))
}

impl crate::server::Handler for Gateway {
    type Body = Body;

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        Self::handle(&self, request).await
    }
}
