//! Knowing a caller: by a JWT that was seen a moment ago, by one that was not, and by a listed PAT.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cutover::auth::{Authenticator, digest, hex};
use cutover::config::Config;
use divan::{Bencher, black_box};
use futures_util::FutureExt as _;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// An issuer with one RSA key, which it publishes to whoever asks.
struct Issuer {
    name: String,
    key: RsaKeyPair,
}

impl Issuer {
    fn start() -> Self {
        let key = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
        let set = format!(
            r#"{{"keys":[{{"kty":"RSA","alg":"RS256","kid":"k","n":"{}","e":"{}"}}]}}"#,
            URL_SAFE_NO_PAD.encode(n.big_endian_without_leading_zero()),
            URL_SAFE_NO_PAD.encode(e.big_endian_without_leading_zero())
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{set}",
                    set.len()
                );
            }
        });
        Self { name, key }
    }

    /// An access token as a workspace gives them: about 900 bytes.
    fn token(&self, subject: &str, life: i64) -> String {
        let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed() + life;
        let claims = format!(
            r#"{{"iss":"{}","aud":"1234567890123456","sub":"{subject}","exp":{expires},"scope":"all-apis offline_access",
            "client_id":"00000000-0000-0000-0000-000000000000","jti":"00000000-0000-0000-0000-000000000000","groups":["a","b"]}}"#,
            self.name
        );
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k","typ":"at+jwt"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn authenticator(auth: &str) -> Authenticator {
    let text = format!(
        "auth: {auth}
backends: {{ only: {{ url: 'http://127.0.0.1:1/x', dialect: responses }} }}
routes: [ {{ name: agent, split: {{ only: 1 }} }} ]"
    );
    let config =
        Config::parse(&text, std::path::Path::new(""), &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    Authenticator::new(&config.auth, None).unwrap()
}

fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    headers
}

/// Authenticates each of some requests in turn; nobody has to be asked.
fn run(bencher: Bencher<'_, '_>, auth: &Authenticator, requests: &[HeaderMap]) {
    let mut turn = 0;
    bencher.bench_local(|| {
        turn = (turn + 1) % requests.len();
        auth.authenticate(black_box(&requests[turn]), None).now_or_never().unwrap().unwrap()
    });
}

/// An authenticator that has the issuer's keys, and requests of `callers` callers whose tokens live for `life` seconds.
fn oauth(callers: usize, life: i64) -> (Authenticator, Vec<HeaderMap>) {
    let issuer = Issuer::start();
    let auth = authenticator(&format!(
        "[ {{ pat: {{ tokens: [ {{ name: ci, sha256: {} }} ] }} }}, {{ oauth: {{ issuer: '{1}', jwks_uri: '{1}/keys', audience: \
         '1234567890123456' }} }} ]",
        hex(&digest("dapi-ci")),
        issuer.name
    ));
    let requests: Vec<_> =
        (0..callers).map(|caller| bearer(&issuer.token(&format!("caller-{caller}"), life))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(auth.authenticate(&requests[0], None)).unwrap();
    (auth, requests)
}

#[divan::bench]
fn authenticate_from_cache(bencher: Bencher<'_, '_>) {
    let (auth, requests) = oauth(100, 3600);
    for request in &requests {
        auth.authenticate(request, None).now_or_never().unwrap().unwrap();
    }
    run(bencher, &auth, &requests);
}

#[divan::bench(max_time = 5)]
fn authenticate_by_signature(bencher: Bencher<'_, '_>) {
    // A token that has just ended is taken within the leeway, and never remembered.
    let (auth, requests) = oauth(1, -1);
    run(bencher, &auth, &requests);
}

#[divan::bench(args = [1, 100, 1_000])]
fn authenticate_by_listed_pat(bencher: Bencher<'_, '_>, listed: usize) {
    let entries: Vec<_> = (0..listed)
        .map(|place| format!("{{ name: n{place}, sha256: {} }}", hex(&digest(&format!("dapi-{place}")))))
        .collect();
    let auth = authenticator(&format!("[ {{ pat: {{ tokens: [ {} ] }} }} ]", entries.join(", ")));
    run(bencher, &auth, &[bearer("dapi-0")]);
}
