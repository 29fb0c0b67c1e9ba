//! Models that are asked about mirrored pairs, through fake OpenAI-compatible endpoints.

use cutover::config;
use cutover::store::{Day, Store};
use cutover::telemetry::Metrics;
use serde_json::{Value, json};

use crate::support::{Client, Fake, Gateway, Process, Seen, Step, plain, says};

const TEXT: &str = r#"{"model":"agent","input":"Where is my order?"}"#;

fn config(legacy: &Fake, app: &Fake, judge: &Fake, shadow: &str) -> String {
    let judge = judge.address;
    format!(
        "auth: anonymous
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
  judge: {{ url: 'http://{judge}/v1/chat/completions', dialect: chat_completions, credential: {{ token: for-the-judge }}, model: judge-1 }}
  embedder: {{ url: 'http://{judge}/v1/embeddings', dialect: chat_completions, credential: none, model: embed-1 }}
routes:
  - name: agent
    match: {{ model: agent }}
    split: {{ legacy: 1 }}
    shadow: {{ to: app, sample: 100%, side_effects: none, record: {{ mode: full }}, limits: {{ per_second: 1000 }}, {shadow} }}
store: 'sqlite:cutover.db'
",
        legacy.address, app.address
    )
}

/// The agents: the new one says something else.
async fn agents() -> (Fake, Fake) {
    let legacy = Fake::json(200, &says::plain("chat_agent", says::Act::Text)).await;
    (legacy, Fake::json(200, &says::plain("responses", says::Act::Text).replace("Hello there", "Go away")).await)
}

/// A judge whose verdict depends on what it is shown.
async fn judge(verdict: impl Fn(&Value) -> String + Send + Sync + 'static) -> Fake {
    Fake::by_request(move |seen: &Seen| {
        let body = seen.json();
        let answer = match seen.line() {
            "POST /v1/embeddings" => {
                json!({"data": [{"index": 0, "embedding": [1.0, 0.0]}, {"index": 1, "embedding": [0.0, 1.0]}],
                "usage": {"total_tokens": 4}})
            }
            _ => {
                let shown = serde_json::from_str(body["messages"][1]["content"].as_str().unwrap()).unwrap();
                json!({"choices": [{"message": {"content": verdict(&shown)}}], "usage": {"total_tokens": 100}})
            }
        };
        vec![Step::Write(plain(200, "application/json", &answer.to_string()))]
    })
    .await
}

/// Prefers the legacy agent's answer, wherever it stands.
fn prefers_hello(shown: &Value) -> String {
    let first = shown["first_answer"].as_str().unwrap().contains("Hello");
    json!({"verdict": if first { "first" } else { "second" }, "reason": "it is polite"}).to_string()
}

