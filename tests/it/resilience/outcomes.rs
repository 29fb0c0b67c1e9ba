//! The table: what each client sees of each way in which a backend fails, how long it takes, how often the backend was
//! asked. First without a fallback, where nothing is ever delivered twice; then with one, where nobody notices.
//!
//! | the backend | plain client | streaming client | asked |
//! |---|---|---|---|
//! | is down | 502 `backend_unreachable` at once | the same | 0 times |
//! | hangs | 504 `backend_first_byte_timeout` at the deadline | the same | once |
//! | resets | 502 `backend_cut_short` at once | the same | once |
//! | answers 500 | 502 `agent_failed` at once | the same | once |
//! | answers 429 | 429, with its `Retry-After` | the same | once |
//! | fails inside its stream | 502 `agent_failed` | 200, and an error event | once |
//! | is cut off inside its stream | 502 `backend_cut_short` | 200, and an error event | once |
//! | falls silent inside its stream | 504 `backend_idle_timeout` | 200, and an error event at the deadline | once |
//!
//! Clients on `invocations` read the same statuses from MLflow's `error_code`.

use std::time::{Duration, Instant};

use super::{answer, config, is_stream, nowhere, well};
use crate::support::says::{self, Act, DIALECTS, TEXT};
use crate::support::{Answer, Fake, Gateway, Step, chunked, plain};

/// A way to fail.
#[derive(Clone, Copy)]
struct Failure {
    name: &'static str,
    /// What the backend does; none if nobody listens.
    act: Option<fn(&str) -> Vec<Step>>,
    /// What clients see before anything has begun: the status, and the code on OpenAI's and on MLflow's paths.
    sees: (u16, &'static str, &'static str),
    /// A stream has begun before it fails.
    inside: bool,
    /// It takes until a deadline.
    late: bool,
}

const DEADLINE: Duration = Duration::from_millis(400);

