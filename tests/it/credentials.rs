//! Tokens that we ask for: once for everybody, renewed in time, kept through outages, and never told to anyone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover::auth::{digest, hex};
use serde_json::json;

use crate::support::oidc::{Oidc, Signer, TOKEN};
use crate::support::says::{self, Act};
use crate::support::{Answer, Fake, Gateway, Seen, Step, log, plain};

const OWN: &str = "{ client_credentials: { id: sp-1, secret: 's3cret/x' } }";

/// A gateway with PAT and OAuth callers in front of one backend.
async fn gateway(oidc: &Oidc, fake: &Fake, credential: &str) -> Gateway {
    log::forbid("s3cret/x");
    log::forbid("dapi-secret");
    Gateway::start(&format!(
        "workspace: 'http://{}'
auth:
  - pat: {{ tokens: [ {{ name: ci, sha256: {} }} ] }}
  - oauth: {{ issuer: '{}', audience: cutover }}
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, verbatim: true, credential: {credential} }} }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }} }} ]
",
        oidc.address,
        hex(&digest("dapi-secret")),
        oidc.issuer(),
        fake.address
    ))
    .await
}

async fn ask(gateway: &Gateway, token: &str) -> Answer {
    let client = gateway.client().header("authorization", &format!("Bearer {token}"));
    client.post("/v1/responses", says::request("responses", false)).await
}

async fn agent() -> Fake {
    Fake::json(200, &says::plain("responses", Act::Text)).await
}

/// Gives `issued-1`, `issued-2` and so on, each for so many seconds.
fn gives(oidc: &Oidc, life: u32) {
    let given = AtomicU32::new(0);
    oidc.on_token(move |_| {
        let token = format!("issued-secret-{}", given.fetch_add(1, Ordering::Relaxed) + 1);
        log::forbid(&token);
        (200, json!({"access_token": token, "token_type": "Bearer", "expires_in": life}).to_string())
    });
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn shown(seen: &Seen) -> String {
    seen.header("authorization").unwrap_or_default()
}

#[tokio::test]
async fn fifty_cold_requests_cause_one_token_call() {
    let (oidc, fake) = (Oidc::start(&[]).await, agent().await);
    gives(&oidc, 3600);
    oidc.set_delay(Duration::from_millis(50));
    let gateway = gateway(&oidc, &fake, OWN).await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = gateway.client().header("authorization", "Bearer dapi-secret");
        callers.spawn(async move { client.post("/v1/responses", says::request("responses", false)).await.status });
    }
    while let Some(status) = callers.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    let asked = oidc.asked(TOKEN);
    assert_eq!(asked.len(), 1);
    assert_eq!(shown(&asked[0]), format!("Basic {}", STANDARD.encode("sp-1:s3cret%2Fx")));
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=all-apis");
    assert!(fake.seen().iter().all(|seen| shown(seen) == "Bearer issued-secret-1"));
    log::check(&gateway.said_to_operators().await);
}

