//! Personal access tokens, known by their SHA-256 digests only.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest as sha};

use super::{Caller, Check, Kind, Known, Method, Token, Verdict, now};
use crate::config::{PatToken, Watched, read_tokens};

/// Callers that a list of digests knows.
pub(super) struct Pats(Source);

enum Source {
    Config(Entries),
    File(Watched<Entries>),
}

/// What is known of each token, by its digest. Ordinary comparison is safe: whoever measures it learns something of a
/// digest at most, and cannot make a token for a digest.
type Entries = HashMap<[u8; 32], Entry>;

struct Entry {
    expires: Option<i64>,
    caller: Arc<Caller>,
}

impl Pats {
    /// Those of a config.
    pub(super) fn listed(tokens: &[PatToken]) -> Self {
        Self(Source::Config(entries(tokens)))
    }

    /// Those of a file, whatever it comes to hold.
    ///
    /// # Errors
    /// When it cannot be read now.
    pub(super) fn in_file(path: &Path) -> io::Result<Self> {
        let file = path.to_owned();
        let read = move || Ok(entries(&read_tokens(&file)?));
        Watched::open(vec![path.to_owned()], read).map(|watched| Self(Source::File(watched))).map_err(io::Error::other)
    }
}

fn entries(tokens: &[PatToken]) -> Entries {
    let entry = |token: &PatToken| {
        let caller = Caller { groups: token.groups.clone(), ..Caller::named(token.name.as_str(), Kind::Pat) };
        (token.sha256, Entry { expires: token.expires, caller: Arc::new(caller) })
    };
    tokens.iter().map(entry).collect()
}

impl Method for Pats {
    fn check<'a>(&'a self, token: &'a Token) -> Check<'a> {
        Check::Done(match &self.0 {
            Source::Config(entries) => find(entries, token),
            Source::File(watched) => find(&watched.get(), token),
        })
    }
}

/// Looks a token up. What it finds is not remembered: a token that is taken from the list is refused at once.
fn find(entries: &Entries, token: &Token) -> Verdict {
    match entries.get(token.digest()) {
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
