//! The demo's legacy agent: it speaks ChatAgent, as a Model Serving endpoint does.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;

use super::agent::{Question, Spoken, TOOL, Turn};
use crate::dialect::ChatAgent;
use crate::server::Handler;

/// The legacy agent.
pub(super) struct OldEndpoint;

impl Handler for OldEndpoint {
    type Body = Spoken;

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Spoken> {
        match Question::read(&ChatAgent, request).await {
            Ok(question) if question.stream => Spoken::stream(stream(&question.turn())),
            Ok(question) => Spoken::plain(StatusCode::OK, plain(&question.turn())),
            Err(message) => {
                let refusal = Refusal { error_code: "INVALID_PARAMETER_VALUE", message };
                Spoken::plain(StatusCode::BAD_REQUEST, write(&refusal))
            }
        }
    }
}

#[derive(Serialize)]
struct Refusal {
    error_code: &'static str,
    message: String,
}

#[derive(Default, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: &'static str,
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'static str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    messages: Vec<Message<'a>>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Chunk<'a> {
    delta: Message<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
}

/// The tool call that the agent makes, and what the tool answers.
fn looked_up(turn: &Turn) -> [Message<'_>; 2] {
    let function = Function { name: TOOL, arguments: &turn.arguments };
    let call = ToolCall { id: "call_1", r#type: "function", function };
    let (tool, tool_call_id) = (Some(TOOL), Some("call_1"));
    [
        Message { role: "assistant", id: "m1", tool_calls: vec![call], ..Message::default() },
        Message { role: "tool", id: "m2", content: &turn.found, name: tool, tool_call_id, ..Message::default() },
    ]
}

fn said(content: &str) -> Message<'_> {
    Message { role: "assistant", id: "m3", content, ..Message::default() }
}

fn plain(turn: &Turn) -> String {
    let messages = looked_up(turn).into_iter().chain([said(&turn.answer)]).collect();
    write(&Answer { messages, finish_reason: "stop" })
}

fn stream(turn: &Turn) -> Vec<String> {
    let deltas = looked_up(turn).into_iter().chain(turn.words().map(said));
    let chunks = deltas.map(|delta| Chunk { delta, finish_reason: None });
    let last = Chunk { delta: said(""), finish_reason: Some("stop") };
    chunks.chain([last]).map(|chunk| write(&chunk)).collect()
}

fn write(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
