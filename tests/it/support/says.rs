//! How each dialect asks and answers, as its real clients and servers do: for fakes to say and for tests to read.

use serde_json::{Value, json};

use super::Answer;

/// The five dialects.
pub const DIALECTS: [&str; 5] = ["responses", "chat_completions", "chat_agent", "chat_model", "split_chat_messages"];

/// What an agent does in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Says `Hello there, wörld`.
    Text,
    /// Calls the client's tool `weather` with `{"city":"Paris"}`.
    Call,
}

/// The text of [`Act::Text`].
pub const TEXT: &str = "Hello there, wörld";

/// The path on which a client of this dialect calls.
pub fn path(dialect: &str) -> &'static str {
    match dialect {
        "responses" => "/v1/responses",
        "chat_completions" => "/v1/chat/completions",
        _ => "/serving-endpoints/agent/invocations",
    }
}

/// A request of a client of this dialect.
pub fn request(dialect: &str, stream: bool) -> String {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let mut body = match dialect {
        "responses" => json!({"model": "agent", "input": "hi"}),
        "chat_completions" => json!({"model": "agent", "messages": messages}),
        "split_chat_messages" => json!({"query": "hi", "history": []}),
        _ => json!({"messages": messages}),
    };
    if stream {
        body["stream"] = json!(true);
    }
    body.to_string()
}

/// A backend's plain answer.
pub fn plain(dialect: &str, act: Act) -> String {
    let call = json!({"id": "call_7", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"}});
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8});
    let calls = act == Act::Call;
    let finish = if calls { "tool_calls" } else { "stop" };
    match dialect {
        "responses" => json!({
            "id": "resp_x", "object": "response",
            "output": [if calls {
                json!({"type": "function_call", "id": "x", "call_id": "call_7", "name": "weather", "arguments": "{\"city\":\"Paris\"}"})
            } else {
                json!({"type": "message", "id": "x", "role": "assistant", "content": [{"type": "output_text", "text": TEXT}]})
            }],
            "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8,
                "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}},
        }),
        "chat_agent" => json!({
            "messages": [if calls {
                json!({"role": "assistant", "content": "", "id": "m", "tool_calls": [call]})
            } else {
                json!({"role": "assistant", "content": TEXT, "id": "m"})
            }],
            "finish_reason": finish, "usage": usage,
        }),
        "split_chat_messages" => json!({"predictions": {"content": TEXT}}),
        _ => json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
            "choices": [{"index": 0, "finish_reason": finish, "message": if calls {
                json!({"role": "assistant", "content": null, "tool_calls": [call]})
            } else {
                json!({"role": "assistant", "content": TEXT})
            }}],
        }),
    }
    .to_string()
}

/// The frames of a backend's stream, with their blank lines; `[DONE]` is the last.
pub fn frames(dialect: &str, act: Act) -> Vec<String> {
    let pieces = ["Hello ", "there", ", wörld"];
    let arguments = "{\"city\":\"Paris\"}";
    let mut datas: Vec<Value> = match (dialect, act) {
        ("responses", Act::Text) => {
            let item = json!({"type": "message", "id": "x", "role": "assistant", "content": [{"type": "output_text", "text": TEXT}]});
            let deltas = pieces
                .iter()
                .map(|delta| json!({"type": "response.output_text.delta", "item_id": "x", "delta": delta}));
            deltas.chain([json!({"type": "response.output_item.done", "item": item})]).collect()
        }
        ("responses", Act::Call) => vec![json!({"type": "response.output_item.done",
            "item": {"type": "function_call", "id": "x", "call_id": "call_7", "name": "weather", "arguments": arguments}})],
        ("chat_agent", Act::Text) => {
            let deltas = pieces.iter().map(|text| json!({"delta": {"role": "assistant", "content": text, "id": "m"}}));
            deltas
                .chain([json!({"delta": {"role": "assistant", "content": "", "id": "m"}, "finish_reason": "stop"})])
                .collect()
        }
        ("chat_agent", Act::Call) => vec![
            json!({"delta": {"role": "assistant", "content": "", "id": "m", "tool_calls":
                [{"id": "call_7", "type": "function", "function": {"name": "weather", "arguments": arguments}}]}}),
            json!({"delta": {"role": "assistant", "content": "", "id": "m"}, "finish_reason": "tool_calls"}),
        ],
        ("split_chat_messages", _) => pieces
            .iter()
            .map(|text| json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]}))
            .collect(),
        (_, Act::Text) => {
            let chunk = |delta: Value, finish: Option<&str>| {
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
                "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
            };
            let deltas = pieces.iter().map(|text| chunk(json!({"role": "assistant", "content": text}), None));
            deltas.chain([chunk(json!({}), Some("stop"))]).collect()
        }
        (_, Act::Call) => {
            let chunk = |delta: Value, finish: Option<&str>| {
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
                "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
            };
            vec![
                chunk(
                    json!({"role": "assistant", "tool_calls": [{"index": 0, "id": "call_7", "type": "function",
                    "function": {"name": "weather", "arguments": "{\"city\""}}]}),
                    None,
                ),
                chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": ":\"Paris\"}"}}]}), None),
                chunk(json!({}), Some("tool_calls")),
            ]
        }
    };
    datas.retain(|data| !data.is_null());
    datas.iter().map(|data| format!("data: {data}\n\n")).chain(["data: [DONE]\n\n".to_owned()]).collect()
}

