//! How a backend is, as far as its requests tell: its breaker, what it has in hand, how long it takes.
//!
//! It outlives reloads for as long as the backend's URL stays the same.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::breaker::{Breaker, Pass, Policy, Standing};
use super::checks::{self, Checks};
use super::latency::Latency;
use super::slots::Slots;
use crate::error::{Error, Kind};

/// How a backend is.
#[derive(Debug)]
pub(super) struct Condition {
    begun: Instant,
    breaker: Breaker,
    slots: Mutex<Option<Arc<Slots>>>,
    latency: Latency,
    in_flight: AtomicI64,
    /// How many exchanges have gone well since it began.
    well: AtomicU64,
    /// Its health checks have failed.
    out: AtomicBool,
    checks: Mutex<Option<Checks>>,
}

/// What is shown of a backend.
#[derive(Clone, Debug)]
pub struct Health {
    /// Its breaker: `closed`, `half_open` or `open`.
    pub breaker: &'static str,
    /// Its health checks have failed.
    pub out: bool,
    /// Exchanges that are going on.
    pub in_flight: i64,
    /// Requests that wait for their turn.
    pub pending: usize,
    /// Requests that ended lately, well or by the backend's fault.
    pub requests: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// The median of whole exchanges of the last minute or two.
    pub p50: Option<Duration>,
    /// Their 99th percentile.
    pub p99: Option<Duration>,
}

impl Default for Condition {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            breaker: Breaker::default(),
            slots: Mutex::default(),
            latency: Latency::default(),
            in_flight: AtomicI64::default(),
            well: AtomicU64::default(),
            out: AtomicBool::default(),
            checks: Mutex::default(),
        }
    }
}

impl Condition {
    /// The slots of a backend that is given so much at a time.
    pub(super) fn slots(&self, size: usize) -> Arc<Slots> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = slots.get_or_insert_with(|| Arc::new(Slots::new(size)));
        slots.resize(size);
        Arc::clone(slots)
    }

    /// Whether no request would be let through now, and how long that will stay so as far as is known.
    pub(super) fn pause(&self, policy: &Policy) -> Option<Duration> {
        let out = self.out.load(Ordering::Relaxed).then_some(checks::NEXT);
        out.or_else(|| self.breaker.pause(policy, self.now()))
    }

    /// Lets a request through, or says how long to wait.
    pub(super) fn admit(&self, policy: &Policy, forced: bool) -> Result<Pass, Duration> {
        if self.out.load(Ordering::Relaxed) && !forced {
            return Err(checks::NEXT);
        }
        let pass = self.breaker.admit(policy, self.now(), forced)?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(pass)
    }

    /// The backend has begun to answer.
    pub(super) fn answered(&self, pass: Pass) {
        self.breaker.answered(pass);
    }

    /// An exchange ended well after so long.
    pub(super) fn went_well(&self, policy: &Policy, took: Duration) {
        let now = self.now();
        self.well.fetch_add(1, Ordering::Relaxed);
        self.latency.note(now, took);
        self.breaker.went_well(policy, now);
    }

    /// An exchange failed. True if the breaker has opened by it.
    pub(super) fn failed(&self, policy: &Policy, pass: Pass, error: &Error) -> bool {
        match blame(error.kind()) {
            Blame::Place => self.breaker.failed(policy, self.now(), pass, true, fastrand::f64()),
            Blame::Agent => self.breaker.failed(policy, self.now(), pass, false, fastrand::f64()),
            // It said no, and so it is there.
            Blame::Nobody => {
                self.breaker.answered(pass);
                false
            }
            Blame::Unasked => {
                self.breaker.abandoned(pass);
                false
            }
        }
    }

    /// An exchange ended and told nothing.
    pub(super) fn abandoned(&self, pass: Pass) {
        self.breaker.abandoned(pass);
    }

    /// An exchange is over, however it ended.
    pub(super) fn left(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the backend's last words were failures.
    pub(super) fn is_failing(&self) -> bool {
        self.breaker.is_failing() || self.out.load(Ordering::Relaxed)
    }

    /// Whether requests go to it.
    pub(super) fn standing(&self) -> Standing {
        if self.out.load(Ordering::Relaxed) { Standing::Open } else { self.breaker.standing() }
    }

    /// Its health checks failed, or no longer do. Returns what it was before.
    pub(super) fn put_out(&self, out: bool) -> bool {
        self.out.swap(out, Ordering::Relaxed)
    }

    /// How it is checked from now on; without checks it is in.
    pub(super) fn check(&self, checks: Option<Checks>) {
        if checks.is_none() {
            self.put_out(false);
        }
        *self.checks.lock().unwrap_or_else(PoisonError::into_inner) = checks;
    }

    /// Exchanges that are going on, and how many went well so far.
    pub(super) fn at_work(&self) -> (i64, u64) {
        (self.in_flight.load(Ordering::Relaxed), self.well.load(Ordering::Relaxed))
    }

    /// What is shown of it.
    pub(super) fn health(&self, policy: &Policy) -> Health {
        let now = self.now();
        let (well, failures) = self.breaker.lately(policy, now);
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Health {
            breaker: self.breaker.standing().name(),
            out: self.out.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            pending: slots.map_or(0, |slots| slots.waiting()),
            requests: well + failures,
            failures,
            p50: self.latency.quantile(now, 0.5),
            p99: self.latency.quantile(now, 0.99),
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// What a failure says of the backend.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// Its place is not there, or speaks no sense: counts in a row and as a share.
    Place,
    /// Its agent failed, or it was not ready for a moment: counts as a share of what ends.
    Agent,
    /// Nothing: what was asked of it was wrong, or too much.
    Nobody,
    /// Nothing, for it was never asked.
    Unasked,
}

fn blame(kind: Kind) -> Blame {
    match kind {
        Kind::ConnectFailed
        | Kind::ConnectTimeout
        | Kind::Cut
        | Kind::FirstByteTimeout
        | Kind::IdleTimeout
        | Kind::BackendGarbage
        | Kind::BackendUnavailable => Blame::Place,
        // A server that changes its connections turns many requests away at once, and is well.
        Kind::AgentFailed | Kind::NotBegun | Kind::TotalTimeout => Blame::Agent,
        Kind::RateLimited
        | Kind::BackendRefusedRequest
        | Kind::BackendRefusedCredential
        | Kind::BackendPathNotFound
        | Kind::AnswerNotFound
        | Kind::NotOffered
        | Kind::Forbidden
        | Kind::Unauthenticated => Blame::Nobody,
        _ => Blame::Unasked,
    }
}
