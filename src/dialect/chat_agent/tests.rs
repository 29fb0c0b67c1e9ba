//! ChatAgent by behaviour: strict requests for agents, their answers in every form, and answers for its clients.

use serde_json::{Value, json};

use super::ChatAgent as Agent;
use crate::dialect::chat_messages::testing::*;
use crate::dialect::{Ask, ChatCompletions, Surface, admit};
use crate::error::{Error, Kind};
use crate::ir::{Finish, Fragment};

#[test]
fn a_request_holds_strings_and_nothing_that_the_scoring_server_refuses() {
    let seen = bridged(
        &Agent,
        r#"{"model":"m","temperature":0.5,"stream":true,"messages":[{"role":"developer","content":"d"},
            {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"id":"u1"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"x":1}}},
                                                             {"id":"c2","function":{"name":"g"}}]},
            {"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","name":"named","content":"2"},
            {"role":"tool","tool_call_id":"zz","content":"3"}],
            "custom_inputs":{"k":[1]},"context":{"conversation_id":"c","user_id":"u"},"acme":1}"#,
    );
    let calls = json!([
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]);
    let expected = json!({
        "messages": [
            {"role": "system", "content": "d"},
            {"role": "user", "content": "a\nb"},
            {"role": "assistant", "content": "", "tool_calls": calls},
            {"role": "tool", "content": "1", "name": "f", "tool_call_id": "c1"},
            {"role": "tool", "content": "2", "name": "named", "tool_call_id": "c2"},
            {"role": "tool", "content": "3", "name": "tool", "tool_call_id": "zz"},
        ],
        "custom_inputs": {"k": [1]},
        "context": {"conversation_id": "c", "user_id": "u"},
    });
    assert_eq!(seen, expected);
}

#[test]
fn what_model_serving_itself_reads_reaches_it() {
    let text = r#"{"messages":[],"databricks_options":{"return_trace":true},"client_request_id":"r"}"#;
    assert_eq!(bridged(&Agent, text), serde_json::from_str::<Value>(text).unwrap());
}

#[test]
fn its_own_clients_request_comes_through_as_it_was() {
    let text = r#"{"messages":[{"role":"user","content":"q","id":"u1"},{"role":"assistant","content":"a","id":"a1"}],"usage_context":{"team":"x"}}"#;
    let (body, dropped) = written(&Agent, &request(&Agent, text).unwrap(), true);
    assert_eq!(body, serde_json::from_str::<Value>(text).unwrap());
    assert!(dropped.is_empty());
}

