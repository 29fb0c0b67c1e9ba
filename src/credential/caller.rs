//! The caller's own token, passed on as it came.

use super::{Client, Credential, Presented};
use crate::error::{Error, Kind};

/// What the client presented to us.
pub(super) struct Caller;

impl Credential for Caller {
    fn present<'a>(&'a self, client: &'a Client) -> Presented<'a> {
        const MISSING: &str = "the agent's endpoint wants the caller's own token, and there is none in the request";
        let own = client.authorization.clone();
        Presented::Now(own.map(Some).ok_or_else(|| Error::new(Kind::Unauthenticated, MISSING)))
    }

    fn is_clients(&self, _client: &Client) -> bool {
        true
    }
}
