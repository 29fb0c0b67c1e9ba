//! Personal access tokens, known by their SHA-256 digests only.

use aws_lc_rs::digest::{SHA256, digest as sha};
use subtle::ConstantTimeEq;

use std::sync::Arc;

use super::{Caller, Check, Kind, Known, Method, Token, Verdict};
use crate::config::PatToken;

/// The tokens of a config.
pub struct Pats {
    tokens: Vec<([u8; 32], Arc<Caller>)>,
}

impl Pats {
    /// The tokens of a config.
    #[must_use]
    pub fn new(tokens: &[PatToken]) -> Self {
        let known = tokens.iter().map(|token| (token.sha256, Arc::new(Caller::named(token.name.as_str(), Kind::Pat))));
        Self { tokens: known.collect() }
    }
}

impl Method for Pats {
    /// Compares digests in constant time and looks at every one, so that the time tells nothing about the tokens.
    fn check<'a>(&'a self, token: &'a Token) -> Check<'a> {
        let mut found = None;
        for (known, caller) in &self.tokens {
            if bool::from(known.ct_eq(token.digest())) {
                found = Some(caller);
            }
        }
        let known = |caller: &Arc<Caller>| Verdict::Known(Known { caller: Arc::clone(caller), expires: None });
        Check::Done(found.map_or(Verdict::Unknown, known))
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
