//! Bad requests: refused with a clear error in the client's own words, and nothing reaches a backend.

use crate::support::says::{self, Act};
use crate::support::{Fake, Gateway, one_backend};

#[tokio::test]
async fn every_bad_body_is_a_4xx_that_names_the_field() {
    let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let gateway = Gateway::start(&format!("limits: {{ body: 64KiB }}\n{}", one_backend(&fake, "responses", ""))).await;
    let nested = format!("{{\"model\":\"agent\",\"input\":{}1{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let deep = format!("{{\"model\":\"agent\",\"input\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let large = format!("{{\"model\":\"agent\",\"input\":\"{}\"}}", "x".repeat(70_000));
    let cases: Vec<(&str, &[u8], u16, Option<&str>)> = vec![
        ("not JSON", b"{\"model\":", 400, None),
        ("empty", b"", 400, None),
        ("an array", b"[]", 400, None),
        ("invalid UTF-8", b"{\"model\":\"agent\",\"input\":\"\xff\"}", 400, None),
        ("too deep", deep.as_bytes(), 400, None),
        ("far too deep", nested.as_bytes(), 413, None),
        ("too large", large.as_bytes(), 413, None),
        ("no model", b"{\"input\":\"hi\"}", 400, Some("model")),
        ("a model that is no string", b"{\"model\":7,\"input\":\"hi\"}", 400, Some("model")),
        ("an unknown model", b"{\"model\":\"nope\",\"input\":\"hi\"}", 404, Some("model")),
        ("two models", b"{\"model\":\"agent\",\"model\":\"b\",\"input\":\"hi\"}", 400, Some("model")),
        ("another case", b"{\"Model\":\"agent\",\"input\":\"hi\"}", 400, Some("Model")),
        ("another case beside", b"{\"model\":\"agent\",\"MODEL\":\"b\",\"input\":\"hi\"}", 400, Some("MODEL")),
        ("no input", b"{\"model\":\"agent\"}", 400, Some("input")),
        ("stream is no boolean", b"{\"model\":\"agent\",\"input\":\"hi\",\"stream\":\"yes\"}", 400, Some("stream")),
        (
            "a wrong role",
            br#"{"model":"agent","input":[{"role":"martian","content":"x"}]}"#,
            400,
            Some("input[0].role"),
        ),
        ("a wrong temperature", br#"{"model":"agent","input":"x","temperature":"hot"}"#, 400, Some("temperature")),
    ];
    for (what, body, status, param) in cases {
        let answer = gateway.client().post("/v1/responses", body).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let error = &answer.json()["error"];
        assert!(
            error["message"].is_string() && error["code"].is_string() && error["type"].is_string(),
            "{what}: {error}"
        );
        assert_eq!(error["param"].as_str(), param, "{what}: {error}");
        assert!(answer.header("x-request-id").is_some(), "{what}");
    }
    assert_eq!(fake.seen().len(), 0, "nothing may reach the backend");
    let fine = gateway.client().post("/v1/responses", says::request("responses", false)).await;
    assert_eq!(fine.status, 200, "and the gateway lives");
}

#[tokio::test]
async fn clients_on_invocations_are_told_in_their_own_words() {
    let fake = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    let gateway = Gateway::to(&fake, "chat_agent").await;
    let cases = [
        ("/serving-endpoints/nope/invocations", "{\"messages\":[]}", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("/serving-endpoints/agent/invocations", "{", 400, "BAD_REQUEST"),
        ("/serving-endpoints/agent/invocations", "{}", 400, "INVALID_PARAMETER_VALUE"),
        ("/invocations", "{\"messages\":[]}", 400, "INVALID_PARAMETER_VALUE"),
    ];
    for (path, body, status, code) in cases {
        let answer = gateway.client().post(path, body).await;
        let json = answer.json();
        assert_eq!((answer.status, json["error_code"].as_str().unwrap()), (status, code), "{path} {body}");
        assert!(json["message"].is_string() && json.get("error").is_none() && json.get("detail").is_none());
    }
    assert_eq!(fake.seen().len(), 0);
}

#[tokio::test]
async fn an_unknown_model_is_told_which_there_are() {
    let fake = Fake::json(200, "{}").await;
    let gateway = Gateway::to(&fake, "responses").await;
    let answer = gateway.client().post("/v1/responses", r#"{"model":"gpt-9","input":"hi"}"#).await;
    assert_eq!(answer.json()["error"]["message"], "no model `gpt-9` here; there are: agent");
}

#[tokio::test]
async fn content_that_has_no_place_is_left_out_where_the_route_says_so() {
    let fake = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    let config = one_backend(&fake, "chat_agent", "") + "    unsupported_content: drop\n";
    let gateway = Gateway::start(&config).await;
    let image = r#"{"type":"image_url","image_url":{"url":"https://e.org/a.png"}}"#;
    let body = |content: &str, more: &str| {
        format!(r#"{{"model":"agent","messages":[{{"role":"user","content":[{content}]}}]{more}}}"#)
    };
    let answer = gateway.client().post("/v1/chat/completions", body(image, "")).await;
    assert_eq!((answer.status, answer.header("x-cutover-dropped")), (200, Some("image")), "{}", answer.text());
    assert!(fake.seen()[0].body.contains("[left out: image]"), "the agent is told that something is missing");
    let two = gateway.client().post("/v1/chat/completions", body(image, ",\"n\":2")).await;
    assert_eq!((two.status, two.json()["error"]["param"].as_str()), (400, Some("n")));
}

#[tokio::test]
async fn what_would_change_the_answer_is_refused_and_what_would_not_is_named() {
    let fake = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    let gateway = Gateway::to(&fake, "chat_agent").await;
    let two = r#"{"model":"agent","messages":[{"role":"user","content":"x"}],"n":2}"#;
    let answer = gateway.client().post("/v1/chat/completions", two).await;
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status, error["param"].as_str(), error["code"].as_str()),
        (400, Some("n"), Some("unsupported_parameter"))
    );
    assert_eq!(fake.seen().len(), 0);
    let seed = r#"{"model":"agent","messages":[{"role":"user","content":"x"}],"seed":7,"n":1,"odd":true}"#;
    let answer = gateway.client().post("/v1/chat/completions", seed).await;
    assert_eq!((answer.status, answer.header("x-cutover-dropped")), (200, Some("seed,odd")));
}
