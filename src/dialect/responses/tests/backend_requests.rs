//! Writing the request for a backend.

use super::*;
use crate::error::Kind;
use crate::ir::{Field, Format, Item, Json, Message, Param, Part, Role, Tool, json as raw};

const ALIKE: Target<'static> =
    Target { model: None, stream: false, alike: true, drops_content: false, conversation: None, number: 0 };
const OTHER: Target<'static> = Target { alike: false, ..ALIKE };

fn write(request: &Request<'_>, target: &Target<'_>) -> (Value, Vec<String>) {
    let mut dropped = Dropped::default();
    let bytes = Responses.write_request(request, target, &mut dropped).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), dropped.names().to_vec())
}

/// What a client's body becomes.
fn translate(body: &str, target: &Target<'_>) -> (Value, Vec<String>) {
    let body = Body::parse(body.as_bytes()).unwrap();
    write(&Responses.read_request(&body).unwrap(), target)
}

fn refused(request: &Request<'_>) -> String {
    let error = Responses.write_request(request, &OTHER, &mut Dropped::default()).expect_err("it cannot be carried");
    assert_eq!(error.kind(), Kind::UnsupportedField);
    error.field().unwrap().to_owned()
}

#[test]
fn the_least_request_is_a_list_and_no_more() {
    let (written, dropped) = translate(r#"{"input":"hi"}"#, &OTHER);
    assert_eq!(written, json(r#"{"input":[{"type":"message","role":"user","content":"hi"}]}"#));
    assert!(dropped.is_empty());
}

#[test]
fn the_backends_model_wins_and_a_stream_is_asked_for_when_wanted() {
    let target = Target { model: Some("theirs"), stream: true, alike: true, ..Target::default() };
    let (written, _) = translate(r#"{"input":"hi","model":"ours","stream":false}"#, &target);
    assert_eq!((&written["model"], &written["stream"]), (&json("\"theirs\""), &json("true")));
    let (written, _) = translate(r#"{"input":"hi","model":"ours","stream":true}"#, &ALIKE);
    assert_eq!((written["model"].as_str(), written.get("stream")), (Some("ours"), None));
}

#[test]
fn instructions_lead_as_a_system_message() {
    let (written, _) = translate(r#"{"input":"hi","instructions":"be nice"}"#, &ALIKE);
    let expected =
        r#"[{"type":"message","role":"system","content":"be nice"},{"type":"message","role":"user","content":"hi"}]"#;
    assert_eq!(written["input"], json(expected));
    assert!(written.get("instructions").is_none(), "an AgentServer would drop it without a word");
}

#[test]
fn history_is_written_as_every_server_takes_it() {
    let body = r#"{"input":[
        {"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"https://i"},
          {"type":"input_file","filename":"f","file_data":"QQ=="},{"type":"input_audio","data":"QQ==","format":"wav"}]},
        {"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"b","annotations":[{}]},{"type":"refusal","refusal":"c"}]},
        {"role":"assistant","content":"d"},
        {"role":"assistant","content":""},
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}","status":"completed"},
        {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"x"},{"type":"input_text","text":"y"}]},
        {"type":"function_call_output","call_id":"c2","output":""},
        {"type":"function_call_output","call_id":"c3","output":[{"type":"input_image","image_url":"https://i","detail":"low"}]}
    ]}"#;
    let expected = r#"[
        {"type":"message","role":"user","content":[{"type":"input_text","text":"a"},
          {"type":"input_image","image_url":"https://i","detail":"auto"},
          {"type":"input_file","filename":"f","file_data":"QQ=="},
          {"type":"input_audio","input_audio":{"data":"QQ==","format":"wav"}}]},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"b","annotations":[]},{"type":"refusal","refusal":"c"}]},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"d","annotations":[]}]},
        {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"c1","output":"x\ny"},
        {"type":"function_call_output","call_id":"c2","output":""},
        {"type":"function_call_output","call_id":"c3","output":[{"type":"input_image","image_url":"https://i","detail":"low"}]}
    ]"#;
    assert_eq!(translate(body, &OTHER).0["input"], json(expected));
}

