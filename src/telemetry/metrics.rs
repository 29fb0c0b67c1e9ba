//! Every metric name and label, in one place.
//!
//! Labels come from the config (route, backend) or from a closed list (outcome, code); nothing that a client sends ever
//! becomes one. Handles are resolved when a snapshot is built, so the request path looks nothing up by label.

use http::HeaderValue;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::calls::{BackendMeters, Calls, RouteMeters};
use super::gone::Gone;
use super::{Live, Shadow, Splits};
use crate::error::{Error, Fault, Kind};

/// Seconds; from a cached answer to the longest agents.
const SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0];

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client has its whole answer.
    Complete,
    /// The client sent something wrong.
    ClientError,
    /// The backend failed.
    BackendError,
    /// The gateway failed.
    GatewayError,
    /// The client went away first.
    ClientGone,
    /// The backend failed, and another one answered in its place.
    Replaced,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    const ALL: [Self; 6] =
        [Self::Complete, Self::ClientError, Self::BackendError, Self::GatewayError, Self::ClientGone, Self::Replaced];

    /// Its label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientError => "client_error",
            Self::BackendError => "backend_error",
            Self::GatewayError => "gateway_error",
            Self::ClientGone => "client_gone",
            Self::Replaced => "replaced",
        }
    }

    /// The outcome of an error.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error.facts().fault {
            Fault::Client => Self::ClientError,
            Fault::Backend => Self::BackendError,
            Fault::Us => Self::GatewayError,
        }
    }
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    first_byte: HistogramVec,
    in_flight: IntGaugeVec,
    dropped_fields: IntCounterVec,
    unknown: IntCounterVec,
    errors: IntCounterVec,
    gone: Gone,
    /// Of mirrors.
    pub shadow: Shadow,
    calls: Calls,
    /// Of what is served now and why.
    pub live: Live,
    /// Of splits.
    pub splits: Splits,
    /// Open client connections.
    pub connections: IntGauge,
    /// Exchanges that an observer was too slow to take.
    pub offers_dropped: IntCounter,
}

/// One backend of one route: its handles, and its names in the form that answers carry.
#[derive(Debug)]
pub struct Arm {
    /// The route's name.
    pub route: String,
    /// The backend's name.
    pub backend: String,
    /// Both names as values of headers; none for what cannot stand in one.
    pub headers: [Option<HeaderValue>; 2],
    requests: [IntCounter; Outcome::ALL.len()],
    /// Whole exchange.
    pub seconds: Histogram,
    /// Until the backend's first byte.
    pub first_byte: Histogram,
    /// Exchanges that are going on.
    pub in_flight: IntGauge,
    /// Fields left out because the dialect of the backend, or of the client, cannot carry them.
    pub dropped_fields: IntCounter,
    /// Request fields that nobody here knows.
    pub unknown_fields: IntCounter,
    /// Frames and items of answers that nobody here knows.
    pub unknown_frames: IntCounter,
}

impl Arm {
    /// Exchanges that have ended: all, and those that failed by the backend's fault or ours.
    #[must_use]
    pub fn ended(&self) -> (u64, u64) {
        let counted = || Outcome::ALL.iter().zip(&self.requests);
        let failed = counted().filter(|(how, _)| matches!(how, Outcome::BackendError | Outcome::GatewayError));
        (counted().map(|(_, count)| count.get()).sum(), failed.map(|(_, count)| count.get()).sum())
    }

    /// Counts an exchange that has ended.
    pub fn count(&self, outcome: Outcome) {
        let place = Outcome::ALL.iter().position(|known| *known == outcome);
        if let Some(counter) = place.and_then(|place| self.requests.get(place)) {
            counter.inc();
        }
    }
}

