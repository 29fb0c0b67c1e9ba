//! What may go to the fallback, and what never does.

use super::{config, nowhere, well};
use crate::support::says;
use crate::support::{Fake, Gateway, Step, plain};

const DOWN: &str = "timeouts: { connect: 1s }, breaker: off";

/// How often the fallback was asked, and the status that the client saw, for a request to a backend that is down.
async fn to_nowhere(fallback: &str, body: &str) -> (usize, u16) {
    from("responses", fallback, body).await
}

/// The same for a backend of another dialect.
async fn from(dialect: &str, fallback: &str, body: &str) -> (usize, u16) {
    let legacy = Fake::by_request(well("chat_agent")).await;
    let route = format!("split: {{ app: 1, legacy: 0 }}, fallback: {{ to: legacy, {fallback} }}");
    let config = config(nowhere().await, DOWN, legacy.address, &route)
        .replace("dialect: responses", &format!("dialect: {dialect}"));
    let gateway = Gateway::start(&config).await;
    let answer = gateway.client().post("/v1/responses", body).await;
    (legacy.seen().len(), answer.status)
}

#[tokio::test]
async fn what_only_one_backend_knows_stays_with_it() {
    let on = "on: [ connect, 5xx ]";
    let made = format!("resp_{}", cutover::route::mint_seed("app"));
    let with = |more: &str| format!(r#"{{"model":"agent","input":"hi",{more}}}"#);
    let previous = with(&format!(r#""previous_response_id":"{made}""#));
    assert_eq!(to_nowhere(on, &previous).await, (0, 502), "an answer that the app made");
    assert_eq!(to_nowhere(on, &with(r#""conversation":"conv_1""#)).await, (0, 502), "a conversation that it keeps");
    let talk = with(r#""custom_inputs":{"thread_id":"t-1"}"#);
    let stay = format!("{on}, conversations: stay");
    assert_eq!(to_nowhere(&stay, &talk).await, (0, 502), "its agent keeps what was said");
    assert_eq!(to_nowhere(&stay, &with(r#""user":"u""#)).await, (1, 200), "no conversation is named");
    assert_eq!(to_nowhere(on, &talk).await, (1, 200), "a conversation that carries its history");
    assert_eq!(from("durable", on, &talk).await, (0, 502), "a conversation that a durable agent remembers");
    assert_eq!(from("durable", on, &with(r#""user":"u""#)).await, (1, 200), "it has nothing to remember");
}

#[tokio::test]
async fn without_a_word_only_what_cannot_have_begun_goes_there() {
    assert_eq!(to_nowhere("conversations: move", &says::request("responses", false)).await, (1, 200));
    let ways: [(&str, Vec<Step>); 3] = [
        ("500", vec![Step::Write(plain(500, "application/json", r#"{"error":"boom"}"#))]),
        ("reset", vec![Step::Reset]),
        ("429", vec![Step::Write(plain(429, "application/json", "{}"))]),
    ];
    for (way, steps) in ways {
        let (app, legacy) = (Fake::start(steps).await, Fake::by_request(well("chat_agent")).await);
        let route = "split: { app: 1 }, fallback: { to: legacy }";
        let gateway = Gateway::start(&config(app.address, "", legacy.address, route)).await;
        let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
        assert_ne!(answer.status, 200, "{way}");
        assert_eq!((app.seen().len(), legacy.seen().len()), (1, 0), "{way}");
    }
}

#[tokio::test]
async fn the_request_is_made_anew_for_the_other_backend() {
    let legacy = Fake::by_request(well("chat_agent")).await;
    let route = "split: { app: 1 }, fallback: { to: legacy }";
    let mut gateway = Gateway::start(&config(nowhere().await, DOWN, legacy.address, route)).await;
    let body = r#"{"model":"agent","input":"hi","truncation":"auto","seed":1}"#;
    let answer = gateway.client().post("/v1/responses", body).await;
    assert_eq!((answer.status, answer.header("x-cutover-backend")), (200, Some("legacy")));
    let sent = legacy.only().json();
    assert_eq!(sent["messages"][0]["content"], "hi", "in the dialect of the one that answers: {sent}");
    let summary = gateway.next_finished().await;
    assert_eq!(
        (summary.backend_dialect, summary.instead_of.as_str(), summary.fallback),
        ("chat_agent", "app", "connect")
    );
    assert_eq!(answer.header("x-cutover-dropped").unwrap_or_default(), summary.dropped);
    assert_eq!(super::metric(&gateway, r#"cutover_fallbacks_total{reason="connect",route="agent"}"#).await, Some(1));
    let replaced = r#"cutover_requests_total{backend="app",outcome="replaced",route="agent"}"#;
    assert_eq!(super::metric(&gateway, replaced).await, Some(1), "the app's failure is not hidden");
}

#[tokio::test]
async fn what_the_other_backend_refuses_is_not_what_the_client_hears() {
    let legacy = Fake::by_request(well("chat_agent")).await;
    let route = "split: { app: 1 }, fallback: { to: legacy }";
    let gateway = Gateway::start(&config(nowhere().await, DOWN, legacy.address, route)).await;
    let image =
        r#"{"model":"agent","input":[{"role":"user","content":[{"type":"input_image","image_url":"data:,x"}]}]}"#;
    let answer = gateway.client().post("/v1/responses", image).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (502, "backend_unreachable"));
    assert_eq!(legacy.seen().len(), 0);
}
