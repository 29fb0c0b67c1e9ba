//! Durable backends: runs whose streams are taken up again, whole and once, and everything else only they do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::says::{self, TEXT, Understood};
use crate::support::{Answer, Fake, Gateway, Seen, Step, chunked, one_backend, plain};

const ID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

/// The number of the first event: the server counts over all its runs.
const FIRST: usize = 19;

/// The frames of a run with these events, as the server writes them.
fn frames(events: &[Value]) -> Vec<String> {
    let frame = |(place, event): (usize, &Value)| {
        format!("id: {}\nevent: {}\ndata: {event}\n\n", FIRST + place, event["type"].as_str().unwrap())
    };
    events.iter().enumerate().map(frame).collect()
}

/// A run that says [`TEXT`], in pieces and then whole.
fn text() -> Vec<String> {
    frames(&[
        json!({"type": "run.started"}),
        json!({"type": "delta", "content": "Hello ", "id": "m"}),
        json!({"type": "delta", "content": "there", "id": "m"}),
        json!({"type": "delta", "content": ", wörld", "id": "m"}),
        json!({"type": "message", "message": {"role": "assistant", "content": TEXT}}),
        json!({"type": "run.completed"}),
    ])
}

/// The part of a stream that the server sends to this `GET ...?after=N`; all of it to a `POST`.
fn asked_for(request: &Seen, frames: &[String]) -> Vec<String> {
    let after = request.line().split_once("?after=").map_or(0, |(_, after)| after.parse::<usize>().unwrap());
    frames.iter().skip((after + 1).saturating_sub(FIRST)).cloned().collect()
}

/// A server whose first stream is cut after `cut` bytes and whose second one is whole.
async fn cut_once(frames: Vec<String>, cut: usize, ended: bool, reset: bool) -> Fake {
    Fake::by_request(move |request| {
        let whole = asked_for(request, &frames).concat();
        if !request.line().starts_with("POST") {
            return vec![Step::Write(chunked(whole.as_bytes(), true))];
        }
        let mut steps = vec![Step::Write(chunked(&whole.as_bytes()[..cut], ended))];
        if reset {
            steps.extend([Step::Wait(Duration::from_millis(20)), Step::Reset]);
        }
        steps
    })
    .await
}

async fn ask(fake: &Fake, stream: bool) -> Answer {
    let gateway = Gateway::to(fake, "durable").await;
    gateway.client().header("x-request-id", ID).post("/v1/responses", says::request("responses", stream)).await
}

fn understood(answer: &Answer, stream: bool) -> Understood {
    match stream {
        true => says::understand_stream("responses", answer),
        false => says::understand_plain("responses", answer),
    }
}

