//! What is sent again, and that it cannot have begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{config, metric, nowhere, well};
use crate::support::says::{self, Act};
use crate::support::{Fake, Gateway, Step, plain};
use crate::tls;

fn busy(status: u16, retry_after: &str) -> Step {
    let head =
        format!("HTTP/1.1 {status} X\r\n{retry_after}content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}");
    Step::Write(head.into_bytes())
}

/// A backend that is busy the first time and well after it.
async fn busy_once(status: u16, retry_after: &'static str) -> Fake {
    let asked = AtomicUsize::new(0);
    Fake::by_request(move |seen| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => vec![busy(status, retry_after)],
        _ => vec![super::answer("responses", &seen.body)],
    })
    .await
}

async fn asked_of(app: &Fake, route: &str) -> (Gateway, u16, Duration) {
    let route = format!("split: {{ app: 1 }}, {route}");
    let gateway = Gateway::start(&config(app.address, "", nowhere().await, &route)).await;
    let begin = Instant::now();
    let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
    (gateway, answer.status, begin.elapsed())
}

#[tokio::test]
async fn a_backend_that_says_when_to_come_again_is_asked_again_then_where_the_route_says_so() {
    for status in [429, 503] {
        let app = busy_once(status, "retry-after: 1\r\n").await;
        let (mut gateway, seen, took) = asked_of(&app, "retry: { on: [ 429, 503 ] }").await;
        assert_eq!((seen, app.seen().len()), (200, 2), "{status}");
        assert!((1_000..6_000).contains(&took.as_millis()), "{status}: {took:?}");
        assert_eq!(gateway.next_finished().await.attempts, 2);
        let line = format!("cutover_retries_total{{backend=\"app\",reason=\"{status}\"}}");
        assert_eq!(metric(&gateway, &line).await, Some(1));
    }
}

#[tokio::test]
async fn otherwise_it_is_the_client_that_is_told_when() {
    for (status, retry_after, route, what) in [
        (429, "retry-after: 1\r\n", "retry: { on: [ 503 ] }", "the route lists another"),
        (503, "retry-after: 1\r\n", "retry: {}", "the route lists none"),
        (429, "", "retry: { on: [ 429 ] }", "it does not say when"),
        (429, "retry-after: 100\r\n", "retry: { on: [ 429 ] }", "it is too long"),
        (429, "retry-after: 2\r\n", "retry: { on: [ 429 ] }, timeouts: { first_byte: 1s }", "nobody would wait for it"),
        (502, "retry-after: 1\r\n", "retry: { on: [ 503 ] }", "somebody may have begun"),
    ] {
        let app = busy_once(status, retry_after).await;
        let (_gateway, seen, took) = asked_of(&app, route).await;
        assert_ne!(seen, 200, "{what}");
        assert_eq!(app.seen().len(), 1, "{what}");
        assert!(took < Duration::from_millis(950), "{what}: {took:?}");
    }
}

