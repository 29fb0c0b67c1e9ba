//! One recorded request, out of a line of JSON or a row of a table.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::compare::{Observed, Said};
use crate::dialect::{self, ChatAgent, ChatCompletions, Dialect, Responses, SplitChatMessages};
use crate::ir::{Body, Str};

/// A recorded request, and what was answered if that was recorded as well.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its id in the recording, if it has one.
    pub id: Option<String>,
    /// The request's body.
    pub body: Bytes,
    /// The dialect that it is in.
    pub reads: &'static dyn Dialect,
    /// What was answered.
    pub answer: Option<Answered>,
    /// How long that took, in milliseconds.
    pub took: Option<f64>,
}

/// A recorded answer.
#[derive(Clone, Debug)]
pub enum Answered {
    /// As we keep it ourselves.
    Observed(Box<Observed>),
    /// As a server sent it.
    Raw {
        /// Its status; 200 where none was recorded.
        status: StatusCode,
        /// Its body; empty if none was recorded.
        body: Bytes,
    },
}

/// The columns that inference tables have, and the fields of our own exports.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    status_code: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    databricks_request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    execution_duration_ms: Option<&'a RawValue>,
    /// The same in tables that an endpoint writes without an AI Gateway.
    #[serde(borrow)]
    execution_time_ms: Option<&'a RawValue>,
    /// Of our exports: the request's body.
    #[serde(borrow)]
    inputs: Option<&'a RawValue>,
    /// Of our exports: the answer that the client got, for those who know no more of it than this.
    #[serde(borrow)]
    expectations: Option<&'a RawValue>,
    /// Of our exports: the same, whole.
    #[serde(borrow)]
    primary: Option<&'a RawValue>,
    /// Of our exports: what the request is in.
    #[serde(borrow)]
    dialect: Option<&'a RawValue>,
}

/// What an export expects of an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Expected {
    expected_response: String,
    expected_tool_calls: Vec<Called>,
}

#[derive(Deserialize)]
struct Called {
    name: String,
    #[serde(default)]
    arguments: serde_json::Value,
}

impl From<Expected> for Observed {
    fn from(expected: Expected) -> Self {
        let calls = expected.expected_tool_calls.into_iter().map(|Called { name, arguments }| {
            let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
            Said::Call { name, arguments, by_agent: false }
        });
        let text = expected.expected_response;
        let message = (!text.is_empty()).then_some(Said::Message { text, citations: Vec::new() });
        Self { status: 200, items: calls.chain(message).collect(), ..Self::default() }
    }
}

impl Recorded {
    /// Reads a line: a body as clients send it, an export of ours, or a row of an inference table as JSON. `chat` is what a
    /// body with `messages` is.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn of_json(line: &str, chat: &'static dyn Dialect) -> Result<Self, String> {
        if !line.starts_with('{') {
            return Err("is not a JSON object".to_owned());
        }
        let fields: Fields<'_> =
            serde_json::from_str(line).map_err(|error| format!("is not a JSON object: {error}"))?;
        let id = fields.request_id.or(fields.databricks_request_id).and_then(text);
        if let (Some(inputs), Some(_)) = (fields.inputs, fields.primary.or(fields.expectations)) {
            let dialect = fields.dialect.and_then(text);
            let answer = Some(Answered::Observed(Box::new(exported(&fields)?)));
            return Self::new(id, document(inputs), dialect.as_deref(), chat, answer, None);
        }
        let Some(request) = fields.request else {
            return Self::new(id, Bytes::copy_from_slice(line.as_bytes()), None, chat, None, None);
        };
        let took = fields.execution_duration_ms.or(fields.execution_time_ms);
        let took = took.and_then(text).and_then(|text| text.parse().ok());
        let answer = answered(fields.status_code.and_then(text), fields.response.map(document))?;
        Self::new(id, document(request), None, chat, answer, took)
    }

    /// Reads a row of a table by the names of its columns.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn of_row(columns: &[String], row: &[String], chat: &'static dyn Dialect) -> Result<Self, String> {
        let column = |name: &str| {
            let place = columns.iter().position(|column| column.eq_ignore_ascii_case(name))?;
            row.get(place).map(String::as_str).filter(|value| !value.is_empty() && *value != "null")
        };
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let request = column("request").ok_or("has nothing in the column `request`")?;
        let id = column("request_id").or_else(|| column("databricks_request_id")).map(str::to_owned);
        let took = column("execution_duration_ms").or_else(|| column("execution_time_ms"));
        let took = took.and_then(|took| took.parse().ok());
        let answer = answered(column("status_code").map(str::to_owned), column("response").map(bytes))?;
        Self::new(id, bytes(request), None, chat, answer, took)
    }

    fn new(
        id: Option<String>,
        body: Bytes,
        named: Option<&str>,
        chat: &'static dyn Dialect,
        answer: Option<Answered>,
        took: Option<f64>,
    ) -> Result<Self, String> {
        let parsed = Body::parse(&body).map_err(|error| format!("the request cannot be read: {error}"))?;
        let reads = named.and_then(dialect::named).or_else(|| by_shape(&parsed, chat));
        let reads =
            reads.ok_or("the request has none of `input`, `messages`, `query`, `dataframe_records`, `inputs`")?;
        reads.read_request(&parsed).map_err(|error| format!("the request cannot be read: {error}"))?;
        Ok(Self { id, body, reads, answer, took })
    }
}

/// The answer that the client got, as an export of ours has it.
fn exported(fields: &Fields<'_>) -> Result<Observed, String> {
    if let Some(primary) = fields.primary {
        return serde_json::from_str(primary.get()).map_err(|error| format!("`primary` is no answer: {error}"));
    }
    let expected = fields.expectations.map(|expected| serde_json::from_str::<Expected>(expected.get())).transpose();
    let expected = expected.map_err(|error| format!("`expectations` is no answer: {error}"))?;
    Ok(expected.unwrap_or_default().into())
}

