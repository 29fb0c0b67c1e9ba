//! What is known of one request and its answer, and step 8: counted, logged and offered when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, StatusCode};
use tokio::sync::mpsc;

use super::admission::Admitted;
use super::offer::Offer;
use super::receive::Entrance;
use super::translate::Outbound;
use crate::auth::Caller;
use crate::dialect::{OwnPlaces, Surface};
use crate::error::{Error, Kind};
use crate::ir::Answer;
use crate::shadow::Told;
use crate::telemetry::{Arm, Metrics, Outcome, Reason};
use crate::upstream::{Backend, Held};

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
    /// What the client's answer has a place for.
    places: OwnPlaces,
    summary: Summary,
    outcome: Option<Outcome>,
    error: Option<(Kind, String)>,
    started: Instant,
    arm: Option<Arc<Arm>>,
    /// Our own place that it takes.
    admitted: Option<Admitted>,
    /// The backend's time that it has, from before the call until it is over.
    held: Option<Held>,
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
    /// Fields that were left out of the request, or of the answer.
    pub dropped: String,
    /// How often backends were called for it.
    pub attempts: u32,
    /// The backend that it was routed to, where another one was asked in its place.
    pub instead_of: String,
    /// Why another one was asked.
    pub fallback: &'static str,
}

impl Exchange {
    /// A request has arrived.
    pub(super) fn begin<B>(request: &Request<B>, metrics: Arc<Metrics>, observer: Observer) -> Self {
        Self {
            surface: Entrance::surface(request.uri().path()),
            caller: None,
            request_id: request_id(request.headers().get("x-request-id")),
            offer: None,
            places: OwnPlaces::default(),
            summary: Summary::default(),
            outcome: None,
            error: None,
            started: Instant::now(),
            arm: None,
            admitted: None,
            held: None,
            metrics,
            observer,
        }
    }

    /// When it began.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// It is known where the request goes.
    pub(super) fn routed(&mut self, backend: &Backend, arm: Option<Arc<Arm>>) {
        self.summary.backend_dialect = backend.dialect.name();
        if let Some(arm) = &arm {
            arm.in_flight.inc();
        }
        self.arm = arm;
    }

    /// It has one of the places that we have.
    pub(super) fn admitted(&mut self, admitted: Admitted) {
        self.admitted = Some(admitted);
    }

    /// Another backend is asked from now on.
    pub(super) fn moved(&mut self, backend: &Backend, place: usize, arm: Option<Arc<Arm>>, reason: Reason) {
        if let Some(offer) = &mut self.offer {
            offer.moved(place, backend.dialect);
        }
        if let Some(arm) = &self.arm {
            arm.in_flight.dec();
            // One that was left alone was not asked and did not fail this time.
            if reason != Reason::Open {
                arm.count(Outcome::Replaced);
            }
        }
        if let Some(arm) = &arm {
            arm.in_flight.inc();
        }
        if let Some(left) = std::mem::replace(&mut self.arm, arm) {
            self.summary.instead_of.clone_from(&left.backend);
        }
        self.summary.fallback = reason.name();
        self.summary.backend_dialect = backend.dialect.name();
    }

    /// It has some of the backend's time, and the call begins.
    pub(super) fn holds(&mut self, held: Held) {
        self.summary.attempts += 1;
        self.held = Some(held);
    }

    /// The backend has begun to answer.
    pub(super) fn backend_answered(&mut self) {
        if let Some(held) = &self.held {
            held.answered();
        }
    }

    /// A call failed; it may be made again, here or elsewhere.
    pub(super) fn attempt_failed(&mut self, error: &Error) {
        if let Some(held) = self.held.take() {
            held.failed(error);
        }
    }

