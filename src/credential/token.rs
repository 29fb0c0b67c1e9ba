//! A fixed token, or none.

use std::io;

use http::HeaderValue;

use super::{Client, Credential, Presented, bearer};
use crate::config::{Secret, Watched};

/// The same for every call. A token in a file follows the file.
pub(super) struct Token(Option<Watched<HeaderValue>>);

impl Token {
    /// Nothing at all.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// This token.
    ///
    /// # Errors
    /// When its file cannot be read any more.
    pub(super) fn new(secret: &Secret) -> io::Result<Self> {
        let header = |secret: &Secret| bearer(secret.expose()).ok_or_else(|| "cannot stand in a header".to_owned());
        secret.watch(header).map(|watched| Self(Some(watched))).map_err(io::Error::other)
    }
}

impl Credential for Token {
    fn present<'a>(&'a self, _client: &'a Client) -> Presented<'a> {
        Presented::Now(Ok(self.0.as_ref().map(|watched| HeaderValue::clone(&watched.get()))))
    }
}
