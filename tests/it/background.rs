//! Answers in the background and answers that are kept, as a LongRunningAgentServer makes them: a client comes back for
//! one by its id, and finds the backend that made it.

use serde_json::Value;

use crate::support::{Client, Fake, Gateway, Seen, Step, chunked, plain};

const ITEM: &str =
    r#"{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"Hello there"}]}"#;

/// A LongRunningAgentServer as it was recorded: background answers, retrieval, a first frame that is repeated, nested
/// errors, and no `[DONE]` after a failure. `name` tells two of them apart.
fn server(name: &'static str) -> impl Fn(&Seen) -> Vec<Step> {
    move |seen| {
        let line = seen.head.lines().next().unwrap_or_default().to_owned();
        let id = format!("resp_{name}2defe6b0b05e42a9");
        let json = |status: u16, body: &str| vec![Step::Write(plain(status, "application/json", body))];
        let delta = |number: u32, text: &str| {
            format!(
                "data: {{\"type\": \"response.output_text.delta\", \"item_id\": \"m\", \"delta\": \"{text}\", \"sequence_number\": {number}, \"response_id\": \"{id}\"}}\n\n"
            )
        };
        let frames = format!(
            "{}{}{}data: {{\"type\": \"response.output_item.done\", \"item\": {ITEM}, \"sequence_number\": 2, \"response_id\": \"{id}\"}}\n\ndata: [DONE]\n\n",
            delta(0, "Hello "),
            delta(0, "Hello "),
            delta(1, "there"),
        );
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["POST", "/responses", _] if seen.body.contains("boom") => {
                let error = format!(
                    "data: {{\"type\": \"error\", \"error\": {{\"message\": \"boom\", \"type\": \"server_error\", \"code\": \"task_failed\"}}, \"sequence_number\": 1, \"response_id\": \"{id}\"}}\n\n"
                );
                vec![Step::Write(chunked((delta(0, "Hello ") + &error).as_bytes(), true))]
            }
            ["POST", "/responses", _] if seen.body.contains("\"stream\":true") => {
                vec![Step::Write(chunked(frames.as_bytes(), true))]
            }
            ["POST", "/responses", _] => json(
                200,
                &format!(
                    r#"{{"id":"{id}","object":"response","created_at":1,"status":"in_progress","error":null,"output":[],"metadata":{{}}}}"#
                ),
            ),
            ["GET", path, _] if path == format!("/responses/{id}") => {
                json(200, &format!(r#"{{"id":"{id}","status":"completed","output":[{ITEM}],"attempt_number":1}}"#))
            }
            ["GET", path, _] if path == format!("/responses/{id}?stream=true&starting_after=0") => {
                vec![Step::Write(chunked(frames.as_bytes(), true))]
            }
            ["GET", path, _] if path.ends_with("failed") => json(
                200,
                r#"{"id":"x","status":"failed","error":{"message":"boom","type":"server_error","code":"task_failed"},"attempt_number":1}"#,
            ),
            ["POST", path, _] if path.ends_with("running/cancel") => {
                json(501, r#"{"detail":"Cancellation is not yet implemented."}"#)
            }
            ["POST", path, _] if path == format!("/responses/{id}/cancel") => {
                json(200, &format!(r#"{{"id":"{id}","status":"cancelled","output":[]}}"#))
            }
            _ => json(404, r#"{"detail":"Response not found"}"#),
        }
    }
}

/// Two such servers behind one route.
async fn two() -> (Fake, Fake, Gateway) {
    let (one, two) = (Fake::by_request(server("one")).await, Fake::by_request(server("two")).await);
    let config = format!(
        "auth: anonymous
backends:
  one: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
  two: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
routes: [ {{ name: agent, split: {{ one: 50, two: 50 }} }} ]
",
        one.address, two.address
    );
    let gateway = Gateway::start(&config).await;
    (one, two, gateway)
}

fn body(more: &str) -> String {
    format!(r#"{{"model":"agent","input":"hi","background":true{more}}}"#)
}

#[tokio::test]
async fn a_background_answer_is_fetched_from_the_backend_that_makes_it() {
    let (_one, _two, gateway) = two().await;
    let mut met = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let begun = gateway.client().post("/v1/responses", body("")).await;
        let (answer, backend) = (begun.json(), begun.header("x-cutover-backend").unwrap().to_owned());
        assert_eq!((begun.status, answer["status"].as_str()), (200, Some("in_progress")), "{answer}");
        assert_eq!(answer["output"], Value::Array(Vec::new()));
        let id = answer["id"].as_str().unwrap();
        for path in ["/v1/responses", "/responses", "/serving-endpoints/responses"] {
            let found = gateway.client().get(&format!("{path}/{id}")).await;
            let whole = found.json();
            assert_eq!(found.header("x-cutover-backend"), Some(backend.as_str()));
            assert_eq!((whole["id"].as_str(), whole["status"].as_str()), (Some(id), Some("completed")), "{whole}");
            assert_eq!(whole["output"][0]["content"][0]["text"], "Hello there");
            assert!(whole["created_at"].is_number() && whole["object"] == "response");
        }
        let cancelled = gateway.client().post(&format!("/v1/responses/{id}/cancel"), "").await.json();
        assert_eq!((cancelled["id"].as_str(), cancelled["status"].as_str()), (Some(id), Some("cancelled")));
        met.insert(backend);
    }
    assert_eq!(met.len(), 2, "both backends were met");
}

#[tokio::test]
async fn a_stream_is_taken_up_again_where_the_client_left_it() {
    let (_one, _two, gateway) = two().await;
    let begun = gateway.client().post("/v1/responses", body(",\"stream\":true")).await;
    let events: Vec<Value> =
        begun.datas().iter().filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect();
    let deltas: Vec<_> = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(deltas, ["Hello ", "there"], "the repeated first frame is said once");
    let id = events[0]["response"]["id"].as_str().unwrap();
    for last in [0, 3, 5] {
        let path = format!("/v1/responses/{id}?stream=true&starting_after={last}");
        let again = gateway.client().get(&path).await;
        let rest: Vec<Value> = again
            .datas()
            .iter()
            .filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let numbers = |events: &[Value]| {
            events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&rest), (last + 1..events.len() as u64).collect::<Vec<_>>());
        let place = usize::try_from(last).unwrap() + 1;
        let kinds = |events: &[Value]| {
            events
                .iter()
                .map(|event| (event["type"].clone(), event["delta"].clone(), event["item_id"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(kinds(&rest), kinds(&events[place..]), "the same frames with the same ids");
    }
}

#[tokio::test]
async fn a_failure_is_told_whether_it_is_streamed_or_fetched() {
    let (_one, _two, gateway) = two().await;
    let streamed = gateway.client().post("/v1/responses", body(",\"stream\":true").replace("hi", "boom")).await.text();
    assert!(streamed.contains("event: response.failed") && streamed.contains("\"message\":\"boom\""), "{streamed}");
    assert!(!streamed.contains("response.completed"));
    let id = format!("resp_{}failed", cutover::route::tag("one"));
    let fetched = gateway.client().get(&format!("/v1/responses/{id}")).await;
    let answer = fetched.json();
    assert_eq!((fetched.status, answer["status"].as_str()), (200, Some("failed")), "{answer}");
    assert_eq!(answer["error"]["message"], "boom");
}

#[tokio::test]
async fn what_is_not_there_or_not_ours_is_a_404() {
    let (one, _two, gateway) = two().await;
    for id in ["resp_nobodysanswer", "nonsense", &format!("resp_{}gone", cutover::route::tag("one"))] {
        let answer = gateway.client().get(&format!("/v1/responses/{id}")).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str().unwrap()),
            (404, "response_not_found"),
            "{id}"
        );
    }
    assert_eq!(one.seen().len(), 1, "only the id that names this backend reached it");
    let wrong =
        gateway.client().get(&format!("/v1/responses/resp_{}x?starting_after=3", cutover::route::tag("one"))).await;
    assert_eq!((wrong.status, wrong.json()["error"]["param"].as_str()), (400, Some("starting_after")));
}

#[tokio::test]
async fn what_a_server_does_not_offer_is_said_and_is_no_failure_of_its() {
    let (one, _two, gateway) = two().await;
    let path = format!("/v1/responses/resp_{}running/cancel", cutover::route::tag("one"));
    for _ in 0..20 {
        let answer = gateway.client().post(&path, "").await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, error["code"].as_str().unwrap()), (501, "backend_not_implemented"));
        assert_eq!(error["message"], "Cancellation is not yet implemented.");
    }
    assert_eq!(one.seen().len(), 20, "it is not left alone for it");
    let metrics = Client::new(gateway.admin).get("/metrics").await.text();
    let failed = r#"cutover_requests_total{backend="one",outcome="backend_error",route="agent"} "#;
    assert!(metrics.lines().any(|line| line.strip_prefix(failed) == Some("0")), "{metrics}");
}

#[tokio::test]
async fn a_stream_is_numbered_alike_for_who_declared_tools_and_for_who_comes_back() {
    let call = r#"{"type": "response.output_item.done", "item": {"type":"function_call","id":"f","call_id":"c","name":"find","arguments":"{}"}}"#;
    let text = r#"{"type": "response.output_item.done", "item": {"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"so"}]}}"#;
    let frames = format!("data: {call}\n\ndata: {text}\n\ndata: [DONE]\n\n");
    let backend = Fake::by_request(move |_| vec![Step::Write(chunked(frames.as_bytes(), true))]).await;
    let config = format!(
        "auth: anonymous
backends: {{ one: {{ url: 'http://{}/responses', dialect: responses, credential: none }} }}
routes: [ {{ name: agent, split: {{ one: 1 }} }} ]
",
        backend.address
    );
    let gateway = Gateway::start(&config).await;
    let kinds = |texts: Vec<String>| -> Vec<Value> {
        let events = texts.iter().filter_map(|data| serde_json::from_str::<Value>(data).ok());
        events.map(|event| Value::Array(vec![event["type"].clone(), event["output_index"].clone()])).collect()
    };
    let tools = r#","stream":true,"tools":[{"type":"function","name":"find","parameters":{}}]"#;
    let begun = kinds(gateway.client().post("/v1/responses", body(tools)).await.datas());
    let id = format!("resp_{}x", cutover::route::tag("one"));
    let again = kinds(gateway.client().get(&format!("/v1/responses/{id}?stream=true")).await.datas());
    assert_eq!(begun, again);
}

#[tokio::test]
async fn a_stream_in_the_background_that_breaks_off_is_taken_up_again() {
    let frame = |number: u32, delta: &str| {
        format!(
            "data: {{\"type\": \"response.output_text.delta\", \"item_id\": \"m\", \"delta\": \"{delta}\", \"sequence_number\": {number}, \"response_id\": \"resp_a1\"}}\n\n"
        )
    };
    let backend = Fake::by_request(move |seen| {
        let begin = frame(0, "a") + &frame(1, "b");
        let rest = frame(1, "b") + &frame(2, "c") + "data: [DONE]\n\n";
        if seen.line().starts_with("POST") {
            // Cut inside a frame, and without the end of the body.
            vec![Step::Write(chunked((begin + "data: {\"type\"").as_bytes(), false))]
        } else if seen.line().ends_with("/resp_a1?stream=true&starting_after=1") {
            vec![Step::Write(chunked(rest.as_bytes(), true))]
        } else {
            vec![Step::Write(plain(404, "application/json", r#"{"detail":"Response not found"}"#))]
        }
    })
    .await;
    let gateway = Gateway::to(&backend, "responses").await;
    let streamed = gateway.client().post("/v1/responses", body(",\"stream\":true")).await;
    let deltas = |texts: Vec<String>| -> String {
        let events = texts.iter().filter_map(|data| serde_json::from_str::<Value>(data).ok());
        events.filter_map(|event| event["delta"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(deltas(streamed.datas()), "abc");
    assert!(streamed.text().contains("event: response.completed"));
    // Who did not ask for an answer in the background is told that it was cut: nobody keeps it.
    let now = gateway.client().post("/v1/responses", r#"{"model":"agent","input":"hi","stream":true}"#).await;
    assert_eq!(deltas(now.datas()), "ab");
    assert!(now.text().contains("event: response.failed"));
    assert_eq!(backend.seen().iter().filter(|seen| seen.line().starts_with("GET")).count(), 1);
}

#[tokio::test]
async fn a_follow_up_names_the_answer_as_its_backend_knows_it() {
    let (one, two, gateway) = two().await;
    let begun = gateway.client().post("/v1/responses", body("")).await.json();
    let follow = format!(r#","previous_response_id":{}"#, begun["id"]);
    gateway.client().post("/v1/responses", body(&follow)).await;
    let asked: Vec<Seen> =
        one.seen().into_iter().chain(two.seen()).filter(|seen| seen.body.contains("previous")).collect();
    let theirs = asked[0].json()["previous_response_id"].as_str().unwrap().to_owned();
    assert!(theirs == "resp_one2defe6b0b05e42a9" || theirs == "resp_two2defe6b0b05e42a9", "{theirs}");
}

#[tokio::test]
async fn an_answer_in_the_background_that_nobody_asked_for_is_an_error() {
    let (_one, _two, gateway) = two().await;
    let answer = gateway
        .client()
        .post("/v1/chat/completions", r#"{"model":"agent","messages":[{"role":"user","content":"hi"}]}"#)
        .await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (502, "backend_malformed_answer"));
}
