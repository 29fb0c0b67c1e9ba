//! Reading a client's request, and what its response repeats of it.

use super::*;
use crate::error::Kind;
use crate::ir::{Format, Item, Part, Role, Tool, ToolChoice};

/// A request read from a body that lives on.
fn read(body: &'static str) -> Request<'static> {
    Responses.read_request(&Body::parse(body.as_bytes()).unwrap()).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// The path that a refusal names.
fn refused(body: &str) -> String {
    let body = Body::parse(body.as_bytes()).unwrap();
    let error = Responses.read_request(&body).expect_err("it is wrong");
    assert_eq!(error.kind(), Kind::InvalidField, "{error}");
    let path = error.field().expect("the path is named").to_owned();
    assert!(error.message().contains(&format!("`{path}`")), "{error}");
    path
}

/// The items of an input list, one short line each.
fn lines(body: &'static str) -> Vec<String> {
    let part = |part: &Part<'_>| match part {
        Part::Text(text) => format!("text {text:?}"),
        Part::Refusal(text) => format!("refusal {text:?}"),
        Part::Image { url, detail } => format!("image {url} {detail:?}"),
        Part::File(raw) => format!("file {}", raw.get()),
        Part::Audio(raw) => format!("audio {}", raw.get()),
        Part::Opaque { kind, raw } => format!("opaque {kind} {}", raw.get()),
    };
    let parts = |parts: &[Part<'_>]| parts.iter().map(part).collect::<Vec<_>>().join(", ");
    let line = |item: &Item<'_>| match item {
        Item::Message(message) => format!("{}: {}", message.role.name(), parts(&message.parts)),
        Item::Call(call) => format!("call {} {} {}", call.call_id, call.name, call.arguments),
        Item::CallOutput(output) => format!("output {}: {}", output.call_id, parts(&output.parts)),
        Item::Reasoning(thought) => format!("thought {:?} {}", thought.text, thought.raw.is_some()),
        Item::Opaque { kind, raw } => format!("opaque {kind} {}", raw.get()),
    };
    read(body).items.iter().map(line).collect()
}

#[test]
fn a_string_is_one_user_message() {
    assert_eq!(lines(r#"{"input":"hi \"you\""}"#), [r#"user: text "hi \"you\"""#]);
    assert!(lines(r#"{"input":[]}"#).is_empty(), "an empty list is legal");
}

#[test]
fn messages_come_with_and_without_a_type() {
    let body = r#"{"input":[
        {"role":"user","content":"a"},
        {"type":"message","role":"developer","content":[{"type":"input_text","text":"b"},{"type":"text","text":"c"}]},
        {"type":null,"role":"system","content":"d","status":"completed"},
        {"type":"message","id":"msg_1","role":"assistant","phase":"final_answer",
         "content":[{"type":"output_text","text":"e","annotations":[]},{"type":"refusal","refusal":"f"}]}
    ]}"#;
    let expected = [
        r#"user: text "a""#,
        r#"developer: text "b", text "c""#,
        r#"system: text "d""#,
        r#"assistant: text "e", refusal "f""#,
    ];
    assert_eq!(lines(body), expected);
    let request = read(body);
    let Item::Message(last) = &request.items[3] else { panic!("a message") };
    assert_eq!((last.id.as_deref(), &last.role), (Some("msg_1"), &Role::Assistant));
}

#[test]
fn images_files_and_audio_come_in_every_shape() {
    let body = r#"{"input":[{"role":"user","content":[
        {"type":"input_image","image_url":"https://i","detail":"low"},
        {"type":"input_image","image_url":{"url":"https://j","detail":"high"}},
        {"type":"input_image","file_id":"f1"},
        {"type":"input_file","filename":"a.pdf","file_data":"QQ==","file_id":null},
        {"type":"input_audio","input_audio":{"data":"QQ==","format":"wav"}},
        {"type":"input_audio","data":"QQ==","format":"mp3"},
        {"type":"input_video","video_url":"v"}
    ]}]}"#;
    let expected = "user: image https://i Some(\"low\"), image https://j Some(\"high\"), \
        opaque input_image {\"type\":\"input_image\",\"file_id\":\"f1\"}, \
        file {\"filename\":\"a.pdf\",\"file_data\":\"QQ==\"}, \
        audio {\"data\":\"QQ==\",\"format\":\"wav\"}, audio {\"data\":\"QQ==\",\"format\":\"mp3\"}, \
        opaque input_video {\"type\":\"input_video\",\"video_url\":\"v\"}";
    assert_eq!(lines(body), [expected]);
}

