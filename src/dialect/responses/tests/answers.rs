//! Plain answers, read and written.

use super::*;
use crate::error::Kind;
use crate::ir::{Finish, Usage};

const AGENTIC: &str = r#"{"id":"resp_echo","object":"response","output":[
    {"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"id":"m0","encrypted_content":"seal"},
    {"type":"function_call","id":"m1","call_id":"call_1","name":"weather","arguments":"{\"city\": \"Paris\"}"},
    {"type":"function_call_output","call_id":"call_1","output":"{\"temp_c\": 21}"},
    {"type":"mcp_approval_request","id":"apr_1","name":"n","arguments":"{}","server_label":"s"},
    {"type":"message","id":"m2","role":"assistant","content":[
        {"type":"output_text","text":"21 ","annotations":[{"type":"url_citation","url":"https://e"}]},
        {"type":"output_text","text":"C"},{"type":"refusal","refusal":"no"}]}],
  "usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":1},"output_tokens":5,
    "output_tokens_details":{"reasoning_tokens":2},"total_tokens":8},
  "custom_outputs":{"k":1},"databricks_output":{"trace":{"info":{"trace_id":"tr-1"}}}}"#;

fn failure(body: &str) -> (Kind, String) {
    let error = answer_of(body).failure.unwrap_or_else(|| panic!("it failed: {body}"));
    (error.kind(), error.message().to_owned())
}