/// What a client of a dialect understands of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Understood {
    /// All text.
    pub text: String,
    /// Calls to run, as (call id, name, arguments).
    pub calls: Vec<(String, String, String)>,
    /// Whether the answer looks complete to this client: its finish, its end marker.
    pub complete: bool,
    /// Whether the client was told of an error.
    pub error: bool,
}

/// Reads a plain answer as a client of this dialect does.
pub fn understand_plain(dialect: &str, answer: &Answer) -> Understood {
    let body = answer.json();
    let mut seen = Understood { complete: answer.whole && answer.status == 200, ..Understood::default() };
    seen.error = !body["error"].is_null() || !body["error_code"].is_null();
    match dialect {
        "responses" => items(&body["output"], &mut seen),
        "chat_agent" => body["messages"].as_array().into_iter().flatten().for_each(|message| said(message, &mut seen)),
        "split_chat_messages" => seen.text.push_str(body["content"].as_str().unwrap_or_default()),
        _ => said(&body["choices"][0]["message"], &mut seen),
    }
    seen
}

/// Reads a stream as a client of this dialect does.
pub fn understand_stream(dialect: &str, answer: &Answer) -> Understood {
    let mut seen = Understood::default();
    let (mut finished, mut done) = (false, false);
    for data in answer.datas() {
        if data == "[DONE]" {
            done = true;
            continue;
        }
        let frame: Value = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error} in {data}"));
        seen.error |= !frame["error"].is_null() || !frame["error_code"].is_null();
        match dialect {
            "responses" => match frame["type"].as_str().expect("a type") {
                "response.output_text.delta" => seen.text.push_str(frame["delta"].as_str().unwrap()),
                "response.completed" => {
                    finished = true;
                    let mut whole = Understood::default();
                    items(&frame["response"]["output"], &mut whole);
                    assert_eq!(whole.text, seen.text, "deltas and the final text");
                    seen.calls = whole.calls;
                }
                _ => {}
            },
            "chat_agent" => {
                said(&frame["delta"], &mut seen);
                finished |= frame["finish_reason"].is_string();
            }
            "split_chat_messages" => {
                seen.text.push_str(frame["content"].as_str().unwrap_or_default());
            }
            _ => {
                said(&frame["choices"][0]["delta"], &mut seen);
                finished |= frame["choices"][0]["finish_reason"].is_string();
            }
        }
    }
    // This dialect has no finish but its end.
    finished |= dialect == "split_chat_messages";
    seen.complete = finished && done && answer.whole && !seen.error;
    seen
}

fn items(output: &Value, seen: &mut Understood) {
    for item in output.as_array().into_iter().flatten() {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        match item["type"].as_str() {
            Some("message") => {
                for part in item["content"].as_array().into_iter().flatten() {
                    seen.text.push_str(part["text"].as_str().unwrap_or_default());
                }
            }
            Some("function_call") => seen.calls.push((text("call_id"), text("name"), text("arguments"))),
            _ => {}
        }
    }
}

/// A chat message or delta: fragments of one call are joined by their index.
fn said(message: &Value, seen: &mut Understood) {
    if message["role"] != "tool" {
        seen.text.push_str(message["content"].as_str().unwrap_or_default());
    }
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, arguments) = (text(&call["function"]["name"]), text(&call["function"]["arguments"]));
        match call["index"].as_u64().and_then(|index| seen.calls.get_mut(usize::try_from(index).unwrap())) {
            Some(known) => known.2.push_str(&arguments),
            None => seen.calls.push((text(&call["id"]), name, arguments)),
        }
    }
}
