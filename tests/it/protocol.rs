//! What goes over the wire: whole frames, HTTP/2 beside HTTP/1.1, limits on heads, and a drain that loses nothing.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::TokioExecutor;

use crate::support::says::{self, Act};
use crate::support::{Client, Fake, Gateway, Step, chunked, one_backend};

#[tokio::test]
async fn a_sloppy_stream_reaches_the_client_as_the_full_legal_sequence() {
    let fake = Fake::stream(&says::frames("responses", Act::Text).concat()).await;
    let gateway = Gateway::to(&fake, "responses").await;
    let answer = gateway.client().post("/v1/responses", says::request("responses", true)).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let text = answer.text();
    let mut types = Vec::new();
    for frame in text.split_terminator("\n\n") {
        let Some((event, data)) = frame.split_once('\n') else {
            assert_eq!(frame, "data: [DONE]");
            continue;
        };
        let event = event.strip_prefix("event: ").unwrap();
        let json: serde_json::Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(json["type"], event, "`event:` equals `type`");
        assert_eq!(json["sequence_number"], types.len(), "numbered without gaps");
        types.push(event.to_owned());
    }
    assert!(text.ends_with("data: [DONE]\n\n") && !text.contains('\r'));
    types.dedup();
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(types, expected.map(|name| format!("response.{name}")));
}

#[tokio::test]
async fn frames_leave_whole_and_as_soon_as_they_are_there() {
    let frames = says::frames("responses", Act::Text);
    let mut steps = vec![Step::Write(chunked(b"", false))];
    for frame in &frames {
        // Every frame in two pieces, with a pause inside it.
        let (one, two) = frame.as_bytes().split_at(frame.len() / 2);
        for piece in [one, two] {
            steps.push(Step::Wait(Duration::from_millis(20)));
            let mut bytes = format!("{:x}\r\n", piece.len()).into_bytes();
            bytes.extend(piece);
            bytes.extend(b"\r\n");
            steps.push(Step::Write(bytes));
        }
    }
    steps.push(Step::Write(b"0\r\n\r\n".to_vec()));
    let fake = Fake::start(steps).await;
    let gateway = Gateway::to(&fake, "responses").await;
    let answer = gateway.client().post("/v1/responses", says::request("responses", true)).await;
    for chunk in &answer.chunks {
        assert!(chunk.ends_with(b"\n\n"), "a part of a frame: {:?}", String::from_utf8_lossy(chunk));
    }
    assert!(answer.chunks.len() >= frames.len(), "{} writes for {} frames", answer.chunks.len(), frames.len());
    assert!(says::understand_stream("responses", &answer).complete);
}

#[tokio::test]
async fn http2_without_tls_works_on_the_same_port() {
    let fake = Fake::stream(&says::frames("responses", Act::Text).concat()).await;
    let gateway = Gateway::to(&fake, "responses").await;
    let client: Http<_, Full<Bytes>> = Http::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = http::Request::post(format!("http://{}/v1/responses", gateway.clients))
        .body(Full::from(says::request("responses", true)))
        .unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
    #[expect(clippy::disallowed_methods, reason = "a test reads what it made itself")]
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with(b"data: [DONE]\n\n"));
}

#[tokio::test]
async fn heads_have_a_limit() {
    let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let gateway = Gateway::start(&format!("limits: {{ head: 16KiB }}\n{}", one_backend(&fake, "responses", ""))).await;
    let body = says::request("responses", false);
    let fine = gateway.client().header("x-a", &"a".repeat(8_000)).post("/v1/responses", &body).await;
    assert_eq!(fine.status, 200);
    let large = gateway.client().header("x-a", &"a".repeat(40_000)).post("/v1/responses", &body).await;
    assert_eq!(large.status, 431);
    let mut many = gateway.client();
    for n in 0..120 {
        many = many.header(&format!("x-{n}"), "1");
    }
    assert_eq!(many.post("/v1/responses", &body).await.status, 431);
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_takes_nothing_new() {
    let frames = says::frames("responses", Act::Text);
    let mut steps = vec![Step::Write(chunked(b"", false))];
    for frame in &frames {
        steps.push(Step::Wait(Duration::from_millis(100)));
        steps.push(Step::Write(format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes()));
    }
    steps.push(Step::Write(b"0\r\n\r\n".to_vec()));
    let fake = Fake::start(steps).await;
    let gateway = Gateway::to(&fake, "responses").await;
    let (client, admin) = (gateway.client(), Client::new(gateway.admin));
    let streaming = tokio::spawn(async move { client.post("/v1/responses", says::request("responses", true)).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    gateway.stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(admin.get("/readyz").await.status, 503, "not ready while it drains");
    assert_eq!(admin.get("/healthz").await.status, 200);
    assert!(tokio::net::TcpStream::connect(gateway.clients).await.is_err(), "nothing new is taken");
    let answer = streaming.await.unwrap();
    assert!(says::understand_stream("responses", &answer).complete, "{}", answer.text());
    assert_eq!(gateway.stopped().await, 0, "connections that had to be cut");
}

#[tokio::test]
async fn a_drain_ends_when_its_window_is_over() {
    let fake = Fake::start(vec![Step::Hang]).await;
    let gateway =
        Gateway::start(&format!("timeouts: {{ drain: 300ms }}\n{}", one_backend(&fake, "responses", ""))).await;
    let hanging = gateway.client().begin("POST", "/v1/responses", says::request("responses", true).as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    gateway.stop();
    assert_eq!(gateway.stopped().await, 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(fake.only().gone.is_some(), "the backend was let go");
    drop(hanging);
}
