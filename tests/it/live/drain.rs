//! The end: nobody new, whoever is there may finish, and whoever cannot is told so in their own words.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;

use super::{ASK, config};
use crate::support::says::{self, Act, DIALECTS};
use crate::support::{Fake, Process, Step, chunked};

/// A backend of this dialect that begins a stream and then says nothing for this long before it ends it.
async fn pausing(dialect: &str, pause: Duration) -> Fake {
    let frames = says::frames(dialect, Act::Text);
    let (first, rest) = (frames[..1].concat(), frames[1..].concat());
    let steps = vec![
        Step::Write(chunked(first.as_bytes(), false)),
        Step::Wait(pause),
        Step::Write(format!("{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()).into_bytes()),
    ];
    Fake::start(steps).await
}

fn one(fake: &Fake, dialect: &str, drain: &str, more: &str) -> String {
    format!(
        "auth: anonymous
store: none
timeouts: {{ drain: {drain} }}
backends: {{ only: {{ url: 'http://{}/x', dialect: {dialect}, credential: none{more} }} }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }} }} ]
",
        fake.address
    )
}

async fn reached(fake: &Fake, times: usize) {
    while fake.seen().len() < times {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn streams_finish_nobody_new_comes_in_and_readiness_says_so_first() {
    let fake = pausing("responses", Duration::from_millis(1_500)).await;
    let mut process = Process::start("finish", &one(&fake, "responses", "20s", "")).await;
    let asks: Vec<_> = (0..4)
        .map(|n| {
            let client = process.client();
            tokio::spawn(async move { client.post("/v1/responses", says::request("responses", n % 2 == 0)).await })
        })
        .collect();
    let mut idle = process.client().begin("GET", "/v1/models", b"").await;
    assert_eq!(crate::support::read(&mut idle).await.status, 200);
    reached(&fake, 4).await;
    process.signal("TERM");
    process.line("not ready any more").await;
    assert_eq!(process.operator().get("/readyz").await.status, 503, "operators still get answers");
    assert_eq!(process.operator().get("/healthz").await.status, 200);
    // The idle connection is closed, and no new one is taken.
    assert_eq!(idle.read(&mut [0; 16]).await.unwrap_or(0), 0);
    let refused = async {
        while tokio::net::TcpStream::connect(process.clients).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), refused).await.expect("new connections are refused");
    for (n, ask) in asks.into_iter().enumerate() {
        let answer = ask.await.unwrap();
        let understood = match n % 2 == 0 {
            true => says::understand_stream("responses", &answer),
            false => {
                // Its head had not gone out yet, so it could say that the connection ends with it.
                assert_eq!(answer.header("connection"), Some("close"));
                says::understand_plain("responses", &answer)
            }
        };
        assert!(answer.whole && understood.complete && !understood.error, "{}", answer.text());
    }
    assert_eq!(process.ended().await, Some(0));
}

#[tokio::test]
async fn whoever_cannot_finish_is_told_so_in_their_own_words() {
    for (backend, client) in [
        ("responses", "responses"),
        ("responses", "chat_completions"),
        ("chat_agent", "chat_agent"),
        ("chat_model", "chat_model"),
    ] {
        let fake = pausing(backend, Duration::from_secs(60)).await;
        let mut process = Process::start(&format!("words-{client}"), &one(&fake, backend, "300ms", "")).await;
        let ask = |stream: bool| {
            let asker = process.client();
            tokio::spawn(async move { asker.post(says::path(client), says::request(client, stream)).await })
        };
        let (stream, plain) = (ask(true), ask(false));
        reached(&fake, 2).await;
        let begun = Instant::now();
        process.signal("TERM");
        let (stream, plain) = (stream.await.unwrap(), plain.await.unwrap());
        assert!(begun.elapsed() < Duration::from_secs(10), "{client}: {:?}", begun.elapsed());
        let told = says::understand_stream(client, &stream);
        assert!(told.error && !told.complete, "{client}: {}", stream.text());
        assert!(stream.text().contains("the gateway is stopping"), "{client}: {}", stream.text());
        // Clients on invocations look for no errors in frames: to them the connection breaks off.
        assert_eq!(stream.whole, says::path(client).starts_with("/v1/"), "{client}");
        assert_eq!(plain.status, 503, "{client}: {}", plain.text());
        assert!(plain.text().contains("the gateway is stopping"), "{client}: {}", plain.text());
        assert_eq!(process.ended().await, Some(0), "{client}");
        assert!(
            process.lines().iter().any(|line| line.contains("\"code\":\"shutting_down\"")),
            "{:#?}",
            process.lines()
        );
    }
    assert!(DIALECTS.len() == 5, "split_chat_messages has no streams of its own");
}

#[tokio::test]
async fn a_stream_that_passes_verbatim_is_told_of_the_end_as_well() {
    let steps = vec![
        Step::Write(chunked(
            b"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\nda",
            false,
        )),
        Step::Hang,
    ];
    let fake = Fake::start(steps).await;
    let mut process = Process::start("verbatim", &one(&fake, "responses", "300ms", ", verbatim: true")).await;
    let client = process.client();
    let stream = tokio::spawn(async move { client.post("/v1/responses", says::request("responses", true)).await });
    reached(&fake, 1).await;
    process.signal("TERM");
    let stream = stream.await.unwrap();
    let told = says::understand_stream("responses", &stream);
    assert!(!told.complete && !stream.whole && stream.text().contains("response.failed"), "{}", stream.text());
    assert_eq!(process.ended().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let fake = pausing("responses", Duration::from_secs(60)).await;
    let mut process = Process::start("twice", &one(&fake, "responses", "10m", "")).await;
    let client = process.client();
    let stream = tokio::spawn(async move { client.post("/v1/responses", says::request("responses", true)).await });
    reached(&fake, 1).await;
    process.signal("TERM");
    process.line("not ready any more").await;
    let begun = Instant::now();
    process.signal("TERM");
    let answer = stream.await.unwrap();
    assert!(says::understand_stream("responses", &answer).error, "{}", answer.text());
    assert_eq!(process.ended().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_client_that_reads_nothing_does_not_hold_up_the_end() {
    let flood = vec![
        Step::Write(chunked(
            &b"data: {\"type\":\"response.output_text.delta\",\"item_id\":\"x\",\"delta\":\"hello\"}\n\n"
                .repeat(400_000),
            false,
        )),
        Step::Hang,
    ];
    let fake = Fake::start(flood).await;
    let mut process = Process::start("deaf", &one(&fake, "responses", "300ms", "")).await;
    let deaf = process.client().begin("POST", "/v1/responses", says::request("responses", true).as_bytes()).await;
    reached(&fake, 1).await;
    let begun = Instant::now();
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(deaf);
}

#[tokio::test]
async fn http2_streams_finish_behind_a_goaway_and_are_told_of_the_end() {
    let fake = pausing("responses", Duration::from_secs(1)).await;
    let mut process = Process::start("http2", &config(&fake, &fake, "{ legacy: 1, app: 1 }", "store: none\n")).await;
    let connection = tokio::net::TcpStream::connect(process.clients).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(connection);
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = |body: &str| {
        http::Request::post(format!("http://{}/v1/responses", process.clients))
            .header("content-type", "application/json")
            .body(http_body_util::Full::new(bytes::Bytes::copy_from_slice(body.as_bytes())))
            .unwrap()
    };
    let answer = send.send_request(request(&says::request("responses", true))).await.unwrap();
    reached(&fake, 1).await;
    process.signal("TERM");
    process.line("not ready any more").await;
    let limited = http_body_util::Limited::new(answer.into_body(), 1 << 20);
    #[expect(clippy::disallowed_methods, reason = "the body is limited")]
    let body = http_body_util::BodyExt::collect(limited).await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("response.completed"), "the stream was cut");
    // The connection ends on its own, and takes no request meanwhile.
    connection.await.unwrap().unwrap();
    assert!(send.send_request(request(ASK)).await.is_err());
    assert_eq!(process.ended().await, Some(0));
}
