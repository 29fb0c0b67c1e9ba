//! What is written for a durable server and what is read of its runs.

#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values for the call")]

use serde_json::{Value, json};

use super::*;
use crate::ir::{Call, CallOutput, Fragment, Item, Message, Part, Role, json as raw};
use crate::sse::Frame;
use crate::sse::Splitter;

mod decisions;

const NUMBER: u128 = 0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2_e1f0;
const ID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

fn target(conversation: Option<&str>) -> Target<'_> {
    Target { model: None, stream: true, alike: false, conversation, number: NUMBER, ..Target::default() }
}

fn asks(items: Vec<Item<'static>>) -> Request<'static> {
    Request { items, ..Request::default() }
}

fn user(text: &'static str) -> Item<'static> {
    Item::Message(Message::text(Role::User, text))
}

fn agent(text: &'static str) -> Item<'static> {
    Item::Message(Message::text(Role::Assistant, text))
}

fn call(id: &str) -> Item<'static> {
    Item::Call(Call { call_id: id.to_owned().into(), name: "send".into(), arguments: "{\"to\":\"x\"}".into() })
}

fn output(id: &str, text: &'static str) -> Item<'static> {
    Item::CallOutput(CallOutput {
        call_id: id.to_owned().into(),
        name: None,
        parts: vec![Part::Text(text.into())],
        own: None,
    })
}

fn written(request: &Request<'_>, target: &Target<'_>) -> Value {
    let body = Durable.write_request(request, target, &mut Dropped::default()).unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn refused(request: &Request<'_>, target: &Target<'_>) -> (Kind, Option<String>) {
    let error = Durable.write_request(request, target, &mut Dropped::default()).unwrap_err();
    (error.kind(), error.field().map(str::to_owned))
}

/// The fragments of a stream of these events, one line each.
fn read_with(mut reader: Box<dyn Reader>, events: &[Value], rest: Option<Value>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut sink = |fragment: Fragment<'_>| lines.push(described(fragment));
    for (number, event) in events.iter().enumerate() {
        let data = event.to_string();
        let id = (number + 7).to_string();
        reader.frame(Frame { id: id.as_bytes(), event: b"", data: data.as_bytes() }, &mut sink);
    }
    if let Some(rest) = rest {
        reader.rest(rest.to_string().as_bytes(), &mut sink);
    }
    lines
}

fn read(events: &[Value]) -> Vec<String> {
    read_with(Durable.reader_for(&asks(vec![user("hi")]), &target(Some("c1"))), events, None)
}

fn described(fragment: Fragment<'_>) -> String {
    match fragment {
        Fragment::Text { item, delta } => format!("{}+{}", &*item.unwrap_or_default(), &*delta),
        Fragment::Reasoning { delta, .. } => format!("thinks +{}", &*delta),
        Fragment::Thought { text, encrypted, .. } => format!("thinks {} {encrypted:?}", &*text),
        Fragment::Message { item, text, refusal, .. } => format!("{item:?}={} {refusal:?}", &*text),
        Fragment::Call { call_id, name, arguments, .. } => format!("calls {}({}) {}", &*name, &*arguments, &*call_id),
        Fragment::CallOutput { call_id, output, .. } => format!("{} said {}", &*call_id, &*output),
        Fragment::Usage(usage) => format!("usage {} {} {}", usage.input, usage.output, usage.total),
        Fragment::Failed(error) => format!("failed {:?}", error.kind()),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn delta(id: &str, text: &str) -> Value {
    json!({"type": "delta", "content": text, "id": id})
}

fn message(message: Value) -> Value {
    json!({"type": "message", "message": message})
}

fn said(text: &str) -> Value {
    message(json!({"role": "assistant", "content": text}))
}

fn calling(name: &str, args: Value) -> Value {
    message(json!({"role": "assistant", "content": "", "tool_calls": [{"name": name, "args": args}]}))
}

fn asking(requests: Value) -> Value {
    json!({"type": "interrupt", "id": "i1", "value": {"action_requests": requests}})
}

fn started() -> Value {
    json!({"type": "run.started"})
}

fn completed() -> Value {
    json!({"type": "run.completed"})
}

#[test]
fn a_run_has_an_id_a_session_and_nothing_that_the_server_refuses() {
    let mut request = asks(vec![user("hi")]);
    request.model = Some("support-agent".into());
    request.stream = true;
    request.instructions = Some("be kind".into());
    request.user_id = Some("ada".into());
    request.custom_inputs = Some(std::borrow::Cow::Owned(raw(&json!({"tenant": 7}))));
    let expected = json!({
        "id": ID, "session_id": "c1", "stream": true,
        "input": {
            "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}],
            "actor": "ada", "custom_inputs": {"tenant": 7},
        },
    });
    assert_eq!(written(&request, &target(Some("c1"))), expected);
    let model = Target { model: Some("system.ai.x"), ..target(None) };
    assert_eq!(written(&request, &model)["input"]["model"], "system.ai.x");
}

#[test]
fn a_request_sent_again_is_the_same_to_the_byte() {
    let request = asks(vec![user("hi")]);
    assert_eq!(written(&request, &target(None)), written(&request, &target(None)));
    let other = Target { number: NUMBER + 1, ..target(None) };
    assert_ne!(written(&request, &other)["session_id"], written(&request, &target(None))["session_id"]);
}

#[test]
fn tool_calls_of_the_history_stand_in_messages() {
    let request = asks(vec![user("hi"), call("c1"), call("c2"), output("c1", "one"), output("c2", "two"), agent("so")]);
    let line =
        |id: &str| json!({"id": id, "type": "function", "function": {"name": "send", "arguments": "{\"to\":\"x\"}"}});
    let expected = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "", "tool_calls": [line("c1"), line("c2")]},
        {"role": "tool", "content": "one", "tool_call_id": "c1"},
        {"role": "tool", "content": "two", "tool_call_id": "c2"},
        {"role": "assistant", "content": "so"},
    ]);
    assert_eq!(written(&request, &target(None))["input"]["messages"], expected);
}

#[test]
fn a_conversations_session_never_hears_twice_what_it_remembers() {
    let session = |request: &Request<'_>, conversation| written(request, &target(conversation))["session_id"].clone();
    assert_eq!(session(&asks(vec![user("hi")]), Some("c1")), "c1");
    assert_eq!(session(&asks(vec![user("hi"), user("there")]), Some("c1")), "c1");
    let with_history = asks(vec![user("hi"), agent("hello"), user("so?")]);
    assert_eq!(session(&with_history, Some("c1")), session(&asks(vec![user("hi")]), None));
    assert_eq!(session(&with_history, Some("c1")).as_str().unwrap().len(), 25);
    // The conversation may be named where the route does not look for it.
    let named = Request { conversation_id: Some("c2".into()), ..asks(vec![user("hi")]) };
    assert_eq!(session(&named, None), "c2");
}

#[test]
fn a_stored_conversation_that_is_not_the_session_is_refused() {
    let value: &serde_json::value::RawValue = serde_json::from_str("\"conv_1\"").unwrap();
    let mut request = asks(vec![user("hi")]);
    request.params = vec![crate::ir::Param { field: Field::Conversation, key: "conversation", value }];
    assert_eq!(refused(&request, &target(None)), (Kind::UnsupportedField, Some("conversation".into())));
    assert_eq!(written(&request, &target(Some("conv_1")))["session_id"], "conv_1");
}

#[test]
fn what_messages_cannot_hold_is_refused() {
    let image = Part::Image { url: "https://x".into(), detail: None };
    let message = Message { parts: vec![image], ..Message::text(Role::User, "") };
    let request = asks(vec![Item::Message(message)]);
    assert_eq!(refused(&request, &target(None)), (Kind::UnsupportedField, Some("image".into())));
}

#[test]
fn pieces_are_text_and_the_whole_message_after_them_adds_nothing() {
    let lines = read(&[started(), delta("m1", "Hel"), delta("m1", "lo"), said("Hello"), completed()]);
    assert_eq!(lines, ["m1+Hel", "m1+lo", "Some(\"m1\")=Hello None", "done"]);
    // Without ids, and with a whole that comes later than something else.
    let pieces = |text: &str| json!({"type": "delta", "content": text});
    let lines = read(&[pieces("Look"), pieces("ing"), calling("f", json!({})), said("Looking"), completed()]);
    assert_eq!(lines[..3], ["+Look", "+ing", "Some(\"\")=Looking None"]);
}

#[test]
fn a_message_without_pieces_is_said_whole() {
    assert_eq!(read(&[said("Hello"), said(""), completed()]), ["None=Hello None", "done"]);
}

#[test]
fn parts_of_a_content_are_told_apart() {
    let parts = json!([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, "b", {"type": "refusal", "refusal": "no"}]);
    let lines = read(&[message(json!({"role": "assistant", "content": parts})), completed()]);
    assert_eq!(lines, ["thinks hm None", "None=ab Some(\"no\")", "done"]);
    let reasoning = json!([{"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "so"}], "encrypted_content": "x"}]);
    let lines = read(&[message(json!({"role": "assistant", "content": reasoning})), completed()]);
    assert_eq!(lines, ["thinks so Some(\"x\")", "done"]);
    let streamed =
        json!({"type": "delta", "id": "m", "content": [{"type": "reasoning", "reasoning": "so", "index": 0}]});
    let whole = json!([{"type": "reasoning", "reasoning": "so"}, {"type": "text", "text": "yes"}]);
    let lines = read(&[streamed, delta("m", "yes"), message(json!({"type": "ai", "id": "m", "content": whole}))]);
    assert_eq!(lines, ["thinks +so", "m+", "m+yes", "Some(\"m\")=yes None"]);
}

#[test]
fn calls_without_ids_get_one_that_no_other_run_has() {
    let answer = message(json!({"role": "tool", "name": "weather", "content": "sunny"}));
    let lines = read(&[calling("weather", json!({"city": "Paris"})), calling("other", json!({})), answer, completed()]);
    let run = Session::of_run(NUMBER).id().to_owned();
    let expected = [
        format!("calls weather({{\"city\":\"Paris\"}}) call_{run}_1"),
        format!("call_{run}_1 said sunny"),
        format!("calls other({{}}) call_{run}_2"),
        "done".to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn calls_with_ids_keep_them_and_counts_add_up() {
    let calls = json!([{"name": "f", "args": {"a": 1}, "id": "c1", "type": "tool_call"}]);
    let usage = json!({"input_tokens": 3, "output_tokens": 2, "total_tokens": 5});
    let events = [
        message(json!({"type": "ai", "content": "", "tool_calls": calls, "usage_metadata": usage})),
        message(
            json!({"type": "tool", "tool_call_id": "c1", "name": "f", "content": [{"type": "text", "text": "ok"}]}),
        ),
        message(json!({"type": "human", "content": "not for the client"})),
        message(json!({"type": "ai", "content": "fine", "usage_metadata": usage})),
        completed(),
    ];
    let expected = ["calls f({\"a\":1}) c1", "c1 said ok", "None=fine None", "usage 6 4 10", "done"];
    assert_eq!(read(&events), expected);
}

#[test]
fn a_run_that_failed_is_a_failure_and_one_that_stopped_is_cut() {
    assert_eq!(read(&[started(), delta("m", "a"), json!({"type": "run.failed"})]), ["m+a", "failed AgentFailed"]);
    let mut reader = Durable.reader();
    let mut lines = Vec::new();
    reader.end(&mut |fragment: Fragment<'_>| lines.push(described(fragment)));
    assert_eq!(lines, ["failed Cut"]);
}

#[test]
fn the_stream_goes_on_behind_the_last_event_and_old_ones_are_not_news() {
    let mut reader = Durable.reader_for(&asks(vec![user("hi")]), &target(None));
    assert_eq!(reader.resume().unwrap(), format!("/{ID}/events?after=0"));
    let mut lines = Vec::new();
    let mut sink = |fragment: Fragment<'_>| lines.push(described(fragment));
    let mut splitter = Splitter::new(1 << 10);
    let stream = b"id: 19\nevent: delta\ndata: {\"type\":\"delta\",\"content\":\"a\",\"id\":\"m\"}\n\n\
        id: 19\nevent: delta\ndata: {\"type\":\"delta\",\"content\":\"a\",\"id\":\"m\"}\n\n\
        id: 20\nevent: delta\ndata: {\"content\":\"b\",\"id\":\"m\"}\n\n";
    splitter.push(stream).unwrap();
    while let Some(frame) = splitter.next_frame() {
        reader.frame(frame, &mut sink);
    }
    assert_eq!(lines, ["m+a", "m+b"]);
    assert_eq!(reader.resume().unwrap(), format!("/{ID}/events?after=20"));
}

#[test]
fn a_run_that_told_of_nothing_is_asked_for_its_output() {
    let mut reader = Durable.reader_for(&asks(vec![user("hi")]), &target(None));
    let data = completed().to_string();
    reader.frame(Frame { id: b"2", event: b"run.completed", data: data.as_bytes() }, &mut |_: Fragment<'_>| panic!());
    assert_eq!(reader.resume().unwrap(), format!("/{ID}"));

    let state = |output: Value| json!({"id": ID, "status": "completed", "output": output});
    let outputs = [
        (json!({"answer": "Hello"}), vec!["None=Hello None", "done"]),
        (json!("Hello"), vec!["None=Hello None", "done"]),
        (json!({"a": 1, "b": "x"}), vec!["None={\"a\":1,\"b\":\"x\"} None", "done"]),
        (json!({"output": [], "status": "completed"}), vec!["done"]),
        (
            json!({"output": [{"role": "assistant", "content": "Hi"}], "status": "completed"}),
            vec!["None=Hi None", "done"],
        ),
        (json!([{"type": "ai", "content": "Hi"}]), vec!["None=Hi None", "done"]),
        (
            json!({"output": [asking(json!([{"name": "f", "args": {}, "call_id": "c"}]))], "status": "interrupted"}),
            vec!["calls f({}) dc_k_c", "done"],
        ),
    ];
    for (output, expected) in outputs {
        let reader = Durable.reader_for(&asks(vec![user("hi")]), &target(Some("c1")));
        assert_eq!(read_with(reader, &[started(), completed()], Some(state(output.clone()))), expected, "{output}");
    }
    let failed = json!({"id": ID, "status": "failed", "error": "agent invocation failed"});
    assert_eq!(read_with(Durable.reader(), &[], Some(failed)), ["failed AgentFailed"]);
    assert_eq!(read_with(Durable.reader(), &[], Some(json!({"status": "queued"}))), ["failed BackendGarbage"]);
}

#[test]
fn a_second_attempt_begins_anew() {
    let events = [
        started(),
        delta("m1", "Hel"),
        calling("f", json!({})),
        started(),
        delta("m2", "Hello"),
        said("Hello"),
        completed(),
    ];
    assert_eq!(read(&events), ["m1+Hel", "m2+Hello", "Some(\"m2\")=Hello None", "done"]);
}

#[test]
fn what_is_no_event_is_an_error_and_unknown_events_are_not() {
    assert_eq!(read(&[json!({"type": "progress", "percent": 5})]), ["unknown"]);
    assert_eq!(read(&[json!([1])]), ["failed BackendGarbage"]);
}

#[test]
fn errors_mean_what_they_say() {
    let read = |status, body: &str| {
        let error = Durable.read_error(StatusCode::from_u16(status).unwrap(), None, body.as_bytes());
        (error.kind(), error.field().map(str::to_owned), error.message().to_owned())
    };
    let (kind, field, message) = read(409, r#"{"detail":"id was already used for another request"}"#);
    assert_eq!((kind, field.as_deref()), (Kind::BackendRefusedRequest, Some("x-request-id")));
    assert!(message.contains("send a new one"), "{message}");
    assert_eq!(read(404, r#"{"detail":"invocation not found"}"#).0, Kind::BackendPathNotFound);
    assert_eq!(read(422, r#"{"detail":[{"msg":"Field required"}]}"#).2, "Field required");
    assert_eq!(read(500, r#"{"detail":"agent invocation failed"}"#).0, Kind::AgentFailed);
    let refused = r#"{"error":{"code":"MCP_USER_AUTH_REQUIRED","message":"Missing request-user access token"}}"#;
    assert_eq!(read(401, refused).0, Kind::BackendRefusedCredential);
}

#[test]
fn no_client_speaks_it() {
    assert!(crate::dialect::ALL.iter().all(|dialect| dialect.name() != "durable"));
    assert!(crate::dialect::named("durable").is_some_and(Dialect::always_streams));
    let body = Body::parse(b"{}").unwrap();
    assert_eq!(Durable.read_request(&body).unwrap_err().kind(), Kind::Internal);
}
