//! The mirror between real sockets: what is copied, what a copy looks like, and that no client notices.

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Client, Fake, Gateway, Step, chunked, plain, says};

const TEXT: &str = r#"{"model":"agent","input":"hi"}"#;

/// A route from ChatAgent to Responses with this shadow, and with more lines for the candidate.
fn config(legacy: &Fake, app: &Fake, shadow: &str) -> String {
    format!(
        "auth: anonymous
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
routes:
  - name: agent
    match: {{ model: agent }}
    split: {{ legacy: 1, app: 0 }}
    shadow: {{ to: app, limits: {{ per_second: 10000 }}, {shadow} }}
",
        legacy.address, app.address
    )
}

async fn agents() -> (Fake, Fake) {
    let legacy = Fake::json(200, &says::plain("chat_agent", says::Act::Text)).await;
    let app = Fake::json(200, &says::plain("responses", says::Act::Text)).await;
    (legacy, app)
}

/// What the funnel says: requests by fate (and why), without zeros.
async fn funnel(gateway: &Gateway) -> Vec<(String, u64)> {
    let text = Client::new(gateway.admin).get("/metrics").await.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("cutover_shadow_requests_total{"));
    let counts = lines.filter_map(|line| {
        let (labels, count) = line.split_once("} ")?;
        let label = |name: &str| labels.split_once(&format!("{name}=\""))?.1.split('"').next();
        let (fate, why) = (label("fate")?, label("why")?);
        let name = if why.is_empty() { fate.to_owned() } else { format!("{fate}/{why}") };
        Some((name, count.parse().ok()?)).filter(|(_, count)| *count > 0)
    });
    counts.collect()
}

/// Waits until as many requests have met their fates.
async fn settled(gateway: &Gateway, requests: u64) -> Vec<(String, u64)> {
    eventually(async || {
        let funnel = funnel(gateway).await;
        (funnel.iter().map(|(_, count)| count).sum::<u64>() == requests).then_some(funnel)
    })
    .await
}

async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("it within 20 s")
}

