//! The log at its most talkative, of the libraries too: over HTTP/2 and over TLS it has no token in it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;
use tracing_subscriber::EnvFilter;

use crate::support::oidc::{Oidc, Signer};
use crate::support::says::{self, Act};
use crate::support::{Fake, Gateway};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_library_writes_a_token_down() {
    let lines = Lines::default();
    let writer = lines.clone();
    let everything = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("trace"));
    // This test's tasks all run on this thread.
    let _guard = tracing::subscriber::set_default(everything.with_writer(move || writer.clone()).finish());
    let signer = Signer::new("ES256", "e");
    let oidc = Oidc::start(&[&signer]).await;
    oidc.on_token(|_| (200, json!({"access_token": "issued-in-traces", "token_type": "Bearer"}).to_string()));
    oidc.on_me(|_| (200, json!({"userName": "a@example.com"}).to_string()));
    let fake = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let own = "client_credentials: { id: sp, secret: 'secret-in-traces' }";
    let gateway = Gateway::start(&format!(
        "workspace: 'http://{}'
auth: [ {{ oauth: {{ issuer: '{}', audience: cutover }} }}, {{ pat: {{ verify: workspace }} }} ]
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, credential: {{ {own} }}, identity: forwarded_with_token }} }}
routes: [ {{ name: agent, split: {{ only: 1 }} }} ]
",
        oidc.address,
        oidc.issuer(),
        fake.address
    ))
    .await;
    let jwt = oidc.token(&signer, &json!({}));
    let io = TokioIo::new(TcpStream::connect(gateway.clients).await.unwrap());
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    for (token, status) in [(jwt.as_str(), 200), ("dapi-in-traces", 200), (&jwt[..jwt.len() - 8], 401)] {
        let request = http::Request::post(format!("http://{}/v1/responses", gateway.clients))
            .header("authorization", format!("Bearer {token}"))
            .body(Full::new(Bytes::from(says::request("responses", false))))
            .unwrap();
        let answer = client.send_request(request).await.unwrap();
        assert_eq!(answer.status(), status);
        let mut body = answer.into_body();
        while body.frame().await.is_some() {}
    }
    let said = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(said.contains("h2::") && said.contains("TRACE"), "the libraries are heard");
    for secret in [jwt.rsplit('.').next().unwrap(), "dapi-in-traces", "issued-in-traces", "secret-in-traces"] {
        assert!(!said.contains(secret), "{}", said.lines().find(|line| line.contains(secret)).unwrap_or_default());
    }
}
