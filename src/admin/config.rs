//! `GET /api/v1/config`: the config in force, without its secrets.

use std::time::Duration;

use http::Uri;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Ask, Draft, Endpoint};
use crate::config;
use crate::error::Error;

/// The config in force. Tokens and secrets are left out, and so are queries of URLs.
#[derive(Serialize, JsonSchema)]
struct Config {
    /// Where clients and operators find us.
    listen: Listen,
    /// The places that answer.
    backends: Vec<Backend>,
    /// The routes, of which the first that matches wins.
    routes: Vec<Route>,
    /// What is allowed and probably not meant.
    warnings: Vec<String>,
    /// All of it for people, as `cutover check` prints it.
    plan: String,
}

#[derive(Serialize, JsonSchema)]
struct Listen {
    clients: Listener,
    admin: Listener,
}

#[derive(Serialize, JsonSchema)]
struct Listener {
    address: String,
    tls: bool,
}

#[derive(Serialize, JsonSchema)]
struct Backend {
    name: String,
    url: String,
    dialect: &'static str,
    /// Its streams are passed as they are to clients that speak the same.
    verbatim: bool,
    /// The name of the model that it is asked for; the client's own if none.
    model: Option<String>,
    /// What is shown to it.
    credential: &'static str,
    /// How long it may take, in seconds.
    timeouts: Timeouts,
}

#[derive(Serialize, JsonSchema)]
struct Timeouts {
    connect: f64,
    first_byte: f64,
    idle: f64,
    total: f64,
}

#[derive(Serialize, JsonSchema)]
struct Route {
    name: String,
    /// What it takes; everything if it asks for nothing.
    r#match: Match,
    split: Vec<Share>,
    /// What keeps a conversation on its backend; any explicit conversation id if none.
    sticky: Option<Vec<String>>,
    /// The legacy chat dialect of its clients.
    legacy_dialect: Option<&'static str>,
    /// Clients on OpenAI paths see the calls that the agent ran itself.
    show_server_tools: bool,
}

#[derive(Serialize, JsonSchema)]
struct Match {
    model: Option<String>,
    path: Option<String>,
}

/// The part of a backend in a route, as the file says it.
#[derive(Serialize, JsonSchema)]
struct Share {
    backend: String,
    /// Hundredths of a percent; those of a route sum to 10,000.
    basis_points: u32,
}

pub(super) fn endpoint() -> Endpoint {
    Draft::get("/api/v1/config", "The config in force, without its secrets").gives(show)
}

#[expect(clippy::unnecessary_wraps, reason = "handlers may refuse; this one never does")]
fn show(ask: &Ask) -> Result<Config, Error> {
    let snapshot = ask.running.gateway.snapshot();
    let config = &*snapshot.config;
    let listener = |address: std::net::SocketAddr, tls: bool| Listener { address: address.to_string(), tls };
    let name = |place: usize| config.backends.get(place).map(|backend| backend.name.clone()).unwrap_or_default();
    Ok(Config {
        listen: Listen {
            clients: listener(config.listen.clients, config.listen.tls.is_some()),
            admin: listener(config.listen.admin.address, config.listen.admin.tls.is_some()),
        },
        backends: config.backends.iter().map(backend).collect(),
        routes: config.routes.iter().map(|it| route(it, &name)).collect(),
        warnings: config.warnings.iter().map(|warning| warning.in_file("config")).collect(),
        plan: config.plan(),
    })
}

fn backend(backend: &config::Backend) -> Backend {
    let seconds = |duration: Duration| duration.as_secs_f64();
    let timeouts = &backend.timeouts;
    Backend {
        name: backend.name.clone(),
        url: without_query(&backend.url),
        dialect: backend.dialect.name(),
        verbatim: backend.verbatim,
        model: backend.model.clone(),
        credential: credential(&backend.credential),
        timeouts: Timeouts {
            connect: seconds(timeouts.connect),
            first_byte: seconds(timeouts.first_byte),
            idle: seconds(timeouts.idle),
            total: seconds(timeouts.total),
        },
    }
}

/// A query may hold a key.
fn without_query(url: &Uri) -> String {
    let whole = url.to_string();
    whole.split_once('?').map_or(whole.clone(), |(place, _)| place.to_owned())
}

fn credential(credential: &config::Credential) -> &'static str {
    match credential {
        config::Credential::None => "none",
        config::Credential::Caller => "caller",
        config::Credential::Token(_) => "token",
        config::Credential::ClientCredentials(_) => "client_credentials",
        config::Credential::Exchange(_) => "exchange",
        config::Credential::CallerOr(_) => "caller_or",
    }
}

fn route(route: &config::Route, name: &dyn Fn(usize) -> String) -> Route {
    let share = |share: &config::Share| Share { backend: name(share.backend), basis_points: share.basis_points };
    Route {
        name: route.name.clone(),
        r#match: Match {
            model: route.rule.model.as_ref().map(ToString::to_string),
            path: route.rule.path.as_ref().map(ToString::to_string),
        },
        split: route.split.iter().map(share).collect(),
        sticky: route.sticky.clone(),
        legacy_dialect: route.legacy_dialect.map(crate::dialect::Dialect::name),
        show_server_tools: route.show_server_tools,
    }
}