#[test]
fn a_dataframes_row_is_a_request() {
    let row = r#"{"messages":[{"role":"user","content":"q"}],"custom_inputs":{"a":1}}"#;
    for text in [
        format!(r#"{{"dataframe_records":[{row}],"stream":true}}"#),
        format!(r#"{{"inputs":{row},"stream":true}}"#),
        r#"{"dataframe_split":{"columns":["messages","custom_inputs"],"data":[[[{"role":"user","content":"q"}],{"a":1}]]},"stream":true}"#
            .to_owned(),
    ] {
        let read = request(&Agent, &text).unwrap();
        assert_eq!((read.items.len(), read.stream, read.custom_inputs.is_some()), (1, true, true), "{text}");
        assert!(read.rest.is_empty());
    }
    let nested = r#"{"dataframe_records":[{"messages":[{"role":"user"}]}]}"#;
    assert_eq!(refusal(&Agent, nested).0, "dataframe_records[0].messages[0].content");
}

#[test]
fn what_the_agent_cannot_honour_is_refused_and_what_it_always_ignored_is_dropped() {
    let hold = |text: &str| admit(&request(&ChatCompletions, text).unwrap(), &Agent);
    for (text, param) in [
        (r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#, "image"),
        (r#"{"messages":[],"n":2}"#, "n"),
        (r#"{"messages":[],"response_format":{"type":"json_object"}}"#, "response_format"),
        (r#"{"messages":[],"tool_choice":"required"}"#, "tool_choice"),
        (r#"{"messages":[],"background":true}"#, "background"),
        (r#"{"messages":[],"modalities":["text","audio"]}"#, "modalities"),
    ] {
        assert_eq!(hold(text).unwrap_err().field(), Some(param), "{text}");
    }
    let text = r#"{"messages":[],"temperature":0.1,"seed":1,"stop":["x"],"tool_choice":"none","logprobs":true,
                   "tools":[{"type":"function","function":{"name":"f"}}],"modalities":["text"]}"#;
    assert_eq!(hold(text).unwrap().names(), ["temperature", "seed", "stop", "logprobs", "tools"]);
}

#[test]
fn a_whole_answer_is_read() {
    let body = r#"{"messages":[
        {"role":"user","content":"q","id":"m0"},
        {"role":"assistant","content":"","id":"m1","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","content":"21","name":"f","id":"m2","tool_call_id":"c1","attachments":{"raw":"x"}},
        {"role":"assistant","content":"it is 21","id":"m3"}],
        "finish_reason":"stop","custom_outputs":{"a":null},"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8},
        "id":"r","databricks_output":{"databricks_request_id":"r"}}"#;
    let expected = [
        "begin(r)",
        "whole call c1 f {}",
        r#"attachments(c1) {"raw":"x"}"#,
        "output c1 f 21",
        "message(m3) it is 21",
        "finish stop",
        "usage 3 5 8",
        r#"custom {"a":null}"#,
        r#"databricks {"databricks_request_id":"r"}"#,
        "done",
    ];
    assert_eq!(read_whole(&Agent, body), expected);
    assert_eq!(read_whole(&Agent, &format!(r#"{{"predictions":{body}}}"#)), expected);
    assert_eq!(read_whole(&Agent, r#"{"messages":[]}"#), ["done"]);
    assert_eq!(read_whole(&Agent, r#"{"predictions":"hey"}"#), ["message hey", "done"]);
    assert_eq!(read_whole(&Agent, r#""hey""#), ["message hey", "done"]);
}

#[test]
fn a_failure_inside_a_whole_answer_is_a_failure() {
    let body =
        r#"{"messages":[],"databricks_output":{"error":{"error_code":"BAD_REQUEST","message":"ValueError: boom"}}}"#;
    assert_eq!(read_whole(&Agent, body), ["failed AgentFailed ValueError: boom"]);
}

fn delta(fields: &str) -> String {
    format!(r#"{{"id":"r","delta":{{"role":"assistant",{fields}}}}}"#)
}

#[test]
fn a_stream_of_several_messages_is_read() {
    let frames = [
        &delta(
            r#""content":"","id":"m1","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
        ),
        r#"{"id":"r","delta":{"role":"tool","content":"21","name":"f","id":"m2","tool_call_id":"c1"}}"#,
        &delta(r#""content":"it ","id":"m3""#),
        &delta(r#""content":"is","id":"m3""#),
        r#"{"id":"r","delta":{"role":"assistant","content":"","id":"m3"},"finish_reason":"stop","custom_outputs":{"a":1},"usage":{"prompt_tokens":3}}"#,
    ];
    let expected = [
        "begin(r)",
        "whole call c1 f {}",
        "output c1 f 21",
        "text(m3) it ",
        "text(m3) is",
        "finish stop",
        "usage 3 0 3",
        r#"custom {"a":1}"#,
        "done",
    ];
    assert_eq!(read_stream(&Agent, &sse(&frames)), expected, "the end may come without a terminator");
    assert_eq!(read_stream(&Agent, &(sse(&frames) + "data: [DONE]\n\n")), expected);
}

#[test]
fn streams_of_agents_that_break_the_rules_are_read() {
    let frames = [
        r#"{"delta":{"content":"a"}}"#,
        r#"{"delta":{"role":"assistant","content":"b","id":null,"tool_calls":[]}}"#,
        r#"{"delta":null,"finish_reason":null}"#,
        r#"{"index":0,"delta":{"role":"assistant","content":"c"},"finish_reason":"stop"}"#,
        r#"{"choices":[{"delta":{"content":"d"}}],"delta":{"role":"assistant","content":"d","id":"x"}}"#,
        r#"{"messages":[{"role":"assistant","content":"e","id":"y"}]}"#,
        "[DONE]",
    ];
    let expected = ["text a", "text b", "unknown", "text c", "finish stop", "text d", "message(y) e", "done"];
    assert_eq!(read_stream(&Agent, &sse(&frames)), expected);
}

#[test]
fn a_failure_that_rides_on_a_frame_is_a_failure() {
    let failed =
        r#""databricks_output":{"databricks_request_id":"r","error":{"error_code":"BAD_REQUEST","message":"boom"}}"#;
    let before = format!(r#"{{"id":"r",{failed}}}"#);
    assert_eq!(read_stream(&Agent, &sse(&[&before, "[DONE]"])), ["begin(r)", "failed AgentFailed boom"]);
    let middle = format!(r#"{{"id":"r","delta":{{"role":"assistant","content":"x","id":"m"}},{failed}}}"#);
    assert_eq!(read_stream(&Agent, &sse(&[&middle, "[DONE]"])), ["begin(r)", "text(m) x", "failed AgentFailed boom"]);
    let cut = "failed Cut the agent's answer ended before it was complete";
    assert_eq!(read_stream(&Agent, &sse(&[&delta(r#""content":"x","id":"m""#)])), ["begin(r)", "text(m) x", cut]);
}

#[test]
fn our_own_failing_frame_is_a_failure_when_a_gateway_is_behind_a_gateway() {
    let fragments = vec![text("a"), Fragment::Failed(Error::new(Kind::AgentFailed, "boom"))];
    let seen = read_stream(&Agent, &stream(&Agent, &invocations(), fragments));
    assert_eq!(seen, ["begin(s)", "text(msg_s0) a", "failed AgentFailed boom"]);
}

/// What an agent does in one turn, and a call for the client.
fn turn() -> Vec<Fragment<'static>> {
    vec![
        Fragment::Reasoning { item: None, delta: "hm".into() },
        call("c1", "f", "{\"a\":1}"),
        output("c1", "21"),
        text("it "),
        text("is"),
        call("c2", "mine", ""),
        Fragment::Usage(USAGE),
        custom("{\"k\":1}"),
        databricks(r#"{"databricks_request_id":"r"}"#),
        Fragment::Done,
    ]
}

#[test]
fn a_text_stream_byte_for_byte() {
    let seen = stream(&Agent, &invocations(), vec![text("he"), text("y"), Fragment::Usage(USAGE), Fragment::Done]);
    let expected = [
        r#"data: {"id":"s","delta":{"role":"assistant","content":"he","id":"msg_s0"}}"#,
        r#"data: {"id":"s","delta":{"role":"assistant","content":"y","id":"msg_s0"}}"#,
        r#"data: {"id":"s","delta":{"role":"assistant","content":"","id":"msg_s0"},"finish_reason":"stop","usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#,
        "data: [DONE]\n\n",
    ];
    assert_eq!(seen, expected.join("\n\n"));
}

#[test]
fn a_stream_tells_every_message_whole_and_by_its_id() {
    let seen = frames(&stream(&Agent, &invocations(), turn()));
    let deltas: Vec<Value> = seen.iter().map(|frame| frame["delta"].clone()).collect();
    let call = |id, name, arguments| json!([{"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]);
    let expected = [
        json!({"role": "assistant", "content": "", "id": "msg_s0", "tool_calls": call("c1", "f", "{\"a\":1}")}),
        json!({"role": "tool", "content": "21", "name": "f", "id": "msg_s1", "tool_call_id": "c1"}),
        json!({"role": "assistant", "content": "it ", "id": "msg_s2"}),
        json!({"role": "assistant", "content": "is", "id": "msg_s2"}),
        json!({"role": "assistant", "content": "", "id": "msg_s3", "tool_calls": call("c2", "mine", "{}")}),
        json!({"role": "assistant", "content": "", "id": "msg_s3"}),
    ];
    assert_eq!(deltas, expected);
    let (last, others) = seen.split_last().unwrap();
    assert_eq!((&last["finish_reason"], &last["custom_outputs"]), (&"tool_calls".into(), &json!({"k": 1})));
    assert_eq!(last["databricks_output"], json!({"databricks_request_id": "r"}));
    assert!(seen.iter().all(|frame| frame["id"] == "s"));
    assert!(others.iter().all(|frame| frame.as_object().unwrap().len() == 2), "only the last frame says more");
}

#[test]
fn a_plain_answer_has_the_messages_of_the_stream() {
    let seen = plain(&Agent, &invocations(), turn());
    let told: Vec<_> =
        seen["messages"].as_array().unwrap().iter().map(|message| (&message["id"], &message["content"])).collect();
    let expected = [("msg_s0", ""), ("msg_s1", "21"), ("msg_s2", "it is"), ("msg_s3", "")]
        .map(|(id, text)| (json!(id), json!(text)));
    assert_eq!(told, expected.iter().map(|(id, text)| (id, text)).collect::<Vec<_>>());
    assert_eq!((&seen["id"], &seen["finish_reason"]), (&"s".into(), &"tool_calls".into()));
    assert_eq!(seen["usage"], json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}));
    let wrapped = plain(&Agent, &Ask { wrapped: true, ..invocations() }, turn());
    assert_eq!(wrapped, json!({"predictions": seen}));
}

#[test]
fn the_agents_own_calls_are_hidden_unless_they_are_to_be_shown() {
    let ask = Ask { show_agents_calls: false, ..invocations() };
    let ids = |messages: &[&Value]| messages.iter().map(|message| message["id"].to_string()).collect::<Vec<_>>();
    let whole = plain(&Agent, &ask, turn());
    assert_eq!(ids(&whole["messages"].as_array().unwrap().iter().collect::<Vec<_>>()), ["\"msg_s0\"", "\"msg_s1\""]);
    let seen = frames(&stream(&Agent, &ask, turn()));
    assert!(seen.iter().all(|frame| frame["delta"]["role"] == "assistant"));
    assert_eq!(seen[0]["delta"]["id"], "msg_s0");
}

#[test]
fn a_refusal_is_what_was_said() {
    let refusal =
        || vec![Fragment::Refusal { item: None, delta: "no".into() }, finish(Finish::ContentFilter), Fragment::Done];
    let seen = plain(&Agent, &invocations(), refusal());
    assert_eq!((&seen["messages"][0]["content"], &seen["finish_reason"]), (&"no".into(), &"content_filter".into()));
    assert_eq!(frames(&stream(&Agent, &invocations(), refusal()))[0]["delta"]["content"], "no");
    let both = vec![text("well, "), Fragment::Refusal { item: None, delta: "no".into() }, Fragment::Done];
    assert_eq!(plain(&Agent, &invocations(), both)["messages"][0]["content"], "well, no");
}

#[test]
fn a_failure_looks_like_any_frame_to_clients_that_choke_on_errors() {
    let failed = || vec![text("a"), Fragment::Failed(Error::new(Kind::AgentFailed, "boom")), Fragment::Done];
    let seen = stream(&Agent, &invocations(), failed());
    let last = r#"data: {"id":"s","delta":{"role":"assistant","content":"","id":"msg_s0"},"databricks_output":{"error":{"error_code":"INTERNAL_ERROR","message":"boom"}},"error_code":"INTERNAL_ERROR","message":"boom"}"#;
    assert_eq!(seen.trim_end().rsplit_once("\n\n").unwrap().1, last);
    let openai = Ask { surface: Surface::OpenAi, ..invocations() };
    let last = frames(&stream(&Agent, &openai, failed())).pop().unwrap();
    assert_eq!(last["error"]["message"], "boom");
}

#[test]
fn an_answer_without_a_word_still_ends_well() {
    let seen = stream(&Agent, &invocations(), vec![Fragment::Done]);
    let expected = r#"data: {"id":"s","delta":{"role":"assistant","content":"","id":"msg_s0"},"finish_reason":"stop"}"#;
    assert_eq!(seen, format!("{expected}\n\ndata: [DONE]\n\n"));
    assert_eq!(
        plain(&Agent, &invocations(), vec![Fragment::Done]),
        json!({"messages": [], "finish_reason": "stop", "id": "s"})
    );
}
