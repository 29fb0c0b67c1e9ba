//! The rules of a legal stream: order, numbers, indexes, ids, deltas that add up, and items that stay as they were.

use std::collections::HashMap;

use super::*;

/// All keys of the resource.
const KEYS: &[&str] = &[
    "background",
    "completed_at",
    "created_at",
    "error",
    "frequency_penalty",
    "id",
    "incomplete_details",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "object",
    "output",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "status",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "usage",
];

/// Those that may be null.
const NULLABLE: &[&str] = &[
    "completed_at",
    "error",
    "incomplete_details",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "usage",
];

/// A resource has all its keys, and null only where null may be.
pub(super) fn check_resource(resource: &Value) {
    for key in KEYS {
        let value = resource.get(key).unwrap_or_else(|| panic!("no {key} in {resource}"));
        assert!(!value.is_null() || NULLABLE.contains(key), "{key} is null in {resource}");
    }
    assert_eq!(resource["object"], "response");
    for tool in resource["tools"].as_array().unwrap().iter().filter(|tool| tool["type"] == "function") {
        for key in ["name", "description", "parameters", "strict"] {
            assert!(tool.get(key).is_some(), "no {key} in {tool}");
        }
    }
    if let Some(usage) = resource["usage"].as_object() {
        for path in ["/input_tokens_details/cached_tokens", "/input_tokens_details/cache_write_tokens"] {
            assert!(resource["usage"].pointer(path).unwrap().is_u64());
        }
        assert!(resource["usage"].pointer("/output_tokens_details/reasoning_tokens").unwrap().is_u64());
        assert!(["input_tokens", "output_tokens", "total_tokens"].iter().all(|key| usage[*key].is_u64()));
    }
    for item in resource["output"].as_array().unwrap() {
        check_item(item);
    }
}

fn check_item(item: &Value) {
    let has = |keys: &[&str]| {
        for key in keys {
            assert!(item.get(key).is_some_and(|value| !value.is_null()), "no {key} in {item}");
        }
    };
    assert!(item["id"].as_str().is_some_and(|id| !id.is_empty() && id.len() <= 64), "bad id in {item}");
    match item["type"].as_str().unwrap() {
        "message" => {
            has(&["status", "content"]);
            assert_eq!(item["role"], "assistant");
            for part in item["content"].as_array().unwrap() {
                match part["type"].as_str().unwrap() {
                    "output_text" => {
                        assert!(part["text"].is_string() && part["annotations"].is_array(), "{part}");
                        assert!(part["logprobs"].is_array(), "{part}");
                    }
                    kind => assert!(kind == "refusal" && part["refusal"].is_string(), "{part}"),
                }
            }
        }
        "function_call" => {
            has(&["status", "call_id", "name", "arguments"]);
            assert!(item["id"].as_str().unwrap().starts_with("fc_"), "{item}");
        }
        "function_call_output" => has(&["status", "call_id", "output"]),
        "reasoning" => has(&["status", "summary"]),
        _ => {}
    }
    assert_ne!(item.get("encrypted_content"), Some(&Value::Null), "{item}");
}

/// The open item.
#[derive(Default)]
struct Open {
    id: String,
    kind: String,
    /// The open part: its index, and what its deltas add up to.
    part: Option<(u64, String)>,
    /// The parts that are done.
    parts: Vec<Value>,
    arguments: String,
    arguments_done: bool,
    annotations: Vec<Value>,
}

/// Follows a stream, event by event.
#[derive(Default)]
struct Checker {
    response: String,
    ids: HashMap<String, u64>,
    open: Option<Open>,
    done: Vec<Value>,
    ended: bool,
    failing: bool,
}

