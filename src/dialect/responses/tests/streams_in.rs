//! Reading backends' streams: whatever they send, a legal stream comes out.

use super::*;
use crate::error::Kind;
use crate::ir::{Finish, Usage};

/// What frames come to, after the stream made of it has been found legal for both surfaces, at any chunking.
fn answer(frames: &[&str]) -> Answer {
    let stream = sse(frames);
    let (answer, written) = relay(&stream, hold(), &ask());
    legal::check(&written, Surface::OpenAi);
    for step in 1..8 {
        assert_eq!(relay_in_steps(&stream, step, hold(), &ask()).1, written, "in steps of {step}");
    }
    let (_, written) = relay(&stream, Calls::default(), &invocations());
    legal::check(&written, Surface::Invocations);
    answer
}

/// The items of an answer that came to a good end.
fn lines(frames: &[&str]) -> Vec<String> {
    let answer = answer(frames);
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    items(&answer)
}

fn failure(frames: &[&str]) -> (Kind, String) {
    let error = answer(frames).failure.expect("it failed");
    (error.kind(), error.message().to_owned())
}

fn text(item: &str, delta: &str) -> String {
    format!(r#"{{"type":"response.output_text.delta","item_id":"{item}","delta":"{delta}"}}"#)
}

fn message(item: &str, text: &str) -> String {
    format!(
        r#"{{"type":"response.output_item.done","item":{{"id":"{item}","type":"message","role":"assistant","content":[{{"text":"{text}","type":"output_text","annotations":[]}}]}}}}"#
    )
}

fn call(call_id: &str, name: &str) -> String {
    format!(
        r#"{{"type":"response.output_item.done","item":{{"type":"function_call","id":"x","call_id":"{call_id}","name":"{name}","arguments":"{{}}"}}}}"#
    )
}

const DONE: &str = "[DONE]";

#[test]
fn an_agent_servers_sparse_stream_is_read() {
    let thought = r#"{"type": "response.output_item.done", "item": {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "id": "m_0"}}"#;
    let output = r#"{"type": "response.output_item.done", "item": {"type": "function_call_output", "call_id": "call_1", "output": "21"}}"#;
    let last = r#"{"type": "response.output_item.done", "custom_outputs": {"n": 1}, "item": {"id": "m_2", "content": [{"text": "21 C", "type": "output_text", "annotations": []}], "role": "assistant", "type": "message"}}"#;
    let trace = r#"{"trace_id": "tr-1"}"#;
    let frames = [
        thought,
        &call("call_1", "weather"),
        output,
        &text("m_2", ""),
        &text("m_2", "21 "),
        &text("m_2", "C"),
        last,
        trace,
        DONE,
    ];
    let answer = answer(&frames);
    let expected =
        ["thinks \"hm\" None", "Agent calls call_1 weather {}", "output call_1 weather 21", "says \"21 C\" \"\" 0"];
    assert_eq!(items(&answer), expected);
    assert_eq!((answer.trace_id.as_deref(), answer.finish()), (Some("tr-1"), Some(Finish::Stop)));
    assert!(answer.custom_outputs.is_some());
}

#[test]
fn deltas_wholes_and_both_say_the_same() {
    let (a, b, whole) = (text("m", "a"), text("m", "b"), message("m", "ab"));
    for frames in [vec![&*a, &b, DONE], vec![&*whole, DONE], vec![&*a, &b, &whole, DONE], vec![&*a, &whole, DONE]] {
        assert_eq!(lines(&frames), ["says \"ab\" \"\" 0"], "{frames:?}");
    }
    let renamed = message("other", "ab");
    assert_eq!(lines(&[&a, &b, &renamed, DONE]), ["says \"ab\" \"\" 0"], "the id changed on the way");
    let nameless = r#"{"type":"response.output_text.delta","item_id":null,"delta":"ab"}"#;
    assert_eq!(lines(&[nameless, &whole, DONE]), ["says \"ab\" \"\" 0"]);
}

#[test]
fn an_openai_stream_is_read() {
    let frames = [
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_u","status":"in_progress","output":[],"usage":null}}"#,
        r#"{"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_u","status":"in_progress"}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}"#,
        r#"{"type":"response.reasoning_summary_part.added","item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"one"}"#,
        r#"{"type":"response.reasoning_summary_text.done","item_id":"rs_1","output_index":0,"summary_index":0,"text":"one"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":1,"delta":"two"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs_1","encrypted_content":"seal","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two!"}]}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message","id":"msg_1","role":"assistant","content":[]}}"#,
        r#"{"type":"response.content_part.added","item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
        r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"hi","logprobs":[]}"#,
        r#"{"type":"response.output_text.annotation.added","item_id":"msg_1","annotation_index":0,"annotation":{"type":"url_citation","url":"https://e","title":"t","start_index":0,"end_index":2}}"#,
        r#"{"type":"response.output_text.done","item_id":"msg_1","output_index":1,"content_index":0,"text":"hi!","logprobs":[]}"#,
        r#"{"type":"response.refusal.delta","item_id":"msg_1","output_index":1,"content_index":1,"delta":"n"}"#,
        r#"{"type":"response.refusal.done","item_id":"msg_1","output_index":1,"content_index":1,"refusal":"no"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"hi!","annotations":[{"type":"url_citation","url":"https://e","title":"t","start_index":0,"end_index":2}]},{"type":"refusal","refusal":"no"}]}}"#,
        r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":2,"delta":"{\"a\""}"#,
        r#"{"type":"response.function_call_arguments.done","item_id":"fc_1","output_index":2,"arguments":"{\"a\":1}"}"#,
        r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1}","status":"completed"}}"#,
        r#"{"type":"response.completed","response":{"id":"resp_u","status":"completed","incomplete_details":null,"output":[{"type":"message","role":"assistant","content":"again"}],"usage":{"input_tokens":1,"output_tokens":2}}}"#,
    ];
    let answer = answer(&frames);
    assert!(answer.failure.is_none(), "no [DONE] is needed after response.completed");
    let expected = [
        "thinks \"one\\n\\ntwo!\" Some(\"cutover:rs_1:seal\")",
        "says \"hi!\" \"no\" 1",
        "Client calls c1 f {\"a\":1}",
    ];
    assert_eq!(items(&answer), expected);
    assert_eq!(answer.finish(), Some(Finish::ToolCalls));
    assert_eq!(answer.usage, Some(Usage { input: 1, output: 2, total: 3, cached: 0, reasoning: 0 }));
    assert_eq!(answer.upstream_id.as_deref(), Some("resp_u"));
}

