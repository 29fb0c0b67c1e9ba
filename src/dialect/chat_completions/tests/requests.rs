//! Requests of clients: what they may look like, and how errors name the place.

use super::*;
use crate::dialect::admit;
use crate::ir::{Field, Format, Item, Part, Role, Tool, ToolChoice};

fn items(messages: &str) -> Vec<Item<'static>> {
    request(&Chat, &format!(r#"{{"messages":{messages}}}"#)).unwrap().items
}

fn only_parts(content: &str) -> Vec<Part<'static>> {
    match items(&format!(r#"[{{"role":"user","content":{content}}}]"#)).remove(0) {
        Item::Message(message) => message.parts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn text_may_be_spelt_in_every_way() {
    for content in [
        r#""hi""#,
        r#"[{"type":"text","text":"hi"}]"#,
        r#"[{"type":"input_text","text":"hi"}]"#,
        r#"[{"type":"output_text","text":"hi","annotations":[]}]"#,
        r#"[{"text":"hi"}]"#,
        r#"["hi"]"#,
    ] {
        let parts = only_parts(content);
        assert!(matches!(&parts[..], [Part::Text(text)] if *text == "hi"), "{content}: {parts:?}");
    }
}

#[test]
fn parts_of_all_kinds_are_read() {
    let parts = only_parts(
        r#"[{"type":"image_url","image_url":{"url":"data:x","detail":"low"}},{"type":"input_image","image_url":"u","detail":"high"},
            {"type":"input_audio","input_audio":{"data":"x","format":"wav"}},{"type":"file","file":{"file_id":"f"}},
            {"type":"refusal","refusal":"no"},{"type":"acme","x":1}]"#,
    );
    let [
        Part::Image { url, detail },
        Part::Image { url: flat, detail: high },
        Part::Audio(audio),
        Part::File(file),
        Part::Refusal(refusal),
        Part::Opaque { kind, .. },
    ] = &parts[..]
    else {
        panic!("{parts:?}")
    };
    assert_eq!((&**url, detail.as_deref(), &**flat, high.as_deref()), ("data:x", Some("low"), "u", Some("high")));
    assert_eq!((audio.get(), file.get()), (r#"{"data":"x","format":"wav"}"#, r#"{"file_id":"f"}"#));
    assert_eq!((&**refusal, &**kind), ("no", "acme"));
}

#[test]
fn an_assistants_message_is_thoughts_then_words_then_calls() {
    let items = items(
        r#"[{"role":"assistant","content":"looking","reasoning_content":"hm","tool_calls":[
             {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
             {"id":"c2","function":{"name":"g","arguments":""}},
             {"id":"c3","function":{"name":"h","arguments":{"b":2}}}]},
            {"role":"tool","tool_call_id":"c1","name":"f","content":[{"type":"text","text":"21"}]},
            {"role":"tool","tool_call_id":"c2","content":null}]"#,
    );
    let [
        Item::Reasoning(thought),
        Item::Message(message),
        Item::Call(first),
        Item::Call(second),
        Item::Call(third),
        Item::CallOutput(output),
        Item::CallOutput(empty),
    ] = &items[..]
    else {
        panic!("{items:?}")
    };
    assert_eq!((&*thought.text, &*message.joined("")), ("hm", "looking"));
    assert_eq!((&*first.call_id, &*first.name, &*first.arguments), ("c1", "f", r#"{"a":1}"#));
    assert_eq!((&*second.arguments, &*third.arguments), ("{}", r#"{"b":2}"#));
    assert_eq!((&*output.text(), output.name.as_deref(), &*empty.text()), ("21", Some("f"), ""));
}

#[test]
fn a_message_that_is_only_calls_has_no_words() {
    for content in ["null", "\"\""] {
        let message = format!(
            r#"[{{"role":"assistant","content":{content},"refusal":null,"tool_calls":[{{"id":"c","function":{{"name":"f"}}}}]}}]"#
        );
        let items = items(&message);
        assert!(matches!(&items[..], [Item::Call(_)]), "{items:?}");
    }
    for calls in ["[]", "null"] {
        let items = items(&format!(r#"[{{"role":"assistant","content":"x","tool_calls":{calls}}}]"#));
        assert!(matches!(&items[..], [Item::Message(_)]), "{items:?}");
    }
}

#[test]
fn roles_and_names_are_kept() {
    let items = items(
        r#"[{"role":"system","content":"s"},{"role":"developer","content":"d"},{"role":"user","name":"ann","content":"u"}]"#,
    );
    let told: Vec<_> = items
        .iter()
        .map(|item| match item {
            Item::Message(message) => (message.role.clone(), message.name.as_deref()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(Role::System, None), (Role::Developer, None), (Role::User, Some("ann"))]);
}

#[test]
fn errors_name_the_place() {
    let cases = [
        ("{}", "messages", "`messages` is missing: it must be a list of messages"),
        (r#"{"messages":"x"}"#, "messages", "`messages` must be a list of messages: invalid type: string"),
        (r#"{"messages":[1]}"#, "messages[0]", "`messages[0]` must be a message object"),
        (r#"{"messages":[{}]}"#, "messages[0].role", "`messages[0].role` must be one of"),
        (r#"{"messages":[{"role":"martian","content":"x"}]}"#, "messages[0].role", "must be one of"),
        (
            r#"{"messages":[{"role":"function","content":"x"}]}"#,
            "messages[0].role",
            "send the result with the role `tool`",
        ),
        (r#"{"messages":[{"role":"user"}]}"#, "messages[0].content", "must be a string or a list of parts"),
        (r#"{"messages":[{"role":"user","content":5}]}"#, "messages[0].content", "must be a string or a list of parts"),
        (r#"{"messages":[{"role":"assistant","content":null}]}"#, "messages[0].content", "must be a string"),
        (
            r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"text"}]}]}"#,
            "messages[1].content[0].text",
            "`messages[1].content[0].text` must be a string",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
            "messages[0].content[0].image_url",
            "must be an object with a `url`: missing field `url`",
        ),
        (r#"{"messages":[{"role":"tool","content":"x"}]}"#, "messages[0].tool_call_id", "the id of the call"),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c"}]}]}"#,
            "messages[0].tool_calls[0].function",
            "must be an object with `name` and `arguments`",
        ),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}]}"#,
            "messages[0].tool_calls[0].id",
            "must be the id",
        ),
        (
            r#"{"messages":[{"role":"assistant","content":"","function_call":{"name":"f"}}]}"#,
            "messages[0].function_call",
            "send the call in `tool_calls`",
        ),
        (r#"{"messages":[],"functions":[]}"#, "functions", "has been replaced by `tools`"),
        (r#"{"messages":[],"function_call":"auto"}"#, "function_call", "has been replaced by `tool_choice`"),
        (r#"{"messages":[],"stream":"true"}"#, "stream", "`stream` must be true or false"),
        (r#"{"messages":[],"model":1}"#, "model", "`model` must be a string"),
        (r#"{"messages":[],"temperature":"hot"}"#, "temperature", "`temperature` must be a number"),
        (r#"{"messages":[],"max_tokens":1.5}"#, "max_tokens", "`max_tokens` must be a whole number"),
        (r#"{"messages":[],"custom_inputs":[]}"#, "custom_inputs", "`custom_inputs` must be an object"),
        (r#"{"messages":[],"context":"c"}"#, "context", "`context` must be an object"),
        (r#"{"messages":[],"tools":[{"type":"function"}]}"#, "tools[0].function", "with the `name` of the function"),
        (r#"{"messages":[],"tool_choice":"any"}"#, "tool_choice", "`auto`, `none`, `required` or a function"),
        (r#"{"messages":[],"response_format":{"type":"xml"}}"#, "response_format.type", "`json_schema`"),
        (r#"{"messages":[],"response_format":{"type":"json_schema"}}"#, "response_format.json_schema", "an object"),
    ];
    for (body, param, message) in cases {
        let (field, said) = refusal(&Chat, body);
        assert_eq!(field, param, "{body}");
        assert!(said.contains(message), "{said} should contain {message}");
    }
}

#[test]
fn tools_choice_and_format_are_read() {
    let read = request(
        &Chat,
        r#"{"messages":[],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},
            {"type":"custom","custom":{"name":"g"}}],"tool_choice":{"type":"function","function":{"name":"f"}},
            "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}}"#,
    )
    .unwrap();
    assert!(matches!(&read.tools[0], Tool::Function { name, strict: Some(true), .. } if *name == "f"));
    assert!(matches!(&read.tools[1], Tool::Opaque { kind, .. } if *kind == "custom"));
    assert!(matches!(&read.tool_choice, Some(ToolChoice::Function(name)) if *name == "f"));
    assert!(matches!(&read.format, Some(Format::JsonSchema(schema)) if schema.get() == r#"{"name":"n","schema":{}}"#));
    let plain =
        request(&Chat, r#"{"messages":[],"tool_choice":"required","response_format":{"type":"text"}}"#).unwrap();
    assert!(matches!(&plain.tool_choice, Some(ToolChoice::Mode(mode)) if *mode == "required"));
    assert!(plain.format.is_none());
}

#[test]
fn what_stands_around_the_conversation_is_read() {
    let read = request(
        &Chat,
        r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true},"custom_inputs":{"a":1},
            "context":{"conversation_id":"c","user_id":"u"},"databricks_options":{"return_trace":true},
            "client_request_id":"r","max_tokens":5,"max_completion_tokens":9,"verbosity":"low","acme":[1]}"#,
    )
    .unwrap();
    assert_eq!((read.model.as_deref(), read.stream, read.include_usage), (Some("m"), true, true));
    assert_eq!(read.custom_inputs.as_ref().map(|json| json.get()), Some(r#"{"a":1}"#));
    assert_eq!((read.conversation_id.as_deref(), read.user_id.as_deref()), (Some("c"), Some("u")));
    assert_eq!((read.return_trace, read.client_request_id.as_deref()), (true, Some("r")));
    assert_eq!(read.param(Field::MaxTokens).map(|param| param.value.get()), Some("9"), "the newer spelling wins");
    assert_eq!(read.param(Field::Verbosity).map(|param| param.key), Some("verbosity"));
    assert_eq!(read.rest.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["acme"]);
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name_and_the_rest_dropped_by_name() {
    let hold = |body: &str, backend| admit(&request(&Chat, body).unwrap(), backend);
    for (body, param) in [
        (r#"{"messages":[],"n":2}"#, "n"),
        (r#"{"messages":[],"audio":{"voice":"x"}}"#, "audio"),
        (r#"{"messages":[],"previous_response_id":"r"}"#, "previous_response_id"),
    ] {
        let error = hold(body, &Chat).unwrap_err();
        assert_eq!(error.field(), Some(param));
        assert!(error.message().contains("cannot be honoured by the agent behind this model: "), "{error}");
    }
    let dropped = hold(r#"{"messages":[],"n":1,"logprobs":true,"store":true,"seed":1}"#, &Chat).unwrap();
    assert_eq!(dropped.names(), ["logprobs", "store"]);
}
