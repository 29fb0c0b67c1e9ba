//! A backend's answer to a copy, heard to its end or as far as it is allowed to go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, timeout_at};

use super::copy::Copy;
use super::punctual::watched;
use crate::compare::{Observed, Watch};
use crate::dialect::{Dialect, Transcoder};
use crate::error::{Error, Fault, Kind};
use crate::ir::{Answer, Assembler, Calls, Event, Fragment};
use crate::upstream::{self, Backend, Call, Feed, Form, Reply};

/// How many bytes of a stream are read for each byte of content that is allowed: the framing around short deltas.
const FRAMING: u64 = 64;

/// Bytes of a stream that are read as fast as they come: some hundred words in the frames of a stream.
const AT_ONCE: u64 = 64 << 10;

/// Bytes that all copies of a mirror together read in a second, of what their streams say beyond that or many events at
/// once: some 5,000 events.
const PER_SECOND: u64 = 1 << 20;

/// Bytes that are looked at in one go: some fifty events. No other copy waits longer than that takes.
const PIECE: usize = 4 << 10;

/// A tenth of its time is no difference to anybody, nor is this.
const LATE: Duration = Duration::from_millis(5);

/// The turns in which streams are read that say more than agents do: whoever floods gets a hundredth of the processor, for
/// clients need it.
#[derive(Debug)]
pub(super) struct Flood(Mutex<Instant>);

impl Default for Flood {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Flood {
    /// When more may be read, after so many bytes.
    fn turn(&self, bytes: u64, now: Instant) -> Instant {
        let mut next = lock(&self.0);
        *next = next.max(now) + Duration::from_micros(bytes * 1_000_000 / PER_SECOND);
        *next
    }
}

/// How far an answer may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'f> {
    /// Bytes of its content.
    pub(super) answer: usize,
    /// Time in all.
    pub(super) deadline: Duration,
    /// Shared with all other copies.
    pub(super) flood: &'f Flood,
}

/// Sends a copy and hears the answer. Nothing if this thread was so late that it cannot say how it ended: a deadline of ours
/// that ran out meanwhile says nothing about the backend.
pub(super) async fn ask(backend: &Arc<Backend>, copy: Copy, bounds: Bounds<'_>) -> Option<Heard> {
    let begun = Instant::now();
    let (heard, late) = watched(Box::pin(hear(backend, copy, bounds, begun))).await;
    let total = begun.elapsed().saturating_sub(heard.waited);
    // What has come is read before a deadline is looked at, so a little lateness takes nothing from the backend.
    if heard.ran_out && late > total / 2 {
        return None;
    }
    Some(match late > LATE.max(total / 10) {
        // An answer is an answer, but how soon it came is not known.
        true => Heard { first_token: None, total: None, ..heard },
        false => Heard { total: Some(total), ..heard },
    })
}

async fn hear(backend: &Arc<Backend>, copy: Copy, bounds: Bounds<'_>, begun: Instant) -> Heard {
    let until = begun + bounds.deadline;
    match timeout_at(until, call(backend, &copy.call)).await {
        Err(_) => Heard::failed(late(bounds)),
        Ok(Err(error)) => Heard::failed(error),
        Ok(Ok(reply)) if reply.form == Form::Plain => {
            let timeouts = &backend.timeouts;
            let allowed = upstream::Limits { bytes: bounds.answer, idle: timeouts.idle, total: timeouts.total };
            match timeout_at(until, upstream::whole(reply.body, allowed)).await {
                Err(_) => Heard::failed(late(bounds)),
                Ok(Err(error)) => Heard::failed(error),
                Ok(Ok(body)) => Heard::of(&plain(backend.dialect, &body, copy.calls, bounds.answer)),
            }
        }
        Ok(Ok(reply)) => stream(backend, reply, copy, bounds, begun).await,
    }
}

/// Calls, and once more if nobody can have acted on the first: live calls are made again as well, and a connection that was
/// just being closed says nothing about an agent.
async fn call(backend: &Backend, call: &Call) -> Result<Reply, Error> {
    match backend.call(call).await {
        Err(error) if error.kind() == Kind::NotBegun => backend.call(call).await,
        answered => answered,
    }
}

