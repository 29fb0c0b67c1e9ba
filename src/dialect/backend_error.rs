//! What a backend's HTTP error means: five shapes of body, read by one function.
//!
//! OpenAI's `{"error": {...}}`, an MLflow AgentServer's `{"detail": ...}` and `{"error": "..."}`, a scoring server's
//! `{"error_code", "message", "stack_trace"}`, and plain text or HTML from whatever stands in between.

use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, Kind};
use crate::ir::Str;

/// Longest text of a backend that a client gets to read, in bytes.
const LONGEST: usize = 2048;

#[derive(Default, Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    stack_trace: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    message: Option<Str<'a>>,
    #[serde(borrow)]
    param: Option<Str<'a>>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    msg: Option<Str<'a>>,
}

/// Reads an answer whose status is not a success. `retry_after` is the header's value in seconds.
#[must_use]
pub(super) fn read(status: StatusCode, retry_after: Option<u32>, body: &[u8]) -> Error {
    let shape = serde_json::from_slice::<Shape<'_>>(body).unwrap_or_default();
    let said = said(&shape);
    let trace = shape.stack_trace.and_then(text).unwrap_or_default();
    let code = shape.error_code.and_then(text).unwrap_or_default();
    let kind = match status.as_u16() {
        300..=399 | 401 | 403 => Kind::BackendRefusedCredential,
        404 | 405 => Kind::BackendPathNotFound,
        502..=504 => Kind::BackendUnavailable,
        429 => Kind::RateLimited,
        // A workspace reports its rate limit with a 400 at times.
        400 if &*code == "REQUEST_LIMIT_EXCEEDED" => Kind::RateLimited,
        // A scoring server answers 400 when the agent raised; only the trace tells, or these words where it is withheld.
        400 if &*code == "BAD_REQUEST" && (!trace.is_empty() || raised(said.as_ref())) => Kind::AgentFailed,
        400..=499 => Kind::BackendRefusedRequest,
        _ => Kind::AgentFailed,
    };
    let message = match (kind, said) {
        (Kind::BackendRefusedCredential, _) => "the agent's endpoint did not accept the credential".to_owned(),
        (_, Some((said, _))) if !said.is_empty() => clip(&said),
        (Kind::BackendRefusedRequest, _) => format!("the agent's endpoint refused the request ({status})"),
        _ => format!("the agent's endpoint answered {status}"),
    };
    let mut error = Error::new(kind, message).because(format!("backend answered {status}: {}", tail(&trace, body)));
    if let Some((_, Some(param))) = self::said(&shape) {
        error = error.param(param);
    }
    match (kind, retry_after) {
        (Kind::RateLimited | Kind::BackendUnavailable, Some(seconds)) => error.retry_after(seconds),
        _ => error,
    }
}

/// Reads the error inside a stream's frame or a 200 body: `{"error": ...}`, `{"error_code", "message"}` or
/// `{"detail": ...}`; `None` if `value` is none of these.
#[must_use]
pub(super) fn in_band(value: &RawValue) -> Option<Error> {
    let shape = serde_json::from_str::<Shape<'_>>(value.get()).ok()?;
    if shape.error.is_none() && shape.error_code.is_none() && shape.detail.is_none() {
        return None;
    }
    if let Some(error) = shape.error {
        return Some(of(error));
    }
    let code = shape.error_code.and_then(text).unwrap_or_default();
    let (message, _) = said(&shape).unwrap_or_default();
    Some(failed_as(&code, &message))
}

/// The error that the value of a key `error` means: a string, or an object with a message and a code.
#[must_use]
pub(super) fn of(error: &RawValue) -> Error {
    let inner = serde_json::from_str::<Inner<'_>>(error.get()).unwrap_or_default();
    let code = inner.code.or(inner.error_code).and_then(text).unwrap_or_default();
    failed_as(&code, &text(error).or(inner.message).unwrap_or_default())
}

/// What JSON means that names a field twice (readers differ in which they believe); `None` for any other reason why it
/// could not be read.
#[must_use]
pub(super) fn doubled(error: &serde_json::Error) -> Option<Error> {
    let why = error.to_string();
    let doubled = error.is_data() && why.starts_with("duplicate field");
    doubled.then(|| Error::new(Kind::BackendGarbage, "the agent's answer names a field twice").because(why))
}

/// The agent failed inside an answer that had begun well.
#[must_use]
pub(super) fn failed(message: &str) -> Error {
    failed_as("", message)
}

/// As [`failed`], with a `code` that tells overload and refusal apart from the rest.
#[must_use]
pub(super) fn failed_as(code: &str, message: &str) -> Error {
    let kind = match code {
        "rate_limit_exceeded" | "too_many_requests" | "REQUEST_LIMIT_EXCEEDED" => Kind::RateLimited,
        "context_length_exceeded" | "invalid_prompt" => Kind::BackendRefusedRequest,
        _ => Kind::AgentFailed,
    };
    Error::new(kind, if message.is_empty() { "the agent failed".to_owned() } else { clip(message) })
}