fn counts(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn a_copy_is_sent_in_the_candidates_words_and_says_what_it_is() {
    let (legacy, app) = agents().await;
    let gateway = Gateway::start(&config(&legacy, &app, "sample: 100%, side_effects: none")).await;
    let body = json!({"model": "agent", "input": "hi", "custom_inputs": {"thread_id": "t-1", "n": 1},
        "context": {"conversation_id": "c-1", "user_id": "u-1"}});
    let client = gateway.client().header("x-request-id", "abc").header("authorization", "Bearer tok-of-the-caller");
    let answer = client.post("/v1/responses", body.to_string()).await;
    assert_eq!((answer.status, answer.header("x-cutover-backend")), (200, Some("legacy")));
    assert_eq!(settled(&gateway, 1).await, counts(&[("mirrored", 1)]));
    let copy = app.only();
    assert_eq!(copy.line(), "POST /responses");
    assert_eq!(copy.json()["custom_inputs"], json!({"thread_id": "shadow:t-1", "n": 1}));
    assert_eq!(copy.json()["context"], json!({"conversation_id": "shadow:c-1", "user_id": "u-1"}));
    assert_eq!(copy.json()["input"][0]["content"], "hi");
    assert_eq!(copy.header("x-cutover-shadow").as_deref(), Some("1"));
    assert_eq!(copy.header("x-request-id").as_deref(), Some("shadow:abc"));
    assert_eq!(copy.header("idempotency-key").map(|key| key.len()), Some(32));
    assert_eq!(copy.header("authorization"), None);
    let live = legacy.only();
    assert_eq!(live.json()["custom_inputs"]["thread_id"], "t-1");
    assert_eq!((live.header("x-cutover-shadow"), live.header("x-request-id").as_deref()), (None, Some("abc")));
}

#[tokio::test]
async fn every_kind_of_answer_is_offered_streams_and_plain_on_both_sides() {
    for (dialect, path) in [("responses", "/v1/responses"), ("chat_completions", "/v1/chat/completions")] {
        for stream in [false, true] {
            let frames = says::frames("chat_agent", says::Act::Call).concat();
            let plain_answer = says::plain("chat_agent", says::Act::Call);
            for legacy in [Fake::stream(&frames).await, Fake::json(200, &plain_answer).await] {
                let app = Fake::stream(&says::frames("responses", says::Act::Text).concat()).await;
                let gateway = Gateway::start(&config(&legacy, &app, "sample: 100%, side_effects: none")).await;
                let answer = gateway.client().post(path, says::request(dialect, stream)).await;
                assert!(answer.whole && answer.status == 200, "{}", answer.text());
                assert_eq!(settled(&gateway, 1).await, counts(&[("mirrored", 1)]), "{dialect} {stream}");
                assert_eq!(app.only().json()["stream"].as_bool().unwrap_or(false), stream);
            }
        }
    }
}

#[tokio::test]
async fn a_verbatim_answer_passes_byte_by_byte_and_is_offered_all_the_same() {
    let answer = says::plain("responses", says::Act::Text).replace(':', " : ");
    let legacy = Fake::json(200, &answer).await;
    let app = Fake::json(200, &answer).await;
    let yaml = config(&legacy, &app, "sample: 100%, side_effects: none")
        .replace("dialect: chat_agent,", "dialect: responses, verbatim: true,");
    let gateway = Gateway::start(&yaml).await;
    assert_eq!(gateway.client().post("/v1/responses", TEXT).await.text(), answer);
    assert_eq!(settled(&gateway, 1).await, counts(&[("mirrored", 1)]));
}

#[tokio::test]
async fn every_request_meets_exactly_one_fate() {
    let legacy = Fake::with(|body| {
        let frames = says::frames("chat_agent", says::Act::Text).concat();
        match body {
            body if body.contains("refuse") => vec![Step::Write(plain(400, "application/json", r#"{"error":"no"}"#))],
            body if body.contains("fail") => vec![Step::Write(plain(503, "text/plain", "no"))],
            body if body.contains("cut") => vec![Step::Write(chunked(frames.as_bytes(), false)), Step::Reset],
            body if body.contains("leave") => vec![Step::Write(chunked(b"", false)), Step::Hang],
            _ => vec![Step::Write(plain(200, "application/json", &says::plain("chat_agent", says::Act::Text)))],
        }
    })
    .await;
    let app = Fake::json(200, &says::plain("responses", says::Act::Text)).await;
    let shadow = "sample: 100%, side_effects: marked, safe: { header: { x-safe: 'yes' } }, limits: { body: 2KiB }";
    let gateway = Gateway::start(&config(&legacy, &app, shadow).replace("limits: { per_second: 10000 }, ", "")).await;
    let safe = gateway.client().header("x-safe", "yes");
    let post = async |client: &Client, body: &str| client.post("/v1/responses", body).await;
    let field = |field: &str| format!(r#"{{"model":"agent","input":"hi",{field}}}"#);
    post(&safe, TEXT).await;
    post(&gateway.client(), TEXT).await;
    post(&safe.clone().header("x-safe", "no"), TEXT).await;
    post(&safe, &field(r#""previous_response_id":"resp_1""#)).await;
    post(&safe, &field(r#""conversation":"c""#)).await;
    post(&safe, &field(r#""background":true"#)).await;
    post(&safe, &TEXT.replace("hi", &"x".repeat(3_000))).await;
    post(&safe, &TEXT.replace("hi", "refuse")).await;
    post(&safe, &TEXT.replace("hi", "fail")).await;
    post(&safe, &field(r#""input_is_missing":1"#).replace("\"input\":\"hi\",", "")).await;
    post(&safe, &TEXT.replace("hi\"", "cut\",\"stream\":true")).await;
    // A client that leaves in the middle.
    let leaving = TEXT.replace("hi\"", "leave\",\"stream\":true");
    drop(safe.begin("POST", "/v1/responses", leaving.as_bytes()).await);
    let funnel = settled(&gateway, 12).await;
    let sum =
        |fate: &str| funnel.iter().filter(|(name, _)| name.starts_with(fate)).map(|(_, count)| count).sum::<u64>();
    assert_eq!(sum("unmarked"), 1, "{funnel:?}");
    assert_eq!(sum("not_eligible/state_elsewhere"), 2, "{funnel:?}");
    assert_eq!(sum("not_eligible/background"), 1, "{funnel:?}");
    assert_eq!(sum("not_eligible/refused"), 1, "{funnel:?}");
    assert_eq!(sum("not_eligible/unfinished"), 1, "{funnel:?}");
    assert_eq!(sum("too_large"), 1, "{funnel:?}");
    assert_eq!(sum("mirrored"), 5, "{funnel:?}");
    assert_eq!(app.seen().len(), 5);
}

#[tokio::test]
async fn in_marked_nothing_unmarked_is_mirrored() {
    let (legacy, app) = agents().await;
    let safe = "safe: { header: { x-safe: 'y*' }, body: { custom_inputs.mode: read } }";
    let shadow = format!("sample: 100%, side_effects: marked, noise: 100%, {safe}");
    let gateway = Gateway::start(&config(&legacy, &app, &shadow)).await;
    let mode = |mode: &str| format!(r#"{{"model":"agent","input":"{mode}","custom_inputs":{{"mode":{mode}}}}}"#);
    let mut requests = 0;
    for header in [None, Some("no"), Some("yes")] {
        for mode in
            ["1", "null", "true"].map(mode).iter().chain([&mode("1").replace("\"mode\":1", "\"mode\":\"read\"")])
        {
            let client = gateway.client();
            let client = header.map_or(client.clone(), |value| client.header("x-safe", value));
            client.post("/v1/responses", mode).await;
            requests += 1;
        }
    }
    let funnel = settled(&gateway, requests).await;
    assert_eq!(funnel, counts(&[("mirrored", 1), ("unmarked", requests - 1)]));
    assert_eq!(app.only().json()["custom_inputs"]["mode"], "read");
    // The primary's second run is a second run as well.
    let copies = legacy.seen().iter().filter(|seen| seen.header("x-cutover-shadow").is_some()).count();
    assert_eq!((copies, legacy.seen().len() as u64), (1, requests + 1));
}

#[tokio::test]
async fn a_conversation_is_mirrored_whole_or_not_at_all_and_on_every_replica_alike() {
    let (legacy, app) = agents().await;
    let yaml = config(&legacy, &app, "sample: 30%, side_effects: none");
    let replicas = [Gateway::start(&yaml).await, Gateway::start(&yaml).await];
    for (turn, replica) in replicas.iter().enumerate() {
        for conversation in 0..40 {
            let body = json!({"model": "agent", "input": format!("turn {turn}"),
                "custom_inputs": {"thread_id": format!("t{conversation}")}});
            replica.client().post("/v1/responses", body.to_string()).await;
        }
    }
    let mut mirrored = 0;
    for replica in &replicas {
        let funnel = settled(replica, 40).await;
        mirrored += funnel.iter().find(|(name, _)| name == "mirrored").map_or(0, |(_, count)| *count);
    }
    let mut turns = std::collections::BTreeMap::<String, u32>::new();
    for copy in app.seen() {
        *turns.entry(copy.json()["custom_inputs"]["thread_id"].to_string()).or_default() += 1;
    }
    assert!(turns.values().all(|turns| *turns == 2), "{turns:?}");
    assert_eq!(u64::from(turns.values().sum::<u32>()), mirrored);
    assert!((2..30).contains(&turns.len()), "30 % of 40 conversations: {}", turns.len());
}

#[tokio::test]
async fn the_callers_token_is_withheld_unless_the_route_passes_it() {
    for (pass, candidate, fate, shown) in [
        ("false", "caller", "withheld", None),
        ("true", "caller", "mirrored", Some("Bearer tok-of-the-caller")),
        ("false", "{ caller_or: { token: tok-of-ours } }", "mirrored", Some("Bearer tok-of-ours")),
    ] {
        let (legacy, app) = agents().await;
        let shadow = format!("sample: 100%, side_effects: none, pass_caller_token: {pass}");
        let yaml = config(&legacy, &app, &shadow)
            .replace("dialect: responses, credential: none", &format!("dialect: responses, credential: {candidate}"));
        let gateway = Gateway::start(&yaml).await;
        gateway.client().header("authorization", "Bearer tok-of-the-caller").post("/v1/responses", TEXT).await;
        assert_eq!(settled(&gateway, 1).await, counts(&[(fate, 1)]), "{candidate}");
        let seen = app.seen().first().and_then(|copy| copy.header("authorization"));
        assert_eq!(seen.as_deref(), shown, "{candidate}");
    }
}

#[tokio::test]
async fn a_request_that_the_candidate_answered_itself_is_not_mirrored_to_it() {
    let (legacy, app) = agents().await;
    let yaml = config(&legacy, &app, "sample: 100%, side_effects: none")
        .replace("{ legacy: 1, app: 0 }", "{ legacy: 0, app: 1 }");
    let gateway = Gateway::start(&yaml).await;
    gateway.client().post("/v1/responses", TEXT).await;
    assert_eq!(settled(&gateway, 1).await, counts(&[("not_eligible/answered_by_candidate", 1)]));
    assert_eq!((app.seen().len(), legacy.seen().len()), (1, 0));
}

#[tokio::test]
async fn a_share_is_asked_of_the_primary_again_under_a_name_of_its_own() {
    let (legacy, app) = agents().await;
    let gateway = Gateway::start(&config(&legacy, &app, "sample: 100%, noise: 100%, side_effects: accepted")).await;
    let body = json!({"model": "agent", "input": "hi", "custom_inputs": {"thread_id": "t"}});
    gateway.client().post("/v1/responses", body.to_string()).await;
    settled(&gateway, 1).await;
    let asked = eventually(async || Some(legacy.seen()).filter(|seen| seen.len() == 2)).await;
    let thread = |seen: &crate::support::Seen| seen.json()["custom_inputs"]["thread_id"].as_str().unwrap().to_owned();
    assert_eq!((thread(&asked[0]).as_str(), thread(&asked[1]).as_str()), ("t", "shadow-noise:t"));
    assert_eq!(asked[1].header("x-cutover-shadow").as_deref(), Some("1"));
    assert_ne!(asked[1].header("idempotency-key"), app.only().header("idempotency-key"));
}

#[tokio::test]
async fn a_day_has_a_budget_and_a_queue_has_an_end() {
    let (legacy, app) = agents().await;
    let gateway =
        Gateway::start(&config(&legacy, &app, "sample: 100%, side_effects: none, budget: { requests: 2 }")).await;
    for requests in 1..=4 {
        gateway.client().post("/v1/responses", TEXT).await;
        settled(&gateway, requests).await;
    }
    assert_eq!(funnel(&gateway).await, counts(&[("mirrored", 2), ("over_budget", 2)]));
    // Eight tokens each, as the candidate counts them.
    let gateway =
        Gateway::start(&config(&legacy, &app, "sample: 100%, side_effects: none, budget: { tokens: 8 }")).await;
    for requests in 1..=2 {
        gateway.client().post("/v1/responses", TEXT).await;
        eventually(async || {
            (funnel(&gateway).await.iter().map(|(_, count)| count).sum::<u64>() == requests).then_some(())
        })
        .await;
    }
    assert_eq!(funnel(&gateway).await, counts(&[("mirrored", 1), ("over_budget", 1)]));
}

#[tokio::test]
async fn a_full_queue_sheds_and_no_client_waits() {
    let legacy = Fake::json(200, &says::plain("chat_agent", says::Act::Text)).await;
    let app = Fake::start(vec![Step::Hang]).await;
    let shadow = "sample: 100%, side_effects: none, limits: { queue: 2, concurrency: 1, per_second: 10000 }";
    let gateway = Gateway::start(&config(&legacy, &app, shadow).replace("limits: { per_second: 10000 }, ", "")).await;
    // One is on its way, one waits for its place, two wait in the queue.
    gateway.client().post("/v1/responses", TEXT).await;
    eventually(async || (app.seen().len() == 1).then_some(())).await;
    for _ in 0..10 {
        assert_eq!(gateway.client().post("/v1/responses", TEXT).await.status, 200);
    }
    let shed = eventually(async || {
        let funnel = funnel(&gateway).await;
        funnel.into_iter().find(|(name, _)| name == "shed").map(|(_, count)| count).filter(|count| *count >= 7)
    })
    .await;
    assert!((7..=8).contains(&shed), "{shed} of 10 were shed");
}

#[tokio::test]
async fn a_candidate_that_is_down_is_left_alone_after_five_failures() {
    let legacy = Fake::json(200, &says::plain("chat_agent", says::Act::Text)).await;
    let app = Fake::json(503, "no").await;
    let gateway = Gateway::start(&config(&legacy, &app, "sample: 100%, side_effects: none")).await;
    for requests in 1..=8 {
        gateway.client().post("/v1/responses", TEXT).await;
        settled(&gateway, requests).await;
    }
    let funnel = funnel(&gateway).await;
    assert_eq!(funnel, counts(&[("mirrored", 5), ("paused", 3)]), "{funnel:?}");
}

#[tokio::test]
async fn a_reload_keeps_the_counts() {
    let (legacy, app) = agents().await;
    let gateway =
        Gateway::start(&config(&legacy, &app, "sample: 100%, side_effects: none, budget: { requests: 2 }")).await;
    for requests in 1..=3 {
        gateway.client().post("/v1/responses", TEXT).await;
        settled(&gateway, requests).await;
        gateway.reload();
    }
    assert_eq!(funnel(&gateway).await, counts(&[("mirrored", 2), ("over_budget", 1)]));
}

/// A candidate that does its worst, and what a client sees of it: nothing.
async fn unnoticed(app: Fake) -> Answer {
    let legacy = Fake::stream(&says::frames("chat_agent", says::Act::Text).concat()).await;
    let shadow = "sample: 100%, side_effects: none, deadline: 300ms, limits: { answer: 64KiB, per_second: 10000 }";
    let gateway = Gateway::start(&config(&legacy, &app, shadow).replace("limits: { per_second: 10000 }, ", "")).await;
    let answer = gateway.client().post("/v1/responses", says::request("responses", true)).await;
    assert_eq!(settled(&gateway, 1).await, counts(&[("mirrored", 1)]));
    // The copy has ended, whatever the candidate still has to say.
    eventually(async || app.seen().iter().all(|seen| seen.gone.is_some() || seen.body.is_empty()).then_some(())).await;
    answer
}

#[tokio::test]
async fn whatever_a_candidate_does_no_client_notices_and_every_copy_ends() {
    let endless = |frame: &str| {
        let chunk = frame.repeat(64);
        let chunk = format!("{:x}\r\n{chunk}\r\n", chunk.len()).into_bytes();
        vec![Step::Write(chunked(b"", false)), Step::Flood(chunk)]
    };
    let delta = "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"x\",\"delta\":\"0123456789abcdef\"}\n\n";
    for steps in [
        vec![Step::Hang],
        vec![Step::Write(chunked(b"data: {}\n\n", false)), Step::Hang],
        endless(delta),
        endless(": still there and nothing to say\n\n"),
        endless("data: no newline at all "),
    ] {
        let answer = unnoticed(Fake::start(steps).await).await;
        assert!(answer.whole && says::understand_stream("responses", &answer).complete, "{}", answer.text());
    }
}