/// The answer in a row of a table; none if nothing was recorded of it.
fn answered(status: Option<String>, body: Option<Bytes>) -> Result<Option<Answered>, String> {
    let read = |status: String| {
        StatusCode::from_bytes(status.as_bytes()).map_err(|_| format!("`status_code` {status} is no status"))
    };
    let status = status.map(read).transpose()?.unwrap_or(StatusCode::OK);
    let body = body.unwrap_or_default();
    // A failure is an answer whatever was recorded of it; a success without a body is not.
    Ok((!status.is_success() || !body.is_empty()).then_some(Answered::Raw { status, body }))
}

fn by_shape(body: &Body<'_>, chat: &'static dyn Dialect) -> Option<&'static dyn Dialect> {
    let has = |name: &str| body.get(name).is_some();
    if has("input") {
        return Some(&Responses);
    }
    if has("messages") {
        return Some(chat);
    }
    let split = ["query", "dataframe_records", "dataframe_split", "inputs"].into_iter().any(has);
    split.then_some(&SplitChatMessages as &dyn Dialect)
}

/// The dialect of a recorded answer, by its shape; `primary` for what has none.
pub(super) fn answers(body: &[u8], primary: &'static dyn Dialect) -> &'static dyn Dialect {
    let Ok(body) = Body::parse(body) else { return primary };
    let has = |name: &str| body.get(name).is_some();
    match (has("output"), has("choices"), has("messages")) {
        (true, ..) => &Responses,
        (_, true, _) if primary.name() == "chat_model" => primary,
        (_, true, _) => &ChatCompletions,
        (.., true) => &ChatAgent,
        _ => primary,
    }
}

/// A document that stands in a string, or by itself.
fn document(value: &RawValue) -> Bytes {
    match text(value) {
        Some(text) if value.get().starts_with('"') => text.into(),
        _ if value.get() == "null" => Bytes::new(),
        _ => Bytes::copy_from_slice(value.get().as_bytes()),
    }
}

/// A scalar as text.
fn text(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<Str<'_>>(value.get()).ok().map(Str::into_string),
        b'{' | b'[' | b'n' => None,
        _ => Some(value.get().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Recorded, String> {
        Recorded::of_json(line, &ChatAgent)
    }

    #[test]
    fn bodies_tables_and_our_own_records_are_told_apart() {
        for (line, dialect, answered) in [
            (r#"{"input":"hi"}"#, "responses", false),
            (r#"{"messages":[{"role":"user","content":"hi"}]}"#, "chat_agent", false),
            (r#"{"inputs":{"query":"hi"}}"#, "split_chat_messages", false),
            (r#"{"request":"{\"input\":\"hi\"}","response":"{\"output\":[]}","status_code":200}"#, "responses", true),
            (r#"{"request":{"input":"hi"},"response":null,"databricks_request_id":"r"}"#, "responses", false),
            (r#"{"request":{"input":"hi"},"response":null,"status_code":"503"}"#, "responses", true),
            (
                r#"{"inputs":{"messages":[{"role":"user","content":"hi"}]},"dialect":"chat_completions",
                "primary":{"items":[]}}"#,
                "chat_completions",
                true,
            ),
            (r#"{"inputs":{"input":"hi"},"outputs":{},"expectations":{"expected_response":"yes"}}"#, "responses", true),
        ] {
            let recorded = read(line).unwrap();
            assert_eq!((recorded.reads.name(), recorded.answer.is_some()), (dialect, answered), "{line}");
        }
        let row = |row: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let columns = owned(&["databricks_request_id", "request", "response", "execution_duration_ms"]);
            Recorded::of_row(&columns, &owned(row), &ChatAgent)
        };
        let recorded = row(&["r-1", r#"{"input":"hi"}"#, r#"{"output":[]}"#, "12"]).unwrap();
        assert_eq!((recorded.id.as_deref(), recorded.took), (Some("r-1"), Some(12.0)));
        let line = r#"{"request":{"input":"hi"},"response":"{}","execution_time_ms":7}"#;
        assert_eq!(read(line).unwrap().took, Some(7.0));
        assert!(row(&["r-1", ""]).unwrap_err().contains("nothing in the column `request`"));
    }

    #[test]
    fn what_an_export_expects_is_the_answer_that_the_client_got() {
        let line = r#"{"inputs":{"input":"hi"},"outputs":{"response":"no"},"expectations":{"expected_response":"yes",
            "expected_tool_calls":[{"name":"find","arguments":{"q":1}}]}}"#;
        let Some(Answered::Observed(observed)) = read(line).unwrap().answer else { panic!() };
        assert_eq!((observed.text().as_str(), observed.status), ("yes", 200));
        assert_eq!(observed.calls().collect::<Vec<_>>(), [("find", r#"{"q":1}"#)]);
    }

    #[test]
    fn a_broken_line_says_what_is_wrong_with_it() {
        for (line, says) in [
            ("nope", "is not a JSON object"),
            ("[1]", "is not a JSON object"),
            (r#"{"foo":1}"#, "has none of `input`"),
            (r#"{"request":"{"}"#, "the request cannot be read"),
            (r#"{"messages":7}"#, "the request cannot be read"),
            (r#"{"request":{"input":"hi"},"response":"{}","status_code":"soon"}"#, "`status_code` soon is no status"),
            (r#"{"inputs":{"input":"hi"},"primary":7}"#, "`primary` is no answer"),
            (r#"{"inputs":{"foo":"hi"},"expectations":{}}"#, "has none of `input`"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
