//! How an answer ends: its status, its usage, its errors, and what is said about all of them once.

use serde_json::{Value, json};

use super::wire::{
    Client, call, chat, chunk, completed, cut, done, finish, function_call, message, more, responses, sse, text,
};

fn usage(counts: Value) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": counts})
}

fn delta(text: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": "m", "delta": text})
}

/// The text of all messages of a response.
fn said(response: &Value) -> String {
    let items = response["output"].as_array().unwrap().iter().filter(|item| item["type"] == "message");
    items.map(|item| item["content"][0]["text"].as_str().unwrap().to_owned()).collect()
}

/// An answer that was cut off looked complete, or was an error, or gave a reason that nobody knows.
#[test]
fn an_answer_that_was_cut_off_says_so_and_why() {
    for (reason, told) in
        [("length", "max_output_tokens"), ("max_tokens", "max_output_tokens"), ("content_filter", "content_filter")]
    {
        let seen = responses().adds_up("chat_completions", &sse(&[text("half"), finish(reason)]));
        assert_eq!((&seen["status"], &seen["incomplete_details"]["reason"]), (&json!("incomplete"), &json!(told)));
        assert_eq!(seen["output"][0]["status"], "incomplete");
    }
    for (reason, told) in [("max_output_tokens", "length"), ("content_filter", "content_filter")] {
        let incomplete = json!({"type": "response.incomplete", "response": {"id": "r", "status": "incomplete",
            "incomplete_details": {"reason": reason}, "output": []}});
        assert_eq!(chat().adds_up("responses", &sse(&[delta("half"), incomplete]))["finish_reason"], told);
    }
}

/// A call that was cut off was repaired or handed to the client to run.
#[test]
fn a_call_that_was_cut_off_stays_as_it_came_and_is_not_to_be_run() {
    let frames = [call(0, "call_a", "f", "{\"city\":"), more(0, "\"Pa"), finish("length")];
    let seen = responses().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames));
    assert_eq!((&seen["status"], &seen["output"][0]["status"]), (&json!("incomplete"), &json!("incomplete")));
    assert_eq!(seen["output"][0]["arguments"], "{\"city\":\"Pa");
    assert_eq!(chat().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames))["finish_reason"], "length");
}

/// Chat servers count tokens only when they are asked to, after the finish, and some repeat an empty count behind it.
#[test]
fn usage_is_asked_for_waited_for_and_told_last() {
    let stream = responses().with("stream", json!(true));
    assert_eq!(stream.sent("chat_completions")["stream_options"], json!({"include_usage": true}));
    let late = usage(json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}));
    let frames = [text("hi"), finish("stop"), late, usage(Value::Null)];
    let seen = responses().adds_up("chat_completions", &sse(&frames));
    assert_eq!((&seen["usage"]["input_tokens"], &seen["usage"]["total_tokens"]), (&json!(3), &json!(8)));
    let chunks = chat().gets("chat_completions", &sse(&frames));
    let told: Vec<_> = chunks.iter().filter(|chunk| chunk["usage"].is_object()).collect();
    assert_eq!((told.len(), &told[0]["choices"]), (1, &json!([])));
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 5);
}