impl Metrics {
    /// All metrics, at zero.
    ///
    /// # Errors
    /// Never in practice: the names below are valid and distinct, which a test shows.
    pub fn new() -> Result<Self, prometheus::Error> {
        let arm = &["route", "backend"];
        let counter = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let histogram =
            |name: &str, help: &str| HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), arm);
        let registry = Registry::new();
        let metrics = Self {
            live: Live::register(&registry)?,
            splits: Splits::register(&registry)?,
            shadow: Shadow::register(&registry)?,
            registry,
            gone: Gone::default(),
            requests: counter(
                "cutover_requests_total",
                "Exchanges that ended, by route, backend and outcome",
                &["route", "backend", "outcome"],
            )?,
            seconds: histogram("cutover_request_seconds", "Seconds from the request's head to the answer's end")?,
            first_byte: histogram("cutover_first_byte_seconds", "Seconds from the call to the backend's first byte")?,
            in_flight: IntGaugeVec::new(Opts::new("cutover_in_flight", "Exchanges that are going on"), arm)?,
            dropped_fields: counter(
                "cutover_dropped_fields_total",
                "Fields left out because the dialect of the backend, or for answers of the client, cannot carry them",
                arm,
            )?,
            unknown: counter(
                "cutover_unknown_total",
                "Request fields, and frames and items of answers, that nobody here knows",
                &["route", "backend", "what"],
            )?,
            errors: counter("cutover_errors_total", "Errors told to clients, by code", &["code"])?,
            calls: Calls::new()?,
            connections: IntGauge::new("cutover_connections", "Open client connections")?,
            offers_dropped: IntCounter::new(
                "cutover_offers_dropped_total",
                "Finished exchanges that no observer had room for",
            )?,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        self.calls.register(&self.registry)?;
        self.registry.register(Box::new(self.requests.clone()))?;
        self.registry.register(Box::new(self.seconds.clone()))?;
        self.registry.register(Box::new(self.first_byte.clone()))?;
        self.registry.register(Box::new(self.in_flight.clone()))?;
        self.registry.register(Box::new(self.dropped_fields.clone()))?;
        self.registry.register(Box::new(self.unknown.clone()))?;
        self.registry.register(Box::new(self.errors.clone()))?;
        self.registry.register(Box::new(self.connections.clone()))?;
        self.registry.register(Box::new(self.offers_dropped.clone()))
    }

    /// The handles of one backend of one route.
    #[must_use]
    pub fn arm(&self, route: &str, backend: &str) -> Arm {
        self.gone.is_back(route, backend);
        let labels = &[route, backend];
        Arm {
            route: route.to_owned(),
            backend: backend.to_owned(),
            headers: labels.map(|name| HeaderValue::from_str(name).ok().filter(|value| !value.is_empty())),
            requests: Outcome::ALL.map(|outcome| self.requests.with_label_values(&[route, backend, outcome.name()])),
            seconds: self.seconds.with_label_values(labels),
            first_byte: self.first_byte.with_label_values(labels),
            in_flight: self.in_flight.with_label_values(labels),
            dropped_fields: self.dropped_fields.with_label_values(labels),
            unknown_fields: self.unknown.with_label_values(&[route, backend, "request_field"]),
            unknown_frames: self.unknown.with_label_values(&[route, backend, "frame"]),
        }
    }

    /// The handles of one backend.
    #[must_use]
    pub fn backend(&self, backend: &str) -> BackendMeters {
        self.calls.backend(backend)
    }

    /// The handles of one route.
    #[must_use]
    pub fn route(&self, route: &str) -> RouteMeters {
        self.calls.route(route)
    }

    /// A retry was asked for: whether the budget paid, and how many more it would pay for.
    pub fn retry(&self, paid: bool, left: u64) {
        self.calls.budget.set(i64::try_from(left).unwrap_or(i64::MAX));
        if !paid {
            self.calls.unpaid.inc();
        }
    }

    /// Counts an error; off the path of requests that go well, so a look-up by label is fine here.
    pub fn error(&self, error: &Error) {
        self.errors.with_label_values(&[error.facts().code]).inc();
        match error.kind() {
            Kind::GatewayFull => self.calls.gateway_full.inc(),
            Kind::CallerFull => self.calls.caller_full.inc(),
            _ => {}
        }
    }

    /// The text exposition format.
    ///
    /// # Errors
    /// When a metric has no samples of a kind the encoder needs; not for the metrics above.
    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        self.gone.retain(|route, backend| !self.forget(route, backend));
        Ok(text)
    }

    /// A backend is not of this route any more. Its series go when what is in flight there has ended and been scraped.
    pub fn gone(&self, route: &str, backend: &str) {
        self.gone.add(route, backend);
    }

    /// A backend is not in the config any more: what is told of its breaker would alarm for good.
    pub fn backend_gone(&self, backend: &str) {
        self.calls.forget_backend(backend);
    }

    /// A route is not in the config any more.
    pub fn route_gone(&self, route: &str) {
        self.calls.forget_route(route);
        self.splits.forget_route(route);
    }

    /// Forgets the series of a route's backend if nothing is in flight there.
    fn forget(&self, route: &str, backend: &str) -> bool {
        let labels = &[route, backend];
        if self.in_flight.with_label_values(labels).get() > 0 {
            return false;
        }
        // An error means that it is not there, which is what is wanted.
        for outcome in Outcome::ALL {
            let _ = self.requests.remove_label_values(&[route, backend, outcome.name()]);
        }
        for what in ["request_field", "frame"] {
            let _ = self.unknown.remove_label_values(&[route, backend, what]);
        }
        let _ = self.seconds.remove_label_values(labels);
        let _ = self.first_byte.remove_label_values(labels);
        let _ = self.in_flight.remove_label_values(labels);
        let _ = self.dropped_fields.remove_label_values(labels);
        self.splits.forget(route, backend);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn every_metric_is_there_with_its_labels() {
        let metrics = Metrics::new().unwrap();
        let arm = metrics.arm("support", "app");
        arm.count(Outcome::Complete);
        arm.count(Outcome::of(&Error::new(Kind::Cut, "cut")));
        arm.seconds.observe(0.2);
        metrics.error(&Error::new(Kind::Cut, "cut"));
        let text = String::from_utf8(metrics.text().unwrap()).unwrap();
        for line in [
            r#"cutover_requests_total{backend="app",outcome="complete",route="support"} 1"#,
            r#"cutover_requests_total{backend="app",outcome="backend_error",route="support"} 1"#,
            r#"cutover_requests_total{backend="app",outcome="client_gone",route="support"} 0"#,
            r#"cutover_request_seconds_bucket{backend="app",route="support",le="0.25"} 1"#,
            r#"cutover_errors_total{code="backend_cut_short"} 1"#,
            "cutover_connections 0",
        ] {
            assert!(text.contains(line), "{line} is missing in:\n{text}");
        }
    }
}
