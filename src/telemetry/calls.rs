//! The metrics of calls to backends: breakers, retries, fallbacks and what was turned away.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Why a call was made again or elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No connection, or no token.
    Connect,
    /// Turned away before it began, or never written.
    Refused,
    /// The backend asked to slow down.
    TooMany,
    /// The backend said 503 and when to come again.
    Unavailable,
    /// Whatever else is a 5xx to the client.
    ServerError,
    /// Silence until the deadline.
    FirstByte,
    /// The backend is left alone.
    Open,
    /// The backend has all that it is given at a time.
    Full,
}

impl Reason {
    const ALL: [Self; 8] = [
        Self::Connect,
        Self::Refused,
        Self::TooMany,
        Self::Unavailable,
        Self::ServerError,
        Self::FirstByte,
        Self::Open,
        Self::Full,
    ];

    /// Its label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Refused => "refused",
            Self::TooMany => "429",
            Self::Unavailable => "503",
            Self::ServerError => "5xx",
            Self::FirstByte => "first_byte",
            Self::Open => "open",
            Self::Full => "full",
        }
    }
}

/// A counter for each reason.
#[derive(Clone, Debug)]
struct ByReason([IntCounter; Reason::ALL.len()]);

impl ByReason {
    fn of(vec: &IntCounterVec, label: &str) -> Self {
        Self(Reason::ALL.map(|reason| vec.with_label_values(&[label, reason.name()])))
    }

    fn get(&self, reason: Reason) -> &IntCounter {
        let [first, ..] = &self.0;
        let place = Reason::ALL.iter().position(|known| *known == reason);
        place.and_then(|place| self.0.get(place)).unwrap_or(first)
    }
}

/// The handles of one backend.
#[derive(Clone, Debug)]
pub struct BackendMeters {
    /// Its breaker: 0 closed, 1 half open, 2 open.
    pub standing: IntGauge,
    /// How often the breaker has opened.
    pub opened: IntCounter,
    /// Requests that found no slot.
    pub shed: IntCounter,
    retries: ByReason,
}

impl BackendMeters {
    /// Calls that were made again for this reason.
    #[must_use]
    pub fn retry(&self, reason: Reason) -> &IntCounter {
        self.retries.get(reason)
    }
}

/// The handles of one route.
#[derive(Clone, Debug)]
pub struct RouteMeters {
    fallbacks: ByReason,
}

impl RouteMeters {
    /// Requests that another backend answered for this reason.
    #[must_use]
    pub fn fallback(&self, reason: Reason) -> &IntCounter {
        self.fallbacks.get(reason)
    }
}

/// All of them.
pub(super) struct Calls {
    standing: IntGaugeVec,
    opened: IntCounterVec,
    shed: IntCounterVec,
    retries: IntCounterVec,
    fallbacks: IntCounterVec,
    /// Retries that may still be made right now.
    pub(super) budget: IntGauge,
    /// Retries that the budget did not pay for.
    pub(super) unpaid: IntCounter,
    /// Requests that found the gateway full.
    pub(super) gateway_full: IntCounter,
    /// Requests whose caller had too many already.
    pub(super) caller_full: IntCounter,
}

impl Calls {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let shed = counter(
            "cutover_shed_total",
            "Requests that were turned away because there was no room: in the gateway, for the caller, at a backend",
            &["limit", "backend"],
        )?;
        Ok(Self {
            standing: IntGaugeVec::new(
                Opts::new("cutover_breaker_state", "The backend's circuit breaker: 0 closed, 1 half open, 2 open"),
                &["backend"],
            )?,
            opened: counter("cutover_breaker_opened_total", "How often the breaker has opened", &["backend"])?,
            gateway_full: shed.with_label_values(&["gateway", ""]),
            caller_full: shed.with_label_values(&["caller", ""]),
            shed,
            retries: counter("cutover_retries_total", "Calls that were made again", &["backend", "reason"])?,
            fallbacks: counter(
                "cutover_fallbacks_total",
                "Requests that went to another backend than the one of the split",
                &["route", "reason"],
            )?,
            budget: IntGauge::new("cutover_retry_budget", "Retries that could be made when one was asked for last")?,
            unpaid: IntCounter::new("cutover_retries_unpaid_total", "Retries that the budget did not pay for")?,
        })
    }

    pub(super) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let all: [Box<dyn Collector>; 7] = [
            Box::new(self.standing.clone()),
            Box::new(self.opened.clone()),
            Box::new(self.shed.clone()),
            Box::new(self.retries.clone()),
            Box::new(self.fallbacks.clone()),
            Box::new(self.budget.clone()),
            Box::new(self.unpaid.clone()),
        ];
        all.into_iter().try_for_each(|metric| registry.register(metric))
    }

    pub(super) fn backend(&self, backend: &str) -> BackendMeters {
        BackendMeters {
            standing: self.standing.with_label_values(&[backend]),
            opened: self.opened.with_label_values(&[backend]),
            shed: self.shed.with_label_values(&["backend", backend]),
            retries: ByReason::of(&self.retries, backend),
        }
    }

    pub(super) fn route(&self, route: &str) -> RouteMeters {
        RouteMeters { fallbacks: ByReason::of(&self.fallbacks, route) }
    }

    // Below, an error means that it is not there, which is what is wanted.

    pub(super) fn forget_backend(&self, backend: &str) {
        let _ = self.standing.remove_label_values(&[backend]);
        let _ = self.opened.remove_label_values(&[backend]);
        let _ = self.shed.remove_label_values(&["backend", backend]);
        for reason in Reason::ALL {
            let _ = self.retries.remove_label_values(&[backend, reason.name()]);
        }
    }

    pub(super) fn forget_route(&self, route: &str) {
        for reason in Reason::ALL {
            let _ = self.fallbacks.remove_label_values(&[route, reason.name()]);
        }
    }
}