#[test]
fn an_agents_answer_is_read_whole() {
    let answer = answer_of(AGENTIC);
    let expected = [
        "thinks \"hm\" Some(\"cutover:m0:seal\")",
        "Agent calls call_1 weather {\"city\": \"Paris\"}",
        "output call_1 weather {\"temp_c\": 21}",
        "mcp_approval_request",
        "says \"21 C\" \"no\" 1",
    ];
    assert_eq!(items(&answer), expected);
    assert_eq!(answer.usage, Some(Usage { input: 3, output: 5, total: 8, cached: 1, reasoning: 2 }));
    assert_eq!(answer.upstream_id.as_deref(), Some("resp_echo"));
    assert_eq!(answer.trace_id.as_deref(), Some("tr-1"));
    assert_eq!(answer.custom_outputs.as_deref().unwrap().get(), r#"{"k":1}"#);
    assert_eq!(answer.finish(), Some(Finish::Stop));
}

#[test]
fn sloppy_answers_are_read_too() {
    let cases: &[(&str, &[&str])] = &[
        (r#"{"object":"response","output":[]}"#, &[]),
        (r#"{"predictions":{"output":[{"role":"assistant","content":"a"}]}}"#, &["says \"a\" \"\" 0"]),
        (r#"{"predictions":[{"output":[{"role":"assistant","content":"a"}]}]}"#, &["says \"a\" \"\" 0"]),
        (r#"{"output":[{"type":"message","content":[{"text":"a"}]}]}"#, &["says \"a\" \"\" 0"]),
        (r#"{"output":[{"type":"message","role":"user","content":"my own words"}]}"#, &[]),
        (
            r#"{"output":[{"type":"function_call","call_id":"c","name":"f","arguments":null}]}"#,
            &["Client calls c f {}"],
        ),
        (
            r#"{"output":[{"type":"function_call","call_id":"c","name":"f","arguments":{"a":1}}]}"#,
            &["Client calls c f {\"a\":1}"],
        ),
        (
            r#"{"output":[{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"x"}]}]}"#,
            &["output c tool x"],
        ),
        (
            r#"{"output":[{"type":"function_call_output","call_id":"c","output":{"t":1}}]}"#,
            &["output c tool {\"t\":1}"],
        ),
        (
            r#"{"output":[{"type":"reasoning","content":[{"text":"raw"}],"encrypted_content":null}]}"#,
            &["thinks \"raw\" None"],
        ),
        (r#"{"output":[],"status":"odd","error":null,"incomplete_details":null,"usage":{"input_tokens":"many"}}"#, &[]),
    ];
    for (body, expected) in cases {
        let answer = answer_of(body);
        assert!(answer.failure.is_none(), "{:?} {body}", answer.failure);
        assert_eq!(items(&answer), *expected, "{body}");
        legal::check_resource(&plain(&answer, &ask()));
    }
}

#[test]
fn a_cut_answer_says_why() {
    for (fields, finish) in [
        (r#""status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}"#, Finish::Length),
        (r#""incomplete_details":{"reason":"content_filter"}"#, Finish::ContentFilter),
        (r#""status":"incomplete""#, Finish::Length),
        (r#""status":"completed","incomplete_details":null"#, Finish::Stop),
    ] {
        let answer = answer_of(&format!(r#"{{"output":[{{"role":"assistant","content":"a"}}],{fields}}}"#));
        assert_eq!(answer.finish(), Some(finish), "{fields}");
        let written = plain(&answer, &ask());
        let (status, reason) = match finish {
            Finish::Length => ("incomplete", json(r#"{"reason":"max_output_tokens"}"#)),
            Finish::ContentFilter => ("incomplete", json(r#"{"reason":"content_filter"}"#)),
            _ => ("completed", Value::Null),
        };
        assert_eq!((written["status"].as_str(), &written["incomplete_details"]), (Some(status), &reason));
    }
}

#[test]
fn what_is_no_answer_fails() {
    for (body, kind, message) in [
        ("<html>", Kind::BackendGarbage, "the agent's answer is not JSON"),
        ("{}", Kind::BackendGarbage, "the agent's answer has no list `output`"),
        (r#""text""#, Kind::BackendGarbage, "the agent's answer has no list `output`"),
        (r#"{"status":"healthy"}"#, Kind::BackendGarbage, "the agent's answer has no list `output`"),
        (r#"{"error":"boom","output":[]}"#, Kind::AgentFailed, "boom"),
        (r#"{"status":"failed","error":{"message":"m","code":"rate_limit_exceeded"}}"#, Kind::RateLimited, "m"),
        (r#"{"status":"failed","output":[]}"#, Kind::AgentFailed, "the agent failed"),
        (r#"{"output":[],"databricks_output":{"error":{"error_code":"X","message":"m"}}}"#, Kind::AgentFailed, "m"),
        (r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow"}"#, Kind::RateLimited, "slow"),
    ] {
        assert_eq!(failure(body), (kind, message.to_owned()), "{body}");
    }
}

#[test]
fn an_answer_that_is_complete_without_a_list_said_nothing() {
    let answer = answer_of(r#"{"id":"resp_1","status":"completed","attempt_number":1}"#);
    assert_eq!((answer.items.len(), answer.finish()), (0, Some(Finish::Stop)));
    let elsewhere = r#"{"id":"r","status":"completed","output":{"output":[],"status":"completed"}}"#;
    assert_eq!(failure(elsewhere).0, Kind::BackendGarbage);
}

#[test]
fn an_answer_in_the_background_waits_and_one_that_has_been_given_does_not() {
    for status in ["queued", "in_progress", "cancelled"] {
        let answer = answer_of(&format!(r#"{{"id":"resp_1","status":"{status}","output":[],"error":null}}"#));
        assert_eq!((answer.waiting.as_deref(), answer.finish), (Some(status), None));
    }
    // Sloppy agents leave a status behind that their items contradict.
    let said =
        r#"{"status":"in_progress","output":[{"type":"message","content":[{"type":"output_text","text":"x"}]}]}"#;
    assert_eq!((answer_of(said).waiting, answer_of(said).text().as_str()), (None, "x"));
}

#[test]
fn strict_clients_do_not_see_what_the_agent_did_itself() {
    let written = plain(&answer_of(AGENTIC), &ask());
    legal::check_resource(&written);
    let kinds: Vec<_> = written["output"].as_array().unwrap().iter().map(|item| item["type"].clone()).collect();
    assert_eq!(kinds, ["reasoning", "message"]);
    assert_eq!(written["output"][0]["encrypted_content"], "cutover:m0:seal", "with the id under which it must go back");
    let message = r#"[{"type":"output_text","text":"21 C","logprobs":[],"annotations":
        [{"type":"url_citation","url":"https://e","title":"","start_index":0,"end_index":0}]},{"type":"refusal","refusal":"no"}]"#;
    assert_eq!(written["output"][1]["content"], json(message));
    assert_eq!(
        (&written["custom_outputs"], &written["metadata"]),
        (&json(r#"{"k":1}"#), &json(r#"{"trace_id":"tr-1"}"#))
    );
    assert!(written["databricks_output"].is_object());
    assert_eq!((written["id"].as_str(), written["model"].as_str()), (Some("resp_0seed0"), Some("agent")));
    assert_eq!(written["usage"]["input_tokens_details"], json(r#"{"cached_tokens":1,"cache_write_tokens":0}"#));
}

#[test]
fn those_who_want_to_see_all_see_all() {
    let answer = answer_of(AGENTIC);
    for ask in [invocations(), Ask { show_agents_calls: true, ..ask() }] {
        let written = plain(&answer, &ask);
        legal::check_resource(&written);
        let output = written["output"].as_array().unwrap();
        assert_eq!(output.len(), 5);
        assert_eq!(output[1]["call_id"], "call_1");
        assert_eq!(
            output[2],
            json(
                r#"{"type":"function_call_output","id":"fco_0seed02","call_id":"call_1","output":"{\"temp_c\": 21}","status":"completed"}"#
            )
        );
        assert_eq!(output[3]["id"], "apr_1", "the client has to name it when it approves");
    }
    let nameless = answer_of(r#"{"output":[{"type":"acme:thing"},{"type":"acme:other","id":null}]}"#);
    let written = plain(&nameless, &invocations());
    legal::check_resource(&written);
    assert_eq!(written["output"][0], json(r#"{"id":"item_0seed00","type":"acme:thing"}"#));
}

#[test]
fn a_wrapped_request_gets_a_wrapped_answer() {
    let written = plain(&answer_of(r#"{"output":[]}"#), &Ask { wrapped: true, ..invocations() });
    assert_eq!(written.as_object().unwrap().len(), 1);
    legal::check_resource(&written["predictions"]);
}

#[test]
fn nothing_is_made_up() {
    let written = plain(&answer_of(r#"{"output":[]}"#), &Ask { echo: String::new(), ..ask() });
    legal::check_resource(&written);
    assert!(written["usage"].is_null());
    assert_eq!(written["metadata"], json("{}"));
    for key in ["custom_outputs", "databricks_output", "output_text"] {
        assert!(written.get(key).is_none(), "{key}");
    }
}

#[test]
fn the_name_under_which_a_conversation_goes_on_is_told() {
    let frames = r#"data: {"type":"response.resumed","attempt":2,"from_seq":1,"conversation_id":"c::attempt-2"}

data: {"type":"response.output_text.delta","item_id":"m","delta":"a"}

data: [DONE]

"#;
    let (answer, out) = relay_in_steps(frames, 7, hold(), &ask());
    assert_eq!(answer.unknown, 0);
    assert!(out.contains(r#""metadata":{"conversation_id":"c::attempt-2"}"#), "{out}");
    assert!(!out.contains("resumed"), "no client knows the frame");
}

#[test]
fn the_trace_stands_beside_the_clients_metadata() {
    let body = Body::parse(br#"{"input":"x","metadata":{"a":"b","trace_id":"mine"}}"#).unwrap();
    let echo = Responses::echo(&Responses.read_request(&body).unwrap());
    let answer = answer_of(r#"{"output":[],"metadata":{"trace_id":"tr-1"}}"#);
    assert_eq!(plain(&answer, &Ask { echo, ..ask() })["metadata"], json(r#"{"a":"b","trace_id":"tr-1"}"#));
}
