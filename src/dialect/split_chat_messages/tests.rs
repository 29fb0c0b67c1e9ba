//! The oldest dialect by behaviour: a question in every wrapping, a text in every shape.

use serde_json::json;

use super::SplitChatMessages as Split;
use crate::dialect::chat_messages::testing::*;
use crate::dialect::{Ask, ChatCompletions, Dialect, Surface, Target, admit};
use crate::error::{Error, Kind};
use crate::ir::{Dropped, Fragment, Item, Request, Role};

/// What a client's request is read as, one line a message.
fn said(request: &Request<'_>) -> Vec<String> {
    let line = |item: &Item<'_>| match item {
        Item::Message(message) => format!("{} {}", message.role.name(), message.joined("")),
        other => panic!("{other:?}"),
    };
    request.items.iter().map(line).collect()
}

#[test]
fn a_question_is_read_in_every_wrapping() {
    let history = r#"[{"role":"user","content":"q1"},{"role":"assistant","content":"a1"}]"#;
    let bare = format!(r#"{{"query":"q2","history":{history}}}"#);
    let split = format!(r#"{{"dataframe_split":{{"columns":["query","history"],"data":[["q2",{history}]]}}}}"#);
    for text in [
        bare.clone(),
        split,
        format!(r#"{{"dataframe_records":[{bare}]}}"#),
        format!(r#"{{"inputs":{bare}}}"#),
        format!(r#"{{"inputs":[{bare}],"params":{{"a":1}}}}"#),
    ] {
        let read = request(&Split, &text).unwrap();
        assert_eq!(said(&read), ["user q1", "assistant a1", "user q2"], "{text}");
        assert!(read.rest.is_empty(), "{text}");
    }
}

#[test]
fn a_history_may_be_missing() {
    for text in [
        r#"{"query":"q"}"#,
        r#"{"query":"q","history":null}"#,
        r#"{"query":"q","history":[]}"#,
        r#"{"dataframe_records":[{"query":"q","history":null}]}"#,
        r#"{"dataframe_split":{"columns":["query"],"data":[["q"]]}}"#,
    ] {
        assert_eq!(said(&request(&Split, text).unwrap()), ["user q"], "{text}");
    }
}

#[test]
fn columns_and_fields_beside_the_question_are_read() {
    let text = r#"{"dataframe_records":[{"query":"q","custom_inputs":{"a":1},"temperature":0.5}],"stream":true,"model":"m",
        "client_request_id":"r","databricks_options":{"return_trace":true}}"#;
    let read = request(&Split, text).unwrap();
    assert_eq!((read.stream, read.return_trace, read.model.as_deref()), (true, true, Some("m")));
    assert!(read.custom_inputs.is_some() && read.rest.is_empty());
    assert_eq!(admit(&read, &Split).unwrap().names(), ["temperature", "custom_inputs"]);
}

#[test]
fn errors_name_the_place() {
    let cases = [
        ("{}", "query", "`query` is missing: it must be the question"),
        (r#"{"query":5}"#, "query", "must be the question, a string"),
        (r#"{"query":"q","history":"x"}"#, "history", "must be a list of messages"),
        (r#"{"query":"q","history":[{"role":"user"}]}"#, "history[0].content", "must be a string"),
        (r#"{"dataframe_records":[{"history":[]}]}"#, "dataframe_records[0].query", "must be the question, a string"),
        (
            r#"{"dataframe_records":[{"query":"q","history":[{"content":"x"}]}]}"#,
            "dataframe_records[0].history[0].role",
            "one of",
        ),
        (r#"{"dataframe_records":[{"query":"a"},{"query":"b"}]}"#, "dataframe_records", "has 2 rows"),
        (r#"{"dataframe_records":[]}"#, "dataframe_records", "has 0 rows"),
        (r#"{"dataframe_records":["x"]}"#, "dataframe_records", "a row of named columns"),
        (r#"{"dataframe_split":{"columns":["query"],"data":[["a"],["b"]]}}"#, "dataframe_split.data", "has 2 rows"),
        (
            r#"{"dataframe_split":{"columns":["query"],"data":[["a","b"]]}}"#,
            "dataframe_split.data",
            "has 2 values for 1 columns",
        ),
        (r#"{"dataframe_split":[]}"#, "dataframe_split", "an object with `columns` and `data`"),
        (r#"{"inputs":{"query":"a"},"dataframe_records":[]}"#, "dataframe_records", "are two requests; send one"),
    ];
    for (text, param, message) in cases {
        let (field, said) = refusal(&Split, text);
        assert_eq!(field, param, "{text}");
        assert!(said.contains(message), "{said} should contain {message}");
    }
}

#[test]
fn the_last_thing_the_user_said_is_the_question() {
    let text = r#"{"messages":[{"role":"developer","content":"d"},{"role":"user","content":"q1"},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"f"}}]},{"role":"tool","tool_call_id":"c","content":"1"},
        {"role":"assistant","content":"a1"},{"role":"user","content":[{"type":"text","text":"q2"},{"type":"text","text":"more"}]}]}"#;
    let asked = request(&ChatCompletions, text).unwrap();
    let expected = json!({"dataframe_records": [{"query": "q2\nmore", "history": [
        {"role": "system", "content": "d"}, {"role": "user", "content": "q1"}, {"role": "assistant", "content": "a1"},
    ]}]});
    assert_eq!(written(&Split, &asked, false), (expected, vec![]));
    assert_eq!(admit(&asked, &Split).unwrap().names(), ["tool calls"]);
}

#[test]
fn instructions_are_the_first_of_the_history() {
    let text = r#"{"messages":[{"role":"user","content":"q"}]}"#;
    let asked = Request { instructions: Some("i".into()), ..request(&ChatCompletions, text).unwrap() };
    let expected = json!({"dataframe_records": [{"query": "q", "history": [{"role": "system", "content": "i"}]}]});
    assert_eq!(written(&Split, &asked, false).0, expected);
}

#[test]
fn what_stands_behind_the_question_is_dropped_by_name() {
    let text =
        r#"{"messages":[{"role":"user","name":"ann","content":"q"},{"role":"assistant","content":"half"}],"acme":1}"#;
    let (body, dropped) = written(&Split, &request(&ChatCompletions, text).unwrap(), false);
    assert_eq!(body, json!({"dataframe_records": [{"query": "q", "history": []}]}));
    assert_eq!(dropped, ["acme", "messages", "name"]);
}

#[test]
fn without_a_question_there_is_nothing_to_answer() {
    for text in [r#"{"messages":[]}"#, r#"{"messages":[{"role":"system","content":"s"}]}"#] {
        let target = Target { model: None, stream: false, alike: false, ..Target::default() };
        let asked = request(&ChatCompletions, text).unwrap();
        let error = Split.write_request(&asked, &target, &mut Dropped::default()).unwrap_err();
        assert_eq!((error.status().as_u16(), error.field()), (400, Some("messages")));
    }
}

#[test]
fn a_clients_own_question_comes_through_in_the_form_that_every_server_takes() {
    let asked = request(
        &Split,
        r#"{"query":"q","history":[{"role":"user","content":"x","id":"1"}],"client_request_id":"r","tenant":"t"}"#,
    )
    .unwrap();
    let target = Target { model: Some("m"), stream: true, alike: true, ..Target::default() };
    let body = Split.write_request(&asked, &target, &mut Dropped::default()).unwrap();
    let expected = r#"{"dataframe_records":[{"query":"q","history":[{"role":"user","content":"x"}],"tenant":"t"}],"stream":true,"client_request_id":"r"}"#;
    assert_eq!(String::from_utf8(body).unwrap(), expected);
    assert!(matches!(&asked.items[0], Item::Message(message) if message.role == Role::User));
}

#[test]
fn a_text_is_read_in_every_shape() {
    let choices = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hey"},"finish_reason":"stop"}],"object":"chat.completion"}"#;
    for body in [
        r#"{"content":"hey"}"#,
        r#"{"predictions":{"content":"hey"}}"#,
        r#"{"predictions":[{"content":"hey"}]}"#,
        r#"{"predictions":["hey"]}"#,
        r#"{"predictions":"hey"}"#,
        r#""hey""#,
        choices,
        &format!(r#"{{"predictions":{choices}}}"#),
    ] {
        let seen: Vec<_> = read_whole(&Split, body).into_iter().filter(|line| line != "finish stop").collect();
        assert_eq!(seen, ["message hey", "done"], "{body}");
    }
    let beside = r#"{"content":"hey","databricks_output":{"databricks_request_id":"r"}}"#;
    assert_eq!(read_whole(&Split, beside), ["message hey", r#"databricks {"databricks_request_id":"r"}"#, "done"]);
    assert_eq!(read_whole(&Split, r#"{"content":""}"#), ["done"]);
}

#[test]
fn a_stream_of_texts_ends_at_its_terminator_only() {
    let texts = [r#"{"content":"a"}"#, r#"{"content":"b","databricks_output":{}}"#];
    let cut = "failed Cut the agent's answer ended before it was complete";
    assert_eq!(read_stream(&Split, &sse(&texts)), ["text a", "text b", "databricks {}", cut]);
    let whole = sse(&texts) + "data: [DONE]\n\n";
    assert_eq!(read_stream(&Split, &whole), ["text a", "text b", "databricks {}", "done"]);
}

#[test]
fn chunks_of_the_rag_shape_are_read() {
    let frames = [
        r#"{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}"#,
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"b"},"finish_reason":"stop"}],"object":"chat.completion.chunk"}"#,
        r#""c""#,
        "[DONE]",
    ];
    assert_eq!(read_stream(&Split, &sse(&frames)), ["text a", "text b", "finish stop", "text c", "done"]);
}

fn turn() -> Vec<Fragment<'static>> {
    vec![
        call("c1", "theirs", "{}"),
        output("c1", "21"),
        text("he"),
        text("y"),
        call("c2", "mine", ""),
        databricks(r#"{"databricks_request_id":"r"}"#),
        Fragment::Done,
    ]
}

#[test]
fn a_text_stream_byte_for_byte() {
    let expected = [
        r#"data: {"content":"he"}"#,
        r#"data: {"content":"y"}"#,
        r#"data: {"content":"","databricks_output":{"databricks_request_id":"r"}}"#,
        "data: [DONE]\n\n",
    ];
    assert_eq!(stream(&Split, &invocations(), turn()), expected.join("\n\n"));
    let expected = "data: {\"content\":\"a\"}\n\ndata: [DONE]\n\n";
    assert_eq!(stream(&Split, &invocations(), vec![text("a"), Fragment::Done]), expected);
}

#[test]
fn either_kind_of_client_finds_its_text_and_none_finds_a_call() {
    let expected = json!({
        "content": "hey",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hey"}, "finish_reason": "stop"}],
        "object": "chat.completion",
        "databricks_output": {"databricks_request_id": "r"},
    });
    assert_eq!(plain(&Split, &invocations(), turn()), expected);
    assert_eq!(plain(&Split, &Ask { wrapped: true, ..invocations() }, turn()), json!({"predictions": expected}));
    let refusal = vec![Fragment::Refusal { item: None, delta: "no".into() }, Fragment::Done];
    assert_eq!(plain(&Split, &invocations(), refusal)["content"], "no");
}

#[test]
fn a_failure_looks_like_any_frame_to_clients_that_choke_on_errors() {
    let failed = || vec![text("a"), Fragment::Failed(Error::new(Kind::AgentFailed, "boom")), Fragment::Done];
    let seen = stream(&Split, &invocations(), failed());
    let last = r#"data: {"content":"","databricks_output":{"error":{"error_code":"INTERNAL_ERROR","message":"boom"}},"error_code":"INTERNAL_ERROR","message":"boom"}"#;
    assert_eq!(seen, format!("data: {{\"content\":\"a\"}}\n\n{last}\n\n"));
    assert_eq!(read_stream(&Split, &seen), ["text a", "failed AgentFailed boom"]);
    let openai = Ask { surface: Surface::OpenAi, ..invocations() };
    assert_eq!(frames(&stream(&Split, &openai, failed())).pop().unwrap()["error"]["message"], "boom");
}
