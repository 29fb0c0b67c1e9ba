//! Personal access tokens, known by their SHA-256 digests only.

use aws_lc_rs::digest::{SHA256, digest as sha};
use subtle::ConstantTimeEq;

use super::{Caller, Method, Verdict};
use crate::config::PatToken;

/// The tokens of a config.
pub struct Pats {
    tokens: Vec<([u8; 32], Caller)>,
}

impl Pats {
    /// The tokens of a config.
    #[must_use]
    pub fn new(tokens: &[PatToken]) -> Self {
        let known = tokens.iter().map(|token| (token.sha256, Caller { name: token.name.as_str().into() }));
        Self { tokens: known.collect() }
    }
}

impl Method for Pats {
    /// Compares digests in constant time and looks at every one, so that the time tells nothing about the tokens.
    fn check(&self, token: &str) -> Verdict {
        let given = digest(token);
        let mut found = None;
        for (known, caller) in &self.tokens {
            if bool::from(known.ct_eq(&given)) {
                found = Some(caller);
            }
        }
        found.map_or(Verdict::Unknown, |caller| Verdict::Known(caller.clone()))
    }
}

/// SHA-256 of a token, as the config holds it.
#[must_use]
pub fn digest(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(sha(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// A digest in hexadecimal, as the config writes it.
#[must_use]
pub fn hex(digest: &[u8; 32]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(half.into(), 16).unwrap_or('0'));
        }
        text
    })
}
