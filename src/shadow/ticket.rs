//! A request that is to be copied, from its admission until its copy has met its fate.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::copy::Original;
use super::funnel::{Fate, Why};
use super::mirror::{Mirror, Shared};
use crate::auth::Caller;
use crate::dialect::Dialect;
use crate::error::Kind;
use crate::ir::{Answer, Body, Output, Piece};

/// A request that has been routed.
#[derive(Clone, Copy)]
pub struct Arrived<'a> {
    /// Its body.
    pub bytes: &'a Bytes,
    /// The fields that say what it is: those of the body, or those inside its wrapping.
    pub body: &'a Body<'a>,
    /// The dialect that it is in.
    pub reads: &'static dyn Dialect,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Who sent it.
    pub caller: &'a Arc<Caller>,
    /// Its id.
    pub id: &'a HeaderValue,
    /// The key of its conversation.
    pub key: Option<&'a str>,
    /// The place of the backend that it goes to.
    pub backend: usize,
}

/// How an exchange ended.
pub enum Ending {
    /// The primary answered or failed: there is something to compare.
    Heard(Primary),
    /// The request was refused before an agent saw it.
    Refused,
    /// The client left, or the gateway failed.
    Unfinished,
}

/// What the client was answered.
pub struct Primary {
    /// The place of the backend that answered, which may be another than the one it was routed to.
    pub backend: usize,
    /// What it speaks.
    pub dialect: &'static dyn Dialect,
    /// Its answer, or why there is none.
    pub told: Result<Told, Kind>,
    /// From the call until the agent said or did something; only of streams.
    pub first_token: Option<Duration>,
    /// From the call to the answer's end.
    pub total: Duration,
}

/// An answer as the client got it.
pub enum Told {
    /// Read on its way.
    Read(Box<Answer>),
    /// Passed on as it was, unread.
    Passed(Bytes),
}

/// One request's place in the funnel and in the memory that copies may take. Dropping it is the end of the request here.
pub(super) struct Place {
    pub(super) shared: Arc<Shared>,
    bytes: usize,
    pub(super) fate: Fate,
}

impl Place {
    /// A place for this many bytes, if they are free.
    pub(super) fn take(shared: &Arc<Shared>, bytes: usize) -> Option<Self> {
        let mut place = Self { shared: Arc::clone(shared), bytes: 0, fate: Fate::Shed };
        if place.grow(bytes) {
            place.fate = Fate::NotEligible(Why::Unfinished);
            return Some(place);
        }
        None
    }

    /// Takes room for more.
    fn grow(&mut self, bytes: usize) -> bool {
        let most = self.shared.config.limits.queue_bytes;
        let held = &self.shared.held;
        let fits = |held: usize| held.checked_add(bytes).filter(|held| *held <= most);
        let fits = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        self.bytes += if fits { bytes } else { 0 };
        fits
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.shared.funnel.end(self.fate);
    }
}

/// A copy that waits for its turn.
pub(super) struct Job {
    pub(super) place: Place,
    pub(super) original: Original,
    pub(super) primary: Primary,
    /// The primary is asked again.
    pub(super) noise: bool,
}

/// A request that is to be copied when its answer has ended.
pub struct Ticket {
    pub(super) mirror: Arc<Mirror>,
    pub(super) place: Place,
    pub(super) original: Original,
    pub(super) noise: bool,
}

impl Ticket {
    /// The exchange has ended; what can be compared goes into the queue, if there is room. Never waits.
    pub fn end(self, ending: Ending) {
        let Self { mirror, mut place, original, noise } = self;
        let primary = match ending {
            Ending::Heard(primary) => primary,
            Ending::Refused => return place.fate = Fate::NotEligible(Why::Refused),
            Ending::Unfinished => return,
        };
        if primary.backend == mirror.to() {
            place.fate = Fate::NotEligible(Why::AnsweredByCandidate);
            return;
        }
        let size = primary.told.as_ref().map_or(0, Told::size);
        if size > place.shared.config.limits.answer {
            place.fate = Fate::TooLarge;
            return;
        }
        // What happens to it from here on until it is sent is for want of room or time.
        place.fate = Fate::Shed;
        if place.grow(size) {
            mirror.offer(Job { place, original, primary, noise });
        }
    }
}

impl Told {
    /// About how many bytes it holds.
    fn size(&self) -> usize {
        match self {
            Self::Passed(bytes) => bytes.len(),
            Self::Read(answer) => answer.items.iter().map(size).sum(),
        }
    }
}

fn size(item: &Output) -> usize {
    size_of::<Output>()
        + match &item.piece {
            Piece::Message { text, refusal, annotations } => {
                let annotations = annotations.iter().map(|annotation| annotation.get().len());
                text.len() + refusal.len() + annotations.sum::<usize>()
            }
            Piece::Call { arguments, .. } => arguments.len(),
            Piece::CallOutput { output, .. } => output.len(),
            Piece::Reasoning { text, encrypted } => text.len() + encrypted.as_ref().map_or(0, String::len),
            Piece::Opaque { raw, .. } => raw.get().len(),
        }
}
