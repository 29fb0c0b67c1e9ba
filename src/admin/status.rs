//! `GET /api/v1/status`: routes, weights, backends and the config, at a glance.

use super::{Draft, Endpoint};

pub(super) fn endpoint() -> Endpoint {
    Draft::get("/api/v1/status", "Routes with their weights, backends with their health, and the config in force")
        .gives(|ask| Ok(ask.running.live.overview()))
}
