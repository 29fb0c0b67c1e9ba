//! A public key of an issuer: what kind it is decides which algorithm it checks, and nothing else does.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::Algorithm;

/// Most keys of a set that are looked at.
const MOST: usize = 100;

/// A key that signatures are checked with.
pub(super) struct Key {
    kid: Option<String>,
    public: Public,
}

enum Public {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    P256(UnparsedPublicKey<Vec<u8>>),
    Ed25519(UnparsedPublicKey<Vec<u8>>),
}

/// A JSON Web Key (RFC 7517). Symmetric keys (`oct`) have no place to go.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a set that are for signatures of a known algorithm; `None` if it is no set.
pub(super) fn read_set(bytes: &[u8]) -> Option<Vec<Key>> {
    #[derive(Deserialize)]
    struct Set<'a> {
        #[serde(borrow)]
        keys: Vec<&'a RawValue>,
    }
    let set: Set<'_> = serde_json::from_slice(bytes).ok()?;
    Some(set.keys.into_iter().take(MOST).filter_map(|key| Key::read(key.get())).collect())
}

impl Key {
    fn read(json: &str) -> Option<Self> {
        let jwk: Jwk = serde_json::from_str(json).ok()?;
        if jwk.r#use.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let (public, algorithms) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let without_zeros = |bytes: Vec<u8>| bytes.into_iter().skip_while(|byte| *byte == 0).collect();
                let (n, e) = (without_zeros(bytes(&jwk.n)?), without_zeros(bytes(&jwk.e)?));
                (Public::Rsa(RsaPublicKeyComponents { n, e }), &["RS256"][..])
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
                let point = [&[4], x.as_slice(), &y].concat();
                (Public::P256(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)), &["ES256"][..])
            }
            ("OKP", Some("Ed25519")) => {
                (Public::Ed25519(UnparsedPublicKey::new(&ED25519, bytes(&jwk.x)?)), &["EdDSA", "Ed25519"][..])
            }
            _ => return None,
        };
        let fits = jwk.alg.as_deref().is_none_or(|named| algorithms.contains(&named));
        fits.then_some(Self { kid: jwk.kid, public })
    }

    fn algorithm(&self) -> Algorithm {
        match self.public {
            Public::Rsa(_) => Algorithm::Rs256,
            Public::P256(_) => Algorithm::Es256,
            Public::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether it is the key that a token names, and of the algorithm that it names.
    pub(super) fn fits(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        self.algorithm() == algorithm && kid.is_none_or(|kid| self.kid.as_deref() == Some(kid))
    }

    /// Whether a signature is this key's.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            // Keys below 2048 bits are refused here.
            Public::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
            Public::P256(key) | Public::Ed25519(key) => key.verify(message, signature).is_ok(),
        }
    }
}