/// Counts on every chunk are running totals: clients that add them up saw ten times as many.
#[test]
fn usage_on_every_chunk_is_told_once() {
    let counted = |number: u64, content: &str| {
        json!({"id": "c", "choices": [{"index": 0, "delta": {"content": content}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": number, "total_tokens": 3 + number}})
    };
    let chunks = chat().gets("chat_completions", &sse(&[counted(1, "a"), counted(2, "b"), finish("stop")]));
    let told: Vec<_> = chunks.iter().filter_map(|chunk| chunk["usage"]["completion_tokens"].as_u64()).collect();
    assert_eq!(told, [2]);
}

/// Clients crash where a total or the details are missing.
#[test]
fn usage_is_complete_whatever_the_backend_counts() {
    for (given, expected) in [
        (json!({"prompt_tokens": 3, "completion_tokens": 5}), [3, 5, 8]),
        (json!({"prompt_tokens": 3, "total_tokens": 8}), [3, 5, 8]),
        (json!({"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 8}), [3, 5, 8]),
        (json!({"completion_tokens": 5, "total_tokens": 8}), [3, 5, 8]),
        (json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 0}), [3, 5, 8]),
        (json!({"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}), [3, 0, 3]),
    ] {
        let frames = sse(&[text("hi"), finish("stop"), usage(given.clone())]);
        let seen = responses().adds_up("chat_completions", &frames)["usage"].clone();
        assert_eq!(
            ["input_tokens", "output_tokens", "total_tokens"].map(|key| seen[key].as_u64().unwrap()),
            expected,
            "{given}"
        );
        assert_eq!(seen["input_tokens_details"], json!({"cached_tokens": 0, "cache_write_tokens": 0}));
        assert_eq!(seen["output_tokens_details"], json!({"reasoning_tokens": 0}));
        let seen = chat().adds_up("chat_completions", &frames)["usage"].clone();
        assert_eq!(
            ["prompt_tokens", "completion_tokens", "total_tokens"].map(|key| seen[key].as_u64().unwrap()),
            expected,
            "{given}"
        );
    }
}

/// The raw reasoning of one side was dropped on the way to the other.
#[test]
fn reasoning_arrives_under_every_name() {
    for field in ["reasoning_content", "reasoning"] {
        let frames = sse(&[chunk(json!({field: "hm"})), text("hi"), finish("stop")]);
        let seen = responses().adds_up("chat_completions", &frames);
        assert_eq!(seen["output"][0]["summary"], json!([{"type": "summary_text", "text": "hm"}]), "{field}");
        assert_eq!(chat().adds_up("chat_completions", &frames)["reasoning_content"], "hm", "{field}");
    }
    for kind in ["response.reasoning_text.delta", "response.reasoning.delta", "response.reasoning_summary_text.delta"] {
        let frames = sse(&[json!({"type": kind, "item_id": "r", "delta": "hm"}), delta("hi"), completed()]);
        assert_eq!(chat().adds_up("responses", &frames)["reasoning_content"], "hm", "{kind}");
    }
}

/// Summary deltas came without their part, or as events of a content part, and an encrypted content was null.
#[test]
fn reasoning_is_told_by_summary_events_and_nothing_of_it_is_null() {
    let frames = [
        json!({"type": "response.output_item.added", "item": {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": null}}),
        json!({"type": "response.reasoning_summary_text.delta", "item_id": "r", "delta": "hm"}),
        done(
            json!({"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": null}),
        ),
        delta("hi"),
        completed(),
    ];
    let events = responses().gets("responses", &sse(&frames));
    let kinds: Vec<_> =
        events.iter().map(|event| event["type"].as_str().unwrap()).filter(|kind| kind.contains("reasoning")).collect();
    let expected =
        ["part.added", "text.delta", "text.done", "part.done"].map(|kind| format!("response.reasoning_summary_{kind}"));
    assert_eq!(kinds, expected);
    assert!(events.iter().all(|event| !event.to_string().contains("encrypted_content")));
}

/// Nothing was said when a backend died in the middle.
#[test]
fn a_backend_that_dies_is_an_error_a_failed_response_and_an_end() {
    for backend in ["chat_completions", "responses"] {
        let frames = if backend == "responses" { cut(&[delta("half")]) } else { cut(&[text("half")]) };
        let events = responses().gets(backend, &frames);
        let [error, failed] = &events[events.len() - 2..] else { panic!("two events") };
        assert_eq!((&error["type"], &failed["type"]), (&json!("error"), &json!("response.failed")));
        assert!(error["error"]["code"].is_string() && error["code"].is_string(), "in both shapes: {error}");
        assert_eq!(
            (&failed["response"]["status"], &failed["response"]["error"]["code"]),
            (&json!("failed"), &json!("server_error"))
        );
        let chunks = chat().gets(backend, &frames);
        assert!(chunks.last().unwrap()["error"]["message"].is_string());
        assert!(chunks.iter().all(|chunk| chunk["choices"][0]["finish_reason"].is_null()), "it is not finished");
    }
}

/// A stream that dies inside a call leaves nothing for the client to run.
#[test]
fn a_backend_that_dies_in_a_call_leaves_no_call_to_run() {
    let frames = cut(&[call(0, "call_a", "f", "{\"x\":")]);
    let events = responses().with_tools(&["f"]).gets("chat_completions", &frames);
    assert!(!events.iter().any(|event| event["type"] == "response.output_item.done"), "{events:?}");
    assert!(chat().with_tools(&["f"]).gets("chat_completions", &frames).last().unwrap()["error"].is_object());
}

/// Errors come in five shapes in the middle of a stream, and a code may be null.
#[test]
fn errors_in_a_stream_are_understood_in_every_shape() {
    let shapes = [
        "data: {\"error\":\"boom\"}\n\n",
        "data: {\"error\":{\"message\":\"boom\",\"code\":null}}\n\n",
        "event: error\ndata: {\"message\":\"boom\"}\n\n",
        "data: {\"type\":\"error\",\"code\":null,\"message\":\"boom\",\"param\":null}\n\n",
        "data: {\"type\":\"error\",\"error\":{\"type\":\"x\",\"code\":null,\"message\":\"boom\"}}\n\n",
        "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"x\",\"message\":\"boom\"}}}\n\n",
    ];
    for shape in shapes {
        let stream = cut(&[delta("half")]) + shape + "data: [DONE]\n\n";
        let events = responses().gets("responses", &stream);
        let failed = &events.last().unwrap()["response"];
        assert_eq!((&failed["status"], &failed["error"]["message"]), (&json!("failed"), &json!("boom")), "{shape}");
        let error = chat().gets("responses", &stream).last().unwrap()["error"].clone();
        assert!(error["message"] == "boom" && error["code"].is_string(), "{shape}");
    }
    for shape in &shapes[..2] {
        let stream = cut(&[text("half")]) + shape + "data: [DONE]\n\n";
        assert_eq!(
            responses().gets("chat_completions", &stream).last().unwrap()["response"]["status"],
            "failed",
            "{shape}"
        );
    }
}

/// Traces, filter results, bills and signs of life stand between the frames.
#[test]
fn frames_that_nobody_knows_are_swallowed() {
    let extra = [
        "data: {\"trace_id\":\"tr-1\"}\n\n",
        "data: {\"choices\":[],\"object\":\"\",\"prompt_filter_results\":[{}]}\n\n",
        "data: {\"type\":\"acme:trace\",\"x\":1}\n\n",
        "data: {\"type\":\"keepalive\"}\n\n",
        "data: {\"cost\":0.1}\n\n",
        "data: 7\n\n",
        "data:\n\n",
        ": keep-alive\n\n",
        "event: ping\n\n",
    ];
    for extra in extra {
        for (backend, frames) in [
            ("chat_completions", [text("a"), text("b"), finish("stop")]),
            ("responses", [delta("a"), delta("b"), completed()]),
        ] {
            let frames = frames.map(|frame| cut(&[frame]) + extra).concat();
            let between = extra.to_owned() + &frames;
            assert_eq!(chat().adds_up(backend, &(between.clone() + "data: [DONE]\n\n"))["content"], "ab", "{extra}");
            assert_eq!(said(&responses().adds_up(backend, &(between + "data: [DONE]\n\n"))), "ab", "{extra}");
        }
    }
}

/// Clients take the class of a message from the role in the first delta.
#[test]
fn the_first_chunk_says_the_role_even_if_the_backend_does_not() {
    for frames in [vec![text("hi"), finish("stop")], vec![finish("stop")], vec![]] {
        let first = chat().gets("chat_completions", &sse(&frames))[0]["choices"][0]["delta"].clone();
        assert_eq!(first, json!({"role": "assistant", "content": "", "refusal": null}));
    }
}

/// Empty pieces of text opened messages; white space before a call is text.
#[test]
fn empty_pieces_open_nothing_and_white_space_is_text() {
    let empty = [chunk(json!({"role": "assistant", "content": ""})), chunk(json!({"content": null})), finish("stop")];
    assert_eq!(responses().adds_up("chat_completions", &sse(&empty))["output"], json!([]));
    let frames = [text(""), text("\n\n"), call(0, "call_a", "f", "{}"), finish("tool_calls")];
    let seen = responses().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames));
    assert_eq!(said(&seen), "\n\n");
    assert_eq!(seen["output"].as_array().unwrap().len(), 2);
}

/// A refusal was dropped between the dialects.
#[test]
fn a_refusal_stays_a_refusal() {
    let frames = sse(&[chunk(json!({"refusal": "I "})), chunk(json!({"refusal": "won't."})), finish("stop")]);
    let part = json!({"type": "refusal", "refusal": "I won't."});
    assert_eq!(responses().adds_up("chat_completions", &frames)["output"][0]["content"], json!([part]));
    let seen = chat().adds_up("chat_completions", &frames);
    assert_eq!((&seen["refusal"], &seen["content"]), (&json!("I won't."), &json!("")));
    let item = json!({"type": "message", "id": "m", "role": "assistant", "content": [part]});
    assert_eq!(chat().adds_up("responses", &sse(&[done(item.clone()), completed()]))["refusal"], "I won't.");
    let plain = chat().plain("responses", &json!({"output": [item]}));
    assert_eq!(plain["choices"][0]["message"]["refusal"], "I won't.");
}

/// A filter that left nothing to say still leaves a legal stream.
#[test]
fn a_filtered_answer_without_a_word_is_a_legal_stream() {
    let seen = responses().adds_up("chat_completions", &sse(&[finish("content_filter")]));
    assert_eq!((&seen["status"], &seen["output"]), (&json!("incomplete"), &json!([])));
    assert_eq!(
        chat().adds_up("chat_completions", &sse(&[finish("content_filter")]))["finish_reason"],
        "content_filter"
    );
}

/// Several messages, thoughts and calls of one answer are one choice for a chat client, and citations point into it.
#[test]
fn all_items_of_an_answer_are_one_choice() {
    let cited = json!({"type": "message", "id": "m2", "role": "assistant", "content": [{"type": "output_text", "text": "World",
        "annotations": [{"type": "url_citation", "url": "https://e", "title": "t", "start_index": 0, "end_index": 5}]}]});
    let thought = |id: &str, text: &str| json!({"type": "reasoning", "id": id, "summary": [{"type": "summary_text", "text": text}]});
    let items = json!([
        thought("r1", "one"),
        message("m1", "Hello "),
        thought("r2", "two"),
        cited,
        function_call("f", "call_a", "f", "{}")
    ]);
    let body = json!({"id": "r", "status": "completed", "output": items});
    let choices = chat().with_tools(&["f"]).plain("responses", &body)["choices"].clone();
    assert_eq!(choices.as_array().unwrap().len(), 1);
    let message = &choices[0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("Hello World"), &json!("one\n\ntwo")));
    assert_eq!(message["annotations"][0]["url_citation"]["start_index"], 6);
    let frames: Vec<_> = items.as_array().unwrap().iter().cloned().map(done).chain([completed()]).collect();
    let seen = chat().with_tools(&["f"]).adds_up("responses", &sse(&frames));
    assert_eq!((&seen["content"], &seen["reasoning_content"]), (&message["content"], &message["reasoning_content"]));
    assert_eq!(seen["annotations"][0]["url_citation"]["start_index"], 6);
}

/// An agent that works in steps completes a response for each: for the client it is one, and its counts are the sum.
#[test]
fn the_steps_of_an_agent_are_one_response() {
    let created = json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_u", "status": "in_progress", "output": []}});
    let output = json!({"type": "function_call_output", "call_id": "call_a", "output": "21"});
    let frames = [
        created.clone(),
        done(function_call("f", "call_a", "f", "{}")),
        completed(),
        output,
        created,
        done(message("m", "21")),
        completed(),
    ];
    let seen = responses().adds_up("responses", &sse(&frames));
    assert_eq!(said(&seen), "21");
    assert_eq!(seen["usage"]["total_tokens"], 16);
}

/// Agents give one id to all items of a turn, no status, no index, an empty first delta, and another id at the end.
#[test]
fn an_agents_loose_stream_becomes_a_strict_one() {
    let frames = [
        delta(""),
        delta("Hel"),
        delta("lo"),
        done(message("another", "Hello!")),
        done(json!({"type": "reasoning", "id": "m", "summary": [{"type": "summary_text", "text": "hm"}]})),
        done(message("m", "Bye")),
        done(json!({"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"})),
    ];
    let seen = responses().adds_up("responses", &sse(&frames));
    assert_eq!(said(&seen), "Hello!Bye");
    let ids: Vec<_> = seen["output"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, ["msg_0seed00", "rs_0seed01", "msg_0seed02", "fc_0seed03"]);
}

/// The smallest limit of a Responses server is larger than that of a chat server: the agent is told the limit as it is,
/// and what it says of it reaches the client.
#[test]
fn a_small_limit_of_tokens_reaches_the_agent_as_it_is() {
    let (sent, dropped) = chat().with("max_tokens", json!(1)).asks("responses").unwrap();
    assert_eq!((&sent["max_output_tokens"], dropped.len()), (&json!(1), 0));
    let sent = responses().with("max_output_tokens", json!(1)).sent("chat_completions");
    assert_eq!((&sent["max_tokens"], sent.get("max_completion_tokens")), (&json!(1), None), "one of the two spellings");
    let both = chat().with("max_tokens", json!(5)).with("max_completion_tokens", json!(7)).sent("chat_completions");
    assert_eq!(both["max_tokens"], 7);
}

/// Several answers, and words at which to stop, have no place in the Responses API, and dropping them changes the answer.
#[test]
fn what_would_change_the_answer_is_refused_by_name() {
    for (field, value) in [("n", json!(2)), ("stop", json!(["x"]))] {
        assert_eq!(chat().with(field, value.clone()).refusal("responses").0, field);
    }
    assert!(
        chat().with("n", json!(1)).with("stop", json!([])).asks("responses").is_ok(),
        "what changes nothing passes"
    );
    assert_eq!(chat().with("stop", json!("x")).sent("chat_completions")["stop"], "x");
    assert_eq!(chat().with("n", json!(2)).refusal("chat_completions").0, "n");
    let two = json!({"choices": [{"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": "stop"},
        {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]});
    assert_eq!(said(&responses().plain("chat_completions", &two)), "a", "a server that gives two anyway is read once");
}

/// A final response with an empty output made clients run the model again and again.
#[test]
fn the_final_output_is_built_from_the_stream() {
    let frames = sse(&[done(message("m", "hi")), done(function_call("f", "call_a", "f", "{}")), completed()]);
    let seen = responses().with_tools(&["f"]).adds_up("responses", &frames);
    assert_eq!(seen["output"].as_array().unwrap().len(), 2);
    let only_final =
        json!({"type": "response.completed", "response": {"status": "completed", "output": [message("m", "hi")]}});
    assert_eq!(said(&responses().adds_up("responses", &sse(&[only_final]))), "hi", "and the other way round");
}

/// Streaming or not, a client reads the same.
#[test]
fn a_plain_answer_and_a_stream_say_the_same() {
    let items = [
        json!({"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]}),
        message("m", "hi"),
        function_call("f", "call_a", "f", ""),
    ];
    let body =
        json!({"id": "r", "status": "completed", "output": items, "usage": {"input_tokens": 3, "output_tokens": 5}});
    let frames: Vec<_> = items.into_iter().map(done).chain([completed()]).collect();
    let client = || -> Client { responses().with_tools(&["f"]) };
    let (plain, stream) = (client().plain("responses", &body), client().adds_up("responses", &sse(&frames)));
    for key in ["output", "usage", "status", "incomplete_details"] {
        assert_eq!(plain[key], stream[key], "{key}");
    }
}
