//! Answers for clients: legal streams in every shape, plain answers that say the same.

use serde_json::{Value, json};

use super::*;
use crate::dialect::{Ask, Legacy, Surface};
use crate::error::{Error, Kind};
use crate::ir::{Finish, Fragment};

const BACKEND_CALL: &[(&str, &str)] = &[("c1", "theirs")];

/// A whole agent's turn: what it ran itself, what it said, what the client is to run.
fn turn() -> Vec<Fragment<'static>> {
    let (id, name) = BACKEND_CALL[0];
    vec![
        Fragment::Reasoning { item: None, delta: "hm".into() },
        call(id, name, "{\"a\":1}"),
        output(id, "21"),
        text("it "),
        text("is"),
        call("c2", "mine", "{\"b\":2}"),
        call("c3", "mine", ""),
        Fragment::Usage(USAGE),
        custom("{\"k\":\n1}"),
        databricks(r#"{"trace":{}}"#),
        Fragment::Done,
    ]
}

fn usage() -> Value {
    json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8,
           "prompt_tokens_details": {"cached_tokens": 1}, "completion_tokens_details": {"reasoning_tokens": 2}})
}

#[test]
fn a_text_stream_byte_for_byte() {
    let ask = Ask { include_usage: true, ..ask() };
    let seen = stream(&Chat, &ask, vec![text("he"), text("y\n"), Fragment::Usage(USAGE), Fragment::Done]);
    let head = r#"data: {"id":"chatcmpl-s","object":"chat.completion.chunk","created":7,"model":"m","choices":["#;
    let expected = [
        head,
        r#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        "\n\n",
        head,
        r#"{"index":0,"delta":{"content":"he"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        "\n\n",
        head,
        r#"{"index":0,"delta":{"content":"y\n"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        "\n\n",
        head,
        r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
        "\n\n",
        head,
        r#"],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
        "\n\ndata: [DONE]\n\n",
    ];
    assert_eq!(seen, expected.concat());
    legal(&ask, &seen);
}

#[test]
fn every_stream_is_legal_in_every_shape() {
    let answers: [fn() -> Vec<Fragment<'static>>; 6] = [
        turn,
        || vec![Fragment::Done],
        || vec![text("a"), finish(Finish::Length), Fragment::Done],
        || vec![text("a"), finish(Finish::ContentFilter), Fragment::Usage(USAGE), Fragment::Done],
        || vec![Fragment::Refusal { item: None, delta: "no".into() }, Fragment::Done],
        || vec![text("a"), Fragment::Failed(Error::new(Kind::Cut, "cut"))],
    ];
    for answer in answers {
        for shape in [ask(), both(Legacy::ChatAgent), both(Legacy::ChatModel), invocations()] {
            for include_usage in [false, true] {
                let ask = Ask { include_usage, ..shape.clone() };
                legal(&ask, &stream(&Chat, &ask, answer()));
            }
        }
    }
}

/// The deltas of the choices.
fn deltas(ask: &Ask, fragments: Vec<Fragment<'_>>) -> Vec<Value> {
    let frames = legal(ask, &stream(&Chat, ask, fragments));
    frames.iter().filter_map(|frame| frame["choices"].get(0)).map(|choice| choice["delta"].clone()).collect()
}

