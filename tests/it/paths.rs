//! Every path of the contract, what each answers, and what every answer carries.

use crate::support::says::{self, Act, TEXT};
use crate::support::{Client, Fake, Gateway, Step, chunked, one_backend, plain};

#[tokio::test]
async fn every_path_leads_to_the_agent() {
    let fake = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    let gateway = Gateway::to(&fake, "chat_agent").await;
    for path in ["/serving-endpoints/responses", "/responses", "/v1/responses"] {
        let answer = gateway.client().post(path, says::request("responses", false)).await;
        assert_eq!(says::understand_plain("responses", &answer).text, TEXT, "{path}");
    }
    for path in [
        "/serving-endpoints/chat/completions",
        "/chat/completions",
        "/v1/chat/completions",
        "/serving-endpoints/completions",
    ] {
        let answer = gateway.client().post(path, says::request("chat_completions", false)).await;
        assert_eq!(says::understand_plain("chat_completions", &answer).text, TEXT, "{path}");
        assert_eq!(says::understand_plain("chat_agent", &answer).text, TEXT, "{path}: the legacy shape stands beside");
    }
    let invocations = "/serving-endpoints/agent/invocations";
    let answer = gateway.client().post(invocations, r#"{"input":[{"role":"user","content":"hi"}]}"#).await;
    assert_eq!(says::understand_plain("responses", &answer).text, TEXT);
    let answer = gateway.client().post(invocations, r#"{"messages":[{"role":"user","content":"hi"}]}"#).await;
    assert_eq!(answer.json()["messages"][0]["content"], TEXT);
    let answer = gateway.client().post(invocations, r#"{"query":"hi"}"#).await;
    assert_eq!(answer.json()["content"], TEXT);
    for wrapped in [
        r#"{"dataframe_records":[{"query":"hi","history":[]}]}"#,
        r#"{"dataframe_split":{"columns":["query"],"data":[["hi"]]}}"#,
        r#"{"inputs":{"query":"hi"}}"#,
    ] {
        let answer = gateway.client().post(invocations, wrapped).await;
        assert_eq!(answer.json()["predictions"]["content"], TEXT, "{wrapped}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_answer_shape_is_the_routes_choice() {
    let fake = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    for (answer, openai, legacy) in [("both", true, true), ("openai", true, false), ("legacy", false, true)] {
        let config = one_backend(&fake, "chat_agent", "").replace("split:", &format!("answer: {answer}\n    split:"));
        let gateway = Gateway::start(&config).await;
        let body = gateway.client().post("/v1/chat/completions", says::request("chat_completions", false)).await.json();
        assert_eq!(
            (body.get("choices").is_some(), body.get("messages").is_some()),
            (openai, legacy),
            "{answer}: {body}"
        );
        let stream = gateway.client().post("/v1/chat/completions", says::request("chat_completions", true)).await;
        let first: serde_json::Value = serde_json::from_str(&stream.datas()[1]).unwrap();
        assert_eq!(
            (first.get("choices").is_some(), first.get("delta").is_some()),
            (openai, legacy),
            "{answer}: {first}"
        );
    }
}

#[tokio::test]
async fn models_are_the_routes_that_have_a_name() {
    let fake = Fake::json(200, "{}").await;
    let gateway = Gateway::start(&format!(
        "auth: anonymous
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, credential: none }} }}
routes:
  - {{ name: one, match: {{ model: agent }}, split: {{ only: 1 }} }}
  - {{ name: two, match: {{ model: 'support-*' }}, split: {{ only: 1 }} }}
",
        fake.address
    ))
    .await;
    let list = gateway.client().get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["data"][0]["id"], "agent");
}

#[tokio::test]
async fn request_ids_and_trace_context_go_through() {
    let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let gateway = Gateway::to(&fake, "responses").await;
    let body = says::request("responses", false);
    let client = gateway.client().header("x-request-id", "mine-1").header("traceparent", "00-a-b-01");
    let answer = client.post("/v1/responses", &body).await;
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    assert_eq!(answer.header("x-cutover-route"), Some("agent"));
    assert_eq!(answer.header("x-cutover-backend"), Some("only"));
    let seen = fake.only();
    assert_eq!(seen.header("x-request-id").as_deref(), Some("mine-1"));
    assert_eq!(seen.header("traceparent").as_deref(), Some("00-a-b-01"));
    let odd = gateway.client().header("x-request-id", "a b").post("/v1/responses", &body).await;
    assert!(odd.header("x-request-id").unwrap().starts_with("req_"));
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let fake = Fake::json(200, "{}").await;
    let gateway = Gateway::to(&fake, "responses").await;
    let missing = gateway.client().post("/v1/embeddings", "{}").await;
    assert_eq!((missing.status, missing.json()["error"]["code"].as_str().unwrap()), (404, "path_not_found"));
    let method = gateway.client().get("/v1/responses").await;
    assert_eq!(method.status, 405);
}