#[test]
fn calls_thoughts_and_what_is_unknown_are_kept() {
    let body = r#"{"input":[
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}]},
        {"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"raw"}],"encrypted_content":"x"},
        {"type":"reasoning","encrypted_content":"x"},
        {"type":"function_call","id":"call_9","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
        {"type":"function_call","call_id":"c2","name":"f","arguments":""},
        {"type":"function_call","call_id":"c3","name":"f","arguments":{"a": 1}},
        {"type":"function_call_output","call_id":"c1","output":"21"},
        {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"x"}]},
        {"type":null,"id":"msg_7"},
        {"id":"msg_8"},
        {"type":"mcp_approval_response","approval_request_id":"a","approve":true}
    ]}"#;
    let expected = [
        r#"thought "a\n\nb" true"#,
        r#"thought "raw" true"#,
        r#"thought "" true"#,
        r#"call c1 f {"a":1}"#,
        "call c2 f {}",
        r#"call c3 f {"a": 1}"#,
        r#"output c1: text "21""#,
        r#"output c2: text "x""#,
        r#"opaque item_reference {"type":null,"id":"msg_7"}"#,
        r#"opaque item_reference {"id":"msg_8"}"#,
        r#"opaque mcp_approval_response {"type":"mcp_approval_response","approval_request_id":"a","approve":true}"#,
    ];
    assert_eq!(lines(body), expected);
}

