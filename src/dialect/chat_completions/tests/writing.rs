//! Requests for servers: the history folded as they want it, and nothing that they refuse.

use serde_json::{Value, json};

use super::*;
use crate::dialect::{Dialect, Target};
use crate::ir::{Call, CallOutput, Dropped, Field, Item, Message, Param, Part, Reasoning, Request, Role, Tool};

fn said(role: Role, text: &'static str) -> Item<'static> {
    Item::Message(Message::text(role, text))
}

fn call(id: &'static str) -> Item<'static> {
    Item::Call(Call { call_id: id.into(), name: "f".into(), arguments: "{}".into() })
}

fn output(id: &'static str, text: &'static str) -> Item<'static> {
    Item::CallOutput(CallOutput { call_id: id.into(), name: None, parts: vec![Part::Text(text.into())], own: None })
}

fn thought(text: &'static str) -> Item<'static> {
    Item::Reasoning(Reasoning { text: text.into(), raw: None })
}

/// The messages that items become, one short line each.
fn lines(items: Vec<Item<'static>>) -> Vec<String> {
    let request = Request { items, ..Request::default() };
    let (body, _) = written(&Chat, &request, true);
    body["messages"].as_array().unwrap().iter().map(line).collect()
}

fn line(message: &Value) -> String {
    let mut line = format!("{} {}", message["role"].as_str().unwrap(), message["content"].as_str().unwrap_or("null"));
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        line = format!("{line} +{}", call["id"].as_str().unwrap());
    }
    for (key, mark) in [("tool_call_id", "<-"), ("reasoning_content", "~")] {
        line += &message[key].as_str().map(|text| format!(" {mark}{text}")).unwrap_or_default();
    }
    line
}

#[test]
fn words_and_parallel_calls_are_one_message_and_the_answers_follow() {
    let seen = lines(vec![
        said(Role::User, "q"),
        said(Role::Assistant, "looking"),
        call("a"),
        call("b"),
        output("a", "1"),
        output("b", "2"),
        said(Role::Assistant, "done"),
    ]);
    assert_eq!(seen, ["user q", "assistant looking +a +b", "tool 1 <-a", "tool 2 <-b", "assistant done"]);
}

#[test]
fn calls_one_after_the_other_stay_apart() {
    let seen = lines(vec![call("a"), output("a", "1"), call("b"), output("b", "2")]);
    assert_eq!(seen, ["assistant null +a", "tool 1 <-a", "assistant null +b", "tool 2 <-b"]);
}

#[test]
fn what_stands_between_a_call_and_its_answer_moves_behind_it() {
    let seen = lines(vec![call("a"), call("b"), said(Role::Developer, "note"), output("b", "2"), output("a", "1")]);
    assert_eq!(seen, ["assistant null +a +b", "tool 1 <-a", "tool 2 <-b", "system note"]);
    let seen = lines(vec![call("a"), said(Role::Assistant, "calling"), output("a", "1"), said(Role::User, "q")]);
    assert_eq!(seen, ["assistant null +a", "tool 1 <-a", "assistant calling", "user q"]);
}

#[test]
fn an_answer_that_never_came_is_made_up_unless_the_call_is_the_last_word() {
    assert_eq!(
        lines(vec![call("a"), said(Role::User, "go on")]),
        ["assistant null +a", "tool [no output] <-a", "user go on"]
    );
    assert_eq!(lines(vec![call("a")]), ["assistant null +a"]);
    let seen = lines(vec![call("a"), call("b"), output("b", "2")]);
    assert_eq!(seen, ["assistant null +a +b", "tool [no output] <-a", "tool 2 <-b"], "one answer wants the others");
}

#[test]
fn an_answer_without_its_call_is_kept() {
    assert_eq!(lines(vec![output("x", "1"), said(Role::User, "q")]), ["tool 1 <-x", "user q"]);
}

#[test]
fn an_id_that_is_used_again_belongs_to_the_call_before_it() {
    let seen = lines(vec![call("a"), output("a", "1"), said(Role::User, "q"), call("a"), output("a", "2")]);
    assert_eq!(seen, ["assistant null +a", "tool 1 <-a", "user q", "assistant null +a", "tool 2 <-a"]);
    let seen = lines(vec![call("a"), said(Role::User, "q"), call("a"), output("a", "2")]);
    assert_eq!(seen, ["assistant null +a", "tool [no output] <-a", "user q", "assistant null +a", "tool 2 <-a"]);
}

#[test]
fn messages_that_say_nothing_are_left_out() {
    assert_eq!(lines(vec![said(Role::Assistant, ""), said(Role::User, "q")]), ["user q"]);
    assert_eq!(lines(vec![said(Role::Assistant, ""), call("a")]), ["assistant null +a"]);
}

#[test]
fn thoughts_go_back_with_the_turn_they_led_to() {
    let seen = lines(vec![thought("hm"), said(Role::Assistant, "x"), thought("so"), call("a"), output("a", "1")]);
    assert_eq!(seen, ["assistant x +a ~hm\n\nso", "tool 1 <-a"]);
    let seen = lines(vec![thought("1"), said(Role::Assistant, "a"), thought("2"), said(Role::Assistant, "b")]);
    assert_eq!(seen, ["assistant a ~1", "assistant b ~2"]);
}

#[test]
fn thoughts_are_dropped_and_named_for_servers_of_another_family() {
    let request = Request { items: vec![thought("hm"), said(Role::Assistant, "x")], ..Request::default() };
    let (body, dropped) = written(&Chat, &request, false);
    assert_eq!(body["messages"], json!([{"role": "assistant", "content": "x"}]));
    assert_eq!(dropped, ["reasoning"]);
}

#[test]
fn a_long_history_takes_no_quadratic_time() {
    // The best of several runs, as a ratio: ten times the history takes ten times as long, not a hundred times.
    let best = |calls: usize| {
        let once = || {
            let items = (0..calls).flat_map(|_| [call("a"), call("b")]).collect();
            let started = std::time::Instant::now();
            assert!(!lines(items).is_empty());
            started.elapsed()
        };
        (0..5).map(|_| once()).min().unwrap()
    };
    let (short, long) = (best(1_000), best(10_000));
    assert!(long < short * 40, "1,000 calls took {short:?}, 10,000 took {long:?}");
}

#[test]
fn instructions_lead_and_developers_are_the_system() {
    let items = vec![said(Role::Developer, "d"), said(Role::User, "q")];
    let (body, _) = written(&Chat, &Request { instructions: Some("i".into()), items, ..Request::default() }, false);
    let messages = body["messages"].as_array().unwrap().iter().map(line).collect::<Vec<_>>();
    assert_eq!(messages, ["system i\n\nd", "user q"], "in one message: strict templates know no second");
}

#[test]
fn a_clients_own_request_comes_through_as_it_was() {
    let text = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"see"},
        {"type":"image_url","image_url":{"url":"u","detail":"low"}},{"type":"input_audio","input_audio":{"data":"x","format":"wav"}},
        {"type":"file","file":{"file_id":"f"}},{"type":"acme","x":1}],"name":"ann"}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"},"strict":true}},{"type":"acme"}],
        "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,
        "response_format":{"type":"json_schema","json_schema":{"name":"n"}},"custom_inputs":{"a":1},
        "context":{"user_id":"u"},"temperature":0.25,"seed":7,"stop":["x"],"acme":{"y":2}}"#;
    let (body, dropped) = written(&Chat, &request(&Chat, text).unwrap(), true);
    assert_eq!(body, serde_json::from_str::<Value>(text).unwrap());
    assert!(dropped.is_empty());
}

