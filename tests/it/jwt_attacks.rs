//! Tokens that attackers send: every one is a 401, costs no fetch, and leaves nothing in the log but a fingerprint.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use super::oauth::{ask, fake, gateway};
use crate::support::oidc::{KEYS, Oidc, Signer, base64url, now};
use crate::support::{Gateway, log};

/// The provider and its key, and the parts of a good token to spoil.
struct Forge {
    oidc: Oidc,
    signer: Signer,
    header: Value,
}

impl Forge {
    /// A rightly signed token with another header.
    fn header(&self, more: &Value) -> String {
        let mut header = self.header.clone();
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        self.signer.token(&header.to_string(), &self.oidc.claims(&json!({})).to_string())
    }

    /// A rightly signed token with other claims.
    fn claims(&self, more: &Value) -> String {
        self.oidc.token(&self.signer, more)
    }

    /// A rightly signed token whose claims lack one.
    fn without(&self, name: &str) -> String {
        let mut claims = self.oidc.claims(&json!({}));
        claims.as_object_mut().unwrap().remove(name);
        self.signer.token(&self.header.to_string(), &claims.to_string())
    }

    /// A rightly signed token with this text in place of its claims.
    fn text(&self, claims: &str) -> String {
        self.signer.token(&self.header.to_string(), claims)
    }

    /// A token with another header, signed with a shared secret.
    fn hmac(&self, header: &Value, secret: &[u8]) -> String {
        let signed =
            format!("{}.{}", base64url(header.to_string()), base64url(self.oidc.claims(&json!({})).to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", base64url(tag))
    }

    fn good(&self) -> String {
        self.claims(&json!({}))
    }
}

/// A token with one of its three parts put through `change`.
fn part(token: &str, place: usize, change: impl Fn(&str) -> String) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[place] = change(&parts[place]);
    parts.join(".")
}

fn header_attacks(forge: &Forge, thief: &Signer) -> Vec<(&'static str, String)> {
    let public = forge.signer.public();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&public));
    let hs256 = json!({"alg": "HS256", "kid": "k", "typ": "JWT"});
    let stolen = |header: &Value| {
        let mut whole = json!({"alg": "RS256", "kid": "k", "typ": "JWT"});
        for (name, value) in header.as_object().unwrap() {
            whole[name] = value.clone();
        }
        thief.token(&whole.to_string(), &forge.oidc.claims(&json!({})).to_string())
    };
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "kid": "k"}).to_string();
        format!("{}.{}.", base64url(header), base64url(forge.oidc.claims(&json!({})).to_string()))
    };
    vec![
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("alg nOnE", unsigned("nOnE")),
        ("alg none with a signature", forge.header(&json!({"alg": "none"}))),
        ("no alg", forge.header(&json!({"alg": null}))),
        ("an empty alg", forge.header(&json!({"alg": ""}))),
        ("alg is a list", forge.header(&json!({"alg": ["RS256"]}))),
        ("HS256 with the public key", forge.hmac(&hs256, &public)),
        ("HS256 with the public key as PEM", forge.hmac(&hs256, pem.as_bytes())),
        ("HS256 with an empty key", forge.hmac(&hs256, b"")),
        ("RS256 in name, HMAC in truth", forge.hmac(&json!({"alg": "RS256", "kid": "k"}), &public)),
        ("another algorithm of the same key", forge.header(&json!({"alg": "RS512"}))),
        ("an algorithm of another kind of key", forge.header(&json!({"alg": "ES256"}))),
        ("PS256", forge.header(&json!({"alg": "PS256"}))),
        ("another case", forge.header(&json!({"alg": "rs256"}))),
        ("a stranger's key", stolen(&json!({}))),
        ("an embedded jwk", stolen(&json!({"jwk": thief.jwk()}))),
        ("an embedded jwk without kid", stolen(&json!({"kid": null, "jwk": thief.jwk()}))),
        ("jku", stolen(&json!({"jku": "http://127.0.0.1:1/keys"}))),
        ("x5u", stolen(&json!({"x5u": "http://127.0.0.1:1/cert"}))),
        ("x5c", stolen(&json!({"x5c": [STANDARD.encode(thief.public())]}))),
        ("crit", forge.header(&json!({"crit": ["exp"], "exp": now() + 60}))),
        ("crit b64", forge.header(&json!({"crit": ["b64"], "b64": false}))),
        ("an id of a logout token", forge.header(&json!({"typ": "logout+jwt"}))),
        ("an encrypted token's typ", forge.header(&json!({"typ": "JWE"}))),
        ("kid of another type", forge.header(&json!({"kid": 7}))),
        ("two algs", {
            let header = r#"{"alg":"none","kid":"k","alg":"RS256"}"#;
            forge.signer.token(header, &forge.oidc.claims(&json!({})).to_string())
        }),
        ("two kids", {
            let header = r#"{"alg":"RS256","kid":"x","kid":"k"}"#;
            forge.signer.token(header, &forge.oidc.claims(&json!({})).to_string())
        }),
    ]
}

