//! `PUT /api/v1/readiness`: takes this replica out of service without stopping it, and puts it back.

use std::sync::atomic::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Draft, Endpoint};
use crate::error::{Error, Kind};

/// What `/readyz` is to say.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = Self { ready: true, why: Some("looked at".into()) })]
struct Wanted {
    /// Whether new requests are welcome.
    ready: bool,
    /// Why, for the log.
    #[serde(default)]
    why: Option<String>,
}

/// What `/readyz` says now.
#[derive(Serialize, JsonSchema)]
struct Readiness {
    /// Whether new requests are welcome.
    ready: bool,
}

pub(super) fn endpoint() -> Endpoint {
    let summary = "Makes /readyz say 503, so that no new requests are sent here, and back; those that come are served";
    Draft::put("/api/v1/readiness", summary).takes::<Wanted>().gives(set)
}

fn set(ask: &Ask<Wanted>) -> Result<Readiness, Error> {
    let Wanted { ready, why } = &ask.body;
    if *ready && !ask.running.serves.load(Ordering::Relaxed) {
        return Err(Error::new(Kind::Conflict, "this replica is stopping").param("ready"));
    }
    ask.running.held.store(!ready, Ordering::Relaxed);
    tracing::info!(who = %ask.who, ready, why = why.as_deref().unwrap_or_default(), "readiness set by an operator");
    Ok(Readiness { ready: *ready })
}
