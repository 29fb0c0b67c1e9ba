//! Who is who in a stream, and in which order: indexes, ids, numbers.

use serde_json::{Value, json};

use super::wire::{call, chat, chunk, completed, done, finish, function_call, message, more, responses, sse, text};

/// The events of one type.
fn of(events: &[Value], kind: &str) -> Vec<Value> {
    events.iter().filter(|event| event["type"] == kind).cloned().collect()
}

/// The types of all events, without what all have in common.
fn kinds(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["type"].as_str().unwrap().replace("response.", "")).collect()
}

/// The items of a response, as their types.
fn types(response: &Value) -> Vec<&str> {
    response["output"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect()
}

/// A whole turn of a Responses server: it thinks, speaks, and makes two calls at once.
fn turn() -> String {
    sse(&[
        done(json!({"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]})),
        done(message("m", "Let me see.")),
        done(function_call("f", "call_a", "weather", "{\"city\":\"Paris\"}")),
        done(function_call("f", "call_b", "weather", "{\"city\":\"Rome\"}")),
        completed(),
    ])
}

/// Every call of a turn was given index 0, and clients appended the arguments of all to the first.
#[test]
fn parallel_calls_get_indexes_of_their_own() {
    let seen = chat().with_tools(&["weather"]).adds_up("responses", &turn());
    let expected = json!([["call_a", "weather", "{\"city\":\"Paris\"}"], ["call_b", "weather", "{\"city\":\"Rome\"}"]]);
    assert_eq!(seen["tool_calls"], expected);
    assert_eq!((&seen["finish_reason"], &seen["content"]), (&json!("tool_calls"), &json!("Let me see.")));
}

/// The index of a call was its place among all items, so the first call after a text had index 1.
#[test]
fn the_index_of_a_call_counts_calls_and_nothing_else() {
    let chunks = chat().with_tools(&["weather"]).gets("responses", &turn());
    let indexes: Vec<_> =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0]["index"].as_u64()).collect();
    assert_eq!(indexes, [0, 0, 1, 1]);
}

/// A new id, time or model in every chunk keeps clients from putting the chunks together.
#[test]
fn a_chat_stream_has_one_id_one_time_and_one_model() {
    let changing = |number: u64, content: &str| {
        json!({"id": format!("c{number}"), "object": "chat.completion.chunk", "created": number, "model": format!("m{number}"),
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": null}]})
    };
    let chunks = chat().gets("chat_completions", &sse(&[changing(1, "a"), changing(2, "b"), finish("stop")]));
    assert!(chunks.iter().all(|chunk| chunk["id"] == "chatcmpl-0seed0" && chunk["model"] == "agent"));
}

/// Deltas carried another id than their item was announced with, when a server used one id for two steps.
#[test]
fn deltas_carry_the_id_of_the_announced_item() {
    let frames = [text("one"), call(0, "call_a", "f", "{}"), text("two"), finish("stop")];
    let events = responses().with_tools(&["f"]).gets("chat_completions", &sse(&frames));
    let ids: Vec<_> =
        of(&events, "response.output_item.added").iter().map(|event| event["item"]["id"].clone()).collect();
    assert_eq!(ids, ["msg_0seed00", "fc_0seed01", "msg_0seed02"]);
    let named: Vec<_> =
        of(&events, "response.output_text.delta").iter().map(|event| event["item_id"].clone()).collect();
    assert_eq!(named, ["msg_0seed00", "msg_0seed02"]);
}

/// The items of the stream and those of the final response were built twice and had different ids.
#[test]
fn the_final_response_holds_the_items_of_the_stream() {
    let events = responses().with_tools(&["weather"]).gets("responses", &turn());
    let items: Vec<_> = of(&events, "response.output_item.done").iter().map(|event| event["item"].clone()).collect();
    assert_eq!(events.last().unwrap()["response"]["output"], json!(items));
    assert_eq!(items.len(), 4);
}

/// Deltas came without the events that open their item and their part.
#[test]
fn deltas_have_their_item_and_their_part_before_them() {
    let bare = [
        json!({"type": "response.output_text.delta", "item_id": "m", "delta": "hi"}),
        json!({"type": "response.function_call_arguments.delta", "item_id": "f", "output_index": 1, "delta": "{}"}),
        done(function_call("f", "call_a", "f", "{}")),
    ];
    let events = responses().gets("responses", &sse(&bare));
    assert_eq!(kinds(&events)[2..5], ["output_item.added", "content_part.added", "output_text.delta"]);
    assert_eq!(types(&events.last().unwrap()["response"]), ["message", "function_call"]);
}

/// A text never got its `done` events.
#[test]
fn a_text_is_closed_by_all_of_its_done_events() {
    let events = responses().gets("chat_completions", &sse(&[text("hi"), finish("stop")]));
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(kinds(&events), expected);
}

/// Reasoning that came after the text was announced as item 0 once more.
#[test]
fn late_reasoning_gets_the_next_index() {
    let frames = [text("one"), chunk(json!({"reasoning_content": "hm"})), text("two"), finish("stop")];
    let seen = responses().adds_up("chat_completions", &sse(&frames));
    assert_eq!(types(&seen), ["message", "reasoning", "message"]);
    assert_eq!(chat().adds_up("chat_completions", &sse(&frames))["content"], "onetwo");
}

/// Parts were counted over all items, so a message after reasoning began with part 1.
#[test]
fn parts_are_counted_in_their_own_item() {
    let frames =
        [chunk(json!({"reasoning_content": "hm"})), text("hi"), chunk(json!({"refusal": "no"})), finish("stop")];
    let events = responses().gets("chat_completions", &sse(&frames));
    let indexes: Vec<_> =
        of(&events, "response.content_part.added").iter().map(|event| event["content_index"].clone()).collect();
    assert_eq!(indexes, [0, 1]);
}

/// A message was opened before anything was said, and an answer of calls alone had an empty one in front.
#[test]
fn an_answer_of_calls_alone_has_no_empty_message() {
    let role = chunk(json!({"role": "assistant", "content": "", "refusal": null}));
    let frames = [role, call(0, "call_a", "f", "{\"a\":1}"), finish("tool_calls")];
    let seen = responses().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames));
    assert_eq!(types(&seen), ["function_call"]);
    assert_eq!(seen["status"], "completed");
}

/// The message before a call stayed open, and what was said in the call's own chunk or after it was lost.
#[test]
fn text_before_beside_and_after_a_call_is_kept() {
    let beside = chunk(json!({"content": "beside", "tool_calls": [{"index": 0, "id": "call_a", "type": "function",
        "function": {"name": "f", "arguments": "{}"}}]}));
    let frames = [text("before "), beside, text("after"), finish("tool_calls")];
    let seen = responses().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames));
    assert_eq!(types(&seen), ["message", "function_call", "message"]);
    assert_eq!(seen["output"][0]["content"][0]["text"], "before beside");
    assert_eq!(seen["output"][2]["content"][0]["text"], "after");
}

