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
use crate::error::{Error, Kind};
use crate::server::{Ending, PeerName};
use crate::telemetry::Metrics;

mod admission;
mod call;
mod course;
mod decide;
mod exchange;
mod explain;
mod lookup;
mod made;
mod observed;
mod offer;
mod receive;
mod relay;
mod reply;
mod snapshot;
mod translate;
mod workspace;

pub use crate::dialect::Transcoder;
pub use exchange::{Exchange, Observer, Summary};
pub use explain::{Asked, Dropped, Explained, Explanation, Held, Key, Mirrored, PassedOver, Refused};
pub use observed::{Got, Traffic};
pub(crate) use receive::body as read_body;
pub use relay::{Aborted, Body, Relay};
pub use snapshot::Snapshot;

use course::Course;
use decide::{Received, decide};
use offer::Offer;
use receive::Entrance;
use relay::Answered;
use workspace::Workspace;

/// What serves clients.
pub struct Gateway {
    live: ArcSwap<Snapshot>,
    metrics: Arc<Metrics>,
    observer: Observer,
    ending: Ending,
}

impl Gateway {
    /// A gateway that serves by `snapshot` and offers finished exchanges to `observer`.
    #[must_use]
    pub fn new(snapshot: Snapshot, metrics: Arc<Metrics>, observer: Observer) -> Self {
        Self { live: ArcSwap::from_pointee(snapshot), metrics, observer, ending: Ending::default() }
    }

    /// What new requests are served by from now on; those in flight keep theirs.
    pub fn replace(&self, snapshot: Snapshot) {
        let previous = self.live.swap(Arc::new(snapshot));
        let now = self.live.load();
        for (route, backend) in previous.pairs().difference(&now.pairs()) {
            self.metrics.gone(route, backend);
        }
        let [routes, backends] = previous.names();
        let [routes_now, backends_now] = now.names();
        routes.difference(&routes_now).for_each(|route| self.metrics.route_gone(route));
        backends.difference(&backends_now).for_each(|backend| self.metrics.backend_gone(backend));
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
        let served = self.ending.unless(serve(&snapshot, request, &mut exchange)).await;
        match served.unwrap_or_else(|| Err(stopping())) {
            // 8. The finished exchange is offered when it is dropped: here for plain answers, with the body for streams.
            Ok(answered) => reply::answer(answered, exchange, &self.ending),
            Err(error) => reply::refuse(&error, exchange),
        }
    }
}

/// What is told to whoever is not answered when the drain window is over.
fn stopping() -> Error {
    Error::new(Kind::ShuttingDown, "the gateway is stopping and could not wait for the rest of the answer; ask again")
}

/// Steps 1 to 7.
async fn serve(snapshot: &Snapshot, request: Request<Incoming>, exchange: &mut Exchange) -> Result<Answered, Error> {
    let (head, incoming) = request.into_parts();
    // 1. Receive: the path names the family of clients. The body is left where it is until we know who sends it.
    let entrance = Entrance::of(&head.method, head.uri.path())?;
    if entrance == Entrance::SignIn {
        return Box::pin(pass(snapshot, &head, incoming, |_| true)).await;
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
        return Box::pin(pass(snapshot, &head, incoming, |workspace| workspace.allows(head.uri.path()))).await;
    }
    exchange.admitted(snapshot.admission.admit(&snapshot.limits, &caller)?);
    if let Entrance::Made(made) = &entrance {
        let (course, outbound) = made.outbound(snapshot, &head, &caller, exchange)?;
        return Box::pin(call::answered(course, outbound, None, exchange)).await.map_err(made::unknown);
    }
    let bytes = receive::body(incoming, &snapshot.limits, &snapshot.timeouts).await?;
    let received =
        Received { entrance: &entrance, head: &head, bytes: &bytes, caller: &caller, at: exchange.started() };
    // 3. Peek, and 4. route; around a backend that is left alone.
    let (course, outbound) = decide(snapshot, &received, &mut (), |decision, peeked| {
        snapshot.note(decision, received.at);
        let course = Course::of(snapshot, decision, exchange)?.around(peeked.fields, &head.headers, exchange)?;
        // 5. Translate the request.
        exchange.offer = Offer::of(&course, &received.arrived(peeked, &exchange.request_id))?;
        let outbound = received.translated(peeked, course.route, course.backend()?, &exchange.request_id)?;
        Ok((course, outbound))
    })?;
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

    fn end(&self) {
        self.ending.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<'g, F: Future>(_: impl Fn(&'g Gateway, Request<Incoming>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn what_is_kept_of_a_request_while_it_waits_is_small() {
        // It is moved to where it stays for each request, and there as long as no answer has begun.
        let kept = size(Gateway::handle);
        assert!(kept <= 6 * 1024, "{kept} bytes");
    }
}
