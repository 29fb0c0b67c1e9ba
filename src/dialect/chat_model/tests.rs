//! ChatModel by behaviour: the parameters that its agents take, their answers, and answers for its clients.

use serde_json::{Value, json};

use super::ChatModel as Model;
use crate::dialect::chat_messages::testing::*;
use crate::dialect::{Ask, ChatCompletions, Surface, admit};
use crate::error::{Error, Kind};
use crate::ir::Fragment;

#[test]
fn a_request_holds_the_parameters_of_the_dataclass_and_nothing_else() {
    let seen = bridged(
        &Model,
        r#"{"model":"m","messages":[{"role":"developer","content":"d"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"id":"u1","name":"ann"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c1","function":{"name":"f","arguments":""}}]},
            {"role":"tool","tool_call_id":"c1","name":"f","content":"1"}],
            "temperature":0.5,"max_completion_tokens":9,"stop":"x","top_p":0.5,"top_k":3,"frequency_penalty":1,"presence_penalty":1,
            "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto","custom_inputs":{"a":1},
            "context":{"user_id":"u"},"user":"u","seed":1}"#,
    );
    let expected = json!({
        "messages": [
            {"role": "system", "content": "d"},
            {"role": "user", "content": "a\nb", "name": "ann"},
            {"role": "assistant", "content": "",
             "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "content": "1", "tool_call_id": "c1"},
        ],
        "temperature": 0.5, "max_tokens": 9, "stop": ["x"], "top_p": 0.5, "top_k": 3,
        "frequency_penalty": 1, "presence_penalty": 1, "custom_inputs": {"a": 1},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    });
    assert_eq!(seen, expected);
}

#[test]
fn a_list_of_stops_stays_one() {
    assert_eq!(bridged(&Model, r#"{"messages":[],"stop":["x","y"]}"#), json!({"messages": [], "stop": ["x", "y"]}));
}

#[test]
fn tools_are_forbidden_by_not_offering_them() {
    let text = r#"{"messages":[],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"}"#;
    assert!(admit(&request(&ChatCompletions, text).unwrap(), &Model).unwrap().names().is_empty());
    assert_eq!(bridged(&Model, text), json!({"messages": []}));
    let forced = text.replace("none", "required");
    assert_eq!(admit(&request(&ChatCompletions, &forced).unwrap(), &Model).unwrap_err().field(), Some("tool_choice"));
}

#[test]
fn what_it_has_no_setting_for_is_dropped_by_name() {
    let text = r#"{"messages":[],"seed":1,"context":{"user_id":"u"},"temperature":0.1}"#;
    assert_eq!(admit(&request(&ChatCompletions, text).unwrap(), &Model).unwrap().names(), ["seed", "context"]);
}

#[test]
fn its_own_clients_request_comes_through_as_it_was() {
    let text = r#"{"messages":[{"role":"user","content":"q"}],"temperature":1,"max_tokens":5,"stop":["x"],"custom_inputs":{},"usage_context":{}}"#;
    let (body, dropped) = written(&Model, &request(&Model, text).unwrap(), true);
    assert_eq!(body, serde_json::from_str::<Value>(text).unwrap());
    assert!(dropped.is_empty());
}

#[test]
fn a_whole_answer_is_read() {
    let body = r#"{"choices":[{"message":{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"},"id":"c1","type":"function"}]},"index":0,"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8},"id":"msg_1","model":"echo","object":"chat.completion","created":1,"custom_outputs":{"a":1}}"#;
    let expected =
        ["begin(msg_1)", "whole call c1 f {}", "finish tool_calls", "usage 3 5 8", r#"custom {"a":1}"#, "done"];
    assert_eq!(read_whole(&Model, body), expected);
    assert_eq!(read_whole(&Model, &format!(r#"{{"predictions":{body}}}"#)), expected);
}

#[test]
fn a_stream_is_read() {
    let frames = [
        r#"{"choices":[{"delta":{"role":"assistant","content":"a"},"index":0}],"id":"r","object":"chat.completion.chunk"}"#,
        r#"{"choices":[{"delta":{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"},"id":"c1","type":"function"},
            {"function":{"name":"g","arguments":"{}"},"id":"c2","type":"function"}]},"index":0}],"id":"r"}"#,
        r#"{"choices":[{"delta":{},"index":0,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8},"custom_outputs":{"a":1},"databricks_output":{"databricks_request_id":"r"}}"#,
    ]
    .map(|frame| frame.replace('\n', " "));
    let frames = frames.each_ref().map(String::as_str);
    let expected = [
        "begin(r)",
        "text a",
        "call 0 c1 f",
        "arguments 0 {}",
        "call 1 c2 g",
        "arguments 1 {}",
        "finish tool_calls",
        "usage 3 5 8",
        r#"custom {"a":1}"#,
        r#"databricks {"databricks_request_id":"r"}"#,
        "done",
    ];
    assert_eq!(read_stream(&Model, &sse(&frames)), expected);
}

#[test]
fn a_failure_that_rides_on_a_frame_is_a_failure() {
    let frame = r#"{"choices":[{"delta":{"role":"assistant","content":"x"},"index":0}],"databricks_output":{"error":{"error_code":"BAD_REQUEST","message":"boom"}}}"#;
    assert_eq!(read_stream(&Model, &sse(&[frame, "[DONE]"])), ["text x", "failed AgentFailed boom"]);
}

fn turn() -> Vec<Fragment<'static>> {
    vec![
        Fragment::Reasoning { item: None, delta: "hm".into() },
        call("c1", "theirs", "{}"),
        output("c1", "21"),
        text("it "),
        text("is"),
        call("c2", "mine", ""),
        call("c3", "mine", "{}"),
        Fragment::Usage(USAGE),
        custom("{\"k\":1}"),
        databricks("{}"),
        Fragment::Done,
    ]
}

