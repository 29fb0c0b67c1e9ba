//! An OpenID provider and a workspace in one: it publishes keys, signs tokens, gives tokens out, and fails as it is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::fake::{Seen, plain, read};
use super::log;

/// Base64 as tokens have it.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A key pair with its name.
pub struct Signer {
    /// Its `kid`.
    pub kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    /// A new key for `RS256`, `ES256` or `EdDSA`.
    pub fn new(algorithm: &str, kid: &str) -> Self {
        let pair = match algorithm {
            "RS256" => Pair::Rsa(RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap()),
            "ES256" => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            _ => Pair::Ed(Ed25519KeyPair::generate().unwrap()),
        };
        Self { kid: kid.into(), pair }
    }

    /// The algorithm of its signatures.
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// Its public half as bytes, as an attacker would use it for a shared secret.
    pub fn public(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// Its public half as a JSON Web Key.
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                json!({"kty": "RSA", "use": "sig", "kid": self.kid, "alg": "RS256",
                    "n": base64url(n.big_endian_without_leading_zero()), "e": base64url(e.big_endian_without_leading_zero())})
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "x": base64url(&point[1..33]), "y": base64url(&point[33..])})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": base64url(pair.public_key())})
            }
        }
    }

    /// A signature.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with this header and these claims, both written as they are.
    pub fn token(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let token = format!("{signed}.{}", base64url(self.sign(signed.as_bytes())));
        log::forbid(&token);
        token
    }
}

type Answers = Box<dyn Fn(&Seen) -> (u16, String) + Send>;

struct State {
    published: Vec<Value>,
    up: bool,
    delay: Duration,
    asked: HashMap<String, Vec<Seen>>,
    token: Answers,
    me: Answers,
}

/// A running provider.
pub struct Oidc {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// Where its keys are: at no path that anyone would guess.
pub const KEYS: &str = "/some/where/k3ys";

/// Where it gives tokens.
pub const TOKEN: &str = "/oidc/v1/token-here";

/// Where it says whose token one is.
pub const ME: &str = "/api/2.0/preview/scim/v2/Me";

impl Oidc {
    /// A provider that publishes these keys.
    pub async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = |status, body: &str| -> Answers {
            let body = body.to_owned();
            Box::new(move |_| (status, body.clone()))
        };
        let state = Arc::new(Mutex::new(State {
            published: signers.iter().map(|signer| signer.jwk()).collect(),
            up: true,
            delay: Duration::ZERO,
            asked: HashMap::new(),
            token: answer(400, r#"{"error":"unsupported_grant_type"}"#),
            me: answer(401, r#"{"detail":"no"}"#),
        }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let Some((head, body)) = read(&mut stream).await else { return };
                    let seen = Seen { head, body, gone: None };
                    let (answer, delay) = state.lock().unwrap().answer(address, &seen);
                    tokio::time::sleep(delay).await;
                    if let Some(answer) = answer {
                        let _ = stream.write_all(&answer).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
        Self { address, state }
    }

    /// Its name in tokens.
    pub fn issuer(&self) -> String {
        format!("http://{}/oidc", self.address)
    }

    /// Claims that are right for it, with `more` beside or instead.
    pub fn claims(&self, more: &Value) -> Value {
        let mut claims =
            json!({"iss": self.issuer(), "aud": "cutover", "sub": "alice", "iat": now(), "exp": now() + 600});
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    /// A right token with `more` claims.
    pub fn token(&self, signer: &Signer, more: &Value) -> String {
        let header = json!({"alg": signer.algorithm(), "kid": signer.kid, "typ": "at+jwt"});
        signer.token(&header.to_string(), &self.claims(more).to_string())
    }

    /// What it publishes from now on.
    pub fn publish(&self, keys: Vec<Value>) {
        self.state.lock().unwrap().published = keys;
    }

    /// Whether it answers.
    pub fn set_up(&self, up: bool) {
        self.state.lock().unwrap().up = up;
    }

    /// How long it takes to answer.
    pub fn set_delay(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
    }

    /// How it answers who asks for a token.
    pub fn on_token(&self, answer: impl Fn(&Seen) -> (u16, String) + Send + 'static) {
        self.state.lock().unwrap().token = Box::new(answer);
    }

    /// How it answers who asks whose token one is.
    pub fn on_me(&self, answer: impl Fn(&Seen) -> (u16, String) + Send + 'static) {
        self.state.lock().unwrap().me = Box::new(answer);
    }

    /// What it was asked on a path.
    pub fn asked(&self, path: &str) -> Vec<Seen> {
        self.state.lock().unwrap().asked.get(path).cloned().unwrap_or_default()
    }
}

impl State {
    fn answer(&mut self, address: SocketAddr, seen: &Seen) -> (Option<Vec<u8>>, Duration) {
        let path = seen.head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.asked.entry(path.clone()).or_default().push(seen.clone());
        if !self.up {
            return (None, Duration::ZERO);
        }
        let origin = format!("http://{address}");
        let issuer = format!("{origin}/oidc");
        let (status, body) = match path.as_str() {
            "/.well-known/databricks-config" => (200, json!({"oidc_endpoint": issuer}).to_string()),
            "/oidc/.well-known/openid-configuration" | "/oidc/.well-known/oauth-authorization-server" => {
                let (keys, token) = (format!("{origin}{KEYS}"), format!("{origin}{TOKEN}"));
                (200, json!({"issuer": issuer, "jwks_uri": keys, "token_endpoint": token}).to_string())
            }
            KEYS => (200, json!({"keys": self.published}).to_string()),
            TOKEN => (self.token)(seen),
            ME => (self.me)(seen),
            _ => (404, "{}".to_owned()),
        };
        (Some(plain(status, "application/json", &body)), self.delay)
    }
}