#[test]
fn raw_reasoning_is_read_under_both_names_and_shown_once() {
    let raw = r#"{"type":"response.reasoning_text.delta","item_id":"rs","content_index":0,"delta":"deep"}"#;
    let same = r#"{"type":"response.reasoning.delta","item_id":"rs","content_index":0,"delta":"er"}"#;
    let summary =
        r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs","summary_index":0,"delta":"short"}"#;
    let done = r#"{"type":"response.output_item.done","item":{"type":"reasoning","id":"rs","summary":[],"content":[{"type":"reasoning_text","text":"deeper"}]}}"#;
    assert_eq!(lines(&[raw, same, summary, done, DONE]), ["thinks \"deeper\" None"]);
}

#[test]
fn done_events_without_deltas_are_enough() {
    let frames = [
        r#"{"type":"response.output_text.done","item_id":"m","content_index":0,"text":"all"}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.done","item_id":"fc","output_index":1,"arguments":"{\"a\":1}"}"#,
        DONE,
    ];
    assert_eq!(lines(&frames), ["says \"all\" \"\" 0", "Client calls c f {\"a\":1}"]);
}

#[test]
fn ids_that_change_with_every_event_change_nothing() {
    let frames = [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"a1","role":"assistant","content":[]}}"#,
        &text("a2", "he"),
        &text("a3", "llo"),
        &message("a4", "hello"),
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"b1","call_id":"c","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"b2","output_index":1,"delta":"{\"a\":1}"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"b3","call_id":"c","name":"f","arguments":"{\"a\":1}"}}"#,
        DONE,
    ];
    assert_eq!(lines(&frames), ["says \"hello\" \"\" 0", "Client calls c f {\"a\":1}"]);
}

