//! `ca`: the certificate authorities that are trusted instead of the machine's own.

use std::fmt;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::node::Node;

const BUNDLE: &str = "a PEM file of certificates, such as `ca.pem`";

/// Largest bundle that is read; those of operating systems are well below.
const LARGEST: u64 = 4 << 20;

/// A bundle of certificates.
#[derive(Clone, PartialEq, Eq)]
pub struct CaBundle(Arc<[CertificateDer<'static>]>);

impl CaBundle {
    /// Its certificates.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter()
    }

    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let file = node.file(BUNDLE, LARGEST)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Some(Self(certificates.into())),
            _ => node.problem(format!("holds no certificates that can be read; write {BUNDLE}")),
        }
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaBundle({} certificates)", self.0.len())
    }
}
