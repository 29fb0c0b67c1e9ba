//! Deadlines: of backends that do not answer and of clients that do not speak or do not read.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::says::{self, Act};
use crate::support::{Fake, Gateway, Step, chunked, one_backend};

const DEADLINES: &str = "timeouts: { connect: 300ms, first_byte: 400ms, idle: 400ms, total: 900ms }";

#[tokio::test]
async fn a_backend_that_keeps_still_is_a_504_in_time() {
    let stream_begun = says::frames("responses", Act::Text)[0].clone();
    let plain_begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{".to_vec();
    let cases: [(&str, Vec<Step>, &str); 3] = [
        ("no head", vec![Step::Hang], "backend_first_byte_timeout"),
        ("half a body", vec![Step::Write(plain_begun), Step::Hang], "backend_idle_timeout"),
        (
            "half a stream",
            vec![Step::Write(chunked(stream_begun.as_bytes(), false)), Step::Hang],
            "backend_idle_timeout",
        ),
    ];
    for (what, steps, code) in cases {
        let fake = Fake::start(steps).await;
        let gateway = Gateway::start(&one_backend(&fake, "responses", DEADLINES)).await;
        let begin = Instant::now();
        let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (504, code), "{what}");
        assert!(begin.elapsed() < Duration::from_millis(1_500), "{what}: {:?}", begin.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(fake.only().gone.is_some(), "{what}: the backend was let go");
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_ends_in_an_error_event() {
    let begun = says::frames("responses", Act::Text)[0].clone();
    let fake = Fake::start(vec![Step::Write(chunked(begun.as_bytes(), false)), Step::Hang]).await;
    let gateway = Gateway::start(&one_backend(&fake, "responses", DEADLINES)).await;
    let answer = gateway.client().post("/v1/responses", says::request("responses", true)).await;
    let text = answer.text();
    assert!(text.contains("backend_idle_timeout") && text.contains("response.failed"), "{text}");
    assert!(!text.contains("response.completed"));
}

#[tokio::test]
async fn a_stream_that_goes_on_is_not_cut_by_the_total() {
    let frames = says::frames("responses", Act::Text);
    let mut steps = vec![Step::Write(chunked(b"", false))];
    for frame in &frames {
        steps.push(Step::Wait(Duration::from_millis(300)));
        steps.push(Step::Write(format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes()));
    }
    steps.push(Step::Write(b"0\r\n\r\n".to_vec()));
    let fake = Fake::start(steps).await;
    let gateway = Gateway::start(&one_backend(&fake, "responses", DEADLINES)).await;
    let answer = gateway.client().post("/v1/responses", says::request("responses", true)).await;
    assert!(says::understand_stream("responses", &answer).complete, "{}", answer.text());
}

#[tokio::test]
async fn nobody_there_is_a_502_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let fake = Fake::json(200, "{}").await;
    let config = one_backend(&fake, "responses", "").replace(&fake.address.to_string(), &address.to_string());
    let gateway = Gateway::start(&config).await;
    let begin = Instant::now();
    let answer = gateway.client().post("/v1/responses", says::request("responses", true)).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (502, "backend_unreachable"));
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert!(!answer.text().contains(&address.port().to_string()), "hosts stay with us: {}", answer.text());
}

/// How long the gateway keeps a connection on which `said` is all that is said.
async fn kept(gateway: &Gateway, said: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(gateway.clients).await.unwrap();
    stream.write_all(said).await.unwrap();
    let begin = Instant::now();
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "the connection was kept for ever");
    begin.elapsed()
}

#[tokio::test]
async fn clients_that_do_not_speak_are_let_go() {
    let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let config = format!("timeouts: {{ head: 500ms, body: 500ms, idle: 2s }}\n{}", one_backend(&fake, "responses", ""));
    let gateway = Gateway::start(&config).await;
    let request = b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    let cases: [(&str, &[u8], u64, u64); 5] = [
        ("nothing at all", b"", 400, 1_500),
        ("half the HTTP/2 preface", b"PRI * HT", 400, 1_500),
        ("half a head", b"POST /v1/responses HTTP/1.1\r\nhost:", 400, 1_500),
        ("half a body", request, 400, 1_900),
        ("an idle connection", b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n", 1_500, 4_000),
    ];
    for (what, said, least, most) in cases {
        let took = kept(&gateway, said).await;
        assert!((least..most).contains(&u64::try_from(took.as_millis()).unwrap()), "{what}: {took:?}");
    }
}

#[tokio::test]
async fn a_reader_that_has_stopped_reading_is_let_go_and_the_backend_with_it() {
    let frame = format!(
        "data: {{\"type\":\"response.output_text.delta\",\"item_id\":\"x\",\"delta\":\"{}\"}}\n\n",
        "x".repeat(60_000)
    );
    let mut steps = vec![Step::Write(chunked(b"", false))];
    steps.extend((0..400).map(|_| Step::Write(format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes())));
    steps.push(Step::Hang);
    let fake = Fake::start(steps).await;
    let config = format!("timeouts: {{ send: 500ms }}\n{}", one_backend(&fake, "responses", ""));
    let mut gateway = Gateway::start(&config).await;
    let stalled = gateway.client().begin("POST", "/v1/responses", says::request("responses", true).as_bytes()).await;
    let summary = gateway.next_finished().await;
    assert_eq!(summary.outcome, "client_gone");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(fake.only().gone.is_some(), "the backend was let go");
    drop(stalled);
}

#[tokio::test]
async fn a_silent_stream_gives_signs_of_life_that_its_client_survives() {
    let frames = says::frames("responses", Act::Text);
    let mut steps = vec![Step::Write(chunked(b"", false))];
    for frame in &frames {
        steps.push(Step::Wait(Duration::from_millis(450)));
        steps.push(Step::Write(format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes()));
    }
    steps.push(Step::Write(b"0\r\n\r\n".to_vec()));
    let fake = Fake::start(steps).await;
    let config = one_backend(&fake, "responses", "").replace("split:", "legacy_dialect: chat_agent\n    split:");
    let gateway = Gateway::start(&format!("timeouts: {{ keep_alive: 100ms }}\n{config}")).await;
    for (client, sign) in
        [("responses", ": keep-alive\n\n"), ("chat_completions", ": keep-alive\n\n"), ("chat_agent", "\n")]
    {
        let answer = gateway.client().post(says::path(client), says::request(client, true)).await;
        let signs = answer.chunks.iter().filter(|chunk| *chunk == sign.as_bytes()).count();
        assert!((10..=24).contains(&signs), "{client}: {signs} signs in {}", answer.text());
        assert!(says::understand_stream(client, &answer).complete, "{client}: {}", answer.text());
        if client == "chat_agent" {
            // MLflow's client reads line by line and gives up on any line that is not blank and not `data:`.
            assert!(
                answer.text().lines().all(|line| line.is_empty() || line.starts_with("data: ")),
                "{}",
                answer.text()
            );
        }
    }
}
