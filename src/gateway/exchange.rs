//! What is known of one request and its answer, and step 8: counted, logged and offered when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, StatusCode};
use tokio::sync::mpsc;

use super::offer::Offer;
use super::receive::Entrance;
use super::translate::Outbound;
use crate::auth::Caller;
use crate::dialect::Surface;
use crate::error::{Error, Kind};
use crate::route::Route;
use crate::shadow::Told;
use crate::telemetry::{Arm, Metrics, Outcome};
use crate::upstream::Backend;

/// Who is told about finished exchanges; a bounded queue that nobody waits for.
pub type Observer = Option<mpsc::Sender<Summary>>;

/// One request and its answer, as far as they have come. Dropping it ends it: without a word before, that means that the
/// client went away.
pub struct Exchange {
    /// How the client is told about errors.
    pub surface: Surface,
    /// Who calls.
    pub caller: Option<Arc<Caller>>,
    /// The id in `x-request-id`: the client's own if it gave a usable one.
    pub request_id: HeaderValue,
    /// What the route's mirror gets when it ends.
    pub(super) offer: Option<Offer>,
    summary: Summary,
    outcome: Option<Outcome>,
    error: Option<(Kind, String)>,
    started: Instant,
    arm: Option<Arm>,
    metrics: Arc<Metrics>,
    observer: Observer,
}

/// What is told of a finished exchange.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The route, once there is one.
    pub route: String,
    /// The backend, once there is one.
    pub backend: String,
    /// The client's dialect.
    pub client_dialect: &'static str,
    /// The backend's dialect.
    pub backend_dialect: &'static str,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The HTTP status of the answer; zero if none was sent.
    pub status: u16,
    /// How it ended.
    pub outcome: &'static str,
    /// Time until the backend's answer began.
    pub first_byte: Option<Duration>,
    /// Time in all.
    pub duration: Duration,
    /// Bytes of the answer.
    pub bytes: u64,
    /// Fields that were left out of the request.
    pub dropped: String,
}

impl Exchange {
    /// A request has arrived.
    pub(super) fn begin<B>(request: &Request<B>, metrics: Arc<Metrics>, observer: Observer) -> Self {
        Self {
            surface: Entrance::surface(request.uri().path()),
            caller: None,
            request_id: request_id(request.headers().get("x-request-id")),
            offer: None,
            summary: Summary::default(),
            outcome: None,
            error: None,
            started: Instant::now(),
            arm: None,
            metrics,
            observer,
        }
    }

    /// It is known where the request goes.
    pub(super) fn routed(&mut self, route: &Route, backend: &Backend, arm: Option<Arm>) {
        route.name.clone_into(&mut self.summary.route);
        backend.name.clone_into(&mut self.summary.backend);
        self.summary.backend_dialect = backend.dialect.name();
        if let Some(arm) = &arm {
            arm.in_flight.inc();
        }
        self.arm = arm;
    }

    /// The request is ready for the backend.
    pub(super) fn translated(&mut self, outbound: &Outbound) {
        if let Some(offer) = &mut self.offer {
            offer.called();
        }
        self.summary.client_dialect = outbound.plan.client.name();
        self.summary.stream = outbound.plan.stream;
        self.summary.dropped = outbound.dropped.names().join(",");
        if let Some(arm) = &self.arm {
            arm.dropped_fields.inc_by(outbound.dropped.names().len() as u64);
            arm.unknown_fields.inc_by(outbound.unknown as u64);
        }
    }

    /// The backend's answer has begun.
    pub(super) fn first_byte(&mut self) {
        let elapsed = self.started.elapsed();
        self.summary.first_byte = Some(elapsed);
        if let Some(arm) = &self.arm {
            arm.first_byte.observe(elapsed.as_secs_f64());
        }
    }

    /// The status that the client sees.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.summary.status = status.as_u16();
    }

    /// More bytes went to the client.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.summary.bytes += bytes as u64;
    }

    /// Frames and items of the answer that nobody here knows.
    pub(super) fn met_unknown(&mut self, frames: u32) {
        if let Some(arm) = &self.arm {
            arm.unknown_frames.inc_by(frames.into());
        }
    }

    /// The agent has said or done something.
    pub(super) fn spoke(&mut self) {
        if let Some(offer) = &mut self.offer {
            offer.spoke();
        }
    }

    /// The answer is there, for the mirror if there is one.
    pub(super) fn told(&mut self, answer: impl FnOnce() -> Told) {
        if let Some(offer) = &mut self.offer {
            offer.told(answer());
        }
    }

    /// The client has its whole answer.
    pub(super) fn complete(&mut self) {
        if self.error.is_none() {
            self.outcome = Some(Outcome::Complete);
        }
    }

    /// The exchange failed; the first failure counts.
    pub(super) fn failed(&mut self, error: &Error) {
        if self.error.is_none() {
            self.outcome = Some(Outcome::of(error));
            self.error = Some((error.kind(), format!("{}: {}", error.message(), error.causes())));
            self.metrics.error(error);
        }
    }

    /// The route's name, if it got that far.
    pub(super) fn route(&self) -> &str {
        &self.summary.route
    }

    /// The backend's name, if it got that far.
    pub(super) fn backend(&self) -> &str {
        &self.summary.backend
    }

    /// Fields that were left out, separated by commas.
    pub(super) fn dropped(&self) -> &str {
        &self.summary.dropped
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(Outcome::ClientGone);
        self.summary.outcome = outcome.name();
        self.summary.duration = self.started.elapsed();
        if let Some(arm) = &self.arm {
            arm.in_flight.dec();
            arm.count(outcome);
            arm.seconds.observe(self.summary.duration.as_secs_f64());
        }
        self.log();
        if let Some(offer) = self.offer.take() {
            offer.end(outcome, self.error.as_ref().map(|(kind, _)| *kind));
        }
        let summary = std::mem::take(&mut self.summary);
        if let Some(observer) = &self.observer
            && observer.try_send(summary).is_err()
        {
            self.metrics.offers_dropped.inc();
        }
    }
}

impl Exchange {
    /// The one access-log line.
    fn log(&self) {
        let summary = &self.summary;
        let (code, reason) =
            self.error.as_ref().map_or(("", ""), |(kind, reason)| (kind.facts().code, reason.as_str()));
        tracing::info!(
            target: "access",
            request_id = self.request_id.to_str().unwrap_or_default(),
            caller = self.caller.as_ref().map_or("", |caller| caller.name.as_str()),
            route = summary.route,
            backend = summary.backend,
            client_dialect = summary.client_dialect,
            backend_dialect = summary.backend_dialect,
            stream = summary.stream,
            status = summary.status,
            outcome = summary.outcome,
            code,
            reason,
            dropped = summary.dropped,
            bytes = summary.bytes,
            first_byte_ms = summary.first_byte.map(milliseconds),
            duration_ms = milliseconds(summary.duration),
        );
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// The client's request id if it is short and printable, else one of ours.
fn request_id(given: Option<&HeaderValue>) -> HeaderValue {
    const LONGEST: usize = 128;
    let usable = given.filter(|value| {
        !value.is_empty() && value.len() <= LONGEST && value.as_bytes().iter().all(u8::is_ascii_graphic)
    });
    usable.cloned().unwrap_or_else(|| {
        let id = format!("req_{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("req_0"))
    })
}
