//! Where a request goes when its backend is unwell: to the fallback, to the others of the split, or there all the same.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::exchange::Exchange;
use super::snapshot::Snapshot;
use crate::config::{self, Conversations, On};
use crate::error::{Error, Kind};
use crate::ir::Body;
use crate::route::{Decision, Route};
use crate::shadow::Mirror;
use crate::telemetry::{Reason, RouteMeters};
use crate::upstream::Backend;

/// What a route does with its calls.
pub(super) struct Conduct {
    /// Its backends by their places, under the deadlines that hold here.
    pub(super) backends: Vec<(usize, Arc<Backend>)>,
    /// What it sends again.
    pub(super) retry: config::Retry,
    /// Who answers when the backend of the split does not.
    pub(super) fallback: Option<config::Fallback>,
    /// Its metrics.
    pub(super) meters: RouteMeters,
}

/// The way of one request.
#[derive(Clone, Copy)]
pub(super) struct Course<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) route: &'s Route,
    pub(super) conduct: &'s Conduct,
    index: usize,
    /// Where it goes now.
    place: usize,
    /// It was sent elsewhere than it was routed to.
    moved: bool,
    /// Every backend of the route is left alone, so nobody is.
    pub(super) forced: bool,
}

/// Where a request goes whose backend is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detour {
    /// Its backend is not left alone.
    None,
    /// To this one.
    To(usize),
    /// There all the same, because all of them are left alone.
    Forced,
}

/// What binds a request to the backend that it was routed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bond {
    /// Nothing.
    None,
    /// It names a conversation, whose history it carries as far as we can tell.
    Conversation,
    /// It goes on from what this backend keeps and no other knows.
    State,
}

impl Bond {
    fn of(route: &Route, backend: Option<&Arc<Backend>>, body: &Body<'_>, headers: &HeaderMap) -> Self {
        let given = |name: &str| body.get(name).is_some_and(|value| value.get() != "null");
        if given("previous_response_id") || given("conversation") {
            return Self::State;
        }
        match (route.conversation(body, headers), backend.is_some_and(|backend| backend.dialect.remembers())) {
            (None, _) => Self::None,
            (Some(_), false) => Self::Conversation,
            (Some(_), true) => Self::State,
        }
    }
}

/// Why another backend is asked, if the failure is one after which that may be.
pub(super) fn reason(error: &Error) -> Option<Reason> {
    match error.kind() {
        Kind::ConnectFailed | Kind::ConnectTimeout | Kind::CredentialUnavailable => Some(Reason::Connect),
        Kind::NotBegun => Some(Reason::Refused),
        Kind::BackendFull => Some(Reason::Full),
        Kind::BackendResting => Some(Reason::Open),
        Kind::RateLimited => Some(Reason::TooMany),
        Kind::FirstByteTimeout | Kind::IdleTimeout => Some(Reason::FirstByte),
        Kind::AgentFailed
        | Kind::BackendGarbage
        | Kind::BackendPathNotFound
        | Kind::BackendRefusedCredential
        | Kind::BackendUnavailable
        | Kind::Cut => Some(Reason::ServerError),
        _ => None,
    }
}

/// Whether a failure for this reason is one that the config lists.
fn lists(on: On, reason: Reason) -> bool {
    match reason {
        Reason::Connect | Reason::Refused | Reason::Full => on.connect,
        Reason::TooMany => on.too_many,
        Reason::Unavailable | Reason::ServerError => on.server_error,
        Reason::FirstByte => on.first_byte,
        // It was never asked, so nothing can happen twice.
        Reason::Open => true,
    }
}

impl<'s> Course<'s> {
    /// The way of a request whose route and backend are chosen, and that takes it now.
    pub(super) fn of(snapshot: &'s Snapshot, decision: &Decision<'s>, exchange: &mut Exchange) -> Result<Self, Error> {
        let course = Self::planned(snapshot, decision)?;
        exchange.routed(course.backend()?, snapshot.arm(course.index, course.place));
        Ok(course)
    }

    /// The way of a request whose route and backend are chosen.
    pub(super) fn planned(snapshot: &'s Snapshot, decision: &Decision<'s>) -> Result<Self, Error> {
        let no_route = || Error::new(Kind::Internal, "the route is not there");
        let conduct = snapshot.conduct(decision.index).ok_or_else(no_route)?;
        let (route, index, place) = (decision.route, decision.index, decision.backend);
        Ok(Self { snapshot, route, conduct, index, place, moved: false, forced: false })
    }