#[tokio::test]
async fn a_token_is_renewed_in_time_and_serves_through_an_outage() {
    let (oidc, fake) = (Oidc::start(&[]).await, agent().await);
    gives(&oidc, 2);
    let gateway = gateway(&oidc, &fake, OWN).await;
    let last = async || {
        let answer = ask(&gateway, "dapi-secret").await;
        (answer.status, fake.seen().last().map(shown).unwrap_or_default())
    };
    assert_eq!(last().await, (200, "Bearer issued-secret-1".into()));
    // After 80 % of its life it still serves, and the next one is fetched behind it.
    tokio::time::sleep(Duration::from_millis(1700)).await;
    assert_eq!(last().await, (200, "Bearer issued-secret-1".into()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(last().await, (200, "Bearer issued-secret-2".into()));
    assert_eq!(oidc.asked(TOKEN).len(), 2);
    oidc.set_up(false);
    tokio::time::sleep(Duration::from_millis(1650)).await;
    assert_eq!(last().await, (200, "Bearer issued-secret-2".into()), "the endpoint is down, the token is good");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    let answer = ask(&gateway, "dapi-secret").await;
    assert_eq!(code(&answer), (503, "credential_unavailable".into()));
    assert!(begun.elapsed() < Duration::from_secs(2) && answer.header("retry-after").is_some());
    oidc.set_up(true);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(last().await.0, 200, "and it recovers");
}

#[tokio::test]
async fn an_endpoint_that_gives_no_token_is_a_clear_503() {
    let page = |status, body: &str| {
        let body = body.to_owned();
        move |_: &Seen| (status, body.clone())
    };
    for (status, body) in [
        (302, "<html>Sign in</html>"),
        (200, "<html>Sign in</html>"),
        (500, "{}"),
        (401, r#"{"error":"invalid_client","error_description":"s3cret/x is wrong"}"#),
        (200, r#"{"access_token":"","token_type":"Bearer"}"#),
        (200, r#"{"access_token":"a b","token_type":"mac"}"#),
    ] {
        let (oidc, fake) = (Oidc::start(&[]).await, agent().await);
        oidc.on_token(page(status, body));
        let gateway = gateway(&oidc, &fake, OWN).await;
        assert_eq!(code(&ask(&gateway, "dapi-secret").await), (503, "credential_unavailable".into()), "{body}");
        assert_eq!(code(&ask(&gateway, "dapi-secret").await), (503, "credential_unavailable".into()), "{body}");
        assert_eq!((oidc.asked(TOKEN).len(), fake.seen().len()), (1, 0), "a failure is not repeated at once: {body}");
    }
    let (oidc, fake) = (Oidc::start(&[]).await, agent().await);
    oidc.set_delay(Duration::from_secs(30));
    let gateway = gateway(&oidc, &fake, OWN).await;
    let begun = Instant::now();
    assert_eq!(ask(&gateway, "dapi-secret").await.status, 503);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    log::check("");
}

/// A backend that refuses some tokens.
async fn picky(refuses: impl Fn(&str) -> bool + Send + Sync + 'static) -> Fake {
    Fake::by_request(move |seen| {
        let answer = if refuses(&shown(seen)) {
            plain(401, "application/json", &format!(r#"{{"message":"no: {}"}}"#, shown(seen)))
        } else {
            plain(200, "application/json", &says::plain("responses", Act::Text))
        };
        vec![Step::Write(answer)]
    })
    .await
}

#[tokio::test]
async fn a_backends_401_causes_one_refresh_and_one_retry() {
    let oidc = Oidc::start(&[]).await;
    gives(&oidc, 3600);
    let fake = picky(|shown| shown.ends_with("-1")).await;
    let gateway = gateway(&oidc, &fake, OWN).await;
    assert_eq!(ask(&gateway, "dapi-secret").await.status, 200);
    let tokens: Vec<_> = fake.seen().iter().map(shown).collect();
    assert_eq!(tokens, ["Bearer issued-secret-1", "Bearer issued-secret-2"]);
    assert_eq!((ask(&gateway, "dapi-secret").await.status, oidc.asked(TOKEN).len()), (200, 2));
    log::check("");
}

#[tokio::test]
async fn a_backend_that_refuses_every_token_is_not_asked_twice_each_time() {
    let oidc = Oidc::start(&[]).await;
    gives(&oidc, 3600);
    let fake = picky(|_| true).await;
    let gateway = gateway(&oidc, &fake, OWN).await;
    for _ in 0..10 {
        let answer = ask(&gateway, "dapi-secret").await;
        assert_eq!(code(&answer), (502, "backend_refused_credential".into()));
        log::check(&answer.text());
    }
    assert_eq!((oidc.asked(TOKEN).len(), fake.seen().len()), (2, 11));
}

#[tokio::test]
async fn a_refusal_that_is_no_401_and_an_answer_that_is_cut_are_delivered_once() {
    let oidc = Oidc::start(&[]).await;
    gives(&oidc, 3600);
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{".to_vec();
    for (answer, expected) in [
        (plain(403, "application/json", "{}"), 502),
        (plain(302, "text/html", "<html>"), 502),
        (plain(200, "text/html", "<html>Sign in</html>"), 502),
        (cut, 502),
    ] {
        let fake = Fake::start(vec![Step::Write(answer)]).await;
        let gateway = gateway(&oidc, &fake, OWN).await;
        assert_eq!(ask(&gateway, "dapi-secret").await.status, expected);
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_callers_token_is_exchanged_once_for_each() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, agent().await);
    oidc.on_token(|seen| {
        if seen.body.contains("&scope=app") {
            let last = seen.body.split("subject_token=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
            let claims = last.split('.').nth(1).unwrap();
            let token = format!("exchanged-{}", &hex(&digest(claims))[..16]);
            return (200, json!({"access_token": token, "token_type": "Bearer", "expires_in": 600}).to_string());
        }
        (400, r#"{"error":"invalid_grant"}"#.into())
    });
    let gateway = gateway(&oidc, &fake, "{ exchange: { scope: app, audience: aud } }").await;
    let tokens = ["alice", "bob"].map(|name| oidc.token(&signer, &json!({"sub": name})));
    for token in tokens.iter().chain(&tokens).chain(&tokens) {
        assert_eq!(ask(&gateway, token).await.status, 200);
    }
    let asked = oidc.asked(TOKEN);
    assert_eq!(asked.len(), 2);
    let form = &asked[0].body;
    for field in [
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
        "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
        "audience=aud",
    ] {
        assert!(form.contains(field), "{form}");
    }
    let seen: Vec<_> = fake.seen().iter().map(shown).collect();
    assert!(seen[0] == seen[2] && seen[1] == seen[3] && seen[0] != seen[1], "{seen:?}");
    assert_eq!(code(&ask(&gateway, "dapi-secret").await), (403, "forbidden".into()), "a PAT cannot be exchanged");
    let gateway = self::gateway(&oidc, &fake, "{ exchange: {} }").await;
    assert_eq!(code(&ask(&gateway, &tokens[0]).await), (401, "invalid_api_key".into()), "the caller's to mend");
    log::check("");
}

#[tokio::test]
async fn a_token_for_one_app_alone_can_be_asked_for() {
    let (oidc, fake) = (Oidc::start(&[]).await, agent().await);
    gives(&oidc, 600);
    let own = "{ client_credentials: { id: sp-1, secret: 's3cret/x', scope: 'apps:support offline_access' } }";
    let gateway = gateway(&oidc, &fake, own).await;
    assert_eq!(ask(&gateway, "dapi-secret").await.status, 200);
    assert_eq!(oidc.asked(TOKEN)[0].body, "grant_type=client_credentials&scope=apps%3Asupport+offline_access");
}

#[tokio::test]
async fn callers_with_oauth_go_as_themselves_and_others_as_ours() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, agent().await);
    gives(&oidc, 600);
    let gateway = gateway(&oidc, &fake, &format!("{{ caller_or: {OWN} }}")).await;
    let token = oidc.token(&signer, &json!({}));
    assert_eq!(ask(&gateway, &token).await.status, 200);
    assert_eq!(oidc.asked(TOKEN).len(), 0);
    assert_eq!(ask(&gateway, "dapi-secret").await.status, 200);
    let seen: Vec<_> = fake.seen().iter().map(shown).collect();
    assert_eq!(seen, [format!("Bearer {token}"), "Bearer issued-secret-1".into()]);
    // Whose token was refused decides whose fault it is.
    let picky = picky(|_| true).await;
    let gateway = self::gateway(&oidc, &picky, &format!("{{ caller_or: {OWN} }}")).await;
    assert_eq!(ask(&gateway, &token).await.status, 401);
    assert_eq!(ask(&gateway, "dapi-secret").await.status, 502);
    log::check("");
}

#[tokio::test]
async fn what_a_backend_repeats_of_a_token_is_not_passed_on() {
    let oidc = Arc::new(Oidc::start(&[]).await);
    let fake = Fake::by_request(|seen| {
        let body = format!(r#"{{"error":{{"message":"bad header {0} and again {0}","param":"x"}}}}"#, shown(seen));
        vec![Step::Write(plain(400, "application/json", &body))]
    })
    .await;
    for credential in ["caller", "{ token: its-own-secret }"] {
        log::forbid("its-own-secret");
        let gateway = gateway(&oidc, &fake, credential).await;
        let answer = ask(&gateway, "dapi-secret").await;
        assert_eq!(answer.json()["error"]["message"], "bad header Bearer *** and again Bearer ***");
        log::check(&answer.text());
    }
}

#[tokio::test]
async fn a_secret_in_a_file_follows_the_file() {
    let (oidc, fake) = (Oidc::start(&[]).await, agent().await);
    let file = std::env::temp_dir().join(format!("cutover-it-secret-{}", std::process::id()));
    std::fs::write(&file, "first-secret\n").unwrap();
    let gateway = gateway(&oidc, &fake, &format!("{{ token: '${{file:{}}}' }}", file.display())).await;
    assert_eq!(ask(&gateway, "dapi-secret").await.status, 200);
    for (content, expected) in [("second-secret", "Bearer second-secret"), ("", "Bearer second-secret")] {
        std::fs::write(&file, content).unwrap();
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(ask(&gateway, "dapi-secret").await.status, 200);
        assert_eq!(fake.seen().last().map(shown).as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_reload_forgets_no_key_and_no_token() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, agent().await);
    gives(&oidc, 600);
    let gateway = gateway(&oidc, &fake, OWN).await;
    assert_eq!(ask(&gateway, &oidc.token(&signer, &json!({}))).await.status, 200);
    gateway.reload();
    oidc.set_up(false);
    assert_eq!(ask(&gateway, &oidc.token(&signer, &json!({"sub": "bob"}))).await.status, 200);
    assert_eq!(oidc.asked(TOKEN).len(), 1);
}
