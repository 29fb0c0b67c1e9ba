//! Personal access tokens, known by their SHA-256 digests only.

use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest as sha};
use subtle::ConstantTimeEq;

use super::{Caller, Check, Kind, Known, Method, Token, Verdict, now};
use crate::config::{PatToken, Watched, read_tokens};

/// Callers that a list of digests knows.
pub(super) struct Pats(Source);

enum Source {
    Config(Vec<Entry>),
    File(Watched<Vec<Entry>>),
}

struct Entry {
    sha256: [u8; 32],
    expires: Option<i64>,
    caller: Arc<Caller>,
}

impl Pats {
    /// Those of a config.
    pub(super) fn listed(tokens: &[PatToken]) -> Self {
        Self(Source::Config(tokens.iter().map(Entry::new).collect()))
    }

    /// Those of a file, whatever it comes to hold.
    ///
    /// # Errors
    /// When it cannot be read now.
    pub(super) fn in_file(path: &Path) -> io::Result<Self> {
        let file = path.to_owned();
        let read = move || Ok(read_tokens(&file)?.iter().map(Entry::new).collect());
        Watched::open(vec![path.to_owned()], read).map(|watched| Self(Source::File(watched))).map_err(io::Error::other)
    }
}

impl Entry {
    fn new(token: &PatToken) -> Self {
        let caller = Caller { groups: token.groups.clone(), ..Caller::named(token.name.as_str(), Kind::Pat) };
        Self { sha256: token.sha256, expires: token.expires, caller: Arc::new(caller) }
    }
}

impl Method for Pats {
    fn check<'a>(&'a self, token: &'a Token) -> Check<'a> {
        Check::Done(match &self.0 {
            Source::Config(entries) => find(entries, token),
            Source::File(watched) => find(&watched.get(), token),
        })
    }
}

/// Compares digests in constant time and looks at every one, so that the time tells nothing about the tokens. What it
/// finds is not remembered: a token that is taken from the list is refused at once.
fn find(entries: &[Entry], token: &Token) -> Verdict {
    let mut found = None;
    for entry in entries {
        if bool::from(entry.sha256.ct_eq(token.digest())) {
            found = Some(entry);
        }
    }
    match found {
        None => Verdict::Unknown,
        #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium fit")]
        Some(entry) if entry.expires.is_some_and(|expires| expires as f64 <= now()) => {
            Verdict::Refused("it has expired")
        }
        Some(entry) => Verdict::Known(Known { caller: Arc::clone(&entry.caller), expires: None }),
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
