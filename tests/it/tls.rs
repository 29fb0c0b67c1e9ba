//! Backends behind TLS: HTTP/2 where they offer it, HTTP/1.1 where not, and nobody with a wrong certificate.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::support::Client;
use crate::support::says::{self, Act, TEXT};

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
