//! Step 6: the call, made again or elsewhere for as long as nothing can happen twice and nothing has gone to the client.
//!
//! | what fails | sent again to the same backend | sent to the fallback |
//! |---|---|---|
//! | no connection | yes, unless there is a fallback for it | `connect` |
//! | no token for the backend | no | `connect` |
//! | turned away unprocessed (h2), or never written | yes | `connect` |
//! | the backend is left alone or full | no | always, or `connect` |
//! | 429 or 503 that says when to come again | where the route's `retry` lists it | `429`, `5xx` |
//! | 429 or 503 otherwise, other failures, cut answers | no | `429`, `5xx` |
//! | silence until the deadline | no | `first_byte` |
//!
//! Each retry is paid from the budget that all routes share, and so is a fallback to a backend that is failing itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::course::{self, Course};
use super::decide::Received;
use super::exchange::Exchange;
use super::relay::{self, Answered};
use super::translate::Outbound;
use crate::error::{Error, Kind};
use crate::telemetry::Reason;
use crate::upstream::{Backend, Call, Reply};

/// The first wait before a call is made again; twice as long each time.
const BACK_OFF: Duration = Duration::from_millis(25);

/// Calls, and takes the answer to the point where the client's can begin. Without `received` there is nothing from which
/// the request could be made for another backend.
pub(super) async fn answered(
    mut course: Course<'_>,
    outbound: Box<Outbound>,
    received: Option<Received<'_>>,
    exchange: &mut Exchange,
) -> Result<Answered, Error> {
    course.snapshot.budget.deposit();
    let error = match at_one(&course, outbound, received, exchange).await {
        Ok(answered) => return Ok(answered),
        Err(error) => error,
    };
    match elsewhere(&mut course, &error, received, exchange) {
        Some(outbound) => Box::pin(at_one(&course, outbound, received, exchange)).await,
        None => Err(error),
    }
}

/// All attempts at one backend.
async fn at_one(
    course: &Course<'_>,
    outbound: Box<Outbound>,
    received: Option<Received<'_>>,
    exchange: &mut Exchange,
) -> Result<Answered, Error> {
    exchange.translated(&outbound);
    let (backend, call) = (&outbound.backend, &outbound.call);
    let until = Instant::now() + backend.timeouts.first_byte;
    let mut made = 1;
    let reply = loop {
        match attempt(course.forced, backend, call, until, exchange).await {
            Ok(reply) => break reply,
            Err(error) => {
                exchange.attempt_failed(&error);
                match again(course, backend, &error, made, until, received) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return Err(error),
                }
            }
        }
        made += 1;
    };
    exchange.first_byte();
    let (limits, timeouts) = (&course.snapshot.limits, &course.snapshot.timeouts);
    let mut answered = relay::answer(reply, outbound.plan, limits, timeouts, exchange).await;
    if let Some(patience) = course.holds() {
        answered = match answered {
            Ok(Answered::Stream(stream)) => Box::pin(stream.hold(patience)).await.map(Answered::Stream),
            other => other,
        };
    }
    if let Err(error) = &answered {
        exchange.attempt_failed(error);
    }
    answered
}

async fn attempt(
    forced: bool,
    backend: &Arc<Backend>,
    call: &Call,
    until: Instant,
    exchange: &mut Exchange,
) -> Result<Reply, Error> {
    exchange.holds(backend.hold(forced).await?);
    let reply = backend.call_until(call, until).await?;
    exchange.backend_answered();
    Ok(reply)
}

/// How long to wait before the call is made again; none if it may not be.
fn again(
    course: &Course<'_>,
    backend: &Backend,
    error: &Error,
    made: u32,
    until: Instant,
    received: Option<Received<'_>>,
) -> Option<Duration> {
    let retry = course.conduct.retry;
    let told = |asked: bool| {
        let (_, seconds) = error.backend_said();
        let wait = Duration::from_secs(seconds.filter(|_| asked)?.into());
        // A little later than it said, each at another moment.
        (wait <= retry.wait).then(|| wait + Duration::from_millis(fastrand::u64(0..100)))
    };
    let (reason, wait) = match (error.kind(), error.backend_said().0) {
        (Kind::ConnectFailed | Kind::ConnectTimeout, _) => (Reason::Connect, back_off(made)),
        (Kind::NotBegun, _) => (Reason::Refused, back_off(made)),
        (Kind::RateLimited, _) => (Reason::TooMany, told(retry.on_429)?),
        (Kind::BackendUnavailable, Some(503)) => (Reason::Unavailable, told(retry.on_503)?),
        _ => return None,
    };
    // To be turned away is nothing of weight: the next connection will do. For all else another backend is the better way.
    let another = || received.is_some_and(|received| other(course, reason, &received).is_some());
    let stop = made >= retry.attempts
        || course.forced
        || Instant::now() + wait >= until
        || backend.pause().is_some()
        || (reason != Reason::Refused && another());
    if stop || !course.snapshot.withdraw() {
        return None;
    }
    backend.count_retry(reason);
    Some(wait)
}

/// The request for another backend, if one may answer in place of the one that failed.
fn elsewhere(
    course: &mut Course<'_>,
    error: &Error,
    received: Option<Received<'_>>,
    exchange: &mut Exchange,
) -> Option<Box<Outbound>> {
    let (reason, received) = (course::reason(error)?, received?);
    let place = other(course, reason, &received)?;
    let backend = course.at(place)?;
    // What it refuses of the request is not told: the client asked for another backend's answer.
    let outbound =
        received.peek(|peeked| received.translated(peeked, course.route, backend, &exchange.request_id).ok());
    let outbound = outbound??;
    if backend.is_failing() && !course.snapshot.withdraw() {
        return None;
    }
    course.go(place, reason, exchange);
    Some(outbound)
}

fn other(course: &Course<'_>, reason: Reason, received: &Received<'_>) -> Option<usize> {
    course.conduct.fallback?;
    received.peek(|peeked| course.after(reason, peeked.fields, &received.head.headers))?
}

/// Somewhere between nothing and the full wait, so that those who failed together do not come back together.
fn back_off(made: u32) -> Duration {
    (BACK_OFF * 2_u32.pow(made.clamp(1, 5) - 1)).mul_f64(fastrand::f64())
}
