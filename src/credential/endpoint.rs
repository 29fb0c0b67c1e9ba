//! A token endpoint: found once, asked with a form, and believed only if it answers as OAuth says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, Uri};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::bearer;
use super::issued::{Granted, Refusal};
use crate::config::{Client, Place, TokenEndpoint};
use crate::net::{Failed, Fetcher, Form};

/// How long a token is good for whose answer does not say.
const UNSAID: Duration = Duration::from_secs(300);

/// Longest that a token is believed to be good for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Where tokens are given.
pub(super) struct Endpoint {
    fetcher: Fetcher,
    place: Place,
    /// Where discovery led.
    found: ArcSwapOption<Uri>,
}

/// What a workspace says of itself.
#[derive(Deserialize)]
struct Workspace {
    oidc_endpoint: String,
}

/// What an authorization server says of itself (RFC 8414).
#[derive(Deserialize)]
struct Server {
    token_endpoint: String,
}

/// A token (RFC 6749, 5.1).
#[derive(Deserialize)]
struct Grant {
    access_token: Zeroizing<String>,
    token_type: String,
    expires_in: Option<f64>,
}

/// No token (RFC 6749, 5.2). The description is left alone: it may repeat what was sent.
#[derive(Deserialize)]
struct Denial {
    error: String,
}

impl Endpoint {
    pub(super) fn new(config: &TokenEndpoint) -> io::Result<Self> {
        let (Place::At(url) | Place::Discovered(url)) = &config.place;
        let fetcher = Fetcher::new(url, config.ca.as_ref())?;
        Ok(Self { fetcher, place: config.place.clone(), found: ArcSwapOption::empty() })
    }

    /// Asks for a token.
    pub(super) async fn ask(&self, authorization: Option<HeaderValue>, form: Form) -> Result<Granted, Refusal> {
        let url = self.url().await?;
        let answer = self.fetcher.post(&url, authorization, form).await;
        if !matches!(&answer, Ok(fetched) if fetched.status == StatusCode::OK) {
            // It may have moved; the next one to ask finds out.
            self.found.store(None);
        }
        let fetched = answer?;
        if fetched.status != StatusCode::OK {
            let denial = fetched.json::<Denial>().ok().map(|denial| denial.error).filter(|code| is_code(code));
            return Err(match denial {
                Some(code) if fetched.status.is_client_error() => Refusal::Denied(code),
                _ => Refusal::Failed(format!("the token endpoint answered {}", fetched.status.as_u16())),
            });
        }
        let grant: Grant = fetched.json()?;
        if !grant.token_type.eq_ignore_ascii_case("bearer") || grant.access_token.is_empty() {
            return Err(Refusal::Failed("the token endpoint gave something that is no bearer token".into()));
        }
        let life = match grant.expires_in {
            Some(seconds) => Duration::try_from_secs_f64(seconds).unwrap_or_default().min(LONGEST),
            None => UNSAID,
        };
        let header = bearer(&grant.access_token).ok_or_else(|| Refusal::Failed("the token cannot be sent".into()))?;
        Ok(Granted::new(header, life))
    }

    async fn url(&self) -> Result<Uri, Failed> {
        let origin = match &self.place {
            Place::At(url) => return Ok(url.clone()),
            Place::Discovered(origin) => origin,
        };
        if let Some(found) = self.found.load().as_deref() {
            return Ok(found.clone());
        }
        let found = self.discover(origin).await?;
        self.found.store(Some(Arc::new(found.clone())));
        Ok(found)
    }

    async fn discover(&self, origin: &Uri) -> Result<Uri, Failed> {
        let at = |base: &str, name: &str| secure(&format!("{}/.well-known/{name}", base.trim_end_matches('/')), origin);
        let workspace: Workspace = self.fetcher.json(&at(&origin.to_string(), "databricks-config")?).await?;
        let base = workspace.oidc_endpoint.as_str();
        let server: Server = match self.fetcher.json(&at(base, "oauth-authorization-server")?).await {
            Ok(server) => server,
            Err(_) => self.fetcher.json(&at(base, "openid-configuration")?).await?,
        };
        secure(&server.token_endpoint, origin)
    }
}

/// A URL to which a secret may be sent: behind TLS wherever the origin is.
fn secure(url: &str, origin: &Uri) -> Result<Uri, Failed> {
    let parsed: Option<Uri> = url.parse().ok();
    let secure = |url: &Uri| url.scheme_str() == Some("https") || url.scheme_str() == origin.scheme_str();
    parsed.filter(secure).ok_or_else(|| Failed::new("discovery led to a URL that cannot be used"))
}

/// One of OAuth's error codes, and no text that might repeat something.
fn is_code(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// HTTP Basic for a client; both halves are form-encoded first (RFC 6749, 2.3.1).
pub(super) fn basic(client: &Client) -> Option<HeaderValue> {
    let pair = Zeroizing::new(format!("{}:{}", *Form::encoded(&client.id), *Form::encoded(client.secret.expose())));
    let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    let mut value = HeaderValue::try_from(format!("Basic {}", *encoded)).ok()?;
    value.set_sensitive(true);
    Some(value)
}