fn begun(body: &str, more: &str) -> Vec<u8> {
    let first = says::frames("responses", Act::Text)[0].clone();
    match is_stream(body) {
        true => chunked(format!("{first}{more}").as_bytes(), false),
        false => b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{".to_vec(),
    }
}

fn fails_inside(body: &str) -> Vec<Step> {
    let error = r#"{"type":"error","code":"server_error","message":"boom"}"#;
    vec![Step::Write(match is_stream(body) {
        true => begun(body, &format!("data: {error}\n\n")),
        false => plain(200, "application/json", r#"{"error":{"message":"boom","code":"server_error"}}"#),
    })]
}

const FAILURES: [Failure; 8] = [
    Failure {
        name: "is down",
        act: None,
        sees: (502, "backend_unreachable", "TEMPORARILY_UNAVAILABLE"),
        inside: false,
        late: false,
    },
    Failure {
        name: "hangs",
        act: Some(|_| vec![Step::Hang]),
        sees: (504, "backend_first_byte_timeout", "DEADLINE_EXCEEDED"),
        inside: false,
        late: true,
    },
    Failure {
        name: "resets",
        act: Some(|_| vec![Step::Reset]),
        sees: (502, "backend_cut_short", "INTERNAL_ERROR"),
        inside: false,
        late: false,
    },
    Failure {
        name: "answers 500",
        act: Some(|_| vec![Step::Write(plain(500, "application/json", r#"{"error":"boom"}"#))]),
        sees: (502, "agent_failed", "INTERNAL_ERROR"),
        inside: false,
        late: false,
    },
    Failure {
        name: "answers 429",
        act: Some(|_| {
            let head =
                "HTTP/1.1 429 X\r\nretry-after: 7\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
            vec![Step::Write(head.as_bytes().to_vec())]
        }),
        sees: (429, "rate_limit_exceeded", "REQUEST_LIMIT_EXCEEDED"),
        inside: false,
        late: false,
    },
    Failure {
        name: "fails inside",
        act: Some(fails_inside),
        sees: (502, "agent_failed", "INTERNAL_ERROR"),
        inside: true,
        late: false,
    },
    Failure {
        name: "is cut off inside",
        act: Some(|body| vec![Step::Write(begun(body, "")), Step::Wait(Duration::from_millis(20)), Step::Reset]),
        sees: (502, "backend_cut_short", "INTERNAL_ERROR"),
        inside: true,
        late: false,
    },
    Failure {
        name: "falls silent inside",
        act: Some(|body| vec![Step::Write(begun(body, "")), Step::Hang]),
        sees: (504, "backend_idle_timeout", "DEADLINE_EXCEEDED"),
        inside: true,
        late: true,
    },
];

impl Failure {
    /// A gateway before a backend that fails in this way, and one that is well; and how often they were asked.
    async fn met(self, client: &str, route_says: &str) -> (Gateway, Option<Fake>, Fake) {
        let app = match self.act {
            Some(act) => Some(Fake::with(act).await),
            None => None,
        };
        let address = match &app {
            Some(app) => app.address,
            None => nowhere().await,
        };
        let legacy = Fake::by_request(well("chat_agent")).await;
        let dialect = if client == "chat_model" { "chat_model" } else { "chat_agent" };
        let app_says = "breaker: off, timeouts: { first_byte: 400ms, idle: 400ms }";
        let route_says = format!("legacy_dialect: {dialect}, answer: openai, {route_says}");
        (Gateway::start(&config(address, app_says, legacy.address, &route_says)).await, app, legacy)
    }
}

fn code(answer: &Answer) -> String {
    let body = answer.json();
    let code = body["error"]["code"].as_str().or(body["error_code"].as_str());
    code.unwrap_or_else(|| panic!("no code in {body}")).to_owned()
}

fn asked(fake: Option<&Fake>) -> usize {
    fake.map_or(0, |fake| fake.seen().len())
}

#[tokio::test]
async fn every_client_is_told_the_truth_in_time_and_nothing_is_delivered_twice() {
    let mut wrong = Vec::new();
    for failure in FAILURES {
        for client in DIALECTS {
            let (gateway, app, legacy) = failure.met(client, "split: { app: 1 }").await;
            for (done, stream) in [false, true].into_iter().enumerate() {
                let begin = Instant::now();
                let answer = gateway.client().post(says::path(client), says::request(client, stream)).await;
                let (took, deliveries) = (begin.elapsed(), asked(app.as_ref()) - done * usize::from(app.is_some()));
                let in_stream = stream && failure.inside;
                let seen = if in_stream {
                    let seen = says::understand_stream(client, &answer);
                    format!("200, told: {}, complete: {}", seen.error, seen.complete)
                } else {
                    format!("{} {}", answer.status, code(&answer))
                };
                let openai = answer.status != 200 && !says::path(client).ends_with("invocations");
                let (status, code, mlflow) = failure.sees;
                let wanted = match in_stream {
                    true => "200, told: true, complete: false".to_owned(),
                    false => format!("{status} {}", if openai { code } else { mlflow }),
                };
                let kind = if stream { "stream" } else { "plain" };
                println!("{:20} {client:20} {kind:6} {seen:48} {took:>9.1?} {deliveries} deliveries", failure.name);
                let in_time = took < Duration::from_secs(3) && (!failure.late || took >= DEADLINE / 2);
                let waits = status != 429 || answer.header("retry-after") == Some("7");
                if seen != wanted || !in_time || !waits || deliveries != usize::from(app.is_some()) {
                    wrong.push(format!("{} {client} {kind}: {seen} after {took:?}, not {wanted}", failure.name));
                }
            }
            assert_eq!(legacy.seen().len(), 0, "nobody asked for a fallback");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn with_a_fallback_no_client_notices_and_each_backend_is_asked_once() {
    let route = "split: { app: 1 }, fallback: { to: legacy, on: [ connect, 5xx, 429, first_byte ], hold: first_event }";
    let mut wrong = Vec::new();
    for failure in FAILURES {
        // What has begun to speak before it fails stays: the client has heard it.
        for client in DIALECTS {
            let (mut gateway, app, legacy) = failure.met(client, route).await;
            for stream in [false, true] {
                if stream && failure.inside {
                    continue;
                }
                let begin = Instant::now();
                let answer = gateway.client().post(says::path(client), says::request(client, stream)).await;
                let took = begin.elapsed();
                let seen = match stream {
                    true => says::understand_stream(client, &answer),
                    false => says::understand_plain(client, &answer),
                };
                let summary = gateway.next_finished().await;
                println!(
                    "{:20} {client:20} stream: {stream:5} {} by {} after {took:>9.1?}, for {}",
                    failure.name, answer.status, summary.backend, summary.fallback
                );
                let told = (summary.instead_of.as_str(), answer.header("x-cutover-backend"));
                if !seen.complete || seen.text != TEXT || told != ("app", Some("legacy")) {
                    wrong.push(format!("{} {client} stream: {stream}: {}", failure.name, answer.text()));
                }
            }
            let each = if failure.inside { 1 } else { 2 };
            let both = (asked(app.as_ref()), asked(Some(&legacy)));
            assert_eq!(both, (each * usize::from(app.is_some()), each), "{} {client}", failure.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A stream that fails before it has said anything, in the ways of the dialects.
#[tokio::test]
async fn a_stream_that_fails_before_its_first_event_is_replaced_if_it_is_held() {
    let error = r#"{"error":{"message":"boom","type":"server_error"}}"#;
    let ways: [(&str, &str, Vec<Step>); 7] = [
        (
            "responses",
            "an error event",
            vec![frames(&[
                r#"{"type":"response.created","response":{"id":"resp_1"}}"#,
                r#"{"type":"error","message":"boom"}"#,
            ])],
        ),
        (
            "responses",
            "a failed response",
            vec![frames(&[
                r#"{"type":"response.failed","response":{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"boom"}}}"#,
            ])],
        ),
        ("responses", "an error frame without a type", vec![frames(&[error])]),
        ("chat_completions", "an error frame", vec![frames(&[error])]),
        ("chat_agent", "an MLflow error frame", vec![frames(&[r#"{"error_code":"INTERNAL_ERROR","message":"boom"}"#])]),
        ("responses", "an end without a word", vec![Step::Write(chunked(b"", true))]),
        (
            "chat_completions",
            "a reset",
            vec![Step::Write(chunked(b"", false)), Step::Wait(Duration::from_millis(20)), Step::Reset],
        ),
    ];
    for (dialect, way, steps) in ways {
        for held in [true, false] {
            let app = Fake::start(steps.clone()).await;
            let legacy = Fake::by_request(well("chat_agent")).await;
            let hold = if held { ", hold: first_event" } else { "" };
            let route = format!("split: {{ app: 1 }}, fallback: {{ to: legacy, on: [ 5xx ]{hold} }}");
            let config = config(app.address, "breaker: off", legacy.address, &route)
                .replace("dialect: responses", &format!("dialect: {dialect}"));
            let gateway = Gateway::start(&config).await;
            let answer = gateway.client().post("/v1/responses", says::request("responses", true)).await;
            let seen = says::understand_stream("responses", &answer);
            assert_eq!((seen.complete, seen.error), (held, !held), "{dialect}, {way}, held: {held}: {}", answer.text());
            assert_eq!((asked(Some(&app)), asked(Some(&legacy))), (1, usize::from(held)), "{dialect}, {way}");
        }
    }
}

fn frames(datas: &[&str]) -> Step {
    let frames: String = datas.iter().flat_map(|data| ["data: ", data, "\n\n"]).collect();
    Step::Write(chunked(frames.as_bytes(), true))
}

#[tokio::test]
async fn a_stream_that_is_held_arrives_whole_and_in_order() {
    let app = Fake::by_request(|seen| vec![answer("responses", &seen.body)]).await;
    let legacy = Fake::by_request(well("chat_agent")).await;
    let route = "split: { app: 1 }, fallback: { to: legacy, on: [ 5xx ], hold: first_event }";
    let gateway = Gateway::start(&config(app.address, "", legacy.address, route)).await;
    for client in ["responses", "chat_completions"] {
        let answer = gateway.client().post(says::path(client), says::request(client, true)).await;
        let seen = says::understand_stream(client, &answer);
        assert_eq!((seen.complete, seen.text.as_str()), (true, TEXT), "{}", answer.text());
        assert_eq!(answer.header("x-cutover-backend"), Some("app"));
    }
    assert_eq!(legacy.seen().len(), 0);
}

#[tokio::test]
async fn a_stream_is_held_no_longer_than_is_said() {
    let steps = vec![Step::Write(chunked(b": still thinking\n\n", false)), Step::Hang];
    let app = Fake::start(steps).await;
    let legacy = Fake::by_request(well("chat_agent")).await;
    let route = "split: { app: 1 }, fallback: { to: legacy, on: [ 5xx ], hold: first_event, hold_for: 200ms }";
    let gateway = Gateway::start(&config(app.address, "", legacy.address, route)).await;
    let request = says::request("responses", true);
    let begin = Instant::now();
    let mut stream = gateway.client().begin("POST", "/v1/responses", request.as_bytes()).await;
    let mut head = [0; 12];
    let read = tokio::io::AsyncReadExt::read_exact(&mut stream, &mut head);
    tokio::time::timeout(Duration::from_secs(5), read).await.expect("the head, at last").unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    assert!(begin.elapsed() >= Duration::from_millis(200), "{:?}", begin.elapsed());
}
