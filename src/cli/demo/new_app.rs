//! The demo's new agent: it speaks Responses as an MLflow AgentServer does, delta and done frames only.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;

use super::agent::{Question, Spoken, TOOL, Turn};
use crate::dialect::Responses;
use crate::server::Handler;

/// The new agent.
pub(super) struct NewApp;

impl Handler for NewApp {
    type Body = Spoken;

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Spoken> {
        match Question::read(&Responses, request).await {
            Ok(question) if question.stream => Spoken::stream(stream(&question.turn_of_the_new())),
            Ok(question) => Spoken::plain(StatusCode::OK, plain(&question.turn_of_the_new())),
            Err(detail) => Spoken::plain(StatusCode::BAD_REQUEST, write(&Refusal { detail })),
        }
    }
}

#[derive(Serialize)]
struct Refusal {
    detail: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    FunctionCall { id: &'static str, call_id: &'static str, name: &'static str, arguments: &'a str },
    FunctionCallOutput { call_id: &'static str, output: &'a str },
    Message { id: &'static str, role: &'static str, content: [Part<'a>; 1] },
}

#[derive(Serialize)]
struct Part<'a> {
    r#type: &'static str,
    text: &'a str,
    annotations: [(); 0],
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Event<'a> {
    #[serde(rename = "response.output_text.delta")]
    Delta { item_id: &'static str, delta: &'a str },
    #[serde(rename = "response.output_item.done")]
    Done { item: Item<'a> },
}

#[derive(Serialize)]
struct Answer<'a> {
    object: &'static str,
    output: [Item<'a>; 3],
}

fn items(turn: &Turn) -> [Item<'_>; 3] {
    let text = Part { r#type: "output_text", text: &turn.answer, annotations: [] };
    [
        Item::FunctionCall { id: "f1", call_id: "call_1", name: TOOL, arguments: &turn.arguments },
        Item::FunctionCallOutput { call_id: "call_1", output: &turn.found },
        Item::Message { id: "m1", role: "assistant", content: [text] },
    ]
}

fn plain(turn: &Turn) -> String {
    write(&Answer { object: "response", output: items(turn) })
}

fn stream(turn: &Turn) -> Vec<String> {
    let [call, output, message] = items(turn).map(|item| write(&Event::Done { item }));
    let deltas = turn.words().map(|delta| write(&Event::Delta { item_id: "m1", delta }));
    [call, output].into_iter().chain(deltas).chain([message]).collect()
}

fn write(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