/// Asserts that `stream` is a legal stream for a surface and gives its events.
pub(super) fn check(stream: &str, surface: Surface) -> Vec<Value> {
    assert!(!stream.contains('\r') && stream.ends_with("\n\n"));
    let mut blocks: Vec<&str> = stream.strip_suffix("\n\n").unwrap().split("\n\n").collect();
    let failed = blocks.iter().any(|block| block.contains("\"type\":\"response.failed\""));
    if blocks.last() == Some(&"data: [DONE]") {
        blocks.pop();
        assert!(!failed || surface == Surface::OpenAi, "a failed answer must not look complete");
    } else {
        assert!(failed && surface == Surface::Invocations, "the terminator is missing");
    }
    let mut checker = Checker::default();
    let mut events = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let (name, data) = match block.split_once('\n') {
            Some((name, data)) => (name.strip_prefix("event: "), data),
            None => (None, *block),
        };
        let event = json(data.strip_prefix("data: ").unwrap());
        let kind = event["type"].as_str().unwrap().to_owned();
        let wanted = (surface == Surface::OpenAi).then_some(kind.as_str());
        assert_eq!(name, wanted, "the event line says the type, or there is none");
        assert_eq!(event["sequence_number"], number, "{event}");
        assert!(!checker.ended, "nothing comes after the end");
        checker.event(number, &kind, &event, surface);
        events.push(event);
    }
    assert!(checker.ended, "the end is missing");
    events
}

impl Checker {
    fn event(&mut self, number: usize, kind: &str, event: &Value, surface: Surface) {
        assert!(!self.failing || kind == "response.failed", "after an error comes response.failed");
        match number {
            0 => assert_eq!(kind, "response.created"),
            1 => assert_eq!(kind, "response.in_progress"),
            _ => assert!(!matches!(kind, "response.created" | "response.in_progress")),
        }
        match kind {
            "response.created" | "response.in_progress" => {
                self.lifecycle(event, "in_progress");
                assert_eq!(event["response"]["output"], Value::Array(Vec::new()));
                assert!(event["response"]["usage"].is_null());
            }
            "response.output_item.added" => self.added(event),
            "response.output_item.done" => self.item_done(event),
            "response.completed" | "response.incomplete" => {
                assert!(self.open.is_none(), "an item is still open");
                self.lifecycle(event, kind.strip_prefix("response.").unwrap());
                assert_eq!(event["response"]["output"], Value::Array(self.done.clone()), "the same items");
                self.ended = true;
            }
            "response.failed" => {
                assert!(self.failing, "the error comes first");
                self.lifecycle(event, "failed");
                assert!(event["response"]["error"]["code"].is_string());
                self.ended = true;
            }
            "error" => {
                assert!(event["code"].is_string() && event["message"].is_string());
                assert_eq!(event["error"].is_object(), surface == Surface::OpenAi);
                assert_eq!(event.get("error").is_none(), surface == Surface::Invocations);
                self.failing = true;
            }
            _ => self.piece(kind, event),
        }
    }

    fn lifecycle(&mut self, event: &Value, status: &str) {
        let response = &event["response"];
        check_resource(response);
        assert_eq!(response["status"], status);
        assert_eq!(response["completed_at"].is_null(), status != "completed");
        assert_eq!(response["error"].is_null(), status != "failed");
        assert_eq!(response["incomplete_details"].is_null(), status != "incomplete");
        let id = response["id"].as_str().unwrap();
        if self.response.is_empty() {
            id.clone_into(&mut self.response);
        }
        assert_eq!(id, self.response, "one id for one response");
    }

    fn added(&mut self, event: &Value) {
        assert!(self.open.is_none(), "one item after another");
        assert_eq!(event["output_index"], self.done.len());
        let item = &event["item"];
        check_item(item);
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let (id, kind) = (text("id"), text("type"));
        assert!(self.ids.insert(id.clone(), self.done.len() as u64).is_none(), "{id} is taken");
        match kind.as_str() {
            "message" => assert_eq!(item["content"], json("[]")),
            "function_call" => assert_eq!(item["arguments"], ""),
            "reasoning" => assert_eq!(item["summary"], json("[]")),
            _ => {}
        }
        if matches!(kind.as_str(), "message" | "function_call" | "function_call_output" | "reasoning") {
            assert_eq!(item["status"], "in_progress");
        }
        self.open = Some(Open { id, kind, ..Open::default() });
    }

