//! Who may call, what the backend is shown, and where tokens must never be seen.

use crate::support::says::{self, Act};
use crate::support::{Fake, Gateway, Step, log, plain};

fn config(fake: &Fake, credential: &str) -> String {
    let digest = cutover::auth::hex(&cutover::auth::digest("dapi-secret"));
    format!(
        "auth: [ {{ pat: {{ tokens: [ {{ name: ci, sha256: {digest} }} ] }} }} ]
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, verbatim: true, credential: {credential} }} }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }} }} ]
",
        fake.address
    )
}

#[tokio::test]
async fn only_known_tokens_get_in() {
    let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let gateway = Gateway::start(&config(&fake, "none")).await;
    let body = says::request("responses", false);
    let anonymous = gateway.client().post("/v1/responses", &body).await;
    assert_eq!((anonymous.status, anonymous.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(anonymous.json()["error"]["code"], "invalid_api_key");
    for path in ["/v1/responses", "/serving-endpoints/agent/invocations", "/v1/models"] {
        let method = if path == "/v1/models" { "GET" } else { "POST" };
        let wrong = gateway.client().header("authorization", "Bearer dapi-other").ask(method, path, b"{").await;
        assert_eq!(wrong.status, 401, "{path}: before the body is looked at");
        assert!(!wrong.text().contains("dapi"), "{}", wrong.text());
    }
    assert_eq!(fake.seen().len(), 0);
    let known = gateway.client().header("authorization", "Bearer dapi-secret").post("/v1/responses", &body).await;
    assert_eq!(known.status, 200);
    assert_eq!(fake.only().header("authorization"), None, "credential: none");
}

#[tokio::test]
async fn the_backend_is_shown_its_own_credential() {
    let body = says::request("responses", false);
    for (credential, shown) in [("caller", Some("Bearer dapi-secret")), ("{ token: its-own }", Some("Bearer its-own"))]
    {
        let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
        let gateway = Gateway::start(&config(&fake, credential)).await;
        let client = gateway.client().header("authorization", "Bearer dapi-secret").header("x-forwarded-user", "root");
        assert_eq!(client.post("/v1/responses", &body).await.status, 200);
        let seen = fake.only();
        assert_eq!(seen.header("authorization").as_deref(), shown, "{credential}");
        assert_eq!(seen.header("x-forwarded-user"), None, "identity from outside");
    }
}

#[tokio::test]
async fn a_refused_credential_is_the_callers_or_ours() {
    let body = says::request("responses", false);
    for (credential, status, code) in
        [("caller", 401, "invalid_api_key"), ("{ token: its-own }", 502, "backend_refused_credential")]
    {
        for (backend_status, kind, text) in [(401, "application/json", "{}"), (302, "text/html", "<html>")] {
            let answer = plain(backend_status, kind, text);
            let fake = Fake::start(vec![Step::Write(answer)]).await;
            let gateway = Gateway::start(&config(&fake, credential)).await;
            let client = gateway.client().header("authorization", "Bearer dapi-secret");
            let answer = client.post("/v1/responses", &body).await;
            assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (status, code));
        }
    }
}

#[tokio::test]
async fn a_login_page_is_no_success() {
    let page = plain(200, "text/html; charset=utf-8", "<html>Sign in</html>");
    let fake = Fake::start(vec![Step::Write(page)]).await;
    let gateway = Gateway::to(&fake, "responses").await;
    let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (502, "backend_refused_credential"));
}

#[tokio::test]
async fn a_request_has_one_authorization_with_one_token() {
    let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let gateway = Gateway::start(&config(&fake, "caller")).await;
    let (known, other) = ("Bearer dapi-secret", "Bearer dapi-other");
    for headers in [
        &[known, known][..],
        &[known, other],
        &[other, known],
        &["", known],
        &[known, ""],
        &["Basic dG9rZW46ZGFwaS1zZWNyZXQ=", known],
        &[""],
        &["Bearer"],
        &["Bearer  "],
        &["dapi-secret"],
        &["Bearer dapi-secret, Bearer dapi-other"],
        &["Bearer dapi-secret dapi-secret"],
        &["Bearer,dapi-secret"],
        &["Bearer=dapi-secret"],
        &["Bearer\tdapi-secret"],
        &["Digest dapi-secret"],
        &["Bearer d\u{e4}pi-secret"],
    ] {
        let client = headers.iter().fold(gateway.client(), |client, value| client.header("authorization", value));
        let answer = client.post("/v1/responses", says::request("responses", false)).await;
        assert_eq!(answer.status, 401, "{headers:?}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{headers:?}");
        assert!(!answer.text().contains("dapi"), "{}", answer.text());
    }
    assert_eq!(fake.seen().len(), 0);
    for path in ["/v1/responses?access_token=dapi-secret", "/v1/responses?api_key=dapi-secret"] {
        let answer = gateway.client().post(path, says::request("responses", false)).await;
        assert_eq!(answer.status, 401, "a token has no business in a URL");
    }
}

#[tokio::test]
async fn a_backend_that_repeats_what_basic_says_is_not_heard() {
    log::forbid("dapi-secret");
    let page = plain(400, "application/json", r#"{"error":{"message":"bad token dapi-secret for token:dapi-secret"}}"#);
    let fake = Fake::start(vec![Step::Write(page)]).await;
    let gateway = Gateway::start(&config(&fake, "caller")).await;
    let client = gateway.client().header("authorization", "Basic dG9rZW46ZGFwaS1zZWNyZXQ=");
    let answer = client.post("/v1/responses", says::request("responses", false)).await;
    assert_eq!(answer.json()["error"]["message"], "bad token *** for token:***");
    log::check(&answer.text());
}
