//! Steps 3 and 4: what is read of a request to route it, and where it goes. Clients are served by this, and it is explained
//! by this, so that what is explained is what happens.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderValue;
use http::request::Parts;

use super::receive::Entrance;
use super::snapshot::Snapshot;
use super::translate::{self, Arrived, Outbound};
use crate::auth::Caller;
use crate::error::Error;
use crate::ir::Body;
use crate::route::{Decision, Peek, Route, Witness};
use crate::upstream::Backend;

/// A request as it was received.
#[derive(Clone, Copy)]
pub(super) struct Received<'a> {
    /// The door it came through.
    pub(super) entrance: &'a Entrance,
    /// Its head.
    pub(super) head: &'a Parts,
    /// Its body.
    pub(super) bytes: &'a Bytes,
    /// Who sent it.
    pub(super) caller: &'a Arc<Caller>,
    /// When it came.
    pub(super) at: Instant,
}

/// What has been read of its body.
#[derive(Clone, Copy)]
pub(super) struct Peeked<'a> {
    /// The body's top-level fields.
    pub(super) body: &'a Body<'a>,
    /// The fields that decide where it goes: the same, or those inside its wrapping.
    pub(super) fields: &'a Body<'a>,
}

impl Received<'_> {
    /// Reads what decides, again, for whoever comes later; none if it cannot be read.
    pub(super) fn peek<T>(&self, then: impl FnOnce(Peeked<'_>) -> T) -> Option<T> {
        let body = Body::parse(self.bytes).ok()?;
        let unwrapped = self.entrance.unwrapped(&body).ok()?;
        Some(then(Peeked { body: &body, fields: unwrapped.as_ref().unwrap_or(&body) }))
    }

    /// The request in a backend's dialect; `id` is its own.
    pub(super) fn translated(
        &self,
        peeked: Peeked<'_>,
        route: &Route,
        backend: &Arc<Backend>,
        id: &HeaderValue,
    ) -> Result<Box<Outbound>, Error> {
        translate::request(&self.arrived(peeked, id), route, Arc::clone(backend))
    }

    /// The request with what has been read of its body; `id` is its own.
    pub(super) fn arrived<'b>(&'b self, peeked: Peeked<'b>, id: &'b HeaderValue) -> Arrived<'b> {
        let Self { entrance, head, bytes, caller, .. } = *self;
        let Peeked { body, fields } = peeked;
        Arrived { entrance, bytes, body, fields, headers: &head.headers, caller, id }
    }
}

/// Decides where a request goes, and hands it over with what was read of it.
pub(super) fn decide<'s, T>(
    snapshot: &'s Snapshot,
    received: &Received<'_>,
    witness: &mut impl Witness,
    then: impl for<'a> FnOnce(&Decision<'s>, Peeked<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    let Received { entrance, head, bytes, caller, at } = *received;
    let body = Body::parse(bytes)?;
    let model = entrance.model(&body)?;
    let unwrapped = entrance.unwrapped(&body)?;
    let fields = unwrapped.as_ref().unwrap_or(&body);
    let (path, headers) = (head.uri.path(), &head.headers);
    let peek = Peek { model: model.as_deref(), path, caller, headers, body: fields, at };
    let decision = snapshot.routes.pick(&peek, |backend| snapshot.is_usable(backend), witness)?;
    then(&decision, Peeked { body: &body, fields })
}
