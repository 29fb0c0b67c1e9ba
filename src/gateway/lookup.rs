//! What Databricks' SDKs look up before they call: our routes, as serving endpoints and as apps.

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, header};
use serde::Serialize;

use super::relay::Answered;
use crate::auth::Caller;
use crate::error::{Error, Kind};
use crate::route::{Route, Table};

/// Something that is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Every endpoint.
    Endpoints,
    /// The endpoint of a name.
    Endpoint(String),
    /// The app of a name.
    App(String),
}

/// A serving endpoint, as far as SDKs read one.
#[derive(Serialize)]
struct Endpoint<'a> {
    name: &'a str,
    task: &'static str,
    state: State,
    permission_level: &'static str,
    #[serde(rename = "endpoint_url")]
    url: String,
}

#[derive(Serialize)]
struct State {
    ready: &'static str,
    config_update: &'static str,
}

/// An app, as far as SDKs read one. They call `{url}/responses` with `apps/{name}` as the model.
#[derive(Serialize)]
struct App<'a> {
    name: &'a str,
    url: String,
    task: &'static str,
    #[serde(rename = "app_status")]
    status: Status,
    #[serde(rename = "compute_status")]
    compute: Status,
}

#[derive(Serialize)]
struct Status {
    state: &'static str,
}

impl Lookup {
    /// What a path looks up, if it does.
    pub(super) fn of(path: &str) -> Option<Self> {
        let named = |prefix: &str| path.strip_prefix(prefix).filter(|name| !name.is_empty() && !name.contains('/'));
        match path {
            // MLflow's client asks with the slash.
            "/api/2.0/serving-endpoints" | "/api/2.0/serving-endpoints/" => Some(Self::Endpoints),
            _ => named("/api/2.0/serving-endpoints/")
                .map(|name| Self::Endpoint(name.to_owned()))
                .or_else(|| named("/api/2.0/apps/").map(|name| Self::App(name.to_owned()))),
        }
    }

    /// The answer for a caller, who is told of no route that it may not use.
    pub(super) fn answer(&self, routes: &Table, caller: &Caller, head: &Parts, https: bool) -> Result<Answered, Error> {
        #[derive(Serialize)]
        struct List<'a> {
            endpoints: Vec<Endpoint<'a>>,
        }
        let origin = origin(head, https);
        let find = |what: &str, name: &str| {
            let found = routes.named(name, caller);
            found.ok_or_else(|| Error::new(Kind::ModelNotFound, format!("no {what} `{name}` here")))
        };
        let json = match self {
            Self::Endpoints => {
                let endpoints =
                    routes.models(caller).filter_map(|name| Some(endpoint(name, routes.named(name, caller)?, &origin)));
                serde_json::to_vec(&List { endpoints: endpoints.collect() })
            }
            Self::Endpoint(name) => serde_json::to_vec(&endpoint(name, find("endpoint", name)?, &origin)),
            Self::App(name) => serde_json::to_vec(&App {
                name,
                url: origin,
                task: find("app", name)?.task,
                status: Status { state: "RUNNING" },
                compute: Status { state: "ACTIVE" },
            }),
        };
        // Plain strings always serialise.
        Ok(Answered::Plain(json.unwrap_or_default().into()))
    }
}

fn endpoint<'a>(name: &'a str, route: &Route, origin: &str) -> Endpoint<'a> {
    Endpoint {
        name,
        task: route.task,
        state: State { ready: "READY", config_update: "NOT_UPDATING" },
        permission_level: "CAN_QUERY",
        url: format!("{origin}/serving-endpoints/{name}/invocations"),
    }
}

/// Where this client reaches us, as it says itself: it is told to nobody else.
fn origin(head: &Parts, https: bool) -> String {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let authority = head.uri.authority().cloned().or(host).filter(|authority| !authority.as_str().contains('@'));
    let scheme = if https || is_https(&head.headers) { "https" } else { "http" };
    authority.map_or_else(String::new, |authority| format!("{scheme}://{authority}"))
}

/// What ends TLS in front of us says so.
fn is_https(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"))
}
