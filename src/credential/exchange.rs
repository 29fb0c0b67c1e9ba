//! The caller's token in exchange for one that the backend takes (RFC 8693).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use moka::sync::Cache;

use super::client_credentials::watched;
use super::endpoint::Endpoint;
use super::issued::{Granted, Issued, Ready, Refusal};
use super::{Client, Credential, Later, Presented};
use crate::auth::{Kind, Token};
use crate::config::{self, Watched};
use crate::error::{self, Error};
use crate::net::Form;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Most callers whose tokens are kept, and for how long after they were last used.
const MOST: u64 = 10_000;
const UNUSED: Duration = Duration::from_secs(3600);

/// Tokens of callers, each for its own.
pub(super) struct Exchange {
    asker: Arc<Asker>,
    /// By the SHA-256 of the caller's token: another token of the same caller may allow less.
    issued: Cache<[u8; 32], Arc<Issued>>,
}

struct Asker {
    endpoint: Endpoint,
    basic: Option<Watched<HeaderValue>>,
    scope: String,
    audience: Option<String>,
}

impl Exchange {
    /// Exchanges as the config says.
    ///
    /// # Errors
    /// When a secret cannot be read any more, or TLS to the token endpoint cannot be set up.
    pub(super) fn new(config: &config::Exchange) -> io::Result<Self> {
        let asker = Asker {
            endpoint: Endpoint::new(&config.endpoint)?,
            basic: config.client.as_ref().map(watched).transpose()?,
            scope: config.scope.clone(),
            audience: config.audience.clone(),
        };
        let issued = Cache::builder().max_capacity(MOST).time_to_idle(UNUSED).build();
        Ok(Self { asker: Arc::new(asker), issued })
    }

    fn ask(&self, own: Token) -> impl FnOnce() -> Later<'static, Result<Granted, Refusal>> + Send + 'static {
        let asker = Arc::clone(&self.asker);
        move || Box::pin(async move { asker.ask(&own).await })
    }
}

impl Asker {
    async fn ask(&self, own: &Token) -> Result<Granted, Refusal> {
        let form = Form::default()
            .with("grant_type", GRANT)
            .with("subject_token", own.expose())
            .with("subject_token_type", JWT)
            .with("scope", &self.scope);
        let form = match &self.audience {
            Some(audience) => form.with("audience", audience),
            None => form,
        };
        let basic = self.basic.as_ref().map(|basic| HeaderValue::clone(&basic.get()));
        self.endpoint.ask(basic, form).await
    }
}

/// The client's own token, if it is one that can be exchanged.
fn own(client: &Client) -> Option<Token> {
    client.authorization.as_ref().filter(|_| client.caller.kind == Kind::Oauth).and_then(Token::of_header)
}

/// What is wrong with the caller's token is the caller's to mend; the rest is ours.
fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Denied(code) if matches!(code.as_str(), "invalid_grant" | "invalid_request" | "invalid_target") => {
            let message = "the caller's token was not taken in exchange for one of the agent's endpoint";
            Error::new(error::Kind::Unauthenticated, message).because(code)
        }
        other => other.into(),
    }
}

impl Credential for Exchange {
    fn present<'a>(&'a self, client: &'a Client) -> Presented<'a> {
        let Some(own) = own(client) else {
            let message = "the agent's endpoint takes callers with an OAuth token only";
            return Presented::Now(Err(Error::new(error::Kind::Forbidden, message)));
        };
        let issued = self.issued.get_with(*own.digest(), Arc::default);
        match issued.ready() {
            Ready::Good(header) => Presented::Now(Ok(Some(header))),
            Ready::Ending(header) => {
                issued.renew_soon(self.ask(own));
                Presented::Now(Ok(Some(header)))
            }
            Ready::Nothing => {
                let ask = self.ask(own);
                Presented::Later(Box::pin(async move { issued.obtain(ask).await.map_err(refused) }))
            }
        }
    }

    fn renew<'a>(&'a self, client: &'a Client, refused: &'a HeaderValue) -> Later<'a, Option<HeaderValue>> {
        Box::pin(async move {
            let own = own(client)?;
            let issued = self.issued.get(own.digest())?;
            issued.instead_of(refused, self.ask(own)).await
        })
    }
}
