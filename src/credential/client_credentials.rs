//! A service principal of ours: one token for everybody, by its client id and secret.

use std::io;
use std::sync::Arc;

use http::HeaderValue;

use super::endpoint::{Endpoint, basic};
use super::issued::{Granted, Issued, Ready, Refusal};
use super::{Client, Credential, Later, Presented};
use crate::config::{self, Watched};
use crate::net::Form;

/// The token of a service principal.
pub(super) struct ClientCredentials {
    asker: Arc<Asker>,
    issued: Arc<Issued>,
}

struct Asker {
    endpoint: Endpoint,
    /// HTTP Basic with the client's id and secret; the secret may change in its file.
    basic: Watched<HeaderValue>,
    scope: String,
}

impl ClientCredentials {
    /// The token of this service principal; it is asked for when it is first needed.
    ///
    /// # Errors
    /// When its secret cannot be read any more, or TLS to the token endpoint cannot be set up.
    pub(super) fn new(config: &config::ClientCredentials) -> io::Result<Self> {
        let asker = Asker {
            endpoint: Endpoint::new(&config.endpoint)?,
            basic: watched(&config.client)?,
            scope: config.scope.clone(),
        };
        Ok(Self { asker: Arc::new(asker), issued: Arc::default() })
    }

    fn ask(&self) -> impl FnOnce() -> Later<'static, Result<Granted, Refusal>> + Send + 'static {
        let asker = Arc::clone(&self.asker);
        move || Box::pin(async move { asker.ask().await })
    }
}

/// HTTP Basic for a client, as of its secret now.
pub(super) fn watched(client: &config::Client) -> io::Result<Watched<HeaderValue>> {
    let id = client.id.clone();
    let header = move |secret: &config::Secret| {
        let client = config::Client { id: id.clone(), secret: secret.clone() };
        basic(&client).ok_or_else(|| "cannot stand in a header".to_owned())
    };
    client.secret.watch(header).map_err(io::Error::other)
}

impl Asker {
    async fn ask(&self) -> Result<Granted, Refusal> {
        let form = Form::default().with("grant_type", "client_credentials").with("scope", &self.scope);
        self.endpoint.ask(Some(HeaderValue::clone(&self.basic.get())), form).await
    }
}

impl Credential for ClientCredentials {
    fn present<'a>(&'a self, _client: &'a Client) -> Presented<'a> {
        match self.issued.ready() {
            Ready::Good(header) => Presented::Now(Ok(Some(header))),
            Ready::Ending(header) => {
                self.issued.renew_soon(self.ask());
                Presented::Now(Ok(Some(header)))
            }
            Ready::Nothing => Presented::Later(Box::pin(async { Ok(self.issued.obtain(self.ask()).await?) })),
        }
    }

    fn renew<'a>(&'a self, _client: &'a Client, refused: &'a HeaderValue) -> Later<'a, Option<HeaderValue>> {
        Box::pin(self.issued.instead_of(refused, self.ask()))
    }
}