#[test]
fn parallel_calls_keep_their_arguments_apart() {
    let added = |index: u8| {
        format!(
            r#"{{"type":"response.output_item.added","output_index":{index},"item":{{"type":"function_call","id":"same","call_id":"c{index}","name":"f","arguments":""}}}}"#
        )
    };
    let delta = |index: u8, delta: &str| {
        format!(
            r#"{{"type":"response.function_call_arguments.delta","item_id":"same","output_index":{index},"delta":"{delta}"}}"#
        )
    };
    let frames = [added(0), added(1), delta(0, "[0"), delta(1, "[1"), delta(0, "]"), delta(1, "]"), DONE.to_owned()];
    let frames: Vec<_> = frames.iter().map(String::as_str).collect();
    assert_eq!(lines(&frames), ["Client calls c0 f [0]", "Client calls c1 f [1]"]);
}

#[test]
fn one_id_for_all_items_of_a_turn_is_no_trouble() {
    let frames = [&*text("x", "a"), &message("x", "a"), &call("c1", "f"), &call("c2", "g"), DONE];
    assert_eq!(lines(&frames), ["says \"a\" \"\" 0", "Client calls c1 f {}", "Client calls c2 g {}"]);
}

#[test]
fn the_steps_of_an_agent_are_one_answer() {
    let created = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1"}}"#;
    let completed = r#"{"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","status":"completed","output":[{"type":"message","role":"assistant","content":"b"}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}}"#;
    let sic = completed.replace("response.completed", "responses.completed");
    let output = r#"{"type":"function_call_output","call_id":"c1","output":"21"}"#;
    let frames = [
        created,
        &call("c1", "f"),
        completed,
        output,
        created,
        &text("m", "b"),
        &message("m", "b"),
        completed,
        &sic,
        DONE,
    ];
    let answer = answer(&frames);
    assert_eq!(items(&answer), ["Agent calls c1 f {}", "output c1 f 21", "says \"b\" \"\" 0"]);
    assert_eq!(answer.usage, Some(Usage { input: 2, output: 4, total: 6, ..Usage::default() }), "each step once");
    let cut = [created, completed, created, &*text("m", "b")];
    assert_eq!(failure(&cut).0, Kind::Cut, "an end in the middle of a step is no end");
}

#[test]
fn the_final_output_counts_only_when_nothing_was_streamed() {
    let completed =
        r#"{"type":"response.completed","response":{"custom_outputs":{"k":1},"metadata":{"trace_id":"tr-1"},
        "output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"whole"}]}]}}"#
            .replace('\n', "");
    let whole = answer(&[&completed, DONE]);
    assert_eq!(items(&whole), ["says \"whole\" \"\" 0"]);
    assert_eq!((whole.custom_outputs.is_some(), whole.trace_id.as_deref()), (true, Some("tr-1")));
    assert_eq!(lines(&[&text("m", "live"), &completed, DONE]), ["says \"live\" \"\" 0"]);
    let empty = r#"{"type":"response.completed","response":{"output":[]}}"#;
    assert_eq!(lines(&[&message("m", "kept"), empty]), ["says \"kept\" \"\" 0"]);
}

