//! A backend that keeps failing is left alone, and is back as soon as it is well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::{answer, config, metric, nowhere, well};
use crate::support::says;
use crate::support::{Answer, Fake, Gateway, Step, plain};

/// A backend that answers with a status that can be changed.
async fn switched(status: &Arc<AtomicU16>) -> Fake {
    let status = Arc::clone(status);
    Fake::by_request(move |seen| match status.load(Ordering::Relaxed) {
        200 => vec![answer("responses", &seen.body)],
        status => vec![Step::Write(plain(status, "application/json", r#"{"error":"no"}"#))],
    })
    .await
}

async fn ask(gateway: &Gateway, more: &str) -> Answer {
    gateway.client().post("/v1/responses", format!(r#"{{"model":"agent","input":"hi"{more}}}"#)).await
}

/// A conversation that the split gives to the app.
fn sticky() -> String {
    let split = cutover::route::Split::new([(0, "app", 5_000), (1, "legacy", 5_000)]);
    let key = (0..100).map(|n| format!("c-{n}")).find(|key| split.pick(Some(key)) == Some(0)).unwrap();
    format!(r#","custom_inputs":{{"thread_id":"{key}"}}"#)
}

#[tokio::test]
async fn after_five_failures_others_answer_and_who_cannot_move_is_told_at_once() {
    let status = Arc::new(AtomicU16::new(503));
    let (app, legacy) = (switched(&status).await, Fake::by_request(well("chat_agent")).await);
    let breaker = "breaker: { failures: 5, open: 1s, most: 1s }";
    let gateway = Gateway::start(&config(app.address, breaker, legacy.address, "split: { app: 1, legacy: 1 }")).await;
    let sticky = sticky();
    for _ in 0..5 {
        assert_eq!(ask(&gateway, &sticky).await.status, 502);
    }
    assert_eq!(metric(&gateway, r#"cutover_breaker_state{backend="app"}"#).await, Some(2));
    gateway.reload();
    for _ in 0..20 {
        let answer = ask(&gateway, "").await;
        assert_eq!((answer.status, answer.header("x-cutover-backend")), (200, Some("legacy")));
    }
    let begin = Instant::now();
    let told = ask(&gateway, &sticky).await;
    let code = told.json()["error"]["code"].as_str().unwrap().to_owned();
    assert_eq!((told.status, code.as_str()), (503, "backend_circuit_open"));
    assert!(told.header("retry-after").unwrap().parse::<u32>().is_ok_and(|seconds| (1..=3).contains(&seconds)));
    assert!(begin.elapsed() < Duration::from_millis(900), "{:?}", begin.elapsed());
    assert_eq!(app.seen().len(), 5, "it was left alone, over a reload, too");
    // It is well again: the pause is over within a moment, and the next request finds out.
    status.store(200, Ordering::Relaxed);
    let back = async { while ask(&gateway, &sticky).await.status != 200 {} };
    tokio::time::timeout(Duration::from_secs(5), back).await.expect("back in time");
    assert_eq!(metric(&gateway, r#"cutover_breaker_state{backend="app"}"#).await, Some(0));
    assert_eq!(metric(&gateway, r#"cutover_breaker_opened_total{backend="app"}"#).await, Some(1));
}

#[tokio::test]
async fn a_backend_that_is_left_alone_has_its_fallback_at_once() {
    let app = Fake::start(vec![Step::Reset]).await;
    let legacy = Fake::by_request(well("chat_agent")).await;
    let route = "split: { app: 1 }, fallback: { to: legacy }";
    let mut gateway = Gateway::start(&config(app.address, "", legacy.address, route)).await;
    for _ in 0..5 {
        assert_eq!(ask(&gateway, "").await.status, 502, "a reset is not what this fallback is for");
        gateway.next_finished().await;
    }
    for conversation in ["", r#","custom_inputs":{"thread_id":"t"}"#] {
        let answer = ask(&gateway, conversation).await;
        assert_eq!((answer.status, answer.header("x-cutover-backend")), (200, Some("legacy")));
        let summary = gateway.next_finished().await;
        assert_eq!((summary.attempts, summary.instead_of.as_str(), summary.fallback), (1, "app", "open"));
    }
    assert_eq!(app.seen().len(), 5);
}

#[tokio::test]
async fn refusals_of_the_client_or_by_it_never_count() {
    for refusal in [400, 401, 403, 404, 413, 422, 429] {
        let status = Arc::new(AtomicU16::new(refusal));
        let app = switched(&status).await;
        let route = "split: { app: 1, legacy: 1 }";
        let gateway = Gateway::start(&config(app.address, "", nowhere().await, route)).await;
        let sticky = sticky();
        for _ in 0..8 {
            ask(&gateway, &sticky).await;
        }
        assert_eq!(metric(&gateway, r#"cutover_breaker_state{backend="app"}"#).await, Some(0), "{refusal}");
        assert_eq!(app.seen().len(), 8, "{refusal}");
    }
    let app = Fake::start(vec![Step::Hang]).await;
    let route = "split: { app: 1, legacy: 1 }";
    let mut gateway = Gateway::start(&config(app.address, "", nowhere().await, route)).await;
    let body = format!(r#"{{"model":"agent","input":"hi"{}}}"#, sticky());
    for turn in 0..8 {
        let connection = gateway.client().begin("POST", "/v1/responses", body.as_bytes()).await;
        while app.seen().len() <= turn {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(connection);
        assert_eq!(gateway.next_finished().await.outcome, "client_gone");
    }
    assert_eq!(metric(&gateway, r#"cutover_breaker_state{backend="app"}"#).await, Some(0), "clients that went away");
}

#[tokio::test]
async fn an_agent_that_fails_inside_its_streams_counts_too() {
    let error = "data: {\"type\":\"error\",\"message\":\"boom\"}\n\n";
    let app = Fake::stream(&format!("{}{error}", says::frames("responses", says::Act::Text)[0])).await;
    let breaker = "breaker: { least: 10 }";
    let gateway = Gateway::start(&config(app.address, breaker, nowhere().await, "split: { app: 1 }")).await;
    for _ in 0..10 {
        gateway.client().post("/v1/responses", says::request("responses", true)).await;
    }
    assert_eq!(metric(&gateway, r#"cutover_breaker_state{backend="app"}"#).await, Some(2));
}