    fn item_done(&mut self, event: &Value) {
        let open = self.open.take().expect("an item was added");
        let item = &event["item"];
        check_item(item);
        assert_eq!(event["output_index"], self.done.len());
        assert_eq!((item["id"].as_str(), item["type"].as_str()), (Some(&*open.id), Some(&*open.kind)));
        assert!(open.part.is_none(), "a part is still open");
        match open.kind.as_str() {
            "message" => {
                assert_eq!(item["content"], Value::Array(open.parts), "parts as they were done");
                assert!(item["content"].as_array().is_some_and(|parts| !parts.is_empty()));
            }
            "reasoning" => assert_eq!(item["summary"], Value::Array(open.parts)),
            "function_call" => {
                assert!(open.arguments_done);
                assert_eq!(item["arguments"], *open.arguments, "arguments are what the deltas add up to");
                assert!(item["status"] != "completed" || !open.arguments.is_empty(), "none are {{}}");
            }
            _ => {}
        }
        assert!(self.done.last().is_none_or(|last| last["status"] != "incomplete"), "incomplete is the last");
        self.done.push(item.clone());
    }

    fn piece(&mut self, kind: &str, event: &Value) {
        let open = self.open.as_mut().expect("an item is open");
        assert_eq!(event["item_id"], *open.id, "{event}");
        assert_eq!(event["output_index"], self.done.len(), "{event}");
        let text = |key: &str| event[key].as_str().unwrap_or_else(|| panic!("no {key} in {event}"));
        let index = event.get("content_index").or(event.get("summary_index")).and_then(Value::as_u64);
        match kind {
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                assert!(open.part.is_none(), "one part after another");
                assert_eq!(index, Some(open.parts.len() as u64));
                open.part = Some((index.unwrap(), String::new()));
            }
            "response.output_text.delta" | "response.refusal.delta" | "response.reasoning_summary_text.delta" => {
                let (place, said) = open.part.as_mut().expect("a part is open");
                assert_eq!(index, Some(*place));
                assert!(!text("delta").is_empty(), "no empty deltas");
                said.push_str(text("delta"));
                assert_eq!(event["logprobs"].is_array(), kind == "response.output_text.delta");
            }
            "response.output_text.done" => assert_eq!(open.part, Some((index.unwrap(), text("text").to_owned()))),
            "response.refusal.done" => assert_eq!(open.part, Some((index.unwrap(), text("refusal").to_owned()))),
            "response.reasoning_summary_text.done" => {
                assert_eq!(open.part, Some((index.unwrap(), text("text").to_owned())));
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                let (place, said) = open.part.take().expect("a part is open");
                let part = &event["part"];
                assert_eq!(index, Some(place));
                let whole = part["text"].as_str().or(part["refusal"].as_str());
                assert_eq!(whole, Some(&*said));
                if let Some(annotations) = part.get("annotations") {
                    assert_eq!(*annotations, Value::Array(std::mem::take(&mut open.annotations)));
                }
                open.parts.push(part.clone());
            }
            "response.output_text.annotation.added" => {
                assert!(open.part.is_some());
                assert_eq!(event["annotation_index"], open.annotations.len());
                open.annotations.push(event["annotation"].clone());
            }
            "response.function_call_arguments.delta" => {
                assert!(!open.arguments_done && !text("delta").is_empty());
                open.arguments.push_str(text("delta"));
            }
            "response.function_call_arguments.done" => {
                assert_eq!(text("arguments"), open.arguments);
                assert!(!text("name").is_empty());
                open.arguments_done = true;
            }
            _ => panic!("no client knows {kind}"),
        }
    }
}
