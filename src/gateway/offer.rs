//! What the route's mirror is told of a request, when it has been routed and when its answer has ended.

use std::time::Instant;

use super::course::Course;
use super::translate::{self, Arrived};
use crate::dialect::Dialect;
use crate::error::{Error, Kind};
use crate::ir::Answer;
use crate::shadow::{self, Ending, Foretold, Mirror, Primary, Ticket, Told};
use crate::telemetry::Outcome;

/// A request that is to be mirrored, with what its client is answered as far as that is known.
pub(super) struct Offer {
    ticket: Ticket,
    backend: usize,
    dialect: &'static dyn Dialect,
    called: Instant,
    first_token: Option<Instant>,
    told: Option<Told>,
}

impl Offer {
    /// Asks the mirror of a route about a request.
    pub(super) fn of(course: &Course<'_>, arrived: &Arrived<'_>) -> Result<Option<Self>, Error> {
        let Some(mirror) = course.mirror() else { return Ok(None) };
        let (backend, dialect) = (course.place(), course.backend()?.dialect);
        let Ok(ticket) = shown(course, arrived, backend, |shown| mirror.admit(shown)) else {
            mirror.refused();
            return Ok(None);
        };
        Ok(ticket.map(|ticket| Self {
            ticket,
            backend,
            dialect,
            called: Instant::now(),
            first_token: None,
            told: None,
        }))
    }

    /// Another backend is asked from now on.
    pub(super) fn moved(&mut self, backend: usize, dialect: &'static dyn Dialect) {
        (self.backend, self.dialect) = (backend, dialect);
        (self.first_token, self.told) = (None, None);
    }

    /// The call is being made.
    pub(super) fn called(&mut self) {
        self.called = Instant::now();
    }

    /// The agent has said or done something.
    pub(super) fn spoke(&mut self) {
        self.first_token = self.first_token.or_else(|| Some(Instant::now()));
    }

    /// The answer is there.
    pub(super) fn told(&mut self, told: Told) {
        self.told = Some(told);
    }

    /// The exchange has ended.
    pub(super) fn end(self, outcome: Outcome, failure: Option<Kind>) {
        let Self { ticket, backend, dialect, called, first_token, told } = self;
        let since = |moment: Instant| moment.saturating_duration_since(called);
        let heard = |told| {
            let first_token = first_token.map(since);
            Ending::Heard(Primary { backend, dialect, told, first_token, total: called.elapsed() })
        };
        ticket.end(match (outcome, told, failure) {
            (Outcome::ClientGone | Outcome::GatewayError, ..) => Ending::Unfinished,
            // What a backend refused is an answer of its own: the other side may take it.
            (Outcome::ClientError, _, failure) if failure != Some(Kind::BackendRefusedRequest) => Ending::Refused,
            (_, Some(told), _) => heard(Ok(told)),
            (_, None, Some(kind)) => heard(Err(kind)),
            (_, None, None) => Ending::Unfinished,
        });
    }
}

/// What the mirror of a route would make of a request that goes to `backend`; none for one that cannot be read.
pub(super) fn foretold(
    mirror: &Mirror,
    course: &Course<'_>,
    arrived: &Arrived<'_>,
    backend: usize,
) -> Option<Foretold> {
    shown(course, arrived, backend, |shown| mirror.foretell(&shown)).ok()
}

/// Hands on a request as mirrors see it.
fn shown<T>(
    course: &Course<'_>,
    arrived: &Arrived<'_>,
    backend: usize,
    then: impl FnOnce(shadow::Arrived<'_>) -> T,
) -> Result<T, Error> {
    let reads = translate::reads(arrived, course.route)?;
    let Arrived { bytes, fields, headers, caller, id, .. } = *arrived;
    let key = course.route.conversation(fields, headers);
    Ok(then(shadow::Arrived { bytes, body: fields, reads, headers, caller, id, key: key.as_deref(), backend }))
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        Self::Read(Box::new(answer))
    }
}