#[test]
fn a_cut_by_length_or_filter_is_told() {
    for (frame, finish) in [
        (
            r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"}}}"#,
            Finish::ContentFilter,
        ),
        (r#"{"type":"response.incomplete","response":{"incomplete_details":null}}"#, Finish::Length),
        (r#"{"type":"response.completed","response":{"incomplete_details":{"reason":"max_tokens"}}}"#, Finish::Length),
        (r#"{"type":"response.completed","response":{"incomplete_details":null}}"#, Finish::Stop),
    ] {
        assert_eq!(answer(&[&text("m", "a"), frame, DONE]).finish(), Some(finish), "{frame}");
    }
}

#[test]
fn errors_of_every_shape_fail_the_answer_and_done_does_not_heal_it() {
    for (frame, kind, message) in [
        (r#"{"error": "boom"}"#, Kind::AgentFailed, "boom"),
        (r#"{"error":{"message":"boom","code":"rate_limit_exceeded"}}"#, Kind::RateLimited, "boom"),
        (r#"{"type":"error","message":"boom","code":"agent_error"}"#, Kind::AgentFailed, "boom"),
        (r#"{"type":"error","message":"boom","code":"rate_limit_exceeded","param":null}"#, Kind::RateLimited, "boom"),
        (r#"{"type":"error","error":{"message":"boom","type":"server_error","code":null}}"#, Kind::AgentFailed, "boom"),
        (r#"{"type":"error"}"#, Kind::AgentFailed, "the agent failed"),
        (r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"boom"}"#, Kind::RateLimited, "boom"),
        (
            r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"boom"}}}"#,
            Kind::AgentFailed,
            "boom",
        ),
        (r#"{"type":"response.failed","response":{}}"#, Kind::AgentFailed, "the agent failed"),
        (r#"{"type":"response.completed","response":{"status":"failed","error":"boom"}}"#, Kind::AgentFailed, "boom"),
        (r#"{"databricks_output":{"error":{"error_code":"BAD_REQUEST","message":"boom"}}}"#, Kind::AgentFailed, "boom"),
        ("{\"type\":", Kind::BackendGarbage, "the agent's stream holds a frame that is not JSON"),
    ] {
        assert_eq!(failure(&[&text("m", "partial "), frame, DONE]), (kind, message.to_owned()), "{frame}");
        assert_eq!(failure(&[frame, &text("m", "late"), DONE]), (kind, message.to_owned()), "{frame}");
    }
}

#[test]
fn an_error_may_ride_on_the_last_delta() {
    let frame = r#"{"type":"response.output_text.delta","item_id":"m","delta":"mid","databricks_output":{"error":{"error_code":"BAD_REQUEST","message":"boom"}}}"#;
    let failed = answer(&[frame, DONE]);
    assert_eq!(items(&failed), ["says \"mid\" \"\" 0"]);
    assert_eq!(failed.failure.map(|error| error.kind()), Some(Kind::AgentFailed));
}

#[test]
fn an_event_line_alone_can_mean_an_error() {
    for data in [r#"{"message":"boom"}"#, "boom"] {
        let (answer, written) = relay(&format!("event: error\ndata: {data}\n\n"), hold(), &ask());
        legal::check(&written, Surface::OpenAi);
        assert_eq!(answer.failure.unwrap().message(), "boom");
    }
}

#[test]
fn every_stream_has_an_end() {
    let empty = answer(&[DONE]);
    assert!(empty.items.is_empty() && empty.failure.is_none(), "an empty answer is one");
    assert_eq!(failure(&[]).0, Kind::Cut);
    assert_eq!(
        failure(&[&text("m", "a")]),
        (Kind::Cut, "the agent's stream ended before its answer was complete".into())
    );
    assert_eq!(failure(&[&message("m", "a")]).0, Kind::Cut);
    let unterminated = format!("data: {}\n\ndata: [DONE]", text("m", "a"));
    assert!(relay(&unterminated, hold(), &ask()).0.failure.is_none(), "the last blank line may be missing");
}

#[test]
fn what_nobody_knows_is_swallowed() {
    let frames = [
        r#"{"type":"response.resumed","attempt":2}"#,
        r#"{"type":"acme:trace","x":[1,{"y":null}]}"#,
        r#"{"type":"keepalive"}"#,
        r#"{"type":7,"delta":{},"item_id":[]}"#,
        r#"{"type":"response.output_text.delta","item_id":"m","delta":null}"#,
        r#"{"type":"response.output_text.delta","item_id":"m","delta":""}"#,
        r#"{"type":"response.output_item.done","item":"nonsense"}"#,
        r#"{"type":"response.output_item.done"}"#,
        "null",
        "[1]",
        "\"text\"",
        "{}",
        &text("m", "a"),
        DONE,
    ];
    assert_eq!(lines(&frames), ["says \"a\" \"\" 0"]);
}

#[test]
fn a_long_running_servers_repeated_first_frame_counts_once() {
    let numbered = |number: u8, delta: &str| {
        format!(
            r#"{{"type":"response.output_text.delta","item_id":"m","delta":"{delta}","sequence_number":{number},"response_id":"resp_1"}}"#
        )
    };
    let frames = [&*numbered(0, "a"), &numbered(0, "a"), &numbered(0, "a"), &numbered(1, "a"), DONE];
    assert_eq!(lines(&frames), ["says \"aa\" \"\" 0"]);
    let from_the_start = [0, 1, 0, 1, 2].map(|number| numbered(number, "a"));
    let frames: Vec<&str> = from_the_start.iter().map(String::as_str).chain([DONE]).collect();
    assert_eq!(lines(&frames), ["says \"aaa\" \"\" 0"], "what has come is no news wherever the server begins again");
    let restarting = r#"{"type":"response.output_text.delta","item_id":"m","delta":"a","sequence_number":0}"#;
    assert_eq!(lines(&[restarting, restarting, DONE]), ["says \"aa\" \"\" 0"], "numbers alone prove nothing");
}

#[test]
fn escapes_and_every_line_end_survive() {
    let delta =
        r#"{"type": "response.output_text.delta", "item_id": "m", "delta": "caf\u00e9 \ud83d\ude80 \u2028 \"q\"\r\n"}"#;
    assert_eq!(lines(&[delta, DONE]), ["says \"café 🚀 \\u{2028} \\\"q\\\"\\r\\n\" \"\" 0"]);
    for end in ["\r\n", "\r"] {
        let stream = format!("\u{feff}: note{end}{end}data:{delta}{end}{end}data: [DONE]{end}{end}");
        assert_eq!(items(&relay_in_steps(&stream, 1, hold(), &ask()).0).len(), 1);
    }
}

/// Frames that agents send, to be thrown together at random.
const POOL: &[&str] = &[
    r#"{"type":"response.created","response":{"id":"resp_1"}}"#,
    r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m1","role":"assistant","content":[]}}"#,
    r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"reasoning","id":"r1"}}"#,
    r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","id":"f1","call_id":"c1","name":"f","arguments":""}}"#,
    r#"{"type":"response.output_item.added","output_index":3,"item":{"type":"function_call","id":"f2","call_id":"c2","name":"g","arguments":""}}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"a\""}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":3,"delta":"{}"}"#,
    r#"{"type":"response.function_call_arguments.done","output_index":2,"arguments":"{\"a\":1}"}"#,
    r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","id":"f1","call_id":"c1","name":"f","arguments":"{\"a\":1}"}}"#,
    r#"{"type":"response.output_item.done","item":{"type":"function_call","id":"m1","call_id":"c3","name":"f","arguments":""}}"#,
    r#"{"type":"response.output_item.done","item":{"type":"function_call_output","call_id":"c1","output":"x"}}"#,
    r#"{"type":"function_call_output","call_id":"c3","output":"y"}"#,
    r#"{"type":"response.output_text.delta","item_id":"m1","delta":"one "}"#,
    r#"{"type":"response.output_text.delta","item_id":"m2","delta":"two "}"#,
    r#"{"type":"response.output_text.done","item_id":"m1","text":"one two "}"#,
    r#"{"type":"response.output_item.done","item":{"type":"message","id":"m1","role":"assistant","content":[{"type":"output_text","text":"one two "}]}}"#,
    r#"{"type":"response.output_item.done","item":{"type":"message","id":"m2","role":"assistant","content":[]}}"#,
    r#"{"type":"response.refusal.delta","item_id":"m1","delta":"no"}"#,
    r#"{"type":"response.reasoning_summary_text.delta","item_id":"r1","summary_index":0,"delta":"hm"}"#,
    r#"{"type":"response.reasoning_text.delta","item_id":"r1","content_index":1,"delta":"raw"}"#,
    r#"{"type":"response.output_item.done","item":{"type":"reasoning","id":"r1","summary":[{"text":"hm, so"}]}}"#,
    r#"{"type":"response.output_text.annotation.added","annotation":{"type":"url_citation","url":"https://e"}}"#,
    r#"{"type":"response.output_item.done","item":{"type":"mcp_approval_request","id":"apr_1"}}"#,
    r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":1}}}"#,
    r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#,
    r#"{"error":"boom"}"#,
    DONE,
];

proptest::proptest! {
    #[test]
    fn any_mixture_of_frames_becomes_a_legal_stream(places in proptest::collection::vec(0..POOL.len(), 0..16)) {
        let frames: Vec<_> = places.iter().map(|place| POOL[*place]).collect();
        answer(&frames);
    }
}
