//! Clients by TLS: both versions, certificates that change under way, clients with certificates of their own; and
//! backends whose authority the config names.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::oauth::fake;
use crate::support::says::{self, Act};
use crate::support::{Fake, Gateway, plain};

/// A certificate and its key.
struct Pair {
    cert: CertificateDer<'static>,
    key: KeyPair,
    pem: String,
}

/// A certificate of `localhost` that vouches for itself.
fn own() -> Pair {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap().self_signed(&key).unwrap();
    Pair { cert: cert.der().clone(), pem: cert.pem(), key }
}

/// An authority, and a client's certificate that it has signed.
fn signed(name: &str) -> (String, Pair) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::from_params(&params, &ca_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.subject_alt_names = vec![SanType::URI(name.try_into().unwrap())];
    let cert = params.signed_by(&key, &issuer).unwrap();
    (ca, Pair { cert: cert.der().clone(), pem: cert.pem(), key })
}

/// Files for a test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("cutover-it-client-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn pair(&self, pair: &Pair) -> String {
        let (cert, key) = (self.write("cert.pem", &pair.pem), self.write("key.pem", &pair.key.serialize_pem()));
        format!("cert: '{cert}', key: '{key}'")
    }
}

async fn gateway(fake: &Fake, tls: &str, auth: &str) -> Gateway {
    Gateway::start(&format!(
        "listen: {{ clients: {{ address: '127.0.0.1:0', tls: {{ {tls} }} }}, admin: '127.0.0.1:0' }}
timeouts: {{ head: 500ms }}
auth: {auth}
backends:
  only: {{ url: 'http://{}/x', dialect: responses, verbatim: true, credential: none, identity: forwarded }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }} }} ]
",
        fake.address
    ))
    .await
}

