//! The Databricks SDK with us as its host: what it looks up, how it signs in, and what it may not reach.

use cutover::auth::{digest, hex};
use serde_json::json;

use crate::support::oidc::{ME, Oidc, TOKEN};
use crate::support::says::{self, Act};
use crate::support::{Client, Fake, Gateway};

async fn gateway(oidc: &Oidc, fake: &Fake, workspace: &str) -> Gateway {
    let backend = |dialect: &str| format!("{{ url: 'http://{}/x', dialect: {dialect}, verbatim: true }}", fake.address);
    Gateway::start(&format!(
        "workspace: {{ url: 'http://{}' {workspace} }}
auth: [ {{ pat: {{ tokens: [ {{ name: ci, sha256: {} }}, {{ name: boss, sha256: {} }} ] }} }} ]
backends:
  app: {}
  legacy: {{ url: 'http://{}/x', dialect: chat_agent }}
routes:
  - {{ name: support, match: {{ model: support-agent }}, split: {{ legacy: 1, app: 1 }} }}
  - {{ name: bot, match: {{ model: bot }}, split: {{ app: 1 }} }}
  - {{ name: secret, match: {{ model: secret }}, allow: {{ subjects: boss }}, split: {{ app: 1 }} }}
  - {{ name: rest, match: {{ model: 'rest-*' }}, split: {{ app: 1 }} }}
",
        oidc.address,
        hex(&digest("dapi-ci")),
        hex(&digest("dapi-boss")),
        backend("responses"),
        fake.address
    ))
    .await
}

async fn start(workspace: &str) -> (Oidc, Fake, Gateway, Client) {
    let (oidc, fake) = (Oidc::start(&[]).await, Fake::json(200, &says::plain("responses", Act::Text)).await);
    let gateway = gateway(&oidc, &fake, workspace).await;
    let client = gateway.client().header("authorization", "Bearer dapi-ci");
    (oidc, fake, gateway, client)
}

#[tokio::test]
async fn routes_are_endpoints_and_apps() {
    let (_oidc, fake, gateway, client) = start("").await;
    let list = client.get("/api/2.0/serving-endpoints").await.json();
    let named: Vec<_> = list["endpoints"].as_array().unwrap().iter().map(|it| (&it["name"], &it["task"])).collect();
    assert_eq!(
        named,
        [(&json!("support-agent"), &json!("agent/v2/chat")), (&json!("bot"), &json!("agent/v1/responses"))]
    );
    assert_eq!(client.get("/api/2.0/serving-endpoints/").await.json(), list, "as MLflow's client asks for it");
    let one = client.get("/api/2.0/serving-endpoints/support-agent").await.json();
    assert_eq!((&one["name"], &one["state"]["ready"]), (&json!("support-agent"), &json!("READY")));
    let url = format!("http://{}", gateway.clients);
    assert_eq!(one["endpoint_url"], format!("{url}/serving-endpoints/support-agent/invocations"));
    let app = client.get("/api/2.0/apps/bot").await.json();
    assert_eq!((&app["name"], &app["url"]), (&json!("bot"), &json!(url)));
    let app = client.clone().header("x-forwarded-proto", "https").get("/api/2.0/apps/bot").await.json();
    assert_eq!(app["url"], format!("https://{}", gateway.clients));
    // The SDK then calls the app with the name that it asked for.
    let answer = client.post("/responses", says::request("responses", false).replace("agent", "apps/bot")).await;
    assert_eq!((answer.status, answer.header("x-cutover-route")), (200, Some("bot")), "{}", answer.text());
    for path in ["/api/2.0/serving-endpoints/nope", "/api/2.0/apps/secret", "/api/2.0/serving-endpoints/rest-*"] {
        let answer = client.get(path).await;
        assert_eq!(
            (answer.status, answer.json()["error_code"].as_str()),
            (404, Some("RESOURCE_DOES_NOT_EXIST")),
            "{path}"
        );
    }
    let boss = gateway.client().header("authorization", "Bearer dapi-boss");
    assert_eq!(boss.get("/api/2.0/apps/secret").await.status, 200);
    assert_eq!(gateway.client().get("/api/2.0/serving-endpoints").await.status, 401);
    assert_eq!(client.post("/api/2.0/apps/bot", "{}").await.status, 405);
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn signing_in_is_the_workspaces() {
    let (oidc, _fake, gateway, _) = start("").await;
    oidc.on_token(|_| (200, json!({"access_token": "t", "token_type": "Bearer", "expires_in": 60}).to_string()));
    let stranger = gateway.client();
    let config = stranger.get("/.well-known/databricks-config").await;
    assert_eq!((config.status, &config.json()["oidc_endpoint"]), (200, &json!(oidc.issuer())));
    let server = stranger.get("/oidc/.well-known/oauth-authorization-server").await;
    assert!(server.json()["token_endpoint"].is_string());
    let client = stranger.clone().header("authorization", "Basic c3A6c2VjcmV0").header("cookie", "forged=1");
    let token = client.post(TOKEN, "grant_type=client_credentials").await;
    assert_eq!((token.status, &token.json()["access_token"]), (200, &json!("t")));
    let asked = oidc.asked(TOKEN).remove(0);
    assert_eq!(asked.header("authorization").as_deref(), Some("Basic c3A6c2VjcmV0"));
    assert_eq!((asked.body.as_str(), asked.header("cookie")), ("grant_type=client_credentials", None));
    oidc.on_token(|_| (401, r#"{"error":"invalid_client"}"#.into()));
    assert_eq!(client.post(TOKEN, "x").await.status, 401, "what it says is passed as it is");
    for path in ["/oidc/../api/2.0/x", "/oidc/%2e%2e/api/2.0/x", "/oidc//x", "/oidc/", "/oidcx", "/.well-known/other"] {
        assert_eq!(stranger.get(path).await.status, 404, "{path}");
    }
    assert_eq!(client.post(TOKEN, "x".repeat(70_000)).await.status, 413);
    assert_eq!(stranger.ask("DELETE", TOKEN, b"").await.status, 405);
}

#[tokio::test]
async fn the_rest_of_the_workspace_is_reached_by_permission_only() {
    let (oidc, _fake, gateway, client) = start(", allow: [ '/api/2.0/preview/scim/v2/Me', '/api/2.0/x/*' ]").await;
    oidc.on_me(|seen| (200, json!({"userName": seen.header("authorization")}).to_string()));
    assert_eq!(client.get(ME).await.json()["userName"], "Bearer dapi-ci");
    assert_eq!(gateway.client().get(ME).await.status, 401);
    for path in ["/api/2.0/clusters/list", "/api/2.0/x/../clusters/list", "/api/2.0/x/%2e%2e/y", "/api/2.0/x//y"] {
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
    assert_eq!(oidc.asked("/api/2.0/clusters/list").len(), 0);
    oidc.set_up(false);
    let down = client.get(ME).await;
    assert_eq!((down.status, down.json()["error_code"].as_str()), (502, Some("TEMPORARILY_UNAVAILABLE")));
    // Without a workspace there is nothing to reach.
    let fake = Fake::json(200, "{}").await;
    let alone = Gateway::to(&fake, "responses").await;
    for path in ["/.well-known/databricks-config", "/oidc/v1/token", "/api/2.0/x"] {
        assert_eq!(alone.client().get(path).await.status, 404, "{path}");
    }
}
