//! An answer that was cut short is never shown as complete, wherever the cut is and whoever reads it.

use crate::support::says::{self, Act, DIALECTS, Understood};
use crate::support::{Answer, Fake, Gateway, Step, chunked, one_backend, plain};

/// Backends whose streams have an end that can be missing, and the clients that read them.
async fn cut_at(dialect: &str, client: &str, bytes: &[u8], ended: bool, reset: bool) -> Answer {
    let mut steps = vec![Step::Write(chunked(bytes, ended))];
    if reset {
        steps.push(Step::Wait(std::time::Duration::from_millis(30)));
        steps.push(Step::Reset);
    }
    let fake = Fake::start(steps).await;
    let legacy = if client.starts_with("chat_") && client != "chat_completions" { client } else { "chat_agent" };
    let config = one_backend(&fake, dialect, "")
        .replace("split: {", &format!("legacy_dialect: {legacy}\n    answer: openai\n    split: {{"));
    let gateway = Gateway::start(&config).await;
    gateway.client().post(says::path(client), says::request(client, true)).await
}

#[tokio::test]
async fn no_client_takes_a_cut_stream_for_complete() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for dialect in ["responses", "chat_completions", "chat_agent", "chat_model"] {
        let frames = says::frames(dialect, Act::Text);
        let whole = frames.concat();
        // At every frame boundary before the last frame, and inside every frame.
        let mut cuts = vec![0];
        let mut boundary = 0;
        // Where the dialect says "finished" before `[DONE]`, the answer is complete there: that frame is not cut after.
        let complete_from = if dialect == "responses" { frames.len() - 1 } else { frames.len() - 2 };
        for frame in frames.iter().take(complete_from) {
            cuts.extend([boundary + 7, boundary + frame.len() / 2, boundary + frame.len() - 2, boundary + frame.len()]);
            boundary += frame.len();
        }
        for client in DIALECTS {
            for cut in &cuts {
                let Some(part) = whole.as_bytes().get(..*cut) else { continue };
                let (ended, reset) = [(true, false), (false, false), (false, true)][tried % 3];
                tried += 1;
                let answer = cut_at(dialect, client, part, ended, reset).await;
                let seen =
                    if answer.status == 200 { says::understand_stream(client, &answer) } else { Understood::default() };
                let told = answer.status >= 500 || seen.error;
                if seen.complete || !told {
                    wrong.push(format!("{client} from {dialect} cut at {cut} (ended: {ended}): {}", answer.text()));
                }
            }
        }
    }
    println!("{tried} cut streams");
    assert!(tried > 200, "only {tried} cuts were tried");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_plain_answer_that_is_cut_is_a_502_for_plain_and_streaming_clients() {
    for dialect in DIALECTS {
        let mut bytes = plain(200, "application/json", &says::plain(dialect, Act::Text));
        bytes.truncate(bytes.len() - 3);
        let fake = Fake::start(vec![Step::Write(bytes)]).await;
        let gateway = Gateway::to(&fake, dialect).await;
        for stream in [false, true] {
            let answer = gateway.client().post("/v1/responses", says::request("responses", stream)).await;
            assert_eq!(answer.status, 502, "{dialect}");
            assert_eq!(answer.json()["error"]["code"], "backend_cut_short");
        }
    }
}

#[tokio::test]
async fn a_plain_client_of_a_cut_stream_gets_an_error_too() {
    let frames = says::frames("responses", Act::Text);
    let fake = Fake::start(vec![Step::Write(chunked(frames[..2].concat().as_bytes(), true))]).await;
    let gateway = Gateway::to(&fake, "responses").await;
    let answer = gateway.client().post("/v1/chat/completions", says::request("chat_completions", false)).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (502, "backend_cut_short"));
}

#[tokio::test]
async fn a_connection_that_dies_before_the_answer_is_a_502_and_no_second_delivery() {
    let fake = Fake::start(vec![Step::Reset]).await;
    let gateway = Gateway::to(&fake, "responses").await;
    let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (502, "backend_cut_short"));
    assert_eq!(fake.seen().len(), 1, "a request that was sent must not be sent again");
}

#[tokio::test]
async fn clients_on_invocations_see_the_connection_break_off_as_well() {
    let frames = says::frames("chat_agent", Act::Text);
    let fake = Fake::start(vec![Step::Write(chunked(frames[..2].concat().as_bytes(), true))]).await;
    let gateway = Gateway::to(&fake, "chat_agent").await;
    let answer = gateway.client().post(says::path("chat_agent"), says::request("chat_agent", true)).await;
    assert!(!answer.whole, "the chunked encoding must not end properly");
    let last: serde_json::Value = serde_json::from_str(answer.datas().last().unwrap()).unwrap();
    assert_eq!(last["error_code"], "INTERNAL_ERROR");
    assert!(last.get("error").is_none() && last.get("detail").is_none());
}

#[tokio::test]
async fn verbatim_streams_pass_untouched_and_still_tell_of_a_cut() {
    let stream = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n: note\n\n\
                  event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[]}}\n\n";
    let fake = Fake::stream(stream).await;
    let gateway = Gateway::start(&one_backend(&fake, "responses", "verbatim: true")).await;
    let body = r#"{"model": "agent",  "input":"hi","stream":true,"unknown":{"kept":1}}"#;
    let answer = gateway.client().post("/v1/responses", body).await;
    assert_eq!(answer.text(), stream);
    assert_eq!(fake.only().body, body);

    let fake = Fake::stream(&stream[..stream.len() - 20]).await;
    let gateway = Gateway::start(&one_backend(&fake, "responses", "verbatim: true")).await;
    let answer = gateway.client().post("/v1/responses", body).await;
    assert!(answer.text().contains("response.failed") && !answer.whole, "{}", answer.text());
    // Half of a frame had come, and the client can still read the one that tells of it.
    for data in answer.datas().into_iter().filter(|data| data != "[DONE]") {
        assert!(serde_json::from_str::<serde_json::Value>(&data).is_ok(), "{data}");
    }
}

#[tokio::test]
async fn invocations_are_framed_for_their_clients_even_where_streams_pass_verbatim() {
    let stream = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n\
                  event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[]}}\n\n";
    let fake = Fake::stream(stream).await;
    let gateway = Gateway::start(&one_backend(&fake, "responses", "verbatim: true\n    model: inner")).await;
    let body = r#"{"input":[{"role":"user","content":"hi"}],"stream":true}"#;
    let answer = gateway.client().post("/serving-endpoints/agent/invocations", body).await;
    assert!(answer.whole && !answer.text().contains("event:"), "{}", answer.text());
    let sent: serde_json::Value = serde_json::from_str(&fake.only().body).unwrap();
    assert_eq!(sent["model"], "inner");
}
