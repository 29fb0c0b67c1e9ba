//! What we present to a backend: nothing, a token of ours, the caller's own, or one that is asked for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderValue;

use crate::auth::{Caller as Who, Kind};
use crate::config;
use crate::error::Error;

mod caller;
mod caller_or;
mod client_credentials;
mod endpoint;
mod exchange;
mod identity;
mod issued;
mod token;

pub use identity::tell;

use caller::Caller;
use caller_or::CallerOr;
use client_credentials::ClientCredentials;
use exchange::Exchange;
use token::Token;

/// Who a call is made for.
#[derive(Clone, Debug)]
pub struct Client {
    /// Who they are.
    pub caller: Arc<Who>,
    /// What they presented to us, marked as sensitive.
    pub authorization: Option<HeaderValue>,
}

impl Client {
    /// Nobody: for what we ask on our own account.
    #[must_use]
    pub fn nobody() -> Self {
        Self { caller: Arc::new(Who::named("", Kind::Anonymous)), authorization: None }
    }

    /// A caller with its own `Authorization`.
    #[must_use]
    pub fn new(caller: Arc<Who>, authorization: Option<&HeaderValue>) -> Self {
        let sensitive = |value: &HeaderValue| {
            let mut value = value.clone();
            value.set_sensitive(true);
            value
        };
        Self { caller, authorization: authorization.map(sensitive) }
    }
}

/// Something that may take a while.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is presented: known at once, or asked for first.
pub enum Presented<'a> {
    /// This, or nothing at all.
    Now(Result<Option<HeaderValue>, Error>),
    /// It has to be asked for.
    Later(Later<'a, Result<HeaderValue, Error>>),
}

impl Presented<'_> {
    /// The `Authorization` header for a call.
    ///
    /// # Errors
    /// `CredentialUnavailable`, or what is wrong with the client's own token.
    pub async fn header(self) -> Result<Option<HeaderValue>, Error> {
        match self {
            Self::Now(header) => header,
            Self::Later(header) => header.await.map(Some),
        }
    }
}

/// One way to get through a backend's door. Another one is a file in this folder and a line in [`of`].
pub trait Credential: Send + Sync {
    /// What is presented on behalf of a client.
    fn present<'a>(&'a self, client: &'a Client) -> Presented<'a>;

    /// Something fresher than what a backend has refused, if there is.
    fn renew<'a>(&'a self, client: &'a Client, refused: &'a HeaderValue) -> Later<'a, Option<HeaderValue>> {
        let _ = (client, refused);
        Box::pin(std::future::ready(None))
    }

    /// Whether a refusal is about the client's own token, and so the client's to mend.
    fn is_clients(&self, client: &Client) -> bool {
        let _ = client;
        false
    }
}

/// The credential of a config.
///
/// # Errors
/// When a secret cannot be read any more, or TLS to a token endpoint cannot be set up.
pub fn of(config: &config::Credential) -> io::Result<Arc<dyn Credential>> {
    Ok(match config {
        config::Credential::None => Arc::new(Token::none()),
        config::Credential::Caller => Arc::new(Caller),
        config::Credential::Token(secret) => Arc::new(Token::new(secret)?),
        config::Credential::ClientCredentials(own) => Arc::new(ClientCredentials::new(own)?),
        config::Credential::Exchange(exchange) => Arc::new(Exchange::new(exchange)?),
        config::Credential::CallerOr(or) => Arc::new(CallerOr { or: of(or)? }),
    })
}

/// `Bearer <token>`, marked so that nothing prints it.
fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
