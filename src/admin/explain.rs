//! `POST /api/v1/explain`: where a request would go now and why, by the code that serves clients; nothing is sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Ask, Draft, Endpoint, Role};
use crate::auth::{Caller, Kind};
use crate::error::{self, Error};
use crate::gateway::{Asked, Explanation};

/// A client's request, and who sends it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = example())]
struct Question {
    /// Its method.
    #[serde(default = "post")]
    method: String,
    /// Its path.
    #[serde(default = "responses")]
    path: String,
    /// Its headers that rules or sticky keys go by.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Who sends it; left out: nobody that is known.
    #[serde(default)]
    caller: Option<Who>,
    /// Its body.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    body: Box<RawValue>,
}

/// A caller, as authentication would have known them.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Who {
    /// The subject, or the name of the token.
    name: String,
    /// The groups that the caller is in.
    #[serde(default)]
    groups: Vec<String>,
    /// The scopes that the token has.
    #[serde(default)]
    scopes: Vec<String>,
}

fn post() -> String {
    Method::POST.to_string()
}

fn responses() -> String {
    "/v1/responses".to_owned()
}

fn example() -> Question {
    let body = r#"{"model":"support-agent","input":"hi","conversation":"c-1"}"#;
    Question {
        method: post(),
        path: responses(),
        headers: BTreeMap::from([("x-tenant".to_owned(), "acme".to_owned())]),
        caller: Some(Who { name: "ci".to_owned(), groups: vec!["support".to_owned()], scopes: Vec::new() }),
        body: serde_json::from_str(body).unwrap_or_else(|_| RawValue::NULL.to_owned()),
    }
}

/// Largest question: a body of the usual limit, and what stands around it.
const LARGEST: usize = 17 << 20;

pub(super) fn endpoint() -> Endpoint {
    Draft::post("/api/v1/explain", "Says where a request would go now and why; nothing is sent, and nothing changes")
        .takes::<Question>()
        .needs(Role::Viewer)
        .largest(LARGEST)
        .gives(explain)
}

fn explain(ask: &Ask<Question>) -> Result<Explanation, Error> {
    let Question { method, path, headers, caller, body } = &ask.body;
    let wrong = |field: &str, what: &str| Error::new(error::Kind::InvalidField, format!("not {what}")).param(field);
    let mut request = Request::new(Bytes::copy_from_slice(body.get().as_bytes()));
    *request.method_mut() = method.parse().map_err(|_| wrong("method", "a method such as `POST`"))?;
    *request.uri_mut() = path.parse().map_err(|_| wrong("path", "a path such as `/v1/responses`"))?;
    for (name, value) in headers {
        let name = HeaderName::try_from(name).map_err(|_| wrong("headers", "the name of a header"))?;
        let value = HeaderValue::try_from(value).map_err(|_| wrong("headers", "the value of a header"))?;
        request.headers_mut().append(name, value);
    }
    let caller = match caller {
        None => Caller::named("anonymous", Kind::Anonymous),
        Some(Who { name, groups, scopes }) => {
            Caller { groups: groups.clone(), scopes: scopes.clone(), ..Caller::named(name, Kind::Oauth) }
        }
    };
    Ok(ask.running.gateway.snapshot().explain(Asked { request, caller }))
}
