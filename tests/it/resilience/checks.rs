//! Health checks: they find out before a client does, and they do not take a slow backend for a dead one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::{answer, config, metric, well};
use crate::support::says;
use crate::support::{Fake, Gateway, Step, plain};

const CHECKS: &str = "health: { path: /health, every: 50ms, timeout: 200ms, fall: 2, rise: 2 }";

async fn until_breaker_is(gateway: &Gateway, wanted: i64) {
    let waiting = async {
        while metric(gateway, r#"cutover_breaker_state{backend="app"}"#).await != Some(wanted) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("the checks find out");
}

#[tokio::test]
async fn a_backend_that_says_it_is_unwell_is_out_until_it_says_otherwise() {
    let status = Arc::new(AtomicU16::new(503));
    let says = Arc::clone(&status);
    let app = Fake::by_request(move |seen| match seen.line() {
        "GET /health" => vec![Step::Write(plain(says.load(Ordering::Relaxed), "application/json", "{}"))],
        _ => vec![answer("responses", &seen.body)],
    })
    .await;
    let legacy = Fake::by_request(well("chat_agent")).await;
    let route = "split: { app: 1 }, fallback: { to: legacy }";
    let gateway = Gateway::start(&config(app.address, CHECKS, legacy.address, route)).await;
    let who = || async {
        let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
        (answer.status, answer.header("x-cutover-backend").unwrap().to_owned())
    };
    until_breaker_is(&gateway, 2).await;
    assert_eq!(who().await, (200, "legacy".to_owned()));
    status.store(200, Ordering::Relaxed);
    until_breaker_is(&gateway, 0).await;
    assert_eq!(who().await, (200, "app".to_owned()));
}

#[tokio::test]
async fn a_server_that_is_busy_with_one_request_is_slow_and_not_dead() {
    // As an AgentServer whose agent is a plain function: while it runs, nothing else is answered.
    let app = Fake::by_request(|seen| match seen.line() {
        "GET /health" => vec![Step::Hang],
        _ => vec![Step::Wait(Duration::from_millis(2_500)), answer("responses", &seen.body)],
    })
    .await;
    let legacy = Fake::by_request(well("chat_agent")).await;
    let route = "split: { app: 1 }, fallback: { to: legacy }";
    let gateway = Gateway::start(&config(app.address, CHECKS, legacy.address, route)).await;
    let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
    let checks = app.seen().iter().filter(|seen| seen.line() == "GET /health").count();
    assert!(checks >= 4, "{checks} checks went unanswered meanwhile");
    assert_eq!((answer.status, answer.header("x-cutover-backend")), (200, Some("app")));
    assert_eq!(metric(&gateway, r#"cutover_breaker_state{backend="app"}"#).await, Some(0), "it was never out");
}
