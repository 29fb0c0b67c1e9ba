//! What a watched stream is found to break, told by whole streams.

use super::*;
use crate::compare::Failure;
use crate::sse::Splitter;

fn faults(dialect: &str, stream: &str) -> Vec<String> {
    ended(dialect, stream, &Observed::default())
}

fn ended(dialect: &str, stream: &str, observed: &Observed) -> Vec<String> {
    let mut watch = Watch::new(dialect);
    let mut splitter = Splitter::new(1 << 20);
    splitter.push(stream.as_bytes()).unwrap();
    while let Some(frame) = splitter.next_frame() {
        watch.frame(frame);
    }
    watch.end(observed).into_iter().map(|fault| fault.name).collect()
}

fn stream(frames: &[&str]) -> String {
    frames.iter().flat_map(|frame| ["data: ", frame, "\n\n"]).collect()
}

const SPARSE: &[&str] = &[
    r#"{"type":"response.output_item.done","item":{"type":"function_call","id":"m0","call_id":"c","name":"f","arguments":"{\"a\":1}"}}"#,
    r#"{"type":"response.output_item.done","item":{"type":"function_call_output","call_id":"c","output":"x"}}"#,
    r#"{"type":"response.output_text.delta","item_id":"m2","delta":"echo: "}"#,
    r#"{"type":"response.output_text.delta","item_id":"m2","delta":"all"}"#,
    r#"{"type":"response.output_item.done","item":{"type":"message","id":"m2","content":[{"type":"output_text","text":"echo: all"}]}}"#,
    r#"{"trace_id":"tr-1"}"#,
    "[DONE]",
];

#[test]
fn a_sparse_server_is_legal() {
    assert_eq!(faults("responses", &stream(SPARSE)), [""; 0]);
}

#[test]
fn a_full_stream_is_legal_and_so_are_several_lives_of_it() {
    let full = stream(&[
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"r"}}"#,
        r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"message","id":"m"}}"#,
        r#"{"type":"response.output_text.delta","sequence_number":2,"output_index":0,"item_id":"m","delta":"hi"}"#,
        r#"{"type":"response.output_text.done","sequence_number":3,"output_index":0,"item_id":"m","text":"hi"}"#,
        r#"{"type":"response.output_item.done","sequence_number":4,"output_index":0,"item":{"type":"message","id":"m","content":[{"text":"hi"}]}}"#,
        r#"{"type":"response.completed","sequence_number":5,"response":{"id":"r","output":[]}}"#,
    ]);
    assert_eq!(faults("responses", &format!("{full}{full}data: [DONE]\n\n")), [""; 0]);
}

#[test]
fn pieces_that_do_not_add_up_are_found() {
    let changed = stream(SPARSE).replace(r#""text":"echo: all""#, r#""text":"echo: al""#);
    assert_eq!(faults("responses", &changed), [kind::SUM]);
    let arguments = stream(&[
        r#"{"type":"response.function_call_arguments.delta","item_id":"f","delta":"{\"a\":1"}"#,
        r#"{"type":"response.function_call_arguments.done","item_id":"f","arguments":"{\"a\":2}"}"#,
    ]);
    assert_eq!(faults("responses", &arguments), [kind::SUM]);
}

#[test]
fn ids_that_change_are_found() {
    let frames = [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"a"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"b","content":[]}}"#,
    ];
    assert_eq!(faults("responses", &stream(&frames)), [kind::ID]);
    let lives = [
        r#"{"type":"response.created","response":{"id":"a"}}"#,
        r#"{"type":"response.completed","response":{"id":"b"}}"#,
    ];
    assert_eq!(faults("responses", &stream(&lives)), [kind::ID]);
    let chunks = [
        r#"{"id":"a","choices":[{"delta":{"content":"x"}}]}"#,
        r#"{"id":"b","choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    ];
    assert_eq!(faults("chat_completions", &stream(&chunks)), [kind::ID]);
}

#[test]
fn what_has_no_end_is_found_whatever_the_dialect() {
    for code in ["backend_cut_short", "backend_idle_timeout", "backend_total_timeout"] {
        let cut =
            Observed { failure: Some(Failure { code: code.into(), message: String::new() }), ..Observed::default() };
        for dialect in ["responses", "chat_completions", "chat_agent", "durable"] {
            assert_eq!(ended(dialect, "", &cut), [kind::NO_END], "{dialect} {code}");
        }
    }
}

#[test]
fn what_comes_after_the_end_is_found() {
    assert_eq!(faults("chat_agent", "data: [DONE]\n\ndata: {}\n\n"), [kind::AFTER_END]);
    let late = [
        r#"{"type":"response.completed","response":{"id":"r"}}"#,
        r#"{"type":"response.output_text.delta","item_id":"m","delta":"x"}"#,
    ];
    assert_eq!(faults("responses", &stream(&late)), [kind::AFTER_END]);
    let chat = [r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, r#"{"choices":[{"delta":{"content":"x"}}]}"#];
    assert_eq!(faults("chat_completions", &stream(&chat)), [kind::AFTER_END]);
}

#[test]
fn arguments_that_are_no_json_gaps_and_open_items_are_found() {
    let call =
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\""}}]}}]}"#;
    assert_eq!(faults("chat_completions", &stream(&[call])), [kind::ARGUMENTS]);
    let gap = [r#"{"type":"x","sequence_number":4}"#, r#"{"type":"x","sequence_number":6}"#];
    assert_eq!(faults("responses", &stream(&gap)), [kind::SEQUENCE]);
    let open = [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"a"}}"#,
        r#"{"type":"response.completed","response":{"id":"r","output":[]}}"#,
    ];
    assert_eq!(faults("responses", &stream(&open)), [kind::OPEN]);
    assert_eq!(faults("chat_agent", "data: {nope\n\n"), [kind::JSON]);
}

#[test]
fn what_is_told_is_bounded() {
    let mut watch = Watch::new("responses");
    let mut splitter = Splitter::new(64 << 20);
    let huge = format!(r#"{{"type":"response.output_text.delta","item_id":"m","delta":"{}"}}"#, "x".repeat(3 << 20));
    for _ in 0..4 {
        splitter.push(format!("data: {huge}\n\n").as_bytes()).unwrap();
        while let Some(frame) = splitter.next_frame() {
            watch.frame(frame);
        }
    }
    let Rules::Responses(rules) = &watch.rules else { panic!() };
    assert_eq!(rules.room, Some(0));
    let kept: usize = format!("{:?}", watch.end(&Observed::default())).len();
    assert!(kept < 4_096, "{kept}");
}