/// How often each text delta came.
fn deltas(answer: &Answer) -> Vec<String> {
    let events = answer.datas().into_iter().filter_map(|data| serde_json::from_str::<Value>(&data).ok());
    let deltas = events.filter(|event| event["type"] == "response.output_text.delta");
    deltas.map(|event| event["delta"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_stream_that_is_cut_anywhere_reaches_the_client_whole_and_once() {
    let whole = Understood { text: TEXT.to_owned(), complete: true, ..Understood::default() };
    let all = text();
    let mut cuts = Vec::new();
    let mut boundary = 0;
    for frame in &all {
        cuts.extend([boundary, boundary + 3, boundary + frame.len() / 2, boundary + frame.len() - 1]);
        boundary += frame.len();
    }
    for (tried, cut) in cuts.into_iter().enumerate() {
        let (ended, reset) = [(true, false), (false, false), (false, true)][tried % 3];
        for stream in [true, false] {
            let fake = cut_once(all.clone(), cut, ended, reset).await;
            let answer = ask(&fake, stream).await;
            assert_eq!(understood(&answer, stream), whole, "cut at {cut} (ended: {ended}): {}", answer.text());
            assert!(!stream || deltas(&answer) == ["Hello ", "there", ", wörld"], "{}", answer.text());
            let seen = fake.seen();
            assert_eq!(seen.len(), 2, "cut at {cut}");
            let complete = all.iter().scan(0, |end, frame| {
                *end += frame.len();
                Some(*end)
            });
            let after = match complete.filter(|end| *end <= cut).count() {
                0 => 0,
                frames => FIRST + frames - 1,
            };
            assert_eq!(seen[1].line(), format!("GET /agent/{ID}/events?after={after}"));
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_after_every_frame_goes_on_as_long_as_there_is_news() {
    let all = text();
    let fake = Fake::by_request(move |request| {
        let next = asked_for(request, &all).into_iter().next().unwrap_or_default();
        vec![Step::Write(chunked(next.as_bytes(), false))]
    })
    .await;
    let answer = ask(&fake, true).await;
    assert_eq!(deltas(&answer), ["Hello ", "there", ", wörld"]);
    assert!(understood(&answer, true).complete, "{}", answer.text());
    assert_eq!(fake.seen().len(), text().len());
}

#[tokio::test]
async fn events_that_come_again_are_not_news() {
    let all = text();
    let fake = Fake::by_request(move |request| {
        let most = if request.line().starts_with("POST") { 3 } else { all.len() };
        vec![Step::Write(chunked(all[..most].concat().as_bytes(), true))]
    })
    .await;
    let answer = ask(&fake, true).await;
    assert_eq!(deltas(&answer), ["Hello ", "there", ", wörld"]);
}

#[tokio::test]
async fn a_stream_that_is_cut_for_ever_is_an_error_in_the_end() {
    let begun = text()[..3].concat();
    let refusing = plain(503, "application/json", "{}");
    let lost = plain(404, "application/json", r#"{"detail":"invocation not found"}"#);
    for again in [chunked(begun.as_bytes(), true), chunked(b"", false), refusing, lost] {
        for stream in [true, false] {
            let (begun, again) = (chunked(begun.as_bytes(), false), again.clone());
            let script =
                move |request: &Seen| vec![Step::Write(if request.body.is_empty() { &again } else { &begun }.clone())];
            let fake = Fake::by_request(script).await;
            let answer = ask(&fake, stream).await;
            assert_eq!(fake.seen().len(), 1 + 3, "asked again three times");
            let seen = understood(&answer, stream);
            assert!(seen.error && !seen.complete, "{}", answer.text());
            assert_eq!(answer.status, if stream { 200 } else { 502 });
        }
    }
}

#[tokio::test]
async fn the_rest_is_asked_for_under_the_same_credential() {
    let fake = cut_once(text(), 50, true, false).await;
    let config = one_backend(&fake, "durable", "").replace("credential: none", "credential: { token: abc }");
    let gateway = Gateway::start(&config).await;
    let client = gateway.client().header("traceparent", "00-1-2-01");
    let answer = client.post("/v1/responses", says::request("responses", true)).await;
    assert!(understood(&answer, true).complete, "{}", answer.text());
    let [first, second] = fake.seen().try_into().unwrap();
    for seen in [&first, &second] {
        assert_eq!(seen.header("authorization").as_deref(), Some("Bearer abc"));
        assert_eq!(seen.header("traceparent").as_deref(), Some("00-1-2-01"));
    }
    assert_eq!((second.body.as_str(), second.header("content-type")), ("", None));
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert!(second.line().starts_with(&format!("GET /agent/{id}/events")), "{}", second.line());
}

#[tokio::test]
async fn nobody_asks_for_the_rest_when_the_client_is_gone() {
    let fake = Fake::by_request(|request| match request.body.is_empty() {
        true => vec![Step::Hang],
        false => vec![Step::Write(chunked(text()[..2].concat().as_bytes(), false))],
    })
    .await;
    let mut gateway = Gateway::to(&fake, "durable").await;
    let request = says::request("responses", true);
    let connection = gateway.client().begin("POST", "/v1/responses", request.as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(fake.seen().len(), 2, "the rest is awaited");
    let left = Instant::now();
    drop(connection);
    assert_eq!(gateway.next_finished().await.outcome, "client_gone");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let gone = fake.seen()[1].gone.expect("the backend is let go");
    assert!(gone.duration_since(left) < Duration::from_millis(250));
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn the_backend_streams_for_every_client_and_knows_the_request_by_its_id() {
    for stream in [true, false] {
        let fake = Fake::stream(&text().concat()).await;
        let gateway = Gateway::to(&fake, "durable").await;
        let body = json!({"model": "agent", "input": "hi", "stream": stream, "context": {"conversation_id": "c1"}});
        let client = gateway.client().header("x-request-id", ID);
        let answer = client.post("/v1/responses", body.to_string()).await;
        assert_eq!(understood(&answer, stream).text, TEXT);
        let sent = fake.only();
        assert!(sent.header("accept").unwrap().contains("text/event-stream"));
        let input = json!({"messages": [{"role": "user", "content": "hi"}]});
        assert_eq!(sent.json(), json!({"id": ID, "session_id": "c1", "stream": true, "input": input}));
    }
}

#[tokio::test]
async fn requests_without_a_uuid_are_never_taken_for_one_another() {
    let fake = Fake::stream(&text().concat()).await;
    let gateway = Gateway::to(&fake, "durable").await;
    for _ in 0..2 {
        gateway.client().header("x-request-id", "1").post("/v1/responses", says::request("responses", false)).await;
    }
    let [first, second] = fake.seen().try_into().unwrap();
    assert_ne!(first.json()["id"], second.json()["id"]);
    assert_ne!(first.json()["session_id"], second.json()["session_id"]);
}

#[tokio::test]
async fn a_run_that_told_of_nothing_is_asked_for_its_output() {
    for stream in [true, false] {
        let fake = Fake::by_request(|request| {
            let state = json!({"id": ID, "status": "completed", "output": {"answer": TEXT}}).to_string();
            let events = [json!({"type": "run.started"}), json!({"type": "run.completed"})];
            vec![Step::Write(match request.body.is_empty() {
                true => plain(200, "application/json", &state),
                false => chunked(frames(&events).concat().as_bytes(), true),
            })]
        })
        .await;
        let answer = ask(&fake, stream).await;
        assert_eq!(understood(&answer, stream).text, TEXT, "{}", answer.text());
        assert!(understood(&answer, stream).complete);
        assert_eq!(fake.seen()[1].line(), format!("GET /agent/{ID}"));
    }
}

#[tokio::test]
async fn a_run_that_fails_is_an_error() {
    for stream in [true, false] {
        let fake =
            Fake::stream(&frames(&[json!({"type": "run.started"}), json!({"type": "run.failed"})]).concat()).await;
        let answer = ask(&fake, stream).await;
        assert!(understood(&answer, stream).error && answer.text().contains("agent_failed"), "{}", answer.text());
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test]
async fn an_id_that_was_used_for_something_else_is_explained() {
    let fake = Fake::json(409, r#"{"detail":"id was already used for another request"}"#).await;
    let answer = ask(&fake, true).await;
    let error = &answer.json()["error"];
    assert_eq!((answer.status, error["param"].as_str()), (400, Some("x-request-id")), "{}", answer.text());
}

#[tokio::test]
async fn a_question_goes_to_the_client_and_its_answer_back_to_the_agent() {
    let ask = json!({"action_requests": [{"name": "send", "args": {"to": "x"}, "call_id": "call_1"}]});
    let question = frames(&[
        json!({"type": "run.started"}),
        json!({"type": "interrupt", "id": "call_1", "value": ask}),
        json!({"type": "run.completed"}),
    ]);
    let fake = Fake::with(move |body| {
        let frames = if body.contains("resume") { text() } else { question.clone() };
        vec![Step::Write(chunked(frames.concat().as_bytes(), true))]
    })
    .await;
    let gateway = Gateway::to(&fake, "durable").await;
    let client = gateway.client().header("x-conversation-id", "c1");
    let first = client.post("/v1/responses", says::request("responses", false)).await;
    let (id, name, arguments) = understood(&first, false).calls.remove(0);
    assert_eq!((name.as_str(), arguments.as_str()), ("send", "{\"to\":\"x\"}"));

    let items = json!([
        {"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": id, "name": name, "arguments": arguments},
        {"type": "function_call_output", "call_id": id, "output": "approve"},
    ]);
    let second = client.post("/v1/responses", json!({"model": "agent", "input": items}).to_string()).await;
    assert_eq!(understood(&second, false).text, TEXT, "{}", second.text());
    let sent = fake.seen()[1].json();
    assert_eq!(sent["session_id"], "c1");
    assert_eq!(sent["input"], json!({"resume": {"decisions": [{"type": "approve", "call_id": "call_1"}]}}));
}
