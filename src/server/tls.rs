//! TLS for clients: certificates that follow their files, and who the client is if it shows a certificate of its own.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::{self, Watched};

/// The name in a client's certificate, which an authority of the config has signed. Requests carry it as an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerName(pub Arc<str>);

/// What a TLS listener shows; handshakes that have begun, and connections, keep what they began with.
pub struct Tls(Watched<ServerConfig>);

impl Tls {
    /// Reads the certificates for the first time.
    ///
    /// # Errors
    /// When they cannot be read or do not belong together; the text names the file.
    pub fn new(config: &config::Tls) -> io::Result<Self> {
        let mut files = vec![config.cert.clone(), config.key.clone()];
        files.extend(config.client_ca.clone());
        let config = config.clone();
        let read = move || server_config(&config);
        Watched::open(files, read).map(Self).map_err(io::Error::other)
    }

    /// Shakes hands within a deadline.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        deadline: Duration,
    ) -> io::Result<(Box<TlsStream<TcpStream>>, Option<PeerName>)> {
        let acceptor = TlsAcceptor::from(self.0.get());
        let stream = tokio::time::timeout(deadline, acceptor.accept(stream))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long"))??;
        let peer = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).and_then(name);
        Ok((Box::new(stream), peer))
    }
}

/// The name in a certificate: its first URI (as SPIFFE has them), otherwise its first host.
fn name(certificate: &CertificateDer<'_>) -> Option<PeerName> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let name = certificate.valid_uri_names().next().or_else(|| certificate.valid_dns_names().next())?;
    Some(PeerName(name.into()))
}

fn server_config(config: &config::Tls) -> Result<ServerConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| format!("{}: {error}", path.display()))?)
        }
    };
    let key =
        PrivateKeyDer::from_pem_file(&config.key).map_err(|error| format!("{}: {error}", config.key.display()))?;
    let built = builder.with_single_cert(certificates(&config.cert)?, key);
    let mut built = built.map_err(|error| format!("{}: {error}", config.cert.display()))?;
    built.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(built)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(format!("{}: there is no certificate in it", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