fn claim_attacks(forge: &Forge) -> Vec<(&'static str, String)> {
    let issuer = forge.oidc.issuer();
    let future = now() + 600;
    vec![
        ("expired", forge.claims(&json!({"exp": now() - 31}))),
        ("expired long ago", forge.claims(&json!({"exp": 0}))),
        ("exp negative", forge.claims(&json!({"exp": -1}))),
        ("exp as a string", forge.claims(&json!({"exp": future.to_string()}))),
        ("exp null", forge.claims(&json!({"exp": null}))),
        ("exp a list", forge.claims(&json!({"exp": [future]}))),
        ("exp true", forge.claims(&json!({"exp": true}))),
        ("no exp", forge.without("exp")),
        ("nbf in the future", forge.claims(&json!({"nbf": now() + 60}))),
        ("nbf as a string", forge.claims(&json!({"nbf": "0"}))),
        ("nbf null", forge.claims(&json!({"nbf": null}))),
        ("iat as a string", forge.claims(&json!({"iat": "0"}))),
        ("another audience", forge.claims(&json!({"aud": "cutove"}))),
        ("an audience in another case", forge.claims(&json!({"aud": "Cutover"}))),
        ("no audience of ours", forge.claims(&json!({"aud": ["x", "y"]}))),
        ("an empty list of audiences", forge.claims(&json!({"aud": []}))),
        ("an audience of another type", forge.claims(&json!({"aud": {"cutover": true}}))),
        ("a list in a list", forge.claims(&json!({"aud": [["cutover"]]}))),
        ("no aud", forge.without("aud")),
        ("another issuer", forge.claims(&json!({"iss": "https://evil.example"}))),
        ("the issuer with a slash", forge.claims(&json!({"iss": format!("{issuer}/")}))),
        ("the issuer in a list", forge.claims(&json!({"iss": [issuer]}))),
        ("no iss", forge.without("iss")),
        ("no subject", forge.without("sub")),
        ("an empty subject", forge.claims(&json!({"sub": ""}))),
        ("two exps", forge.text(&format!(r#"{{"iss":"{issuer}","aud":"cutover","sub":"a","exp":1,"exp":{future}}}"#))),
        ("two subjects", {
            forge.text(&format!(r#"{{"iss":"{issuer}","aud":"cutover","sub":"a","sub":"root","exp":{future}}}"#))
        }),
        ("two issuers", {
            forge.text(&format!(r#"{{"iss":"x","iss":"{issuer}","aud":"cutover","sub":"a","exp":{future}}}"#))
        }),
        (
            "exp too large for a number",
            forge.text(&format!(r#"{{"iss":"{issuer}","aud":"cutover","sub":"a","exp":1e999}}"#)),
        ),
        ("claims that are a list", forge.text("[]")),
        ("claims that are no JSON", forge.text("exp=1")),
        ("claims and more", forge.text(&format!("{} {{}}", forge.oidc.claims(&json!({}))))),
    ]
}

fn shape_attacks(forge: &Forge) -> Vec<(&'static str, String)> {
    let good = forge.good();
    let flattened = json!({"payload": good.split('.').nth(1), "protected": good.split('.').next(),
        "signature": good.split('.').nth(2)});
    let signed_bytes = || good.rsplit_once('.').unwrap();
    vec![
        ("no signature", good.rsplit_once('.').unwrap().0.to_owned()),
        ("an empty signature", part(&good, 2, |_| String::new())),
        ("a short signature", part(&good, 2, |text| text[..10].to_owned())),
        ("a changed signature", part(&good, 2, |text| format!("AAAA{}", &text[4..]))),
        ("two signatures", format!("{good}.{}", signed_bytes().1)),
        ("five parts", format!("{good}.e30.e30")),
        ("an empty header", part(&good, 0, |_| String::new())),
        ("empty claims", part(&good, 1, |_| String::new())),
        ("nothing but dots", "..".to_owned()),
        ("changed claims", part(&good, 1, |_| base64url(forge.oidc.claims(&json!({"sub": "root"})).to_string()))),
        ("padding", part(&good, 1, |text| format!("{text}="))),
        ("standard base64", part(&good, 2, |text| text.replace(['-', '_'], "+"))),
        ("space in the middle", part(&good, 1, |text| format!(" {text}"))),
        ("a tab in the middle", part(&good, 2, |text| format!("\t{text}"))),
        ("a percent sign", part(&good, 1, |text| format!("%20{text}"))),
        ("base64 of the whole", URL_SAFE.encode(&good)),
        ("flattened JSON", flattened.to_string()),
        ("general JSON", json!({"signatures": [flattened]}).to_string()),
        ("twice", format!("{good},{good}")),
        ("a second scheme", format!("Bearer {good}")),
        ("17 KiB", forge.claims(&json!({"pad": "x".repeat(17 << 10)}))),
    ]
}

async fn forge() -> (Forge, Signer, Gateway) {
    let (signer, other, thief) = (Signer::new("RS256", "k"), Signer::new("ES256", "e"), Signer::new("RS256", "k"));
    let oidc = Oidc::start(&[&signer, &other]).await;
    let fake = fake().await;
    let gateway = gateway(&fake, &[&oidc], "").await;
    let header = json!({"alg": "RS256", "kid": "k", "typ": "JWT"});
    (Forge { oidc, signer, header }, thief, gateway)
}

#[tokio::test]
async fn no_attack_gets_in() {
    let (forge, thief, gateway) = forge().await;
    assert_eq!(ask(&gateway, &forge.good()).await.status, 200, "the forge works");
    let mut attacks = header_attacks(&forge, &thief);
    attacks.extend(claim_attacks(&forge));
    attacks.extend(shape_attacks(&forge));
    assert!(attacks.len() >= 80, "{}", attacks.len());
    for (what, token) in attacks {
        let answer = ask(&gateway, &token).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer"), "{what}: {challenge}");
        let tail = token.rsplit('.').next().unwrap();
        assert!(tail.len() < 8 || !answer.text().contains(tail), "{what}: the answer repeats the token");
    }
    assert!(forge.oidc.asked(KEYS).len() <= 2, "{} fetches", forge.oidc.asked(KEYS).len());
    assert_eq!(ask(&gateway, &forge.good()).await.status, 200, "and the gateway lives");
    log::check(&gateway.said_to_operators().await);
}

#[tokio::test]
async fn a_head_too_large_for_a_header_is_refused_before_it_is_a_token() {
    let (forge, _, gateway) = forge().await;
    let answer = ask(&gateway, &forge.claims(&json!({"pad": "x".repeat(1 << 20)}))).await;
    assert!(matches!(answer.status, 401 | 431), "{}", answer.status);
    assert_eq!(forge.oidc.asked(KEYS).len(), 0);
}

#[tokio::test]
async fn a_token_of_a_megabyte_is_no_token_where_heads_may_be_that_large() {
    let (forge, _, _) = forge().await;
    let fake = fake().await;
    let text = format!("limits: {{ head: 4MiB }}\n{}", super::oauth::config(&fake, &[&forge.oidc], ""));
    let gateway = Gateway::start(&text).await;
    let answer = ask(&gateway, &forge.claims(&json!({"pad": "x".repeat(1 << 20)}))).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!((forge.oidc.asked(KEYS).len(), fake.seen().len()), (0, 0));
    assert_eq!(ask(&gateway, &forge.good()).await.status, 200);
}

#[tokio::test]
async fn two_tokens_that_begin_alike_are_two_callers() {
    let (forge, _, gateway) = forge().await;
    let good = forge.good();
    assert_eq!(ask(&gateway, &good).await.status, 200);
    let alike = part(&good, 2, |text| format!("{}AAAA", &text[..text.len() - 4]));
    assert_eq!(ask(&gateway, &alike).await.status, 401, "only the end differs");
    assert_eq!(ask(&gateway, &good).await.status, 200);
}