#[test]
fn what_is_not_understood_passes_to_its_own_kind_only() {
    let thought = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}"#;
    let body = format!(
        r#"{{"input":[{thought},{{"role":"user","content":"hi"}}],"client_metadata":{{"a":1}},"conversation":"conv"}}"#
    );
    let (written, dropped) = translate(&body, &ALIKE);
    assert_eq!((&written["input"][0], &written["client_metadata"]), (&json(thought), &json(r#"{"a":1}"#)));
    assert_eq!(written["conversation"], "conv");
    assert!(dropped.is_empty());
    let (written, dropped) = translate(&body, &OTHER);
    assert_eq!(written["input"].as_array().unwrap().len(), 1);
    assert_eq!(dropped, ["reasoning", "client_metadata"]);
    let opaque = r#"{"input":[{"type":"mcp_call","x":1},{"role":"user","content":[{"type":"input_video","v":1}]}],
        "tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"}}"#;
    let (written, _) = translate(opaque, &ALIKE);
    assert_eq!(written["input"][0], json(r#"{"type":"mcp_call","x":1}"#));
    assert_eq!(written["input"][1]["content"], json(r#"[{"type":"input_video","v":1}]"#));
    assert_eq!(written["tools"], json(r#"[{"type":"web_search"}]"#));
    assert_eq!(written["tool_choice"], json(r#"{"type":"web_search"}"#));
}

#[test]
fn what_cannot_be_carried_is_refused_by_name() {
    let read = |body: &'static str| Responses.read_request(&Body::parse(body.as_bytes()).unwrap()).unwrap();
    assert_eq!(refused(&read(r#"{"input":[{"type":"mcp_call"}]}"#)), "mcp_call");
    assert_eq!(refused(&read(r#"{"input":[{"id":"msg_1"}]}"#)), "item_reference");
    assert_eq!(refused(&read(r#"{"input":[{"role":"user","content":[{"type":"input_video"}]}]}"#)), "input_video");
    assert_eq!(refused(&read(r#"{"input":"x","tools":[{"type":"web_search"}]}"#)), "web_search");
    assert_eq!(refused(&read(r#"{"input":"x","tool_choice":{"type":"allowed_tools"}}"#)), "tool_choice");
    let image = Part::Image { url: "https://i".into(), detail: None };
    let message = Message { role: Role::Assistant, parts: vec![image], ..Message::text(Role::Assistant, "") };
    let request = Request { items: vec![Item::Message(message)], ..Request::default() };
    assert_eq!(refused(&request), "image");
}

#[test]
fn tools_say_whether_they_are_strict_and_always_have_parameters() {
    let tool = |parameters, strict| Tool::Function { name: "f".into(), description: None, parameters, strict };
    let schema = Json::Owned(raw(&[1]));
    let request = Request { tools: vec![tool(None, None), tool(Some(schema), Some(true))], ..Request::default() };
    let expected = r#"[
        {"type":"function","name":"f","parameters":{"type":"object","properties":{}},"strict":false},
        {"type":"function","name":"f","parameters":[1],"strict":true}
    ]"#;
    assert_eq!(write(&request, &OTHER).0["tools"], json(expected));
}

#[test]
fn a_choice_is_left_out_where_there_is_nothing_to_choose() {
    for (body, expected) in [
        (r#"{"input":"x","tool_choice":"auto"}"#, None),
        (r#"{"input":"x","tool_choice":"none"}"#, None),
        (r#"{"input":"x","tool_choice":"required"}"#, Some("\"required\"")),
        (r#"{"input":"x","tools":[{"type":"function","name":"f"}],"tool_choice":"none"}"#, Some("\"none\"")),
        (
            r#"{"input":"x","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"f","x":1}}"#,
            Some(r#"{"type":"function","name":"f"}"#),
        ),
    ] {
        assert_eq!(translate(body, &ALIKE).0.get("tool_choice"), expected.map(json).as_ref(), "{body}");
    }
}

#[test]
fn settings_keep_their_values() {
    let given = r#"{"input":"x","text":{"format":{"type":"json_schema","name":"n","schema":{"a":1},"strict":true},"verbosity":"low"},
        "reasoning":{"effort":"low","summary":"auto"},"custom_inputs":{"k":[1]},"context":{"conversation_id":"c","user_id":"u"},
        "databricks_options":{"return_trace":true},"client_request_id":"r","max_output_tokens":5,"temperature":1.0,
        "metadata":{"a":"b"},"store":false,"previous_response_id":"resp_1"}"#;
    let (written, dropped) = translate(given, &OTHER);
    let mut expected = json(given);
    expected["input"] = json(r#"[{"type":"message","role":"user","content":"x"}]"#);
    assert_eq!(written, expected);
    assert!(dropped.is_empty());
}

#[test]
fn a_chat_clients_names_become_ours() {
    let (tokens, effort) = (raw(&5), raw("high"));
    let schema = r#"{"name":"n","schema":{"a":1}}"#;
    let mut message = Message::text(Role::User, "x");
    message.name = Some("ann".into());
    let request = Request {
        items: vec![Item::Message(message)],
        format: Some(Format::JsonSchema(Json::Borrowed(serde_json::from_str(schema).unwrap()))),
        params: vec![
            Param { field: Field::MaxTokens, key: "max_tokens", value: &tokens },
            Param { field: Field::ReasoningEffort, key: "reasoning_effort", value: &effort },
        ],
        ..Request::default()
    };
    let (written, dropped) = write(&request, &OTHER);
    let expected = r#"{"input":[{"type":"message","role":"user","content":"x"}],"max_output_tokens":5,
        "reasoning":{"effort":"high"},"text":{"format":{"type":"json_schema","name":"n","schema":{"a":1}}}}"#;
    assert_eq!(written, json(expected));
    assert_eq!(dropped, ["name"]);
}
