//! Which route a request takes over the wire, whatever it comes wrapped in, and what is no way around.

use std::fmt::Write as _;

use crate::support::says::{self, Act};
use crate::support::{Client, Fake, Gateway};

async fn gateway(fake: &Fake, rules: &[(&str, &str)]) -> Gateway {
    let mut config = format!(
        "auth: anonymous
backends:
  only: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
routes:
",
        fake.address
    );
    for (name, rule) in rules {
        let _ = writeln!(config, "  - {{ name: {name}, split: {{ only: 1 }}, match: {rule} }}");
    }
    Gateway::start(&config).await
}

async fn route(client: &Client, path: &str, body: &str) -> String {
    let answer = client.post(path, body).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    answer.header("x-cutover-route").unwrap().to_owned()
}

#[tokio::test]
async fn a_field_decides_alike_in_every_dialect_and_in_every_wrapping() {
    let fake = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    let gateway = gateway(&fake, &[("acme", "{ body: { custom_inputs.tenant: acme } }"), ("rest", "{}")]).await;
    let client = gateway.client();
    for (path, body) in [
        ("/v1/responses", r#"{"input":"hi","custom_inputs":{"tenant":"TENANT"}}"#),
        (
            "/v1/chat/completions",
            r#"{"messages":[{"role":"user","content":"hi"}],"custom_inputs":{"tenant":"TENANT"}}"#,
        ),
        ("/invocations", r#"{"messages":[{"role":"user","content":"hi"}],"custom_inputs":{"tenant":"TENANT"}}"#),
        ("/invocations", r#"{"dataframe_records":[{"query":"hi","custom_inputs":{"tenant":"TENANT"}}]}"#),
        ("/invocations", r#"{"dataframe_records":[{"query":"hi"}],"custom_inputs":{"tenant":"TENANT"}}"#),
        ("/invocations", r#"{"inputs":{"query":"hi","custom_inputs":{"tenant":"TENANT"}}}"#),
        (
            "/invocations",
            r#"{"dataframe_split":{"columns":["query","custom_inputs"],"data":[["hi",{"tenant":"TENANT"}]]}}"#,
        ),
    ] {
        assert_eq!(route(&client, path, &body.replace("TENANT", "acme")).await, "acme", "{body}");
        assert_eq!(route(&client, path, &body.replace("TENANT", "other")).await, "rest", "{body}");
    }
}

#[tokio::test]
async fn what_two_parsers_read_in_two_ways_is_refused_in_the_clients_dialect() {
    let fake = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    let rules = [("acme", "{ header: { x-tenant: '*' }, body: { custom_inputs.tenant: acme } }"), ("rest", "{}")];
    let gateway = gateway(&fake, &rules).await;
    let client = gateway.client().header("X-Tenant", "1");
    let twice = r#"{"input":"hi","custom_inputs":{"tenant":"other","tenant":"acme"}}"#;
    let answer = client.post("/v1/responses", twice).await;
    assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some("custom_inputs.tenant")));
    let twin = r#"{"messages":[{"role":"user","content":"hi"}],"custom_inputs":{"Tenant":"acme"}}"#;
    let answer = client.post("/invocations", twin).await;
    assert_eq!(answer.json()["message"], "`Tenant` is not a field; write `custom_inputs.tenant` in these letters");
    let answer = client.header("x-tenant", "2").post("/v1/responses", r#"{"input":"hi"}"#).await;
    assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some("x-tenant")));
    assert_eq!(fake.seen().len(), 0, "nothing of this reaches the agent");
}

#[tokio::test]
async fn a_fingerprint_keeps_a_conversation_on_its_backend_whatever_its_client_speaks() {
    let legacy = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    let app = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let gateway = Gateway::start(&format!(
        "auth: anonymous
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
routes: [ {{ name: r, split: {{ legacy: 1, app: 1 }}, sticky: [ fingerprint ] }} ]
",
        legacy.address, app.address
    ))
    .await;
    let client = gateway.client();
    let mut met = std::collections::BTreeSet::new();
    for n in 0..16 {
        let mut backends = std::collections::BTreeSet::new();
        for (path, body) in [
            ("/v1/responses", r#"{"instructions":"be kind","input":"question N"}"#),
            (
                "/v1/chat/completions",
                r#"{"messages":[{"role":"system","content":"be kind"},{"role":"user","content":"question N"}]}"#,
            ),
            (
                "/invocations",
                r#"{"messages":[{"role":"system","content":"be kind"},{"role":"user","content":"question N"},{"role":"assistant","content":"a"},{"role":"user","content":"b"}]}"#,
            ),
        ] {
            let answer = client.post(path, body.replace('N', &n.to_string())).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            backends.insert(answer.header("x-cutover-backend").unwrap().to_owned());
        }
        assert_eq!(backends.len(), 1, "conversation {n} met {backends:?}");
        met.extend(backends);
    }
    assert_eq!(met.len(), 2, "both backends have conversations");
}