#[test]
fn settings_are_read() {
    let request = read(
        r#"{"model":"m","input":"x","instructions":"be nice","stream":true,"stream_options":{"include_obfuscation":false},
        "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true},
                 {"type":"function","name":"g","parameters":null},{"type":"web_search"}],
        "tool_choice":{"type":"function","name":"f"},
        "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true},"verbosity":"low"},
        "reasoning":{"effort":"high","generate_summary":"auto"},
        "custom_inputs":{"k":[1]},"context":{"conversation_id":"c","user_id":null,"more":1},
        "databricks_options":{"return_trace":true},"client_request_id":"r","temperature":0,"max_output_tokens":5,
        "metadata":{"a":"b"},"user":null,"client_metadata":{"x":1}}"#,
    );
    assert_eq!((request.model.as_deref(), request.instructions.as_deref()), (Some("m"), Some("be nice")));
    assert!(request.stream && request.return_trace);
    let tools: Vec<_> = request
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function { name, description, parameters, strict } => {
                format!(
                    "{name} {description:?} {:?} {strict:?}",
                    parameters.as_deref().map(serde_json::value::RawValue::get)
                )
            }
            Tool::Opaque { kind, .. } => kind.to_string(),
        })
        .collect();
    let expected = [r#"f Some("d") Some("{\"type\":\"object\"}") Some(true)"#, "g None None None", "web_search"];
    assert_eq!(tools, expected);
    assert!(matches!(&request.tool_choice, Some(ToolChoice::Function(name)) if *name == "f"));
    let Some(Format::JsonSchema(schema)) = &request.format else { panic!("a schema") };
    assert_eq!(schema.get(), r#"{"name":"n","schema":{"type":"object"},"strict":true}"#);
    assert_eq!(request.custom_inputs.as_deref().unwrap().get(), r#"{"k":[1]}"#);
    assert_eq!((request.conversation_id.as_deref(), request.user_id.as_deref()), (Some("c"), None));
    assert_eq!(request.client_request_id.as_deref(), Some("r"));
    let params: Vec<_> = request.params.iter().map(|param| (param.key, param.value.get())).collect();
    let expected = [
        ("text.verbosity", "\"low\""),
        ("reasoning.effort", "\"high\""),
        ("reasoning.summary", "\"auto\""),
        ("temperature", "0"),
        ("max_output_tokens", "5"),
        ("metadata", r#"{"a":"b"}"#),
    ];
    assert_eq!(params, expected);
    let rest: Vec<_> = request.rest.iter().map(|(key, _)| &**key).collect();
    assert_eq!(rest, ["client_metadata"]);
}

#[test]
fn every_error_names_the_path() {
    let cases = [
        (r"{}", "input"),
        (r#"{"input":null}"#, "input"),
        (r#"{"input":{"role":"user"}}"#, "input"),
        (r#"{"input":"x","stream":"true"}"#, "stream"),
        (r#"{"input":"x","stream":1}"#, "stream"),
        (r#"{"input":"x","model":7}"#, "model"),
        (r#"{"input":"x","instructions":["x"]}"#, "instructions"),
        (r#"{"input":["x"]}"#, "input[0]"),
        (r#"{"input":[{"content":"x"}]}"#, "input[0].type"),
        (r#"{"input":[{"role":"user","content":"x"},{"type":7}]}"#, "input[1].type"),
        (r#"{"input":[{"role":"tool","content":"x"}]}"#, "input[0].role"),
        (r#"{"input":[{"type":"message","content":"x"}]}"#, "input[0].role"),
        (r#"{"input":[{"role":"user"}]}"#, "input[0].content"),
        (r#"{"input":[{"role":"user","content":5}]}"#, "input[0].content"),
        (r#"{"input":[{"role":"user","content":["x"]}]}"#, "input[0].content[0]"),
        (r#"{"input":[{"role":"user","content":[{"text":"x"}]}]}"#, "input[0].content[0].type"),
        (r#"{"input":[{"role":"user","content":[{"type":"input_text"}]}]}"#, "input[0].content[0].text"),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":5}]}]}"#,
            "input[0].content[0].image_url",
        ),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}"#,
            "input[0].content[0].input_audio",
        ),
        (r#"{"input":[{"type":"function_call","name":"f"}]}"#, "input[0].call_id"),
        (r#"{"input":[{"type":"function_call","call_id":"c"}]}"#, "input[0].name"),
        (r#"{"input":[{"type":"function_call_output","call_id":"c"}]}"#, "input[0].output"),
        (r#"{"input":[{"type":"function_call_output","call_id":"c","output":{}}]}"#, "input[0].output"),
        (r#"{"input":"x","tools":{}}"#, "tools"),
        (r#"{"input":"x","tools":[{"name":"f"}]}"#, "tools[0].type"),
        (r#"{"input":"x","tools":[{"type":"function","function":{"name":"f"}}]}"#, "tools[0].name"),
        (r#"{"input":"x","tools":[{"type":"function","name":"f","strict":"yes"}]}"#, "tools[0].strict"),
        (r#"{"input":"x","tool_choice":"any"}"#, "tool_choice"),
        (r#"{"input":"x","tool_choice":{"type":"function"}}"#, "tool_choice.name"),
        (r#"{"input":"x","text":"x"}"#, "text"),
        (r#"{"input":"x","text":{"format":{"type":"xml"}}}"#, "text.format.type"),
        (r#"{"input":"x","text":{"format":{"type":"json_schema"}}}"#, "text.format"),
        (r#"{"input":"x","reasoning":"high"}"#, "reasoning"),
        (r#"{"input":"x","custom_inputs":[]}"#, "custom_inputs"),
        (r#"{"input":"x","metadata":"m"}"#, "metadata"),
        (r#"{"input":"x","context":[]}"#, "context"),
        (r#"{"input":"x","context":{"user_id":7}}"#, "context.user_id"),
        (r#"{"input":"x","databricks_options":{"return_trace":"yes"}}"#, "databricks_options.return_trace"),
        (r#"{"input":"x","temperature":"hot"}"#, "temperature"),
        (r#"{"input":"x","max_output_tokens":1.5}"#, "max_output_tokens"),
    ];
    for (body, path) in cases {
        assert_eq!(refused(body), path, "{body}");
    }
}

#[test]
fn the_echo_repeats_what_was_given() {
    let echo = json(&Responses::echo(&read(
        r#"{"input":"x","instructions":"i","tools":[{"type":"function","name":"f"},{"type":"web_search"}],
        "tool_choice":"required","text":{"format":{"type":"json_schema","name":"n","schema":{"a":1}},"verbosity":"low"},
        "reasoning":{"effort":"low"},"temperature":0.5,"store":true,"metadata":{"a":"b"},"previous_response_id":"resp_1",
        "truncation":"auto","max_output_tokens":9}"#,
    )));
    let function = r#"{"type":"function","name":"f","description":null,"parameters":null,"strict":null}"#;
    assert_eq!(echo["tools"], json(&format!(r#"[{function},{{"type":"web_search"}}]"#)));
    let text = r#"{"format":{"type":"json_schema","name":"n","description":null,"schema":{"a":1},"strict":false},"verbosity":"low"}"#;
    assert_eq!(echo["text"], json(text));
    assert_eq!(echo["reasoning"], json(r#"{"effort":"low","summary":null}"#));
    for (key, value) in [
        ("instructions", "\"i\""),
        ("tool_choice", "\"required\""),
        ("temperature", "0.5"),
        ("store", "true"),
        ("metadata", r#"{"a":"b"}"#),
        ("previous_response_id", "\"resp_1\""),
        ("truncation", "\"auto\""),
        ("max_output_tokens", "9"),
        ("top_p", "1.0"),
        ("service_tier", "\"default\""),
    ] {
        assert_eq!(echo[key], json(value), "{key}");
    }
}