/// A call and the text after it were both item 0.
#[test]
fn calls_before_the_text_share_no_index_with_it() {
    let frames = [call(0, "call_a", "f", "{}"), call(1, "call_b", "f", "{}"), text("done"), finish("tool_calls")];
    let events = responses().with_tools(&["f"]).gets("chat_completions", &sse(&frames));
    let indexes: Vec<_> =
        of(&events, "response.output_item.added").iter().map(|event| event["output_index"].clone()).collect();
    assert_eq!(indexes, [0, 1, 2]);
}

/// A chat server told two calls in turns: only the first of a chunk was read, and some clients mix up what is interleaved.
#[test]
fn interleaved_calls_of_a_chat_server_come_one_after_the_other() {
    let both = chunk(json!({"tool_calls": [
        {"index": 0, "function": {"arguments": "1}"}}, {"index": 1, "function": {"arguments": "2}"}}]}));
    let frames = [call(0, "call_a", "f", "{\"x\":"), call(1, "call_b", "g", "{\"x\":"), both, finish("tool_calls")];
    for hold in [vec![], vec!["f", "g"]] {
        let seen = responses().with_tools(&hold).adds_up("chat_completions", &sse(&frames));
        let arguments: Vec<_> =
            seen["output"].as_array().unwrap().iter().map(|item| item["arguments"].clone()).collect();
        assert_eq!(arguments, ["{\"x\":1}", "{\"x\":2}"]);
    }
}

/// A Responses server told two calls in turns: chat clients parse the arguments of one when the next begins.
#[test]
fn interleaved_calls_of_a_responses_server_come_one_after_the_other() {
    let added = |index: u64, id: &str| json!({"type": "response.output_item.added", "output_index": index, "item": function_call(id, id, "f", "")});
    let delta = |index: u64, delta: &str| json!({"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta});
    let frames = [
        added(0, "a"),
        added(1, "b"),
        delta(1, "{\"x\":"),
        delta(0, "{\"x\":"),
        delta(1, "2}"),
        delta(0, "1}"),
        completed(),
    ];
    let seen = chat().with_tools(&["f"]).adds_up("responses", &sse(&frames));
    assert_eq!(seen["tool_calls"], json!([["a", "f", "{\"x\":1}"], ["b", "f", "{\"x\":2}"]]));
}

/// Numbers were missing, constant, began at 1, or came from two sources.
#[test]
fn events_are_numbered_from_zero_without_gaps() {
    let numbered = |number: u64, delta: &str| json!({"type": "response.output_text.delta", "item_id": "m", "sequence_number": number, "delta": delta});
    let frames = [numbered(7, "a"), numbered(7, "b"), numbered(3, "c"), completed()];
    let events = responses().gets("responses", &sse(&frames));
    let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap()["response"]["output"][0]["content"][0]["text"], "abc");
}

/// The `event:` line was missing, or the same for all.
#[test]
fn the_event_line_says_the_type() {
    let stream = responses().stream_of("responses", [turn().as_bytes()]);
    for block in stream.split("\n\n").filter(|block| block.contains("\"type\"")) {
        let (name, data) = block.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
    }
    assert!(!chat().stream_of("responses", [turn().as_bytes()]).contains("event:"), "chat streams have none");
}

/// Items were announced as item 0, and their deltas told of item 1.
#[test]
fn an_item_and_its_deltas_have_the_same_index() {
    let frames = [
        chunk(json!({"reasoning": "hm"})),
        text("hi"),
        call(0, "call_a", "f", "{"),
        more(0, "}"),
        finish("tool_calls"),
    ];
    let events = responses().with_tools(&["f"]).gets("chat_completions", &sse(&frames));
    let mut current = Value::Null;
    for event in events.iter().filter(|event| event.get("output_index").is_some()) {
        if event["type"] == "response.output_item.added" {
            current = event["output_index"].clone();
        }
        assert_eq!(event["output_index"], current, "{event}");
    }
    assert_eq!(current, 2);
}
