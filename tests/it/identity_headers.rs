//! What a backend is told of the caller: by us and by nobody else.

use serde_json::json;

use super::oauth::fake;
use crate::support::oidc::{Oidc, Signer};
use crate::support::{Fake, Gateway, says};

async fn gateway(oidc: &Oidc, fake: &Fake, identity: &str) -> Gateway {
    Gateway::start(&format!(
        "auth: [ {{ oauth: {{ issuer: '{}', audience: cutover }} }} ]
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, verbatim: true, credential: none, identity: {identity} }} }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }} }} ]
",
        oidc.issuer(),
        fake.address
    ))
    .await
}

/// What someone would send to be taken for someone else.
const FORGED: [&str; 12] = [
    "x-forwarded-user",
    "X-Forwarded-User",
    "x-forwarded-email",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-forwarded-groups",
    "x-forwarded-for",
    "x-real-ip",
    "x-cutover-caller",
    "x-cutover-shadow",
    "x_forwarded_user",
    "x-databricks-user",
];

#[tokio::test]
async fn nothing_from_outside_reaches_a_backend_and_ours_does_where_it_is_wanted() {
    let signer = Signer::new("ES256", "e");
    let oidc = Oidc::start(&[&signer]).await;
    let who = json!({"sub": "alice", "email": "alice@example.com", "preferred_username": "Älice"});
    let token = oidc.token(&signer, &who);
    for (identity, user, email, access) in [
        ("withheld", None, None, None),
        ("forwarded", Some("alice"), Some("alice@example.com"), None),
        ("forwarded_with_token", Some("alice"), Some("alice@example.com"), Some(token.as_str())),
    ] {
        let fake = fake().await;
        let gateway = gateway(&oidc, &fake, identity).await;
        let client = gateway.client().header("authorization", &format!("Bearer {token}"));
        let client = FORGED.iter().fold(client, |client, name| client.header(name, "forged"));
        assert_eq!(client.post("/v1/responses", says::request("responses", false)).await.status, 200);
        let seen = fake.only();
        assert!(!seen.head.contains("forged"), "{}", seen.head);
        assert_eq!(seen.header("x-forwarded-user").as_deref(), user);
        assert_eq!(seen.header("x-forwarded-email").as_deref(), email);
        assert_eq!(seen.header("x-forwarded-access-token").as_deref(), access);
        assert_eq!(seen.header("x-forwarded-preferred-username").is_some(), user.is_some());
        assert_eq!(seen.header("authorization"), None);
    }
}

#[tokio::test]
async fn a_name_that_would_be_a_header_of_its_own_is_left_out() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    let gateway = gateway(&oidc, &fake, "forwarded").await;
    let token = oidc.token(&signer, &json!({"sub": "a\r\nx-forwarded-email: root", "email": "b\u{0}"}));
    let client = gateway.client().header("authorization", &format!("Bearer {token}"));
    assert_eq!(client.post("/v1/responses", says::request("responses", false)).await.status, 200);
    assert!(!fake.only().head.contains("x-forwarded"), "{}", fake.only().head);
}
