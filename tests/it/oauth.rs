//! OAuth callers: whose tokens are taken, where keys come from and how often, and what an outage changes.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::support::oidc::{KEYS, Oidc, Signer, now};
use crate::support::says::{self, Act};
use crate::support::{Answer, Fake, Gateway, log};

/// A gateway whose callers are those of these providers, with `more` settings for each of them.
pub async fn gateway(fake: &Fake, providers: &[&Oidc], more: &str) -> Gateway {
    Gateway::start(&config(fake, providers, more)).await
}

pub fn config(fake: &Fake, providers: &[&Oidc], more: &str) -> String {
    let methods: Vec<_> = providers
        .iter()
        .map(|oidc| format!("{{ oauth: {{ issuer: '{}', audience: [ other, cutover ] {more} }} }}", oidc.issuer()))
        .collect();
    format!(
        "auth: [ {} ]
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, verbatim: true, credential: none }} }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }} }} ]
",
        methods.join(", "),
        fake.address
    )
}

pub async fn fake() -> Fake {
    Fake::json(200, &says::plain("responses", Act::Text)).await
}

/// Asks with a token.
pub async fn ask(gateway: &Gateway, token: &str) -> Answer {
    let client = gateway.client().header("authorization", &format!("Bearer {token}"));
    client.post("/v1/responses", says::request("responses", false)).await
}

#[tokio::test]
async fn tokens_of_several_issuers_and_algorithms_are_taken() {
    let signers = [Signer::new("RS256", "r"), Signer::new("ES256", "e"), Signer::new("EdDSA", "d")];
    let (one, two) = (Oidc::start(&[&signers[0], &signers[1]]).await, Oidc::start(&[&signers[2]]).await);
    let fake = fake().await;
    let gateway = gateway(&fake, &[&one, &two], "").await;
    for (oidc, signer) in [(&one, &signers[0]), (&one, &signers[1]), (&two, &signers[2])] {
        for claims in
            [json!({}), json!({"aud": ["x", "cutover"]}), json!({"exp": now() - 5}), json!({"nbf": now() + 5})]
        {
            let answer = ask(&gateway, &oidc.token(signer, &claims)).await;
            assert_eq!(answer.status, 200, "{claims}: {}", answer.text());
        }
    }
    assert_eq!((one.asked(KEYS).len(), two.asked(KEYS).len()), (1, 1));
    // A right signature of the wrong issuer.
    let answer = ask(&gateway, &two.token(&signers[0], &json!({}))).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    log::check("");
}

#[tokio::test]
async fn a_refusal_says_why_and_how_to_do_better() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    let gateway = gateway(&fake, &[&oidc], ", scopes: [ all-apis, read ], leeway: 0s").await;
    let scoped = |scope| oidc.token(&signer, &json!({"scope": scope}));
    assert_eq!(ask(&gateway, &scoped("read write all-apis")).await.status, 200);
    let lacking = ask(&gateway, &scoped("write read")).await;
    assert_eq!(lacking.status, 403, "{}", lacking.text());
    assert_eq!(lacking.header("www-authenticate"), Some("Bearer error=\"insufficient_scope\", scope=\"all-apis\""));
    let expired = ask(&gateway, &oidc.token(&signer, &json!({"exp": now() - 1}))).await;
    assert_eq!(expired.status, 401);
    assert_eq!(expired.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    assert_eq!(expired.json()["error"]["message"], "the token is not accepted: it has expired");
    let logged = log::lines();
    assert!(logged.contains("it has expired: token "), "the log has the reason and a fingerprint");
    log::check(&expired.text());
}

#[tokio::test]
async fn a_token_that_expires_is_not_served_from_the_cache() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    let gateway = gateway(&fake, &[&oidc], ", leeway: 0s").await;
    let token = oidc.token(&signer, &json!({"exp": now() + 2}));
    assert_eq!(ask(&gateway, &token).await.status, 200);
    assert_eq!(ask(&gateway, &token).await.status, 200);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(ask(&gateway, &token).await.status, 401);
}

#[tokio::test]
async fn a_reload_forgets_callers_and_no_keys() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    let text = config(&fake, &[&oidc], "");
    let gateway = Gateway::start(&text).await;
    let token = oidc.token(&signer, &json!({}));
    assert_eq!(ask(&gateway, &token).await.status, 200);
    for (other, status) in [("audience: [ other ]", 401), ("audience: cutover, scopes: all-apis", 403)] {
        gateway.reload_as(&text.replace("audience: [ other, cutover ]", other));
        assert_eq!(ask(&gateway, &token).await.status, status, "by the rules of now: {other}");
    }
    gateway.reload_as(&text);
    assert_eq!(ask(&gateway, &token).await.status, 200);
    assert_eq!(oidc.asked(KEYS).len(), 1);
}

