//! OAuth callers as themselves, everybody else as someone of ours.

use std::sync::Arc;

use http::HeaderValue;

use super::{Caller, Client, Credential, Later, Presented};
use crate::auth::Kind;

/// The caller's own token where the backend can take it, otherwise another credential.
pub(super) struct CallerOr {
    pub(super) or: Arc<dyn Credential>,
}

impl CallerOr {
    fn chosen(&self, client: &Client) -> &dyn Credential {
        if client.caller.kind == Kind::Oauth { &Caller } else { &*self.or }
    }
}

impl Credential for CallerOr {
    fn present<'a>(&'a self, client: &'a Client) -> Presented<'a> {
        self.chosen(client).present(client)
    }

    fn renew<'a>(&'a self, client: &'a Client, refused: &'a HeaderValue) -> Later<'a, Option<HeaderValue>> {
        self.chosen(client).renew(client, refused)
    }

    fn is_clients(&self, client: &Client) -> bool {
        self.chosen(client).is_clients(client)
    }
}
