//! Callers with personal access tokens: by digest, from a file that changes, and known to the workspace.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover::auth::{digest, hex};
use serde_json::json;

use super::oauth::{ask, fake};
use crate::support::oidc::{ME, Oidc};
use crate::support::{Fake, Gateway, log, says};

/// A gateway whose callers are known by this method.
async fn gateway(fake: &Fake, pat: &str, more: &str) -> Gateway {
    Gateway::start(&config(fake, pat, more)).await
}

fn config(fake: &Fake, pat: &str, more: &str) -> String {
    format!(
        "auth: [ {{ pat: {{ {pat} }} }} ]
{more}
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, verbatim: true, credential: none }} }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }} }} ]
",
        fake.address
    )
}

fn entry(name: &str, token: &str, more: &str) -> String {
    format!("{{ name: {name}, sha256: {}{more} }}", hex(&digest(token)))
}

#[tokio::test]
async fn basic_carries_a_pat_and_an_old_one_is_refused() {
    let fake = fake().await;
    let tokens = [entry("new", "dapi-new", ", expires: 9999-12-31"), entry("old", "dapi-old", ", expires: 2020-01-01")];
    let gateway = gateway(&fake, &format!("tokens: [ {} ]", tokens.join(", ")), "").await;
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    for (header, status) in [
        (basic("token:dapi-new"), 200),
        ("Bearer dapi-new".to_owned(), 200),
        (basic("user:dapi-new"), 401),
        (basic("token:dapi-other"), 401),
        (basic("token:"), 401),
        (basic("dapi-new"), 401),
        (String::new(), 401),
    ] {
        let client = gateway.client().header("authorization", &header);
        assert_eq!(client.post("/v1/responses", says::request("responses", false)).await.status, status, "{header}");
    }
    let old = ask(&gateway, "dapi-old").await;
    assert_eq!(
        (old.status, old.json()["error"]["message"].as_str()),
        (401, Some("the token is not accepted: it has expired"))
    );
}

#[tokio::test]
async fn a_file_of_digests_is_read_again_when_it_changes() {
    let fake = fake().await;
    let file = std::env::temp_dir().join(format!("cutover-it-pats-{}.yaml", std::process::id()));
    let write = |entries: &[String]| {
        let lines = entries.iter().map(|entry| format!("- {entry}")).collect::<Vec<_>>().join("\n");
        // As deployments do it: a new file takes the place of the old one.
        let next = file.with_extension("next");
        std::fs::write(&next, if lines.is_empty() { "[]".to_owned() } else { lines }).unwrap();
        std::fs::rename(&next, &file).unwrap();
    };
    write(&[entry("one", "dapi-one", "")]);
    let gateway = gateway(&fake, &format!("file: '{}'", file.display()), "").await;
    let statuses = async || (ask(&gateway, "dapi-one").await.status, ask(&gateway, "dapi-two").await.status);
    assert_eq!(statuses().await, (200, 401));
    for (entries, expected) in [
        (vec![entry("one", "dapi-one", ""), entry("two", "dapi-two", "")], (200, 200)),
        (vec![entry("two", "dapi-two", "")], (401, 200)),
        (vec!["nonsense".to_owned()], (401, 200)),
        (vec![], (401, 401)),
    ] {
        write(&entries);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(statuses().await, expected, "{entries:?}");
    }
}

#[tokio::test]
async fn the_workspace_is_asked_once_for_each_token() {
    let (oidc, fake) = (Oidc::start(&[]).await, fake().await);
    oidc.set_delay(Duration::from_millis(50));
    oidc.on_me(|seen| match seen.header("authorization").as_deref() {
        Some("Bearer dapi-secret-known") => {
            let me = json!({"userName": "a@example.com", "groups": [{"display": "users"}], "emails": [{"value": "a@example.com"}]});
            (200, me.to_string())
        }
        _ => (401, "{}".into()),
    });
    for token in ["dapi-secret-known", "dapi-secret-other"] {
        log::forbid(token);
    }
    let workspace = format!("workspace: 'http://{}'", oidc.address);
    let gateway = gateway(&fake, "verify: workspace, cache: 1s", &workspace).await;
    for (token, status) in [("dapi-secret-known", 200), ("dapi-secret-other", 401)] {
        let before = oidc.asked(ME).len();
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let client = gateway.client().header("authorization", &format!("Bearer {token}"));
            callers.spawn(async move { client.post("/v1/responses", says::request("responses", false)).await.status });
        }
        while let Some(answered) = callers.join_next().await {
            assert_eq!(answered.unwrap(), status);
        }
        assert_eq!(ask(&gateway, token).await.status, status);
        assert_eq!(oidc.asked(ME).len(), before + 1, "{token}");
    }
    assert_eq!(ask(&gateway, "a.b.c").await.status, 401, "a JWT is nothing for the workspace");
    assert_eq!(oidc.asked(ME).len(), 2);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    oidc.set_up(false);
    let down = ask(&gateway, "dapi-secret-known").await;
    assert_eq!((down.status, down.json()["error"]["code"].as_str()), (503, Some("identity_unavailable")));
    log::check(&down.text());
}

#[tokio::test]
async fn what_the_workspace_said_is_forgotten_in_a_reload() {
    let (oidc, fake) = (Oidc::start(&[]).await, fake().await);
    oidc.on_me(|_| (200, json!({"userName": "a@example.com"}).to_string()));
    let text = config(&fake, "verify: workspace, cache: 1h", &format!("workspace: 'http://{}'", oidc.address));
    let gateway = Gateway::start(&text).await;
    assert_eq!(ask(&gateway, "dapi-taken-back").await.status, 200);
    oidc.on_me(|_| (401, "{}".into()));
    assert_eq!(ask(&gateway, "dapi-taken-back").await.status, 200, "it is believed for a while");
    gateway.reload_as(&text);
    assert_eq!(ask(&gateway, "dapi-taken-back").await.status, 401);
}