/// Whether these are the words with which a scoring server reports an exception of the agent.
fn raised(said: Option<&(String, Option<String>)>) -> bool {
    said.is_some_and(|(message, _)| message.starts_with("Encountered an unexpected error while evaluating the model"))
}

/// The message, and the field it is about.
fn said(shape: &Shape<'_>) -> Option<(String, Option<String>)> {
    if let Some(error) = shape.error {
        return match text(error) {
            Some(message) => Some((message.into_string(), None)),
            None => {
                let inner = serde_json::from_str::<Inner<'_>>(error.get()).ok()?;
                Some((inner.message?.into_string(), inner.param.map(Str::into_string)))
            }
        };
    }
    if let Some(message) = shape.message.and_then(text) {
        return Some((message.into_string(), None));
    }
    let detail = shape.detail?;
    match text(detail) {
        Some(message) => Some((message.into_string(), None)),
        None => {
            let list = serde_json::from_str::<Vec<Inner<'_>>>(detail.get()).ok()?;
            let texts: Vec<_> = list.into_iter().filter_map(|inner| inner.msg).map(Str::into_string).collect();
            Some((texts.join("; "), None))
        }
    }
}

fn text(value: &RawValue) -> Option<Str<'_>> {
    serde_json::from_str(value.get()).ok()
}

/// Without a stack trace, and not longer than a client should read.
fn clip(message: &str) -> String {
    let message = message.split("Traceback (most recent call last)").next().unwrap_or_default().trim();
    match message.char_indices().find(|(place, _)| *place >= LONGEST) {
        Some((place, _)) => format!("{}...", message.get(..place).unwrap_or_default()),
        None => message.to_owned(),
    }
}

/// The end of a stack trace (where the exception stands), or the beginning of the body, for the log.
fn tail(trace: &str, body: &[u8]) -> String {
    let text = if trace.is_empty() {
        String::from_utf8_lossy(body.get(..512).unwrap_or(body)).into_owned()
    } else {
        trace.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" | ")
    };
    text.chars().take(512).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(status: u16, body: &str) -> (Kind, String) {
        let error = read(StatusCode::from_u16(status).unwrap(), None, body.as_bytes());
        (error.kind(), error.message().to_owned())
    }

    #[test]
    fn every_shape_is_understood() {
        let cases = [
            (500, r#"{"detail":"boom"}"#, Kind::AgentFailed, "boom"),
            (
                422,
                r#"{"detail":[{"loc":["body"],"msg":"extra"},{"msg":"more"}]}"#,
                Kind::BackendRefusedRequest,
                "extra; more",
            ),
            (400, r#"{"error":{"message":"bad n","param":"n"}}"#, Kind::BackendRefusedRequest, "bad n"),
            (
                400,
                r#"{"error_code":"INVALID_PARAMETER_VALUE","message":"no role"}"#,
                Kind::BackendRefusedRequest,
                "no role",
            ),
            (
                500,
                "Internal Server Error",
                Kind::AgentFailed,
                "the agent's endpoint answered 500 Internal Server Error",
            ),
            (302, "<html>", Kind::BackendRefusedCredential, "the agent's endpoint did not accept the credential"),
            (401, "{}", Kind::BackendRefusedCredential, "the agent's endpoint did not accept the credential"),
            (429, r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow down"}"#, Kind::RateLimited, "slow down"),
        ];
        for (status, body, kind, message) in cases {
            assert_eq!(read_as(status, body), (kind, message.to_owned()), "{status} {body}");
        }
    }

    #[test]
    fn an_error_inside_an_answer_is_told_by_its_code() {
        let cases = [
            (r#"{"error":"boom"}"#, Kind::AgentFailed, "boom"),
            (r#"{"error":{"code":"rate_limit_exceeded","message":"slow"}}"#, Kind::RateLimited, "slow"),
            (r#"{"error":{"error_code":"BAD_REQUEST","message":"ValueError"}}"#, Kind::AgentFailed, "ValueError"),
            (r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow"}"#, Kind::RateLimited, "slow"),
            (r#"{"error":{"code":"invalid_prompt","message":"no"}}"#, Kind::BackendRefusedRequest, "no"),
            (r#"{"error":{"code":7}}"#, Kind::AgentFailed, "the agent failed"),
        ];
        for (value, kind, message) in cases {
            let error = in_band(serde_json::from_str(value).unwrap()).unwrap();
            assert_eq!((error.kind(), error.message()), (kind, message), "{value}");
        }
        assert!(in_band(serde_json::from_str(r#"{"error":null,"message":"x"}"#).unwrap()).is_none());
    }

    #[test]
    fn an_exception_that_the_scoring_server_calls_a_bad_request_is_the_agents() {
        let body = r#"{"error_code":"BAD_REQUEST","message":"Encountered an unexpected error.","stack_trace":"Traceback (most recent call last):\n  File \"/secret/path.py\"\nValueError: boom"}"#;
        let error = read(StatusCode::BAD_REQUEST, None, body.as_bytes());
        assert_eq!((error.kind(), error.status().as_u16()), (Kind::AgentFailed, 502));
        assert!(error.causes().contains("ValueError: boom"));
        assert!(!error.message().contains("secret"));
    }
}
