//! Deadlines by route, and those of streams that somebody asked for.

use std::time::{Duration, Instant};

use super::{config, nowhere};
use crate::support::says::{self, Act, DIALECTS};
use crate::support::{Fake, Gateway, Step, chunked};

/// A stream that goes on for ever, one piece each 50 ms.
fn endless() -> Vec<Step> {
    let frame = &says::frames("responses", Act::Text)[0];
    let chunk = format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes();
    let pieces = (0..200).flat_map(|_| [Step::Wait(Duration::from_millis(50)), Step::Write(chunk.clone())]);
    [Step::Write(chunked(b"", false))].into_iter().chain(pieces).collect()
}

#[tokio::test]
async fn a_route_has_deadlines_of_its_own() {
    let app = Fake::start(vec![Step::Hang]).await;
    let route = "split: { app: 1 }, timeouts: { first_byte: 300ms }";
    let gateway = Gateway::start(&config(app.address, "timeouts: { first_byte: 1m }", nowhere().await, route)).await;
    let begin = Instant::now();
    let answer = gateway.client().post("/v1/responses", says::request("responses", true)).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (504, "backend_first_byte_timeout"));
    assert!((300..3_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_healthy_stream_is_cut_only_where_that_was_asked_for_and_each_client_survives_it() {
    for client in DIALECTS {
        let app = Fake::start(endless()).await;
        let dialect = if client == "chat_model" { "chat_model" } else { "chat_agent" };
        let route = format!("split: {{ app: 1 }}, legacy_dialect: {dialect}, answer: openai");
        let deadlines = "timeouts: { total: 100ms, stream_total: 600ms }";
        let gateway = Gateway::start(&config(app.address, deadlines, nowhere().await, &route)).await;
        let begin = Instant::now();
        let answer = gateway.client().post(says::path(client), says::request(client, true)).await;
        let seen = says::understand_stream(client, &answer);
        assert!(seen.error && !seen.complete && !seen.text.is_empty(), "{client}: {}", answer.text());
        assert!((500..4_000).contains(&begin.elapsed().as_millis()), "{client}: {:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn the_total_of_a_plain_answer_counts_from_the_request_on() {
    let app = Fake::start(vec![
        Step::Wait(Duration::from_millis(300)),
        Step::Write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{".to_vec()),
        Step::Hang,
    ])
    .await;
    let deadlines = "timeouts: { first_byte: 10s, idle: 10s, total: 500ms }";
    let gateway = Gateway::start(&config(app.address, deadlines, nowhere().await, "split: { app: 1 }")).await;
    let begin = Instant::now();
    let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (504, "backend_total_timeout"));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}