type Version = &'static SupportedProtocolVersion;
const BOTH: [Version; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A connection to the gateway by a client that trusts one certificate and shows another, if it has one.
async fn connect(
    gateway: &Gateway,
    trusts: &Pair,
    shows: Option<&Pair>,
    versions: &[Version],
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_to(gateway.clients, trusts, shows, versions).await
}

async fn connect_to(
    address: SocketAddr,
    trusts: &Pair,
    shows: Option<&Pair>,
    versions: &[Version],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusts.cert.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
    let config = match shows {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let key = PrivateKeyDer::try_from(pair.key.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![pair.cert.clone()], key).unwrap()
        }
    };
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// The status of a request on a connection, which stays open.
async fn ask(stream: &mut TlsStream<TcpStream>) -> std::io::Result<u16> {
    let body = says::request("responses", false);
    let head =
        format!("POST /v1/responses HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(says::TEXT) {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap().parse().unwrap())
}

#[tokio::test]
async fn both_versions_are_spoken_and_nothing_in_clear() {
    let (fake, files, own) = (fake().await, Files::new("versions"), own());
    let gateway = gateway(&fake, &files.pair(&own), "anonymous").await;
    for version in BOTH {
        let mut stream = connect(&gateway, &own, None, &[version]).await.unwrap();
        assert_eq!(ask(&mut stream).await.unwrap(), 200);
        assert_eq!(ask(&mut stream).await.unwrap(), 200, "and the connection is kept");
    }
    let mut clear = gateway.client().begin("GET", "/v1/models", b"").await;
    let mut answer = Vec::new();
    let _ = clear.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let (fake, files, own) = (fake().await, Files::new("handshake"), own());
    let gateway = gateway(&fake, &files.pair(&own), "anonymous").await;
    let mut silent = TcpStream::connect(gateway.clients).await.unwrap();
    let begun = Instant::now();
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap_or(0), 0);
    assert!((400..1500).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_new_certificate_is_shown_and_no_connection_is_dropped() {
    let (fake, files) = (fake().await, Files::new("reload"));
    let (old, new, other) = (own(), own(), own());
    let gateway = gateway(&fake, &files.pair(&old), "anonymous").await;
    let mut kept = connect(&gateway, &old, None, &BOTH).await.unwrap();
    assert_eq!(ask(&mut kept).await.unwrap(), 200);
    files.pair(&new);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(ask(&mut connect(&gateway, &new, None, &BOTH).await.unwrap()).await.unwrap(), 200);
    assert!(connect(&gateway, &old, None, &BOTH).await.is_err(), "the old one is not shown any more");
    assert_eq!(ask(&mut kept).await.unwrap(), 200, "a connection of before");
    // A certificate without its key changes nothing.
    files.write("cert.pem", &other.pem);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(ask(&mut connect(&gateway, &new, None, &BOTH).await.unwrap()).await.unwrap(), 200);
}

#[tokio::test]
async fn a_clients_certificate_is_asked_for_and_says_who_calls() {
    let (fake, files, own) = (fake().await, Files::new("client"), own());
    let (ca, client) = signed("spiffe://prod/support");
    let (_, stranger) = signed("spiffe://prod/support");
    let ca = files.write("ca.pem", &ca);
    let tls = format!("{}, client_ca: '{ca}'", files.pair(&own));
    let gateway = gateway(&fake, &tls, "[ { certificate: { names: [ 'spiffe://prod/*' ] } } ]").await;
    assert_eq!(ask(&mut connect(&gateway, &own, Some(&client), &BOTH).await.unwrap()).await.unwrap(), 200);
    assert_eq!(fake.only().header("x-forwarded-user").as_deref(), Some("spiffe://prod/support"));
    for shows in [None, Some(&stranger)] {
        // With TLS 1.3 the client learns of the refusal only when it reads.
        let refused = match connect(&gateway, &own, shows, &BOTH).await {
            Err(_) => true,
            Ok(mut stream) => ask(&mut stream).await.is_err(),
        };
        assert!(refused);
    }
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn operators_come_by_tls_too_and_may_be_known_by_their_certificates() {
    let (fake, files) = (fake().await, Files::new("operators"));
    let (old, new) = (own(), own());
    let (ca, boss) = signed("spiffe://prod/boss");
    let tls = format!("{}, client_ca: '{}'", files.pair(&old), files.write("ca.pem", &ca));
    let gateway = Gateway::start(&format!(
        "listen:
  clients: '127.0.0.1:0'
  admin: {{ address: '127.0.0.1:0', tls: {{ {tls} }}, auth: {{ operator: {{ subjects: [ 'spiffe://prod/boss' ] }} }} }}
auth: [ {{ certificate: {{ names: [ 'spiffe://prod/*' ] }} }} ]
backends: {{ only: {{ url: 'http://{}/x', dialect: responses, credential: none }} }}
routes: [ {{ name: agent, split: {{ only: 1 }} }} ]
",
        fake.address
    ))
    .await;
    let ask = async |trusts: &Pair| {
        let mut stream = connect_to(gateway.admin, trusts, Some(&boss), &BOTH).await?;
        stream.write_all(b"GET /api/v1/version HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    assert!(ask(&old).await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(ask(&new).await.is_err());
    files.pair(&new);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(ask(&new).await.unwrap().starts_with("HTTP/1.1 200"), "certificates are read again");
    assert!(ask(&old).await.is_err());
}

#[tokio::test]
async fn a_backend_may_have_an_authority_of_its_own() {
    let (files, own) = (Files::new("backend"), own());
    let key = PrivateKeyDer::try_from(own.key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![own.cert.clone()], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = plain(200, "application/json", &says::plain("responses", Act::Text));
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    let ca = files.write("ca.pem", &own.pem);
    for (ca, status) in [(format!(", ca: '{ca}'"), 200), (String::new(), 502)] {
        let gateway = Gateway::start(&format!(
            "auth: anonymous
backends: {{ only: {{ url: 'https://{address}/x', dialect: responses, verbatim: true, credential: none {ca} }} }}
routes: [ {{ name: agent, split: {{ only: 1 }} }} ]
"
        ))
        .await;
        let answer = gateway.client().post("/v1/responses", says::request("responses", false)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}
