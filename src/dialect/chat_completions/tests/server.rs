//! Answers of servers: every variant that one was seen to send.

use super::*;

fn delta(delta: &str) -> String {
    format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

/// What the deltas of a stream that then stops are read as, without the begin and the end.
fn pieces(deltas: &[&str]) -> Vec<String> {
    let mut frames: Vec<String> = deltas.iter().map(|text| delta(text)).collect();
    frames.extend([STOP.to_owned(), "[DONE]".to_owned()]);
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let mut lines = read_stream(&Chat, &sse(&frames));
    assert_eq!(lines.remove(0), "begin(x)");
    assert_eq!(lines.split_off(lines.len() - 2), ["finish stop", "done"]);
    lines
}

#[test]
fn an_ordinary_stream_is_read() {
    let seen = read_stream(
        &Chat,
        &sse(&[
            &delta(r#"{"role":"assistant","content":"","refusal":null}"#),
            &delta(r#"{"content":"he\"y"}"#),
            STOP,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8,"prompt_tokens_details":null}}"#,
            "[DONE]",
        ]),
    );
    assert_eq!(seen, ["begin(x)", "text he\"y", "finish stop", "usage 3 5 8", "done"]);
}

#[test]
fn words_may_stand_in_every_field() {
    assert_eq!(pieces(&[r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"},"c"]}"#]), ["text abc"]);
    assert_eq!(pieces(&[r#"{"content":null}"#, r#"{"content":""}"#, "{}"]), [""; 0]);
    assert_eq!(pieces(&[r#"{"reasoning_content":"hm"}"#, r#"{"reasoning":"hm"}"#]), ["reasoning hm", "reasoning hm"]);
    assert_eq!(pieces(&[r#"{"reasoning":"hm","reasoning_content":"hm"}"#]), ["reasoning hm"]);
    let summary = r#"{"content":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]}]}"#;
    assert_eq!(pieces(&[summary]), ["reasoning hm"]);
    assert_eq!(pieces(&[r#"{"refusal":"no"}"#]), ["refusal no"]);
    assert_eq!(
        pieces(&[r#"{"content":"x","tool_calls":null}"#, r#"{"content":"y","tool_calls":[]}"#]),
        ["text x", "text y"]
    );
}

#[test]
fn annotations_are_turned_into_the_flat_form() {
    let nested = r#"{"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":1,"end_index":2}}]}"#;
    let flat = r#"annotation {"type":"url_citation","url":"u","title":"t","start_index":1,"end_index":2}"#;
    assert_eq!(pieces(&[nested]), [flat]);
    assert_eq!(pieces(&[r#"{"annotations":[{"type":"acme"}]}"#]), [""; 0]);
}

#[test]
fn pieces_of_calls_are_told_apart() {
    let call = |text: &str| format!(r#"{{"tool_calls":[{text}]}}"#);
    let ordinary = [
        call(r#"{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}"#),
        call(r#"{"index":1,"id":"b","function":{"name":"g","arguments":null}}"#),
        call(r#"{"index":0,"function":{"arguments":"{}"}}"#),
        call(r#"{"index":1,"id":"","function":{"name":"","arguments":"[]"}}"#),
    ];
    let expected = ["call 0 a f", "call 1 b g", "arguments 0 {}", "arguments 1 []"];
    let deltas = |calls: &[String]| pieces(&calls.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(deltas(&ordinary), expected);
    let all_zero = [
        call(r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}"#),
        call(r#"{"index":0,"function":{"arguments":"}"}}"#),
        call(r#"{"index":0,"id":"b","function":{"name":"g","arguments":"[]"}}"#),
    ];
    assert_eq!(deltas(&all_zero), ["call 0 a f", "arguments 0 {", "arguments 0 }", "call 1 b g", "arguments 1 []"]);
    let no_index = [
        call(r#"{"id":"a","function":{"name":"f","arguments":"{"}}"#),
        call(r#"{"function":{"arguments":"}"}}"#),
        call(r#"{"id":"b","function":{"name":"g","arguments":{"x":1}}}"#),
        call(r#"{"id":"a","function":{"arguments":" "}}"#),
    ];
    let expected = [
        "call 0 a f",
        "arguments 0 {",
        "arguments 0 }",
        "call 1 b g",
        r#"arguments 1 {"x":1}"#,
        "call 0 a ",
        "arguments 0  ",
    ];
    assert_eq!(deltas(&no_index), expected);
    let nothing =
        [call(r#"{"function":{"name":"f","arguments":"1"}}"#), call(r#"{"function":{"name":"g","arguments":"2"}}"#)];
    assert_eq!(deltas(&nothing), ["call 0  f", "arguments 0 1", "call 1  g", "arguments 1 2"]);
    let two_in_one = [call(
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"1"}},{"index":1,"id":"b","function":{"name":"g","arguments":"2"}}"#,
    )];
    assert_eq!(deltas(&two_in_one), ["call 0 a f", "arguments 0 1", "call 1 b g", "arguments 1 2"]);
}

#[test]
fn only_the_first_choice_counts() {
    let frames = [
        r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"x"}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"delta":{"content":"b"},"finish_reason":"length"}]}"#,
    ];
    assert_eq!(read_stream(&Chat, &sse(&frames)), ["text a", "text b", "finish length", "done"]);
}

#[test]
fn the_end_must_be_told() {
    let words = delta(r#"{"content":"a"}"#);
    let end = |frames: &[&str]| read_stream(&Chat, &sse(frames)).pop().unwrap();
    assert_eq!(end(&[&words, "[DONE]"]), "done");
    assert_eq!(end(&[&words, STOP]), "done");
    let cut = "failed Cut the agent's answer ended before it was complete";
    assert_eq!(end(&[&words]), cut);
    assert_eq!(end(&[]), cut);
    assert_eq!(end(&[&words, STOP, &words]), cut, "an agent that went on has not finished");
    let empty = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":""}]}"#;
    assert_eq!(end(&[empty]), cut, "an empty reason is none");
}

#[test]
fn failures_of_every_shape_are_failures_and_final() {
    let words = delta(r#"{"content":"a"}"#);
    for (frame, message) in [
        (r#"{"error":"boom"}"#, "boom"),
        (r#"{"error":{"message":"boom","code":null}}"#, "boom"),
        (r#"{"error_code":"BAD_REQUEST","message":"boom"}"#, "boom"),
        (r#"{"detail":"boom"}"#, "boom"),
        (r#"{"choices":[{"delta":{}}],"databricks_output":{"error":{"error_code":"X","message":"boom"}}}"#, "boom"),
        (r#"{"databricks_output":{"error":"boom"}}"#, "boom"),
        (r#"{"error":{}, "choices":[]}"#, ""),
    ] {
        let mut seen = read_stream(&Chat, &sse(&[&words, frame, &words, STOP, "[DONE]"]));
        if message.is_empty() {
            assert_eq!(seen.pop().unwrap(), "done", "an empty error is none");
            continue;
        }
        assert_eq!(seen, ["begin(x)", "text a", &format!("failed AgentFailed {message}")], "{frame}");
    }
}

#[test]
fn words_beside_a_failure_are_kept() {
    let frame = r#"{"choices":[{"delta":{"content":"b"}}],"databricks_output":{"error":{"message":"boom"}}}"#;
    assert_eq!(read_stream(&Chat, &sse(&[frame])), ["text b", "failed AgentFailed boom"]);
}

#[test]
fn a_frame_that_is_not_json_is_garbage_and_one_that_is_unknown_is_nothing() {
    let seen = read_stream(&Chat, &sse(&["{nope", "[DONE]"]));
    assert_eq!(seen, ["failed BackendGarbage the agent's endpoint sent an event that is not JSON"]);
    let odd = [r#"{"acme":1}"#, "5", "null", "[]", r#"{"choices":5}"#, r#"{"choices":null,"usage":null}"#, ""];
    let stream = sse(&odd) + ": comment\n\n" + "event: x\ndata: {}\n\n" + "data: [DONE]\n\n";
    let seen = read_stream(&Chat, &stream);
    assert_eq!(seen.last().unwrap(), "done");
    assert!(seen.iter().all(|line| line == "unknown" || line == "done"), "counted, and nothing else: {seen:?}");
}

#[test]
fn traces_and_outputs_are_found_in_any_frame() {
    let frames = [
        r#"{"choices":[],"custom_outputs":{"a":1}}"#,
        r#"{"trace_id":"tr-1"}"#,
        r#"{"databricks_output":{"trace":{"info":{"trace_id":"tr-2"}}}}"#,
        "[DONE]",
    ];
    let expected = [
        r#"custom {"a":1}"#,
        "trace tr-1",
        r#"databricks {"trace":{"info":{"trace_id":"tr-2"}}}"#,
        "trace tr-2",
        "done",
    ];
    assert_eq!(read_stream(&Chat, &sse(&frames)), expected);
}

#[test]
fn a_whole_answer_is_read() {
    let body = r#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hey","reasoning_content":"hm","refusal":null,
        "annotations":[{"type":"url_citation","url_citation":{"url":"u"}}],
        "tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":3,"completion_tokens":5}}"#;
    let citation = r#"cites {"type":"url_citation","url":"u","title":"","start_index":0,"end_index":0}"#;
    let expected = [
        "begin(x)",
        "thought hm",
        &format!("message hey {citation}"),
        "whole call a f {}",
        "finish tool_calls",
        "usage 3 5 8",
        "done",
    ];
    assert_eq!(read_whole(&Chat, body), expected);
    assert_eq!(read_whole(&Chat, &format!(r#"{{"predictions":{body}}}"#)), expected);
    assert_eq!(read_whole(&Chat, &format!(r#"{{"predictions":[{body}]}}"#)), expected);
}

#[test]
fn a_body_that_is_no_answer_is_told_from_one_that_failed() {
    for body in ["", "<html>", "{}", "5", r#"{"object":"chat.completion"}"#] {
        let seen = read_whole(&Chat, body);
        assert_eq!(seen, ["failed BackendGarbage the agent's answer is in no form that this gateway knows"], "{body}");
    }
    assert_eq!(read_whole(&Chat, r#"{"error":{"message":"boom"}}"#), ["failed AgentFailed boom"]);
    assert_eq!(read_whole(&Chat, r#"{"detail":"boom"}"#), ["failed AgentFailed boom"]);
}
