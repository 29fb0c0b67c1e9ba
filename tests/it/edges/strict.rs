//! Readers that refuse what any SDK refuses: order, indexes, ids, deltas that add up, one end.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// The datas of a stream, each frame of which is whole; the `event:` line is the type of the data, or there is none.
fn datas(stream: &str) -> Vec<Value> {
    assert!(stream.ends_with("\n\n") && !stream.contains('\r') && !stream.starts_with('\u{feff}'), "{stream}");
    let mut datas = Vec::new();
    for block in stream.split_terminator("\n\n") {
        let (name, data) = match block.split_once('\n') {
            Some((name, data)) => (name.strip_prefix("event: "), data),
            None => (None, block),
        };
        let data = data.strip_prefix("data: ").unwrap_or_else(|| panic!("{block}"));
        if data == "[DONE]" {
            datas.push(json!("[DONE]"));
            continue;
        }
        let data: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
        assert_eq!(name, data["type"].as_str(), "the event line is the type");
        datas.push(data);
    }
    datas
}

/// The item that is being told.
struct Open {
    item: Value,
    parts: Vec<Value>,
    part: Option<String>,
    arguments: String,
}

/// The events of a Responses stream, `[DONE]` left out.
pub fn events(stream: &str) -> Vec<Value> {
    let mut events = datas(stream);
    assert_eq!(events.pop(), Some(json!("[DONE]")), "{stream}");
    let (mut open, mut items, mut ids) = (None::<Open>, Vec::<Value>::new(), HashSet::new());
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "numbers without gaps");
        let kind = event["type"].as_str().unwrap().strip_prefix("response.").unwrap_or("error");
        assert_eq!(kind == "created", number == 0);
        assert_eq!(kind == "in_progress", number == 1);
        if let Some(response) = event.get("response") {
            assert_eq!(response["id"], events[0]["response"]["id"], "one id");
            assert_eq!(response["created_at"], events[0]["response"]["created_at"]);
        } else if kind != "error" {
            assert_eq!(event["output_index"], items.len(), "one item after another");
        }
        match kind {
            "output_item.added" => {
                let item = event["item"].clone();
                assert!(open.is_none() && ids.insert(item["id"].as_str().unwrap().to_owned()), "{item}");
                for (key, empty) in
                    [("arguments", json!("")), ("input", json!("")), ("content", json!([])), ("summary", json!([]))]
                {
                    assert!(item.get(key).is_none_or(|value| *value == empty), "nothing is said yet: {item}");
                }
                if item["type"].as_str().unwrap().ends_with("call") {
                    assert!(
                        !item["call_id"].as_str().unwrap().is_empty() && !item["name"].as_str().unwrap().is_empty()
                    );
                }
                open = Some(Open { item, parts: Vec::new(), part: None, arguments: String::new() });
            }
            "output_item.done" => items.push(closed(open.take().expect("an open item"), &event["item"])),
            "completed" | "incomplete" => {
                assert!(open.is_none(), "all items are done");
                assert_eq!(event["response"]["output"], json!(items), "built once");
                let cut = items.iter().position(|item| item["status"] == "incomplete");
                assert!(cut.is_none_or(|place| place + 1 == items.len() && kind == "incomplete"), "{event}");
            }
            "created" | "in_progress" | "failed" | "error" => {}
            _ => piece(kind, event, open.as_mut().expect("an open item")),
        }
        let last = matches!(kind, "completed" | "incomplete" | "failed");
        assert_eq!(last, number + 1 == events.len(), "one end, last");
    }
    events
}

fn closed(open: Open, item: &Value) -> Value {
    for key in ["id", "type", "call_id", "name", "namespace"] {
        assert_eq!(item.get(key), open.item.get(key), "{key} of {item}");
    }
    assert!(open.part.is_none(), "all parts are done");
    match item["type"].as_str().unwrap() {
        "message" => {
            assert!(!open.parts.is_empty(), "{item}");
            assert_eq!(item["content"], json!(open.parts));
        }
        "reasoning" => assert_eq!(item["summary"], json!(open.parts)),
        "function_call" => {
            assert_eq!(item["arguments"], open.arguments);
            assert!(item["status"] == "incomplete" || !open.arguments.is_empty(), "`{{}}`, never nothing");
        }
        "custom_tool_call" => assert_eq!(item["input"], open.arguments),
        _ => {}
    }
    assert_ne!(item.get("encrypted_content"), Some(&Value::Null));
    item.clone()
}