    /// The mirror of its route, if it has one.
    pub(super) fn mirror(&self) -> Option<&'s Arc<Mirror>> {
        self.snapshot.mirror(self.index)
    }

    /// The place of the backend that it goes to.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// The backend that it goes to.
    pub(super) fn backend(&self) -> Result<&'s Arc<Backend>, Error> {
        let there = self.at(self.place);
        there.ok_or_else(|| Error::new(Kind::Internal, "the route names a backend that is not there"))
    }

    /// Passes over a backend that is left alone, if another one may answer. Where all of them are left alone, none is.
    pub(super) fn around(
        mut self,
        body: &Body<'_>,
        headers: &HeaderMap,
        exchange: &mut Exchange,
    ) -> Result<Self, Error> {
        match self.detour(body, headers)? {
            Detour::None => {}
            Detour::To(place) => self.go(place, Reason::Open, exchange),
            Detour::Forced => self.forced = true,
        }
        Ok(self)
    }

    /// Where a request goes whose backend is left alone.
    ///
    /// # Errors
    /// When it can only wait.
    pub(super) fn detour(&self, body: &Body<'_>, headers: &HeaderMap) -> Result<Detour, Error> {
        let backend = self.backend()?;
        let Some(left) = backend.pause() else { return Ok(Detour::None) };
        let bond = Bond::of(self.route, Some(backend), body, headers);
        if let Some(place) = self.fallback(Reason::Open, bond).or_else(|| self.another(bond)) {
            Ok(Detour::To(place))
        } else if self.places().all(|place| self.at(place).is_none_or(|backend| backend.pause().is_some())) {
            Ok(Detour::Forced)
        } else {
            Err(backend.resting(left))
        }
    }

    /// The backend that may answer after this failure; `body` is the request as it came.
    pub(super) fn after(&self, reason: Reason, body: &Body<'_>, headers: &HeaderMap) -> Option<usize> {
        self.fallback(reason, Bond::of(self.route, self.at(self.place), body, headers))
    }

    /// Goes elsewhere from now on.
    pub(super) fn go(&mut self, place: usize, reason: Reason, exchange: &mut Exchange) {
        if let Some(backend) = self.at(place) {
            self.conduct.meters.fallback(reason).inc();
            exchange.moved(backend, place, self.snapshot.arm(self.index, place), reason);
        }
        (self.place, self.moved) = (place, true);
    }

    /// How long a stream is held back until its first real event, if it is and another backend could answer.
    pub(super) fn holds(&self) -> Option<Duration> {
        let fallback = self.conduct.fallback.filter(|fallback| !self.moved && fallback.to != self.place)?;
        fallback.hold
    }

    /// The route's backend at a place of the config.
    pub(super) fn at(&self, place: usize) -> Option<&'s Arc<Backend>> {
        self.conduct.backends.iter().find(|(known, _)| *known == place).map(|(_, backend)| backend)
    }

    /// The fallback, if it is another backend, is there, and may have this request.
    fn fallback(&self, reason: Reason, bond: Bond) -> Option<usize> {
        let fallback = self.conduct.fallback.filter(|fallback| lists(fallback.on, reason))?;
        let free = match bond {
            Bond::None => true,
            Bond::Conversation => fallback.conversations == Conversations::Move,
            Bond::State => false,
        };
        let there = self.at(fallback.to).is_some_and(|backend| backend.pause().is_none());
        (free && there && !self.moved && fallback.to != self.place).then_some(fallback.to)
    }

    /// One of the others of the split, by weight, for a request that nothing binds.
    fn another(&self, bond: Bond) -> Option<usize> {
        if bond != Bond::None {
            return None;
        }
        let well =
            |place: usize| place != self.place && self.at(place).is_some_and(|backend| backend.pause().is_none());
        let others = || self.route.split.iter().filter(|(place, points)| *points > 0 && well(*place));
        let mut point = fastrand::u32(0..others().map(|(_, points)| points).sum::<u32>().max(1));
        others().find_map(|(place, points)| {
            let here = point < points;
            point = point.saturating_sub(points);
            here.then_some(place)
        })
    }

    /// Every backend that a request of this route may go to.
    fn places(&self) -> impl Iterator<Item = usize> {
        let split = self.route.split.iter().filter(|(_, points)| *points > 0).map(|(place, _)| place);
        split.chain(self.conduct.fallback.map(|fallback| fallback.to))
    }
}
