//! Writing a client's stream: the bytes of two streams in full, and the rules that the others are held to.

use super::*;
use crate::error::{Error, Kind};

/// The stream that a client gets of frames.
fn written(frames: &[&str], ask: &Ask) -> String {
    relay(&sse(frames), Calls { hold: !ask.show_agents_calls, declared: Vec::new() }, ask).1
}

/// The resource of the byte-exact streams, up to its status and what depends on it.
fn resource(status: &str, completed_at: &str, output: &str, usage: &str) -> String {
    format!(
        "{{\"id\":\"resp_0seed0\",\"object\":\"response\",\"created_at\":1700000000,\"completed_at\":{completed_at},\
        \"status\":\"{status}\",\"incomplete_details\":null,\"error\":null,\"model\":\"agent\",\"output\":{output},\
        \"usage\":{usage},\"previous_response_id\":null,\"instructions\":null,\"tools\":[],\"tool_choice\":\"auto\",\
        \"truncation\":\"disabled\",\"parallel_tool_calls\":true,\"text\":{{\"format\":{{\"type\":\"text\"}}}},\
        \"top_p\":1.0,\"presence_penalty\":0.0,\"frequency_penalty\":0.0,\"top_logprobs\":0,\"temperature\":1.0,\
        \"reasoning\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,\"store\":false,\"background\":false,\
        \"service_tier\":\"default\",\"safety_identifier\":null,\"prompt_cache_key\":null,\"user\":null,\"metadata\":{{}}}}"
    )
}

/// A stream of events, each given as its type and its members after the sequence number.
fn expected(events: &[(&str, String)]) -> String {
    let frames: Vec<String> = events
        .iter()
        .enumerate()
        .map(|(number, (kind, members))| {
            format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number},{members}}}\n\n")
        })
        .collect();
    frames.concat() + "data: [DONE]\n\n"
}

const HI: &str = r#"{"type": "response.output_text.delta", "item_id": "m", "delta": "hi"}"#;
const DONE: &str = "[DONE]";

