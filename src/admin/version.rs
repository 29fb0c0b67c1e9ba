//! `GET /api/v1/version`: what runs here, and since when.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Ask, Draft, Endpoint};
use crate::error::Error;

/// What runs here.
#[derive(Serialize, JsonSchema)]
struct Version {
    /// The version of Cutover.
    version: &'static str,
    /// Seconds since it was started.
    uptime_seconds: u64,
}

pub(super) fn endpoint() -> Endpoint {
    Draft::get("/api/v1/version", "What runs here, and since when").gives(version)
}

#[expect(clippy::unnecessary_wraps, reason = "handlers may refuse; this one never does")]
fn version(ask: &Ask) -> Result<Version, Error> {
    Ok(Version { version: env!("CARGO_PKG_VERSION"), uptime_seconds: ask.running.since.elapsed().as_secs() })
}
