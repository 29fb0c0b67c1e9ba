//! One recorded request, out of a line of JSON or a row of a table.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::compare::Observed;
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
    Raw(Bytes),
}

/// The columns and fields that tables and exports have.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    /// Of our own exports.
    #[serde(borrow)]
    inputs: Option<&'a RawValue>,
    #[serde(borrow)]
    primary: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    databricks_request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    execution_duration_ms: Option<&'a RawValue>,
}

/// What our own exports say of the request.
#[derive(Deserialize)]
struct Inputs<'a> {
    #[serde(borrow)]
    request: &'a RawValue,
    dialect: Option<String>,
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
        let took = fields.execution_duration_ms.and_then(text).and_then(|text| text.parse().ok());
        let own = fields.inputs.and_then(|inputs| serde_json::from_str::<Inputs<'_>>(inputs.get()).ok());
        if let Some(Inputs { request, dialect }) = own {
            let primary = fields.primary.map(|primary| serde_json::from_str(primary.get()));
            let primary = primary.transpose().map_err(|error| format!("`primary` is no answer: {error}"))?;
            let answer = primary.map(|observed| Answered::Observed(Box::new(observed)));
            return Self::new(id, document(request), dialect.as_deref(), chat, answer, took);
        }
        match fields.request {
            Some(request) => {
                let answer = fields.response.map(document).filter(|answer| !answer.is_empty()).map(Answered::Raw);
                Self::new(id, document(request), None, chat, answer, took)
            }
            None => Self::new(id, Bytes::copy_from_slice(line.as_bytes()), None, chat, None, took),
        }
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
        let request = column("request").ok_or("has nothing in the column `request`")?;
        let id = column("request_id").or_else(|| column("databricks_request_id")).map(str::to_owned);
        let took = column("execution_duration_ms").and_then(|took| took.parse().ok());
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        Self::new(id, bytes(request), None, chat, column("response").map(|answer| Answered::Raw(bytes(answer))), took)
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
            (
                r#"{"inputs":{"request":{"messages":[{"role":"user","content":"hi"}]},"dialect":"chat_completions"},
                "primary":{"items":[]}}"#,
                "chat_completions",
                true,
            ),
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
        assert!(row(&["r-1", ""]).unwrap_err().contains("nothing in the column `request`"));
    }

    #[test]
    fn a_broken_line_says_what_is_wrong_with_it() {
        for (line, says) in [
            ("nope", "is not a JSON object"),
            ("[1]", "is not a JSON object"),
            (r#"{"foo":1}"#, "has none of `input`"),
            (r#"{"request":"{"}"#, "the request cannot be read"),
            (r#"{"messages":7}"#, "the request cannot be read"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