#[tokio::test]
async fn operators_have_their_own_address() {
    let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let mut gateway = Gateway::to(&fake, "responses").await;
    let admin = Client::new(gateway.admin);
    assert_eq!(admin.get("/healthz").await.status, 200);
    assert_eq!(admin.get("/readyz").await.status, 200);
    gateway.client().post("/v1/responses", says::request("responses", false)).await;
    gateway.next_finished().await;
    let metrics = admin.get("/metrics").await.text();
    let line = r#"cutover_requests_total{backend="only",outcome="complete",route="agent"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
    assert_eq!(admin.get("/v1/models").await.status, 404);
    assert_eq!(gateway.client().get("/metrics").await.status, 404);
}

#[tokio::test]
async fn what_clients_make_up_never_becomes_a_metric() {
    let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let gateway = Gateway::to(&fake, "responses").await;
    gateway.client().post("/v1/responses", says::request("responses", false)).await;
    gateway.client().post("/v1/responses", r#"{"model":"nope","input":"x"}"#).await;
    gateway.client().post("/nope", "{}").await;
    gateway.client().get("/v1/responses").await;
    let series = |text: String| text.lines().filter(|line| !line.starts_with('#')).count();
    let before = series(Client::new(gateway.admin).get("/metrics").await.text());
    for n in 0..100 {
        gateway.client().post(&format!("/made-up-{n}"), "{}").await;
        gateway.client().post("/v1/responses", format!(r#"{{"model":"m{n}","input":"x"}}"#)).await;
    }
    assert_eq!(series(Client::new(gateway.admin).get("/metrics").await.text()), before);
}

#[tokio::test]
async fn the_trace_id_comes_back_in_the_way_it_was_asked_for() {
    let plain = says::plain("responses", Act::Text).replacen('{', r#"{"metadata":{"trace_id":"tr-1"},"#, 1);
    let mut frames = says::frames("responses", Act::Text);
    frames.insert(frames.len() - 1, "data: {\"trace_id\": \"tr-1\"}\n\n".to_owned());
    let stream = chunked(frames.concat().as_bytes(), true);
    let fake = Fake::with(move |body| {
        let answer = if body.contains("\"stream\":true") {
            stream.clone()
        } else {
            crate::support::plain(200, "application/json", &plain)
        };
        vec![Step::Write(answer)]
    })
    .await;
    let config = one_backend(&fake, "responses", "").replace("split:", "legacy_dialect: chat_agent\n    split:");
    let gateway = Gateway::start(&config).await;
    let by_header = gateway.client().header("x-mlflow-return-trace-id", "true");
    let invocations = "/serving-endpoints/agent/invocations";

    // An AgentServer's client asks by header: metadata, or a frame of its own.
    let body = r#"{"input":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(by_header.post(invocations, body).await.json()["metadata"]["trace_id"], "tr-1");
    let streamed = by_header.post(invocations, body.replacen('{', "{\"stream\":true,", 1)).await;
    assert!(streamed.text().contains("data: {\"trace_id\":\"tr-1\"}\n\n"), "{}", streamed.text());
    // On OpenAI paths a frame without a type would break the SDK: there it stands in the final response.
    let openai = by_header.post("/v1/responses", says::request("responses", true)).await;
    assert!(!openai.text().contains("data: {\"trace_id\"") && openai.text().contains("\"trace_id\":\"tr-1\""));

    // A Model Serving client asks in the body: `databricks_output`; and the App is asked as it wants to be asked.
    let body = r#"{"messages":[{"role":"user","content":"hi"}],"databricks_options":{"return_trace":true}}"#;
    let answer = gateway.client().post(invocations, body).await.json();
    assert_eq!(answer["databricks_output"]["trace"]["info"]["trace_id"], "tr-1", "{answer}");
    assert!(fake.seen().iter().all(|seen| seen.header("x-mlflow-return-trace-id").as_deref() == Some("true")));
}

#[tokio::test]
async fn what_nobody_knows_goes_nowhere_and_is_counted() {
    let mut frames = says::frames("responses", Act::Text);
    frames.insert(1, "data: {\"type\": \"acme:note\", \"x\": 1}\n\n".to_owned());
    frames.insert(1, "data: {\"type\": \"response.content_part.added\", \"part\": {}}\n\n".to_owned());
    let fake = Fake::stream(&frames.concat()).await;
    let mut gateway = Gateway::to(&fake, "responses").await;
    let body =
        r#"{"model":"agent","messages":[{"role":"user","content":"hi"}],"stream":true,"acme_field":1,"other":2}"#;
    let answer = gateway.client().post("/v1/chat/completions", body).await;
    assert_eq!(answer.header("x-cutover-dropped"), Some("acme_field,other"));
    assert!(says::understand_stream("chat_completions", &answer).complete && !answer.text().contains("acme"));
    gateway.next_finished().await;
    let metrics = Client::new(gateway.admin).get("/metrics").await.text();
    for (what, count) in [("frame", 1), ("request_field", 2)] {
        let line = format!(r#"cutover_unknown_total{{backend="only",route="agent",what="{what}"}} {count}"#);
        assert!(metrics.contains(&line), "{line} is missing in:\n{metrics}");
    }
}

#[tokio::test]
async fn the_agents_own_calls_are_shown_to_those_who_ask() {
    let call = r#"{"type":"function_call","id":"f","call_id":"c1","name":"look_up","arguments":"{}"}"#;
    let output = r#"{"type":"function_call_output","call_id":"c1","output":"found"}"#;
    let said = r#"{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"done"}]}"#;
    let fake = Fake::json(200, &format!(r#"{{"output":[{call},{output},{said}]}}"#)).await;
    let gateway = Gateway::to(&fake, "responses").await;
    let kinds = |answer: crate::support::Answer| -> Vec<String> {
        let body = answer.json();
        body["output"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
    };
    let body = says::request("responses", false);
    assert_eq!(kinds(gateway.client().post("/v1/responses", &body).await), ["message"]);
    let asking = gateway.client().header("x-cutover-show", "server_tools");
    let all = ["function_call", "function_call_output", "message"];
    assert_eq!(kinds(asking.post("/v1/responses", &body).await), all);
}

#[tokio::test]
async fn what_an_answer_has_and_its_client_has_no_place_for_is_named_and_counted() {
    let item = r#"{"type":"message","id":"m","role":"assistant","phase":"final_answer","content":[{"type":"output_text","text":"x"}]}"#;
    let fake = Fake::by_request(move |seen| {
        if seen.json()["stream"] == true {
            let frame =
                format!("data: {{\"type\": \"response.output_item.done\", \"item\": {item}}}\n\ndata: [DONE]\n\n");
            vec![Step::Write(chunked(frame.as_bytes(), true))]
        } else {
            vec![Step::Write(plain(200, "application/json", &format!("{{\"output\":[{item}]}}")))]
        }
    })
    .await;
    let mut gateway = Gateway::to(&fake, "responses").await;
    let messages = r#"{"model":"agent","seed":1,"messages":[{"role":"user","content":"hi"}]"#;
    let answer = gateway.client().post("/v1/chat/completions", format!("{messages}}}")).await;
    assert_eq!((answer.status, answer.header("x-cutover-dropped")), (200, Some("seed,phase")), "{}", answer.text());
    assert_eq!(gateway.next_finished().await.dropped, "seed,phase");
    let stream = gateway.client().post("/v1/chat/completions", format!("{messages},\"stream\":true}}")).await;
    assert_eq!(stream.header("x-cutover-dropped"), Some("seed"), "the head had gone before");
    assert_eq!(gateway.next_finished().await.dropped, "seed,phase");
    let own = gateway.client().post("/v1/responses", r#"{"model":"agent","input":"hi"}"#).await;
    assert_eq!((own.header("x-cutover-dropped"), &own.json()["output"][0]["phase"]), (None, &"final_answer".into()));
    gateway.next_finished().await;
    let metrics = Client::new(gateway.admin).get("/metrics").await.text();
    let line = r#"cutover_dropped_fields_total{backend="only",route="agent"} 4"#;
    assert!(metrics.contains(line), "{line} is missing in:\n{metrics}");
}