#[test]
fn a_text_stream_to_the_byte() {
    let begun = resource("in_progress", "null", "[]", "null");
    let place = r#""item_id":"msg_0seed00","output_index":0,"content_index":0"#;
    let part = |text: &str| format!(r#"{{"type":"output_text","text":"{text}","annotations":[],"logprobs":[]}}"#);
    let item = |status: &str, content: &str| {
        format!(
            r#"{{"type":"message","id":"msg_0seed00","status":"{status}","role":"assistant","content":[{content}]}}"#
        )
    };
    let done = item("completed", &part("hi!"));
    let usage = r#"{"input_tokens":1,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":3}"#;
    let completed = resource("completed", "1700000000", &format!("[{done}]"), usage);
    let events = [
        ("response.created", format!(r#""response":{begun}"#)),
        ("response.in_progress", format!(r#""response":{begun}"#)),
        ("response.output_item.added", format!(r#""output_index":0,"item":{}"#, item("in_progress", ""))),
        ("response.content_part.added", format!(r#"{place},"part":{}"#, part(""))),
        ("response.output_text.delta", format!(r#"{place},"delta":"hi","logprobs":[]"#)),
        ("response.output_text.delta", format!(r#"{place},"delta":"!","logprobs":[]"#)),
        ("response.output_text.done", format!(r#"{place},"text":"hi!","logprobs":[]"#)),
        ("response.content_part.done", format!(r#"{place},"part":{}"#, part("hi!"))),
        ("response.output_item.done", format!(r#""output_index":0,"item":{done}"#)),
        ("response.completed", format!(r#""response":{completed}"#)),
    ];
    let bang = HI.replace("hi", "!");
    let end = r#"{"type":"response.completed","response":{"usage":{"input_tokens":1,"output_tokens":2}}}"#;
    let stream = written(&[HI, &bang, end], &ask());
    assert_eq!(stream, expected(&events));
    legal::check(&stream, Surface::OpenAi);
}

#[test]
fn a_tool_call_stream_to_the_byte() {
    let begun = resource("in_progress", "null", "[]", "null");
    let place = r#""item_id":"fc_0seed00","output_index":0"#;
    let item = |arguments: &str, status: &str| {
        format!(
            r#"{{"type":"function_call","id":"fc_0seed00","call_id":"c1","name":"f","arguments":"{arguments}","status":"{status}"}}"#
        )
    };
    let done = item(r#"{\"a\":1}"#, "completed");
    let completed = resource("completed", "1700000000", &format!("[{done}]"), "null");
    let events = [
        ("response.created", format!(r#""response":{begun}"#)),
        ("response.in_progress", format!(r#""response":{begun}"#)),
        ("response.output_item.added", format!(r#""output_index":0,"item":{}"#, item("", "in_progress"))),
        ("response.function_call_arguments.delta", format!(r#"{place},"delta":"{{\"a\":1}}""#)),
        ("response.function_call_arguments.done", format!(r#"{place},"arguments":"{{\"a\":1}}","name":"f""#)),
        ("response.output_item.done", format!(r#""output_index":0,"item":{done}"#)),
        ("response.completed", format!(r#""response":{completed}"#)),
    ];
    let call = r#"{"type":"response.output_item.done","item":{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"}}"#;
    let stream = written(&[call, DONE], &ask());
    assert_eq!(stream, expected(&events));
    legal::check(&stream, Surface::OpenAi);
}

#[test]
fn an_empty_answer_and_an_empty_message_are_legal() {
    let events = legal::check(&written(&[DONE], &ask()), Surface::OpenAi);
    assert_eq!(events.len(), 3);
    let silent = r#"{"type":"response.output_item.done","item":{"type":"message","role":"assistant","content":[]}}"#;
    let events = legal::check(&written(&[silent, DONE], &ask()), Surface::OpenAi);
    assert_eq!(events.last().unwrap()["response"]["output"][0]["content"][0]["text"], "");
}

#[test]
fn hidden_items_leave_no_trace_in_the_indexes() {
    let call = r#"{"type":"response.output_item.done","item":{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}}"#;
    let output =
        r#"{"type":"response.output_item.done","item":{"type":"function_call_output","call_id":"c1","output":"x"}}"#;
    let approval =
        r#"{"type":"response.output_item.done","item":{"type":"mcp_approval_request","id":"apr_1","name":"n"}}"#;
    let frames = [call, output, approval, HI, DONE];
    let kinds = |stream: &str, surface: Surface| -> Vec<String> {
        let events = legal::check(stream, surface);
        let output = events.last().unwrap()["response"]["output"].as_array().unwrap().clone();
        output.iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&written(&frames, &ask()), Surface::OpenAi), ["message"]);
    let all = ["function_call", "function_call_output", "mcp_approval_request", "message"];
    assert_eq!(kinds(&written(&frames, &Ask { show_agents_calls: true, ..ask() }), Surface::OpenAi), all);
    assert_eq!(kinds(&written(&frames, &invocations()), Surface::Invocations), all);
}

#[test]
fn a_call_once_shown_stays_in_the_output() {
    let call = r#"{"type":"response.output_item.done","item":{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}}"#;
    let output =
        r#"{"type":"response.output_item.done","item":{"type":"function_call_output","call_id":"c1","output":"x"}}"#;
    // Nothing is held back, so the call is out before its output shows whose it was.
    let (_, stream) = relay(&sse(&[call, output, DONE]), Calls::default(), &ask());
    legal::check(&stream, Surface::OpenAi);
}

#[test]
fn a_refusal_is_a_part_of_its_own() {
    let refusal = r#"{"type":"response.refusal.delta","item_id":"m","delta":"no"}"#;
    let events = legal::check(&written(&[refusal, DONE], &ask()), Surface::OpenAi);
    assert_eq!(
        events.last().unwrap()["response"]["output"][0]["content"],
        json(r#"[{"type":"refusal","refusal":"no"}]"#)
    );
    let events = legal::check(&written(&[HI, refusal, HI, DONE], &ask()), Surface::OpenAi);
    let output = &events.last().unwrap()["response"]["output"];
    assert_eq!(output[0]["content"].as_array().unwrap().len(), 2);
    assert_eq!(output[1]["content"][0]["text"], "hi", "what is said after a refusal is another message");
}

#[test]
fn a_length_cut_leaves_the_last_item_incomplete() {
    let added = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":""}}"#;
    let delta = r#"{"type":"response.function_call_arguments.delta","item_id":"fc","output_index":0,"delta":"{\"a"}"#;
    let end = r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#;
    let events = legal::check(&written(&[added, delta, end], &ask()), Surface::OpenAi);
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["incomplete_details"], json(r#"{"reason":"max_output_tokens"}"#));
    assert_eq!(response["output"][0]["status"], "incomplete");
    assert_eq!(response["output"][0]["arguments"], "{\"a", "what came, not repaired");
}

#[test]
fn openai_clients_read_errors_in_both_shapes() {
    let stream = written(&[HI, r#"{"error": "boom"}"#, DONE], &ask());
    assert!(stream.ends_with("data: [DONE]\n\n"));
    let events = legal::check(&stream, Surface::OpenAi);
    let [.., error, failed] = events.as_slice() else { panic!("two events at least") };
    let nested = r#"{"message":"boom","type":"server_error","param":null,"code":"agent_failed"}"#;
    assert_eq!(error["error"], json(nested));
    assert_eq!(
        (&error["code"], &error["message"], &error["param"]),
        (&json("\"agent_failed\""), &json("\"boom\""), &Value::Null)
    );
    assert_eq!(failed["response"]["error"], json(r#"{"code":"server_error","message":"boom","type":"server_error"}"#));
    assert_eq!(failed["response"]["output"][0]["status"], "incomplete");
}

#[test]
fn invocation_clients_find_no_key_named_error_and_no_terminator() {
    let stream = written(&[HI, r#"{"error": "boom"}"#, DONE], &invocations());
    assert!(!stream.contains("event:") && !stream.contains("[DONE]"));
    let events = legal::check(&stream, Surface::Invocations);
    let error = &events[events.len() - 2];
    assert_eq!((&error["error_code"], &error["code"]), (&json("\"INTERNAL_ERROR\""), &json("\"agent_failed\"")));
    assert!(error.get("error").is_none() && error.get("detail").is_none());
}

#[test]
fn the_codes_of_a_failed_response_are_those_that_sdks_know() {
    for (kind, code) in [
        (Kind::RateLimited, "rate_limit_exceeded"),
        (Kind::BackendRefusedRequest, "invalid_prompt"),
        (Kind::Cut, "server_error"),
        (Kind::IdleTimeout, "server_error"),
    ] {
        let (mut writer, mut out) = (Responses.writer(&ask()), BytesMut::new());
        let answer = Answer::default();
        writer.event(&Event::Started, &answer, &mut out);
        writer.event(&Event::Failed(&Error::new(kind, "m").param("p")), &answer, &mut out);
        let events = legal::check(std::str::from_utf8(&out).unwrap(), Surface::OpenAi);
        assert_eq!(events.last().unwrap()["response"]["error"]["code"], code);
        assert_eq!(events[2]["param"], "p");
    }
}

#[test]
fn outputs_of_the_agent_stand_where_each_client_looks() {
    let last = r#"{"type":"response.output_item.done","custom_outputs":{"k":1},"databricks_output":{"id":"r"},"item":{"type":"message","role":"assistant","content":"a"}}"#;
    for (ask, beside) in [(ask(), false), (invocations(), true)] {
        let events = legal::check(&written(&[last, DONE], &ask), ask.surface);
        let last = events.last().unwrap();
        for (key, value) in [("custom_outputs", r#"{"k":1}"#), ("databricks_output", r#"{"id":"r"}"#)] {
            assert_eq!(last["response"][key], json(value));
            assert_eq!(last.get(key).is_some(), beside);
        }
    }
}

#[test]
fn json_that_is_passed_on_cannot_break_a_frame() {
    let body = "{\"input\":\"x\",\"metadata\":{\r\n\"a\":\n\"b\\n\"},\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\n}}]}";
    let echo = Responses::echo(&Responses.read_request(&Body::parse(body.as_bytes()).unwrap()).unwrap());
    let events = legal::check(&written(&[HI, DONE], &Ask { echo, ..ask() }), Surface::OpenAi);
    assert_eq!(events[0]["response"]["metadata"], json(r#"{"a":"b\n"}"#));
    assert_eq!(events[0]["response"]["tools"][0]["parameters"], json("{}"));
}

#[test]
fn a_stream_and_a_plain_answer_hold_the_same_items() {
    let frames = [
        r#"{"type":"response.output_item.done","item":{"type":"reasoning","summary":[{"text":"hm"}]}}"#,
        HI,
        r#"{"type":"response.output_text.annotation.added","item_id":"m","annotation":{"type":"url_citation","url":"https://e"}}"#,
        r#"{"type":"response.output_item.done","item":{"type":"function_call","call_id":"c","name":"f","arguments":""}}"#,
        DONE,
    ];
    let (answer, stream) = relay(&sse(&frames), hold(), &ask());
    let events = legal::check(&stream, Surface::OpenAi);
    assert_eq!(events.last().unwrap()["response"], plain(&answer, &ask()));
}