fn piece(kind: &str, event: &Value, open: &mut Open) {
    assert_eq!(event["item_id"], open.item["id"], "{event}");
    let index = event.get("content_index").or(event.get("summary_index"));
    assert!(index.is_none_or(|index| *index == open.parts.len()), "parts are counted in their item: {event}");
    let delta = event["delta"].as_str();
    assert_ne!(delta, Some(""), "no empty deltas");
    let said = ["text", "refusal", "arguments", "input"].iter().find_map(|key| event[*key].as_str());
    match kind {
        "content_part.added" | "reasoning_summary_part.added" => {
            assert!(open.part.is_none());
            open.part = Some(String::new());
        }
        "output_text.delta" | "refusal.delta" | "reasoning_summary_text.delta" => {
            open.part.as_mut().expect("an open part").push_str(delta.unwrap());
        }
        "output_text.done" | "refusal.done" | "reasoning_summary_text.done" => assert_eq!(said, open.part.as_deref()),
        "content_part.done" | "reasoning_summary_part.done" => {
            let part = &event["part"];
            assert_eq!(part["text"].as_str().or(part["refusal"].as_str()), open.part.take().as_deref());
            open.parts.push(part.clone());
        }
        "function_call_arguments.delta" | "custom_tool_call_input.delta" => open.arguments.push_str(delta.unwrap()),
        "function_call_arguments.done" | "custom_tool_call_input.done" => assert_eq!(said, Some(&*open.arguments)),
        "output_text.annotation.added" => assert!(open.part.is_some()),
        _ => panic!("no client knows {kind}"),
    }
}

/// The chunks of a Chat Completions stream, `[DONE]` left out.
pub fn chunks(stream: &str) -> Vec<Value> {
    let mut chunks = datas(stream);
    let failed = chunks.iter().any(|chunk| chunk.get("error").is_some());
    assert_eq!(chunks.last() == Some(&json!("[DONE]")), !failed, "{stream}");
    chunks.retain(Value::is_object);
    let (mut calls, mut reason) = (Vec::<bool>::new(), None);
    for (number, chunk) in chunks.iter().enumerate() {
        if chunk.get("error").is_some() {
            assert_eq!(number + 1, chunks.len(), "an error is the last");
            continue;
        }
        for key in ["id", "created", "model"] {
            assert_eq!(chunk[key], chunks[0][key], "{key} is constant");
        }
        assert_eq!(chunk["object"], "chat.completion.chunk");
        let usage_only = chunk["choices"].as_array().unwrap().is_empty();
        assert!(chunk["usage"].is_null() || (usage_only && number + 1 == chunks.len()), "usage comes last: {stream}");
        if usage_only {
            continue;
        }
        let choice = &chunk["choices"][0];
        assert!(reason.is_none() && choice["index"] == 0, "nothing follows the finish");
        let delta = choice["delta"].as_object().unwrap();
        assert_eq!(delta.contains_key("role"), number == 0, "the role comes once");
        assert!(number == 0 || delta.get("content") != Some(&json!("")), "no empty texts");
        if let Some(call) = delta.get("tool_calls") {
            let (call, index) = (&call[0], usize::try_from(call[0]["index"].as_u64().unwrap()).unwrap());
            let begins = index == calls.len();
            assert!(begins || index + 1 == calls.len(), "one call after another, counted from 0: {stream}");
            assert!(begins == call["id"].is_string() && begins == call["function"]["name"].is_string());
            assert_eq!(begins, call["type"] == "function");
            if begins {
                calls.push(true);
            }
        }
        reason = choice["finish_reason"].as_str();
    }
    assert_eq!(reason.is_some(), !failed, "one finish: {stream}");
    if let Some("stop" | "tool_calls") = reason {
        assert_eq!(reason == Some("tool_calls"), !calls.is_empty(), "{stream}");
    }
    chunks
}

/// The message that chunks add up to, with its `finish_reason` and `usage`; clients append every string.
pub fn message(chunks: &[Value]) -> Value {
    let mut message = Map::new();
    for chunk in chunks {
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            message.insert("usage".into(), usage.clone());
        }
        let Some(choice) = chunk["choices"].get(0) else { continue };
        if let Some(reason) = choice["finish_reason"].as_str() {
            message.insert("finish_reason".into(), json!(reason));
        }
        for (key, value) in choice["delta"].as_object().unwrap() {
            let known = message.entry(key.clone()).or_insert(Value::Null);
            match (known, value) {
                (Value::String(known), Value::String(more)) => known.push_str(more),
                (known, Value::Array(calls)) if key == "tool_calls" => {
                    let index = usize::try_from(calls[0]["index"].as_u64().unwrap()).unwrap();
                    let list = known.as_array_mut().map(std::mem::take).unwrap_or_default();
                    *known = appended(list, index, &calls[0]);
                }
                (Value::Array(known), Value::Array(more)) => known.extend(more.iter().cloned()),
                (known, value) if known.is_null() => *known = value.clone(),
                _ => {}
            }
        }
    }
    Value::Object(message)
}

fn appended(mut calls: Vec<Value>, index: usize, call: &Value) -> Value {
    let arguments = call["function"]["arguments"].as_str().unwrap();
    if index == calls.len() {
        calls.push(json!([call["id"], call["function"]["name"], arguments]));
    } else {
        let known = calls[index][2].as_str().unwrap().to_owned();
        calls[index][2] = json!(known + arguments);
    }
    Value::Array(calls)
}
