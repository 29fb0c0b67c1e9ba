//! Routes that are for some callers only.

use serde_json::json;

use super::oauth::fake;
use crate::support::oidc::{Oidc, Signer};
use crate::support::{Answer, Gateway, says};

#[tokio::test]
async fn a_route_is_for_whom_it_names_and_tells_others_what_is_missing() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    let gateway = Gateway::start(&format!(
        "auth: [ {{ oauth: {{ issuer: '{}', audience: cutover }} }} ]
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, verbatim: true, credential: none }} }}
routes:
  - name: scoped
    match: {{ model: scoped }}
    allow: {{ scopes: [ agents.call, agents.read ] }}
    split: {{ only: 1 }}
  - name: grouped
    match: {{ model: grouped }}
    allow: {{ groups: [ secret-group ], subjects: [ boss ] }}
    split: {{ only: 1 }}
  - {{ name: open, match: {{ model: open }}, split: {{ only: 1 }} }}
",
        oidc.issuer(),
        fake.address
    ))
    .await;
    let client = |claims| gateway.client().header("authorization", &format!("Bearer {}", oidc.token(&signer, &claims)));
    let ask = async |claims, model: &str| -> Answer {
        let body = says::request("responses", false).replace("agent", model);
        client(claims).post("/v1/responses", body).await
    };
    let code = |answer: &Answer| (answer.status, answer.json()["error"]["code"].as_str().map(str::to_owned));
    assert_eq!(ask(json!({"scope": "agents.read agents.call"}), "scoped").await.status, 200);
    assert_eq!(ask(json!({"scp": ["agents.read", "agents.call"]}), "scoped").await.status, 200);
    let lacking = ask(json!({"scope": "agents.read agents.callx"}), "scoped").await;
    assert_eq!(code(&lacking), (403, Some("forbidden".to_owned())));
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"agents.call\"";
    assert_eq!(lacking.header("www-authenticate"), Some(challenge));
    assert_eq!(ask(json!({"groups": ["x", "secret-group"]}), "grouped").await.status, 200);
    assert_eq!(ask(json!({"sub": "boss"}), "grouped").await.status, 200);
    let stranger = ask(json!({"groups": ["x"]}), "grouped").await;
    assert_eq!(stranger.status, 403);
    assert!(!stranger.text().contains("secret-group") && !stranger.text().contains("boss"), "{}", stranger.text());
    // What a caller may not use is not told to it either.
    let unknown = ask(json!({}), "nope").await;
    assert_eq!(unknown.json()["error"]["message"], "no model `nope` here; there are: open");
    let models = client(json!({"sub": "boss"})).get("/v1/models").await.json();
    let names: Vec<_> = models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["grouped", "open"]);
    // On invocations, in the words that MLflow's client reads.
    let answer = client(json!({})).post("/serving-endpoints/grouped/invocations", r#"{"input":"hi"}"#).await;
    assert_eq!((answer.status, answer.json()["error_code"].as_str()), (403, Some("PERMISSION_DENIED")));
}