/// Asks so often, stops, and gives the report.
async fn reported(process: &mut Process, times: usize) -> Value {
    for _ in 0..times {
        // One after another, so that there is a place for each.
        let before = process.metric(MIRRORED).await.unwrap_or(0.0);
        assert_eq!(process.client().post("/v1/responses", TEXT).await.status, 200);
        while process.metric(MIRRORED).await.unwrap_or(0.0) < before + 1.0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    process.report()
}

const MIRRORED: &str = r#"cutover_shadow_requests_total{fate="mirrored",route="agent",why=""}"#;

#[tokio::test]
async fn a_judge_is_blind_is_asked_in_both_orders_and_its_reasons_are_kept() {
    let ((legacy, app), judge) = (agents().await, judge(prefers_hello).await);
    let shadow = "opinions: { llm_judge: { backend: judge }, embedding: { backend: embedder } }, noise: 100%";
    let mut process = Process::start("judged", &config(&legacy, &app, &judge, shadow)).await;
    let report = reported(&mut process, 8).await;
    let measure = |name: &str| report["tally"]["measures"][name].clone();
    assert_eq!((&measure("llm_judge")["compared"], &measure("llm_judge")["different"]), (&json!(8), &json!(8)));
    assert_eq!((&measure("embedding")["different"], &measure("embedding")["twins"]), (&json!(8), &json!(8)));
    // The primary says the same twice, about which nobody need be asked.
    assert_eq!(measure("embedding")["noise"], 0);
    assert!(report["worst"].to_string().contains("it is polite"), "{}", report["worst"]);
    // What was spent today is known to the next process.
    let store = config::Store::Sqlite(process.folder.join("cutover.db"));
    let store = Store::start(&store, Metrics::new().unwrap().live.store.clone()).unwrap();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let today = Day { day: since.as_secs() / 86_400, ..Day::default() };
    let spent = store.ask(move |kept| kept.spend("agent (llm_judge)", today)).await.unwrap();
    assert_eq!((spent.requests, spent.tokens), (16, 1_600));
    let seen = judge.seen();
    let questions: Vec<_> = seen.iter().filter(|seen| seen.line() == "POST /v1/chat/completions").collect();
    assert_eq!(questions.len(), 16);
    let mut firsts = 0;
    for question in &questions {
        assert_eq!(question.json()["model"], "judge-1");
        assert_eq!(question.header("authorization").as_deref(), Some("Bearer for-the-judge"));
        for name in ["legacy", "app", "primary", "candidate", "old", "new"] {
            assert!(!question.body.split(|letter: char| !letter.is_alphabetic()).any(|word| word == name), "{name}");
        }
        let shown: Value = serde_json::from_str(question.json()["messages"][1]["content"].as_str().unwrap()).unwrap();
        assert_eq!(shown["request"], "Where is my order?");
        firsts += usize::from(shown["first_answer"].as_str().unwrap().contains("Hello"));
    }
    // Each pair in both orders.
    assert_eq!(firsts, 8);
}

#[tokio::test]
async fn nonsense_is_counted_as_such_and_decides_nothing() {
    let ((legacy, app), judge) = (agents().await, judge(|_| "As a language model, I like both.".to_owned()).await);
    let shadow = "opinions: { llm_judge: { backend: judge } }, gates: { llm_judge: 5% }";
    let mut process = Process::start("nonsense", &config(&legacy, &app, &judge, shadow)).await;
    let report = reported(&mut process, 4).await;
    let counts = &report["tally"]["measures"]["llm_judge"];
    assert_eq!((&counts["compared"], &counts["paths"]["nonsense"]), (&json!(0), &json!(4)), "{counts}");
    assert_eq!(report["tally"]["exchanges"], 4);
    let judged = report["judgement"]["measures"].as_array().unwrap();
    let judged = judged.iter().find(|judged| judged["measure"] == "llm_judge").unwrap();
    assert_eq!((&judged["verdict"], &judged["rule"]), (&json!("insufficient"), &json!("nothing to compare yet")));
}

#[tokio::test]
async fn a_judge_has_a_budget_and_may_be_gone_and_nothing_else_is_lost() {
    for (name, budget, asked) in [("requests", "requests: 3", 3), ("tokens", "tokens: 150", 2)] {
        let ((legacy, app), judge) = (agents().await, judge(prefers_hello).await);
        let shadow = format!("opinions: {{ llm_judge: {{ backend: judge, budget: {{ {budget} }} }} }}");
        let gateway =
            Gateway::start(&config(&legacy, &app, &judge, &shadow).replace("sqlite:cutover.db", "none")).await;
        for requests in 1..=4 {
            assert_eq!(gateway.client().post("/v1/responses", TEXT).await.status, 200);
            settled(&gateway, requests).await;
        }
        assert_eq!(judge.seen().len(), asked, "{name}");
        assert!(opinions(&gateway, "not_asked").await >= 2, "{name}");
    }
    let ((legacy, app), mut judge) = (agents().await, judge(prefers_hello).await);
    judge.down().await;
    let shadow = "opinions: { llm_judge: { backend: judge } }";
    let gateway = Gateway::start(&config(&legacy, &app, &judge, shadow).replace("sqlite:cutover.db", "none")).await;
    for requests in 1..=7 {
        assert_eq!(gateway.client().post("/v1/responses", TEXT).await.status, 200);
        settled(&gateway, requests).await;
    }
    // After five failures in a row it is left alone.
    assert_eq!((opinions(&gateway, "failed").await, opinions(&gateway, "not_asked").await), (5, 2));
}

async fn metric(gateway: &Gateway, name: &str) -> u64 {
    let text = Client::new(gateway.admin).get("/metrics").await.text();
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
}

async fn opinions(gateway: &Gateway, outcome: &str) -> u64 {
    let labels = format!(r#"{{measure="llm_judge",outcome="{outcome}",route="agent"}}"#);
    metric(gateway, &format!("cutover_shadow_opinions_total{labels}")).await
}

async fn settled(gateway: &Gateway, requests: u64) {
    while metric(gateway, MIRRORED).await < requests {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