#[tokio::test]
async fn a_storm_of_unknown_kids_fetches_twice_and_the_known_key_serves_on() {
    let (signer, stranger) = (Signer::new("ES256", "e"), Signer::new("ES256", "x"));
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    let gateway = gateway(&fake, &[&oidc], "").await;
    let mut storm = tokio::task::JoinSet::new();
    for number in 0..300 {
        let header = json!({"alg": "ES256", "kid": format!("../../etc/{number}' OR 1=1")});
        let token = stranger.token(&header.to_string(), &oidc.claims(&json!({})).to_string());
        let client = gateway.client().header("authorization", &format!("Bearer {token}"));
        storm.spawn(async move { client.post("/v1/responses", "{}").await.status });
    }
    while let Some(status) = storm.join_next().await {
        assert_eq!(status.unwrap(), 401);
    }
    assert_eq!(ask(&gateway, &oidc.token(&signer, &json!({}))).await.status, 200);
    assert!(oidc.asked(KEYS).len() <= 2, "{} fetches", oidc.asked(KEYS).len());
    log::check("");
}

#[tokio::test]
async fn an_empty_set_of_keys_is_not_asked_for_again_and_again() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[]).await, fake().await);
    let gateway = gateway(&fake, &[&oidc], "").await;
    for _ in 0..20 {
        let answer = ask(&gateway, &oidc.token(&signer, &json!({}))).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text());
    }
    assert_eq!(oidc.asked(KEYS).len(), 2);
}

#[tokio::test]
async fn fifty_cold_callers_cause_one_fetch() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    oidc.set_delay(Duration::from_millis(100));
    let gateway = gateway(&fake, &[&oidc], "").await;
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..50 {
        let token = oidc.token(&signer, &json!({"sub": format!("caller-{number}")}));
        let client = gateway.client().header("authorization", &format!("Bearer {token}"));
        callers.spawn(async move { client.post("/v1/responses", says::request("responses", false)).await.status });
    }
    while let Some(status) = callers.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(oidc.asked(KEYS).len(), 1);
}

#[tokio::test]
async fn keys_rotate_and_an_outage_changes_nothing_for_known_ones() {
    let (old, new) = (Signer::new("ES256", "old"), Signer::new("RS256", "new"));
    let (oidc, fake) = (Oidc::start(&[&old]).await, fake().await);
    let gateway = gateway(&fake, &[&oidc], "").await;
    let token = |signer: &Signer, subject: &str| oidc.token(signer, &json!({"sub": subject}));
    assert_eq!(ask(&gateway, &token(&old, "a")).await.status, 200);
    oidc.publish(vec![old.jwk(), new.jwk()]);
    assert_eq!(ask(&gateway, &token(&new, "b")).await.status, 200, "the issuer's next key");
    oidc.set_up(false);
    for (signer, subject) in [(&old, "c"), (&new, "d")] {
        let begun = Instant::now();
        assert_eq!(ask(&gateway, &token(signer, subject)).await.status, 200);
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_provider_that_was_never_there_is_no_fault_of_the_caller() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    oidc.set_up(false);
    let gateway = gateway(&fake, &[&oidc], "").await;
    let answer = ask(&gateway, &oidc.token(&signer, &json!({}))).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (503, Some("identity_unavailable")));
}

#[tokio::test]
async fn a_provider_that_starts_after_us_is_found_soon() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    // Nothing listens yet where the keys will be.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let later = free.local_addr().unwrap();
    drop(free);
    let gateway = gateway(&fake, &[&oidc], &format!(", jwks_uri: 'http://{later}{KEYS}'")).await;
    let (provider, token) = (oidc.address, oidc.token(&signer, &json!({})));
    for _ in 0..20 {
        assert_eq!(ask(&gateway, &token).await.status, 503);
    }
    let listener = TcpListener::bind(later).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut provider = TcpStream::connect(provider).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut provider).await });
        }
    });
    let begun = Instant::now();
    while ask(&gateway, &token).await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(5), "its keys are not asked for again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn keys_can_be_named_and_discovery_must_be_of_the_issuer() {
    let signer = Signer::new("ES256", "e");
    let (oidc, fake) = (Oidc::start(&[&signer]).await, fake().await);
    let named = gateway(&fake, &[&oidc], &format!(", jwks_uri: 'http://{}{KEYS}'", oidc.address)).await;
    assert_eq!(ask(&named, &oidc.token(&signer, &json!({}))).await.status, 200);
    assert_eq!(oidc.asked("/oidc/.well-known/openid-configuration").len(), 0);
    // The document at this issuer's place says that it is of `.../oidc`, without the slash.
    let text = format!(
        "auth: [ {{ oauth: {{ issuer: '{}/', audience: cutover }} }} ]
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, credential: none }} }}
routes: [ {{ name: agent, split: {{ only: 1 }} }} ]
",
        oidc.issuer(),
        fake.address
    );
    let other = Gateway::start(&text).await;
    let token = oidc.token(&signer, &json!({"iss": format!("{}/", oidc.issuer())}));
    assert_eq!(ask(&other, &token).await.status, 503);
}
