//! What we present to a backend.

use http::HeaderValue;

use crate::config;

/// A backend's credential, ready to be presented.
pub enum Credential {
    /// Nothing.
    None,
    /// What the client presented to us, unchanged.
    Caller,
    /// A fixed token.
    Token(HeaderValue),
}

impl Credential {
    /// The credential of a config. A token that cannot stand in a header has been refused by the config.
    #[must_use]
    pub fn new(config: &config::Credential) -> Self {
        match config {
            config::Credential::None => Self::None,
            config::Credential::Caller => Self::Caller,
            config::Credential::Token(secret) => {
                HeaderValue::try_from(format!("Bearer {}", secret.expose())).map_or(Self::None, |mut value| {
                    value.set_sensitive(true);
                    Self::Token(value)
                })
            }
        }
    }

    /// The `Authorization` header for a call, given the client's own.
    #[must_use]
    pub fn present(&self, callers: Option<&HeaderValue>) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Caller => callers.cloned().map(|mut value| {
                value.set_sensitive(true);
                value
            }),
            Self::Token(value) => Some(value.clone()),
        }
    }

    /// Whether a refusal of the backend is about the caller's own token.
    #[must_use]
    pub fn is_callers(&self) -> bool {
        matches!(self, Self::Caller)
    }
}