#[test]
fn the_agents_own_calls_are_hidden_and_the_clients_are_counted_from_zero() {
    let seen = deltas(&ask(), turn());
    let expected = [
        json!({"role": "assistant", "content": "", "refusal": null}),
        json!({"reasoning_content": "hm"}),
        json!({"content": "it "}),
        json!({"content": "is"}),
        json!({"tool_calls": [{"index": 0, "id": "c2", "type": "function", "function": {"name": "mine", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"b\":2}"}}]}),
        json!({"tool_calls": [{"index": 1, "id": "c3", "type": "function", "function": {"name": "mine", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
        json!({}),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn the_agents_own_calls_are_shown_on_request() {
    let ask = Ask { show_agents_calls: true, ..ask() };
    let fragments = vec![call("c1", "theirs", "{}"), output("c1", "21"), call("c2", "mine", "{}"), Fragment::Done];
    let calls: Vec<_> = deltas(&ask, fragments)
        .iter()
        .filter_map(|delta| delta["tool_calls"][0]["id"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(calls, ["c1", "c2"]);
}

#[test]
fn separate_thoughts_are_set_apart() {
    let fragments = || {
        let thought = |text: &'static str| Fragment::Thought { item: None, text: text.into(), encrypted: None };
        vec![thought("one"), thought("two"), Fragment::Done]
    };
    let streamed: String = deltas(&ask(), fragments())
        .iter()
        .filter_map(|delta| delta["reasoning_content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(streamed, "one\n\ntwo");
    assert_eq!(plain(&Chat, &ask(), fragments())["choices"][0]["message"]["reasoning_content"], "one\n\ntwo");
}

#[test]
fn citations_point_into_the_text_as_the_client_has_it() {
    let citation = || {
        let raw = r#"{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":2}"#;
        std::borrow::Cow::Borrowed(serde_json::from_str(raw).unwrap())
    };
    let fragments = || {
        let whole = |item: &'static str, text: &'static str, annotations| Fragment::Message {
            item: Some(item.into()),
            text: text.into(),
            refusal: None,
            annotations,
        };
        vec![whole("a", "éé", vec![]), whole("b", "xy", vec![citation()]), Fragment::Done]
    };
    let expected = json!([{"type": "url_citation",
                           "url_citation": {"url": "u", "title": "t", "start_index": 2, "end_index": 4}}]);
    let seen = deltas(&ask(), fragments());
    assert!(seen.iter().any(|delta| delta["annotations"] == expected), "{seen:?}");
    let message = &plain(&Chat, &ask(), fragments())["choices"][0]["message"];
    assert_eq!((&message["content"], &message["annotations"]), (&"ééxy".into(), &expected));
}

#[test]
fn a_failure_is_told_and_nothing_after_it() {
    let failed = || vec![text("a"), Fragment::Failed(Error::new(Kind::AgentFailed, "boom")), text("b"), Fragment::Done];
    for ask in [ask(), both(Legacy::ChatAgent)] {
        let seen = stream(&Chat, &ask, failed());
        let last = seen.trim_end().rsplit_once("\n\n").unwrap().1;
        let error = r#"{"message":"boom","type":"server_error","param":null,"code":"agent_failed"}"#;
        assert_eq!(last, format!(r#"data: {{"error":{error}}}"#));
    }
    let seen = legal(&invocations(), &stream(&Chat, &invocations(), failed()));
    let last = seen.last().unwrap();
    assert_eq!((&last["error_code"], &last["message"]), (&"INTERNAL_ERROR".into(), &"boom".into()));
    assert_eq!(last["databricks_output"], json!({"error": {"error_code": "INTERNAL_ERROR", "message": "boom"}}));
    assert!(last.get("error").is_none() && last["choices"][0]["finish_reason"].is_null());
}

#[test]
fn a_plain_answer() {
    let seen = plain(&Chat, &ask(), turn());
    let calls = json!([
        {"id": "c2", "type": "function", "function": {"name": "mine", "arguments": "{\"b\":2}"}},
        {"id": "c3", "type": "function", "function": {"name": "mine", "arguments": "{}"}},
    ]);
    let message = json!({"role": "assistant", "content": "it is", "refusal": null, "reasoning_content": "hm", "tool_calls": calls});
    let choices = json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": "tool_calls"}]);
    let expected = json!({"id": "chatcmpl-s", "object": "chat.completion", "created": 7, "model": "m",
                          "choices": choices, "usage": usage()});
    assert_eq!(seen, expected);
}

#[test]
fn content_is_null_only_where_something_else_is_said() {
    let content = |fragments| plain(&Chat, &ask(), fragments)["choices"][0]["message"]["content"].clone();
    assert_eq!(content(vec![Fragment::Done]), "");
    assert_eq!(content(vec![call("c", "mine", ""), Fragment::Done]), Value::Null);
    assert_eq!(content(vec![Fragment::Refusal { item: None, delta: "no".into() }, Fragment::Done]), Value::Null);
    assert_eq!(content(vec![call("c", "theirs", ""), output("c", "x"), Fragment::Done]), "");
}

#[test]
fn both_shapes_say_the_same_in_one_stream() {
    let ask = Ask { include_usage: true, ..both(Legacy::ChatAgent) };
    let frames = legal(&ask, &stream(&Chat, &ask, turn()));
    assert!(frames.iter().all(|frame| frame["delta"]["role"].is_string() && frame["delta"]["id"].is_string()));
    let theirs = frames.iter().find(|frame| frame["delta"].get("tool_calls").is_some()).unwrap();
    assert_eq!(theirs["delta"]["tool_calls"][0]["id"], "c1", "the agent's own call, for ChatAgent's clients only");
    assert_eq!(theirs["choices"], json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": null}]));
    let tool = frames.iter().find(|frame| frame["delta"]["role"] == "tool").unwrap();
    let expected = json!({"role": "tool", "content": "21", "name": "theirs", "id": "msg_s1", "tool_call_id": "c1"});
    assert_eq!(tool["delta"], expected);
    assert_eq!(tool["choices"][0]["delta"], json!({}));
    let text: String = frames
        .iter()
        .filter(|frame| frame["delta"]["id"] == "msg_s2")
        .filter_map(|frame| frame["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "it is");
    let finish = &frames[frames.len() - 2];
    assert_eq!(finish["finish_reason"], "tool_calls");
    assert_eq!((&finish["custom_outputs"], &finish["databricks_output"]), (&json!({"k": 1}), &json!({"trace": {}})));
}

#[test]
fn both_shapes_say_the_same_in_one_answer() {
    let seen = plain(&Chat, &both(Legacy::ChatAgent), turn());
    assert_eq!(seen["choices"][0]["message"]["content"], "it is");
    assert_eq!(seen["finish_reason"], "tool_calls");
    assert_eq!((&seen["custom_outputs"], &seen["databricks_output"]), (&json!({"k": 1}), &json!({"trace": {}})));
    let told: Vec<_> = seen["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (message["role"].as_str().unwrap(), message["id"].as_str().unwrap()))
        .collect();
    let expected = [
        ("assistant", "msg_s0"),
        ("tool", "msg_s1"),
        ("assistant", "msg_s2"),
        ("assistant", "msg_s3"),
        ("assistant", "msg_s4"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn chat_models_clients_find_their_outputs() {
    let ask = both(Legacy::ChatModel);
    let seen = plain(&Chat, &ask, turn());
    assert_eq!((&seen["custom_outputs"], &seen["databricks_output"]), (&json!({"k": 1}), &json!({"trace": {}})));
    assert!(seen.get("messages").is_none());
    let frames = legal(&ask, &stream(&Chat, &ask, turn()));
    let last = frames.last().unwrap();
    assert_eq!(last["custom_outputs"], json!({"k": 1}));
    assert!(frames.iter().all(|frame| frame.get("delta").is_none()));
    let alone = legal(&super::ask(), &stream(&Chat, &super::ask(), turn()));
    assert!(alone.last().unwrap().get("custom_outputs").is_none(), "OpenAI's own shape has no such field");
}

#[test]
fn a_request_in_a_dataframe_is_answered_in_its_wrapping() {
    let ask = Ask { wrapped: true, surface: Surface::Invocations, ..ask() };
    assert_eq!(
        plain(&Chat, &ask, vec![text("a"), Fragment::Done])["predictions"]["choices"][0]["message"]["content"],
        "a"
    );
}