#[tokio::test]
async fn connections_that_cannot_be_had_are_tried_again_but_not_for_ever() {
    let gateway = |route: &'static str| async move {
        Gateway::start(&config(nowhere().await, "", nowhere().await, &format!("split: {{ app: 1 }}, {route}"))).await
    };
    for (route, attempts) in [("retry: {}", 3), ("retry: { attempts: 1 }", 1), ("retry: { attempts: 4 }", 4)] {
        let mut gateway = gateway(route).await;
        let answer = gateway.client().post("/v1/responses", says::request("responses", true)).await;
        assert_eq!((answer.status, gateway.next_finished().await.attempts), (502, attempts), "{route}");
        let retries = metric(&gateway, r#"cutover_retries_total{backend="app",reason="connect"}"#).await;
        assert_eq!(retries, Some(i64::from(attempts) - 1));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_waiting_at_once() {
    let app = Fake::start(vec![busy(429, "retry-after: 4\r\n")]).await;
    let route = "split: { app: 1 }, retry: { on: [ 429 ] }";
    let mut gateway = Gateway::start(&config(app.address, "", nowhere().await, route)).await;
    let request = says::request("responses", false);
    let connection = gateway.client().begin("POST", "/v1/responses", request.as_bytes()).await;
    while app.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(connection);
    let left = Instant::now();
    assert_eq!(gateway.next_finished().await.outcome, "client_gone");
    assert!(left.elapsed() < Duration::from_millis(250), "{:?}", left.elapsed());
    assert_eq!(app.seen().len(), 1);
}

#[tokio::test]
async fn an_idle_connection_that_the_backend_closes_costs_nobody_a_request() {
    // The fake closes each connection after its answer, without having said so.
    let app = Fake::by_request(well("responses")).await;
    let gateway = Gateway::start(&config(app.address, "", nowhere().await, "split: { app: 1 }")).await;
    for turn in 0..20 {
        let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
        assert_eq!(answer.status, 200, "{turn}: {}", answer.text());
    }
    assert_eq!(app.seen().len(), 20);
}

/// A backend behind TLS and HTTP/2 that turns the first request away unprocessed: by a reset of its stream, or by leaving.
async fn turns_away(leaves: bool) -> (std::net::SocketAddr, std::path::PathBuf, Arc<AtomicUsize>) {
    let (acceptor, file) = tls::acceptor("localhost", &["h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, met) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&begun);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, begun, met) = (acceptor.clone(), Arc::clone(&count), Arc::clone(&met));
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                if leaves && met.fetch_add(1, Ordering::Relaxed) == 0 {
                    // Empty SETTINGS, and when the request has come a GOAWAY that names no stream as taken.
                    stream.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
                    let (mut read, mut bytes) = (0, [0; 4096]);
                    while read < 100 {
                        read += stream.read(&mut bytes).await.unwrap();
                    }
                    stream.write_all(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0").await.unwrap();
                    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut bytes)).await;
                    return;
                }
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_request, mut respond))) = connection.accept().await {
                    if !leaves && met.fetch_add(1, Ordering::Relaxed) == 0 {
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                        continue;
                    }
                    begun.fetch_add(1, Ordering::Relaxed);
                    let head = http::Response::builder().header("content-type", "application/json").body(()).unwrap();
                    let mut body = respond.send_response(head, false).unwrap();
                    body.send_data(Bytes::from(says::plain("responses", Act::Text)), true).unwrap();
                }
            });
        }
    });
    (address, file, begun)
}

#[tokio::test]
async fn streams_that_are_turned_away_unprocessed_are_sent_again() {
    for leaves in [false, true] {
        let (address, ca, begun) = turns_away(leaves).await;
        let app_says = format!("ca: '{}'", ca.display());
        let config = config(address, &app_says, nowhere().await, "split: { app: 1 }")
            .replace(&format!("http://{address}"), &format!("https://localhost:{}", address.port()));
        let mut gateway = Gateway::start(&config).await;
        let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
        assert_eq!(answer.status, 200, "leaves: {leaves}: {}", answer.text());
        assert_eq!((gateway.next_finished().await.attempts, begun.load(Ordering::Relaxed)), (2, 1), "leaves: {leaves}");
        let retries = metric(&gateway, r#"cutover_retries_total{backend="app",reason="refused"}"#).await;
        assert_eq!(retries, Some(1));
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_is_never_asked_for_again() {
    let ways = [
        Step::Write(plain(500, "application/json", "{}")),
        Step::Write(plain(502, "text/html", "bad gateway")),
        Step::Write(plain(200, "text/plain", "what?")),
        Step::Reset,
    ];
    for step in ways {
        let app = Fake::start(vec![step]).await;
        let (_gateway, status, _) = asked_of(&app, "retry: { attempts: 5, on: [ 429, 503 ] }").await;
        assert_eq!((status, app.seen().len()), (502, 1));
    }
}