fn hiding() -> Ask {
    Ask { show_agents_calls: false, ..invocations() }
}

#[test]
fn a_text_stream_byte_for_byte() {
    let seen = stream(&Model, &hiding(), vec![text("he"), text("y"), Fragment::Usage(USAGE), Fragment::Done]);
    let head = r#""id":"chatcmpl-s","model":"m","object":"chat.completion.chunk","created":7"#;
    let expected = [
        format!(r#"data: {{"choices":[{{"index":0,"delta":{{"role":"assistant","content":"he"}}}}],{head}}}"#),
        format!(r#"data: {{"choices":[{{"index":0,"delta":{{"role":"assistant","content":"y"}}}}],{head}}}"#),
        format!(
            r#"data: {{"choices":[{{"index":0,"delta":{{"role":"assistant"}},"finish_reason":"stop"}}],{head},"usage":{{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}}}"#
        ),
        "data: [DONE]\n\n".to_owned(),
    ];
    assert_eq!(seen, expected.join("\n\n"));
}

#[test]
fn a_stream_has_whole_calls_and_a_role_in_every_chunk() {
    let seen = frames(&stream(&Model, &hiding(), turn()));
    let deltas: Vec<Value> = seen.iter().map(|frame| frame["choices"][0]["delta"].clone()).collect();
    let call = |index, id| json!([{"index": index, "id": id, "type": "function", "function": {"name": "mine", "arguments": "{}"}}]);
    let expected = [
        json!({"role": "assistant", "content": "it "}),
        json!({"role": "assistant", "content": "is"}),
        json!({"role": "assistant", "tool_calls": call(0, "c2")}),
        json!({"role": "assistant", "tool_calls": call(1, "c3")}),
        json!({"role": "assistant"}),
    ];
    assert_eq!(deltas, expected);
    let last = seen.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!((&last["custom_outputs"], &last["databricks_output"]), (&json!({"k": 1}), &json!({})));
}

#[test]
fn a_plain_answer() {
    let calls = json!([{"id": "c2", "type": "function", "function": {"name": "mine", "arguments": "{}"}},
                       {"id": "c3", "type": "function", "function": {"name": "mine", "arguments": "{}"}}]);
    let message = json!({"role": "assistant", "content": "it is", "tool_calls": calls});
    let expected = json!({
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "id": "chatcmpl-s", "model": "m", "object": "chat.completion", "created": 7,
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
        "custom_outputs": {"k": 1}, "databricks_output": {},
    });
    assert_eq!(plain(&Model, &hiding(), turn()), expected);
    assert_eq!(plain(&Model, &Ask { wrapped: true, ..hiding() }, turn()), json!({"predictions": expected}));
}

#[test]
fn a_message_has_a_content_or_a_refusal_or_calls() {
    let message = |fragments| plain(&Model, &hiding(), fragments)["choices"][0]["message"].clone();
    assert_eq!(message(vec![Fragment::Done]), json!({"role": "assistant", "content": ""}));
    let refusal = || Fragment::Refusal { item: None, delta: "no".into() };
    assert_eq!(message(vec![refusal(), Fragment::Done]), json!({"role": "assistant", "refusal": "no"}));
    assert_eq!(message(vec![text("a"), refusal(), Fragment::Done]), json!({"role": "assistant", "content": "ano"}));
    assert!(message(vec![call("c", "mine", ""), Fragment::Done]).get("content").is_none());
}

#[test]
fn a_failure_looks_like_any_frame_to_clients_that_choke_on_errors() {
    let failed = || vec![text("a"), Fragment::Failed(Error::new(Kind::AgentFailed, "boom")), Fragment::Done];
    let seen = stream(&Model, &hiding(), failed());
    assert!(!seen.contains("[DONE]"));
    let last = frames(&seen).pop().unwrap();
    assert_eq!(last["choices"], json!([{"index": 0, "delta": {"role": "assistant", "content": ""}}]));
    assert_eq!(last["databricks_output"], json!({"error": {"error_code": "INTERNAL_ERROR", "message": "boom"}}));
    assert_eq!((&last["error_code"], &last["message"]), (&"INTERNAL_ERROR".into(), &"boom".into()));
    assert_eq!(read_stream(&Model, &seen).pop().unwrap(), "failed AgentFailed boom");
    let openai = Ask { surface: Surface::OpenAi, ..hiding() };
    assert_eq!(frames(&stream(&Model, &openai, failed())).pop().unwrap()["error"]["code"], "agent_failed");
}