    /// The request is ready for the backend.
    pub(super) fn translated(&mut self, outbound: &Outbound) {
        if let Some(offer) = &mut self.offer {
            offer.called();
        }
        self.summary.client_dialect = outbound.plan.client.name();
        self.summary.stream = outbound.plan.stream;
        self.summary.dropped = outbound.dropped.names().join(",");
        self.places = OwnPlaces::of(outbound.plan.client, &outbound.plan.ask);
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

    /// The answer has been read: what nobody here knows of it is counted, and what the client has no place for is named.
    pub(super) fn read(&mut self, answer: &Answer) {
        let lost = self.places.lost(answer);
        if let Some(arm) = &self.arm {
            arm.unknown_frames.inc_by(answer.unknown.into());
            arm.dropped_fields.inc_by(lost.len() as u64);
        }
        for name in lost {
            if self.summary.dropped.split(',').any(|known| known == name) {
                continue;
            }
            let apart = if self.summary.dropped.is_empty() { "" } else { "," };
            self.summary.dropped.extend([apart, name]);
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
        self.attempt_failed(error);
        if self.error.is_none() {
            self.outcome = Some(Outcome::of(error));
            self.error = Some((error.kind(), format!("{}: {}", error.message(), error.causes())));
            self.metrics.error(error);
        }
    }

    /// The names of its route and its backend for the answer's head, if it got that far.
    pub(super) fn names(&self) -> [Option<&HeaderValue>; 2] {
        self.arm.as_ref().map(|arm| arm.headers.each_ref().map(Option::as_ref)).unwrap_or_default()
    }

    /// Fields that were left out, separated by commas.
    pub(super) fn dropped(&self) -> &str {
        &self.summary.dropped
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(Outcome::ClientGone);
        if let Some(held) = self.held.take().filter(|_| outcome == Outcome::Complete) {
            held.went_well();
        }
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
        if let Some(observer) = &self.observer {
            let mut summary = std::mem::take(&mut self.summary);
            if let Some(arm) = &self.arm {
                (summary.route, summary.backend) = (arm.route.clone(), arm.backend.clone());
            }
            if observer.try_send(summary).is_err() {
                self.metrics.offers_dropped.inc();
            }
        }
    }
}

impl Exchange {
    /// The one access-log line.
    fn log(&self) {
        let summary = &self.summary;
        let (route, backend) = self.arm.as_ref().map_or(("", ""), |arm| (arm.route.as_str(), arm.backend.as_str()));
        let (code, reason) =
            self.error.as_ref().map_or(("", ""), |(kind, reason)| (kind.facts().code, reason.as_str()));
        tracing::info!(
            target: "access",
            request_id = self.request_id.to_str().unwrap_or_default(),
            caller = self.caller.as_ref().map_or("", |caller| caller.name.as_str()),
            route,
            backend,
            client_dialect = summary.client_dialect,
            backend_dialect = summary.backend_dialect,
            stream = summary.stream,
            status = summary.status,
            outcome = summary.outcome,
            code,
            reason,
            dropped = summary.dropped,
            attempts = summary.attempts,
            instead_of = summary.instead_of,
            fallback = summary.fallback,
            bytes = summary.bytes,
            first_byte_ms = summary.first_byte.map(milliseconds),
            duration_ms = milliseconds(summary.duration),
        );
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// A number in 32 hexadecimal digits.
fn digits(number: u128) -> impl Iterator<Item = u8> {
    number.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| match digit {
        0..10 => b'0' + digit,
        _ => b'a' - 10 + digit,
    })
}

/// The client's request id if it is short and printable, else one of ours.
fn request_id(given: Option<&HeaderValue>) -> HeaderValue {
    const LONGEST: usize = 128;
    let usable = given.filter(|value| {
        !value.is_empty() && value.len() <= LONGEST && value.as_bytes().iter().all(u8::is_ascii_graphic)
    });
    usable.cloned().unwrap_or_else(|| {
        let mut id = *b"req_................................";
        for (place, digit) in id.iter_mut().skip(4).zip(digits(fastrand::u128(..))) {
            *place = digit;
        }
        HeaderValue::from_bytes(&id).unwrap_or_else(|_| HeaderValue::from_static("req_0"))
    })
}