#[test]
fn nothing_is_sent_that_a_server_would_refuse() {
    let text = r#"{"messages":[{"role":"user","content":"q"}],"tools":[{"type":"acme"},{"type":"acme"}],"tool_choice":"auto",
        "parallel_tool_calls":true,"max_completion_tokens":9,"acme":1}"#;
    let (body, dropped) = written(&Chat, &request(&Chat, text).unwrap(), false);
    assert_eq!(body, json!({"messages": [{"role": "user", "content": "q"}], "max_tokens": 9}));
    assert_eq!(dropped, ["acme"]);
}

#[test]
fn a_tool_without_parameters_gets_an_empty_schema_and_strict_is_said_only_where_the_client_said_it() {
    let tool = Tool::Function { name: "f".into(), description: None, parameters: None, strict: None };
    let (body, _) = written(&Chat, &Request { tools: vec![tool], ..Request::default() }, false);
    let function = json!({"name": "f", "parameters": {"type": "object", "properties": {}}});
    assert_eq!(body["tools"], json!([{"type": "function", "function": function}]));
}

#[test]
fn a_stream_is_asked_for_with_its_usage() {
    let target = Target { model: Some("theirs"), stream: true, alike: false, ..Target::default() };
    let request = Request { model: Some("ours".into()), ..Request::default() };
    let body = Chat.write_request(&request, &target, &mut Dropped::default()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let expected =
        json!({"model": "theirs", "messages": [], "stream": true, "stream_options": {"include_usage": true}});
    assert_eq!(body, expected);
}

#[test]
fn parameters_of_other_dialects_get_their_name_here() {
    let value = serde_json::from_str("64").unwrap();
    let params = vec![Param { field: Field::MaxTokens, key: "max_output_tokens", value }];
    let (body, _) = written(&Chat, &Request { params, ..Request::default() }, false);
    assert_eq!(body, json!({"messages": [], "max_tokens": 64}));
}

#[test]
fn parts_that_have_no_place_are_refused_by_name() {
    let refused = |item: Item<'static>| {
        let request = Request { items: vec![item], ..Request::default() };
        let target = Target { model: None, stream: false, alike: false, ..Target::default() };
        Chat.write_request(&request, &target, &mut Dropped::default()).unwrap_err().field().unwrap().to_owned()
    };
    let image = || Part::Image { url: "u".into(), detail: None };
    let message = |role, part| Item::Message(Message { parts: vec![part], ..Message::text(role, "") });
    let raw = |text: &'static str| std::borrow::Cow::Borrowed(serde_json::from_str(text).unwrap());
    assert_eq!(refused(message(Role::System, image())), "image");
    assert_eq!(refused(message(Role::Assistant, image())), "image");
    assert_eq!(refused(message(Role::User, Part::Opaque { kind: "acme".into(), raw: raw("{}") })), "acme");
    assert_eq!(refused(message(Role::User, Part::File(raw(r#"{"file_url":"u"}"#)))), "file_url");
    assert_eq!(
        refused(Item::CallOutput(CallOutput { call_id: "c".into(), name: None, parts: vec![image()], own: None })),
        "image"
    );
    assert_eq!(refused(Item::Opaque { kind: "item_reference".into(), raw: raw("{}") }), "input");
}

#[test]
fn items_of_hosted_tools_are_dropped_by_name_where_the_conversation_goes_on() {
    let raw = std::borrow::Cow::Borrowed(serde_json::from_str("{}").unwrap());
    let hosted = Item::Opaque { kind: "web_search_call".into(), raw };
    let request = Request { items: vec![hosted, said(Role::Assistant, "found")], ..Request::default() };
    let (body, dropped) = written(&Chat, &request, false);
    assert_eq!(body["messages"], json!([{"role": "assistant", "content": "found"}]));
    assert_eq!(dropped, ["web_search_call"]);
}

#[test]
fn a_files_own_fields_are_all_that_is_written() {
    let raw = std::borrow::Cow::Borrowed(serde_json::from_str(r#"{"type":"input_file","file_data":"d"}"#).unwrap());
    let item = Item::Message(Message { parts: vec![Part::File(raw)], ..Message::text(Role::User, "") });
    let (body, _) = written(&Chat, &Request { items: vec![item], ..Request::default() }, false);
    assert_eq!(body["messages"][0]["content"], json!([{"type": "file", "file": {"file_data": "d"}}]));
}
