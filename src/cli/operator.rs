//! Asking a running gateway, as an operator: where it is, with which token, and what it says.

use bytes::Bytes;
use clap::Args;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Uri};
use http_body_util::Full;
use serde::de::DeserializeOwned;

use crate::net::Fetcher;

/// Where the token of the operator is looked for.
const TOKEN: &str = "CUTOVER_TOKEN";

/// Which gateway.
#[derive(Args)]
pub(super) struct At {
    /// The admin address of the gateway; the operator's token, if it asks for one, is taken from `CUTOVER_TOKEN`
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    admin: Uri,
}

/// An operator at a gateway.
pub(super) struct Operator {
    fetcher: Fetcher,
    admin: Uri,
    token: Option<HeaderValue>,
}

impl At {
    /// Gets ready to ask.
    ///
    /// # Errors
    /// When the URL or the token cannot be used.
    pub(super) fn operator(&self) -> anyhow::Result<Operator> {
        anyhow::ensure!(
            matches!(self.admin.scheme_str(), Some("http" | "https")) && self.admin.authority().is_some(),
            "`--admin {}` is not a URL such as http://127.0.0.1:9090",
            self.admin
        );
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let token = token.map(|token| HeaderValue::try_from(format!("Bearer {token}"))).transpose();
        let mut token = token.map_err(|_| anyhow::anyhow!("the token in {TOKEN} has letters that no token has"))?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        Ok(Operator { fetcher: Fetcher::new(&self.admin, None)?, admin: self.admin.clone(), token })
    }
}

impl Operator {
    /// Asks at a path below the admin address.
    ///
    /// # Errors
    /// What the gateway says, or that it does not answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> anyhow::Result<T> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        let base = self.admin.to_string();
        let url: Uri = format!("{}{path}", base.trim_end_matches('/')).parse()?;
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let fetched = self.fetcher.send(method, &url, headers, body).await.map_err(|failed| {
            anyhow::anyhow!("{failed}; is the gateway running, and is this its admin address (`--admin URL`)?")
        })?;
        if fetched.status.is_success() {
            return Ok(serde_json::from_slice(&fetched.body)?);
        }
        let told: Option<Told> = serde_json::from_slice(&fetched.body).ok();
        let message =
            told.map_or_else(|| format!("the gateway answered {}", fetched.status), |told| told.error.message);
        match fetched.status.as_u16() {
            401 if self.token.is_none() => anyhow::bail!("{message} (set {TOKEN} to the token of an operator)"),
            _ => anyhow::bail!("{message}"),
        }
    }
}

#[derive(serde::Deserialize)]
struct Told {
    error: Message,
}

#[derive(serde::Deserialize)]
struct Message {
    message: String,
}

/// Something that stands in a path or behind it, whatever it is made of.
pub(super) fn escaped(text: &str) -> impl std::fmt::Display {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}
