//! Answers of the admin API: JSON, errors as JSON, and what no browser or proxy may do with them.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{Response, StatusCode};
use http_body_util::Full;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Kind};

/// For all answers: nothing is kept, guessed, framed or read by another site's page.
const ALWAYS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// An answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) body: Bytes,
}

/// What is said in place of an answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(super) struct Refusal<'a> {
    error: Reason<'a>,
}

/// What was wrong.
#[derive(Serialize, JsonSchema)]
struct Reason<'a> {
    /// One of a closed list, for programs.
    code: &'a str,
    /// What was wrong and what to do about it, for people.
    message: &'a str,
    /// The parameter, or the field of the body, at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
}

impl Reply {
    /// An answer of JSON.
    pub(super) fn json(value: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(value)
            .map_err(|error| Error::new(Kind::Internal, "the answer cannot be written").because(error))?;
        Ok(Self { status: StatusCode::OK, kind: "application/json", body: body.into() })
    }

    /// It as a response.
    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.extend(ALWAYS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}

/// A refusal as a response.
pub(super) fn refuse(error: &Error) -> Response<Full<Bytes>> {
    let reason = Reason { code: error.facts().code, message: error.message(), param: error.field() };
    let body = serde_json::to_vec(&Refusal { error: reason }).unwrap_or_default();
    let mut response = Reply { status: error.status(), kind: "application/json", body: body.into() }.response();
    if let Some(seconds) = error.wait() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(challenge) = error.authenticate().and_then(|challenge| HeaderValue::from_str(challenge).ok()) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}
