//! A mirrored exchange: one request, and what each side made of it.

use bytes::Bytes;

use super::copy::Original;
use super::heard::{self, Heard};
use super::ticket::{Primary, Told};
use crate::compare::Observed;
use crate::error::Error;

/// What is compared.
pub(super) struct Exchange {
    /// The live request's id.
    pub(super) request_id: String,
    /// The dialect that the request is in.
    pub(super) dialect: &'static str,
    /// The live request.
    pub(super) request: Bytes,
    /// What the client was answered.
    pub(super) primary: Observed,
    /// What the candidate answered.
    pub(super) candidate: Observed,
    /// What the primary answered when it was asked again.
    pub(super) again: Option<Observed>,
}

impl Exchange {
    pub(super) fn new(original: Original, primary: Primary, candidate: Heard, again: Option<Heard>) -> Self {
        Self {
            request_id: original.id.to_str().unwrap_or_default().to_owned(),
            dialect: original.reads.name(),
            primary: primary.observed(&original),
            request: original.body,
            candidate: candidate.observed(),
            again: again.map(Heard::observed),
        }
    }
}

impl Primary {
    fn observed(self, original: &Original) -> Observed {
        let observed = match self.told {
            Ok(Told::Read(answer)) => Observed::of(&answer).status(200),
            Ok(Told::Passed(body)) => {
                Observed::of(&heard::plain(self.dialect, &body, original.calls(), body.len())).status(200)
            }
            Err(kind) => Observed::failed(&Error::new(kind, kind.facts().code)),
        };
        observed.timed(self.first_token, self.total)
    }
}