/// Hears a stream to its end.
async fn stream(backend: &Arc<Backend>, reply: Reply, copy: Copy, bounds: Bounds<'_>, begun: Instant) -> Heard {
    let until = begun + bounds.deadline;
    let watch = Arc::new(Mutex::new(Watch::new(backend.dialect.name())));
    let watching = Arc::clone(&watch);
    let mut transcoder = Transcoder::new(copy.reader, assembler(copy.calls, bounds.answer), None, bounds.answer)
        .watched(Box::new(move |frame| lock(&watching).frame(frame)));
    let mut feed = Feed::new(reply, Arc::clone(backend), copy.follow, bounds.answer).in_pieces(PIECE);
    let (mut first_token, mut free, mut seen, mut waited) = (None, AT_ONCE, 0, Duration::ZERO);
    while !transcoder.ended() {
        let next = std::future::poll_fn(|cx| feed.poll(cx, &mut transcoder));
        if timeout_at(until, next).await.is_err() {
            transcoder.fail(late(bounds));
        }
        if transcoder.received() > FRAMING * bounds.answer as u64 {
            transcoder.fail(Error::new(Kind::BackendGarbage, "the stream goes on without an end"));
        }
        // Other copies have their turn between any two pieces, and a flood has to wait.
        let piece = transcoder.received() - seen;
        (seen, free) = (seen + piece, free.saturating_sub(piece));
        if free > 0 && !feed.is_behind() {
            tokio::task::yield_now().await;
        } else {
            let now = Instant::now();
            tokio::time::sleep_until(until.min(bounds.flood.turn(piece, now))).await;
            waited += now.elapsed();
        }
        if first_token.is_none() && !transcoder.answer().items.is_empty() {
            first_token = Some(begun.elapsed().saturating_sub(waited));
        }
    }
    let heard = Heard::of(&transcoder.into_answer());
    let watch = std::mem::replace(&mut *lock(&watch), Watch::new(""));
    let faults = watch.end(&heard.observed);
    // Who floods has made us late, and has not come to an end either way.
    let ran_out = heard.ran_out && free > 0;
    Heard { observed: heard.observed.with_faults(faults), first_token, waited, ran_out, ..heard }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer, and when it came.
#[derive(Debug)]
pub(super) struct Heard {
    /// What it was; a failure stands in it.
    pub(super) observed: Observed,
    /// It failed so that the backend had better be left alone, for at least this long.
    pub(super) unwell: Option<Duration>,
    /// Tokens of request and answer, if the backend counted.
    pub(super) tokens: Option<u64>,
    /// Until the agent said or did something; only of streams.
    pub(super) first_token: Option<Duration>,
    /// In all, but for what we let it wait; none if this thread was late.
    total: Option<Duration>,
    waited: Duration,
    /// It failed by a deadline of ours.
    ran_out: bool,
}

impl Heard {
    fn of(answer: &Answer) -> Self {
        let failure = answer.failure.as_ref();
        // Whatever it said, it is there, and what is wrong with it is for the comparison to say; but who says too much, or
        // never comes to an end, takes more than it gives.
        let endless = |error: &Error| matches!(error.kind(), Kind::TotalTimeout | Kind::BackendGarbage);
        let unwell = failure.filter(|error| (answer.items.is_empty() || endless(error)) && is_unwell(error));
        let wait = |error: &Error| {
            let seconds = error.wait().filter(|_| error.kind() == Kind::RateLimited);
            Duration::from_secs(seconds.unwrap_or_default().into())
        };
        Self {
            observed: Observed::of(answer).status(if failure.is_none() { 200 } else { 0 }),
            unwell: unwell.map(wait),
            tokens: answer.usage.map(|usage| usage.total).filter(|total| *total > 0),
            first_token: None,
            total: None,
            waited: Duration::ZERO,
            ran_out: failure.is_some_and(|error| is_timeout(error.kind())),
        }
    }

    fn failed(error: Error) -> Self {
        Self::of(&Answer { failure: Some(error), ..Answer::default() })
    }

    /// What is compared.
    pub(super) fn observed(self) -> Observed {
        match self.total {
            Some(total) => self.observed.timed(self.first_token, total),
            None => self.observed,
        }
    }
}

/// Whether a failure says that a backend should be left alone.
fn is_unwell(error: &Error) -> bool {
    error.facts().fault == Fault::Backend && error.kind() != Kind::AgentFailed
}

fn is_timeout(kind: Kind) -> bool {
    matches!(kind, Kind::ConnectTimeout | Kind::FirstByteTimeout | Kind::IdleTimeout | Kind::TotalTimeout)
}

/// Reads a plain answer.
pub(super) fn plain(dialect: &dyn Dialect, body: &[u8], calls: Calls, limit: usize) -> Answer {
    let mut assembler = assembler(calls, limit);
    let mut nobody = |_: &Event<'_>, _: &Answer| {};
    dialect.read_answer(body, &mut |fragment: Fragment<'_>| assembler.push(fragment, &mut nobody));
    assembler.into_answer()
}

pub(super) fn assembler(calls: Calls, limit: usize) -> Assembler {
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Assembler::new(String::new(), created, calls, limit)
}

fn late(bounds: Bounds<'_>) -> Error {
    let message = format!("the answer was not complete within {} s", bounds.deadline.as_secs_f32());
    Error::new(Kind::TotalTimeout, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_flood_share_one_rate_and_time_that_was_not_used_is_gone() {
        let flood = Flood::default();
        let now = Instant::now() + Duration::from_secs(1);
        assert_eq!(flood.turn(PER_SECOND / 2, now), now + Duration::from_millis(500));
        assert_eq!(flood.turn(PER_SECOND, now), now + Duration::from_millis(1_500));
        let later = now + Duration::from_secs(60);
        assert_eq!(flood.turn(PER_SECOND, later), later + Duration::from_secs(1));
    }
}
