//! Backends behind TLS: HTTP/2 where they offer it, HTTP/1.1 where not, and nobody with a wrong certificate.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::support::says::{self, Act, TEXT};
use crate::support::{Client, Gateway};

/// TLS with a certificate for `name`, and the file that it is trusted by.
pub fn acceptor(name: &str, protocols: &[&str]) -> (TlsAcceptor, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let file = std::env::temp_dir().join(format!("cutover-tls-{}-{}.pem", std::process::id(), fastrand::u64(..)));
    std::fs::write(&file, certificate.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate.der().to_vec())],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), file)
}

/// A backend behind TLS that answers with the protocol it was spoken to in; its certificate is for `name`.
async fn backend(name: &str, protocols: &[&str]) -> (SocketAddr, PathBuf) {
    let (acceptor, file) = acceptor(name, protocols);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = hyper::service::service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                    let json = says::plain("responses", Act::Text)
                        .replace("Hello", &format!("{:?}: Hello", request.version()));
                    let answer = http::Response::builder().header("content-type", "application/json");
                    answer.body(Full::new(Bytes::from(json)))
                });
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, file)
}

/// The binary, which takes the system's roots from `SSL_CERT_FILE`; killed when dropped.
struct Running(Child, SocketAddr);

impl Running {
    fn start(backend: SocketAddr, roots: &PathBuf) -> Self {
        let file = roots.with_extension("yaml");
        std::fs::write(
            &file,
            format!(
                "listen: {{ clients: '127.0.0.1:0', admin: '127.0.0.1:0' }}
auth: anonymous
backends: {{ only: {{ url: 'https://localhost:{}/x', dialect: responses, credential: none }} }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }} }} ]
",
                backend.port()
            ),
        )
        .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .args(["serve", "--config", &file.display().to_string()])
            .env("SSL_CERT_FILE", roots)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let address = said["clients"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        Self(child, address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn backends_are_spoken_to_in_what_they_offer() {
    for (protocols, version) in [(&["h2", "http/1.1"][..], "HTTP/2.0"), (&["http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")]
    {
        let (address, roots) = backend("localhost", protocols).await;
        let gateway = Running::start(address, &roots);
        let client = Client::new(gateway.1);
        for _ in 0..3 {
            let answer = client.post("/v1/responses", says::request("responses", false)).await;
            assert_eq!(
                says::understand_plain("responses", &answer).text,
                format!("{version}: {TEXT}"),
                "{}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_the_backends_is_refused() {
    let (address, roots) = backend("elsewhere.example", &["h2"]).await;
    let (_, other_roots) = backend("localhost", &["h2"]).await;
    for roots in [roots, other_roots] {
        let gateway = Running::start(address, &roots);
        let answer = Client::new(gateway.1).post("/v1/responses", says::request("responses", false)).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str().unwrap()), (502, "backend_unreachable"));
    }
}

/// Nobody knows yet whether such a backend speaks HTTP/2, of which one connection would do for all: they do not wait for each
/// other, or the last would be told of a deadline that it never had.
#[tokio::test]
async fn many_who_find_a_backend_that_never_shakes_hands_are_told_at_the_same_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_, roots) = acceptor("localhost", &["h2"]);
    let gateway = Gateway::start(&format!(
        "auth: anonymous
backends:
  only: {{ url: 'https://localhost:{port}/x', dialect: responses, credential: none, ca: '{}', timeouts: {{ connect: 300ms }} }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }}, retry: {{ attempts: 1 }} }} ]
",
        roots.display()
    ))
    .await;
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let asked: Vec<_> = (0..16)
        .map(|_| {
            let client = gateway.client();
            tokio::spawn(async move {
                let begun = Instant::now();
                let answer = client.post("/v1/responses", says::request("responses", false)).await;
                (answer.status, answer.json()["error"]["code"].as_str().map(str::to_owned), begun.elapsed())
            })
        })
        .collect();
    for one in asked {
        let (status, code, waited) = one.await.unwrap();
        assert_eq!((status, code.as_deref()), (504, Some("backend_connect_timeout")), "after {waited:?}");
        assert!(waited < Duration::from_secs(2), "told after {waited:?}");
    }
    held.abort();
}
