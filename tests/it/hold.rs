//! Conversations that are held where they started, and traffic that does not go where the weights say.

use std::collections::BTreeMap;

use crate::support::says::{self, Act};
use crate::support::{Client, Fake, Gateway, log};

struct Pair {
    legacy: Fake,
    app: Fake,
}

impl Pair {
    async fn start() -> Self {
        Self {
            legacy: Fake::json(200, &says::plain("chat_agent", Act::Text)).await,
            app: Fake::json(200, &says::plain("responses", Act::Text)).await,
        }
    }

    fn config(&self, route: &str) -> String {
        format!(
            "listen: {{ clients: '127.0.0.1:0', admin: '127.0.0.1:0' }}
auth: anonymous
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
routes: [ {{ {route} }} ]
",
            self.legacy.address, self.app.address
        )
    }
}

async fn backend(client: &Client, conversation: &str) -> String {
    let body = format!(r#"{{"model":"agent","input":"hi","context":{{"conversation_id":"{conversation}"}}}}"#);
    let answer = client.post("/v1/responses", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-cutover-backend").unwrap().to_owned()
}

async fn met(client: &Client, conversations: usize) -> BTreeMap<usize, String> {
    let mut met = BTreeMap::new();
    for n in 0..conversations {
        met.insert(n, backend(client, &format!("conversation-{n}")).await);
    }
    met
}

async fn metric(gateway: &Gateway, name: &str) -> f64 {
    let text = Client::new(gateway.admin).get("/metrics").await.text();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or_else(|| panic!("{name} is not in\n{text}"))
}

#[tokio::test]
async fn a_conversation_that_is_alive_stays_where_it_started_until_its_backend_has_no_weight() {
    let pair = Pair::start().await;
    let gateway = Gateway::start(&pair.config("name: r, split: { legacy: 80, app: 20 }, hold: 30m")).await;
    let client = gateway.client();
    let started = met(&client, 60).await;
    let at_legacy = started.values().filter(|backend| *backend == "legacy").count();
    assert!((20..60).contains(&at_legacy), "{at_legacy} of 60 at 80 %");
    // The weights have all but moved, and a reload between them: who is there stays, who comes goes to the app.
    gateway.reload_as(&pair.config("name: r, split: { legacy: 0.01, app: 99.99 }, hold: 30m"));
    assert_eq!(met(&client, 60).await, started);
    assert_eq!(backend(&client, "somebody-new").await, "app");
    let alive = metric(&gateway, r#"cutover_conversations_alive{backend="legacy",route="r"}"#).await;
    assert_eq!(alive.to_string(), at_legacy.to_string(), "conversations that legacy has");
    // No weight is none: they are let go, and legacy has nobody left.
    gateway.reload_as(&pair.config("name: r, split: { legacy: 0, app: 1 }, hold: 30m"));
    assert!(met(&client, 60).await.values().all(|backend| backend == "app"));
    assert!(metric(&gateway, r#"cutover_conversations_alive{backend="legacy",route="r"}"#).await < 0.5);
    // And they started anew where they are now.
    gateway.reload_as(&pair.config("name: r, split: { legacy: 99.99, app: 0.01 }, hold: 30m"));
    assert!(met(&client, 60).await.values().all(|backend| backend == "app"));
}

#[tokio::test]
async fn a_hold_is_over_when_the_conversation_has_been_silent_for_longer() {
    let pair = Pair::start().await;
    let gateway = Gateway::start(&pair.config("name: r, split: { legacy: 1, app: 0 }, hold: 50ms")).await;
    let client = gateway.client();
    assert_eq!(backend(&client, "c").await, "legacy");
    gateway.reload_as(&pair.config("name: r, split: { legacy: 0.0001, app: 99999 }, hold: 50ms"));
    // However slow this machine is: once it has been silent for long enough it goes, and then it stays there.
    let mut waits = 0;
    while backend(&client, "c").await == "legacy" {
        waits += 1;
        assert!(waits < 100, "a silence of over 50 ms was not noticed");
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    }
    assert_eq!(backend(&client, "c").await, "app");
}

#[tokio::test]
async fn traffic_that_does_not_go_where_the_weights_say_raises_its_voice_once() {
    let pair = Pair::start().await;
    let even = "name: skewed, split: { legacy: 50, app: 50 }";
    let scout = Gateway::start(&pair.config(even)).await;
    let gateway = Gateway::start(&pair.config(even)).await;
    let mismatch = r#"cutover_split_mismatch{counted="conversations",route="skewed"}"#;
    let warnings = || {
        log::lines()
            .lines()
            .filter(|line| line.contains("traffic does not go where") && line.contains("skewed"))
            .count()
    };
    // All replicas agree where a conversation goes, so one can tell which ones to send to the other.
    let (asks, client) = (scout.client(), gateway.client());
    for n in 0..200 {
        let name = format!("conversation-{n}");
        if backend(&asks, &name).await == "app" {
            assert_eq!(backend(&client, &name).await, "app");
            assert_eq!(backend(&client, &name).await, "app", "again, which does not count again");
        }
    }
    assert!(metric(&scout, mismatch).await < 0.5, "the scout got them all");
    assert!(metric(&gateway, mismatch).await > 0.5, "some hundred conversations to the app alone, at 50/50");
    assert!(metric(&gateway, r#"cutover_split_mismatch{counted="requests",route="skewed"}"#).await < 0.5);
    assert_eq!(warnings(), 1);
    let once =
        metric(&gateway, r#"cutover_split_picked_total{backend="app",counted="conversations",route="skewed"}"#).await;
    assert!((60.0..140.0).contains(&once), "{once} of 200 conversations");
    // A reload that changes no weight forgets nothing; one that does begins anew.
    gateway.reload_as(&pair.config("name: skewed, split: { legacy: 1, app: 1 }"));
    assert!(metric(&gateway, mismatch).await > 0.5);
    gateway.reload_as(&pair.config("name: skewed, split: { legacy: 40, app: 60 }"));
    assert!(metric(&gateway, mismatch).await < 0.5);
}
