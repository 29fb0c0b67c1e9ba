//! `backends`: the places that answer, and how each is called.

use std::time::Duration;

use http::Uri;

use super::Secret;
use crate::dialect::Dialect;

/// One place that answers.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its name in splits, headers, logs and metrics.
    pub name: String,
    /// What is POSTed to: http or https, with a host and without a user.
    pub url: Uri,
    /// What it speaks.
    pub dialect: &'static dyn Dialect,
    /// Its streams are whole and legal, so that like to like passes untouched.
    pub verbatim: bool,
    /// What is presented to it.
    pub credential: Credential,
    /// The model name it wants to see; the client's own if none.
    pub model: Option<String>,
    /// How long it may take.
    pub timeouts: BackendTimeouts,
}

/// What is presented to a backend.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nothing.
    None,
    /// The token that the caller presented to us.
    Caller,
    /// This token.
    Token(Secret),
}

/// How long a backend may take; none of these is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendTimeouts {
    /// To accept a connection, TLS included.
    pub connect: Duration,
    /// From the request to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For the whole answer.
    pub total: Duration,
}

impl Default for BackendTimeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(2), first_byte: seconds(300), idle: seconds(300), total: seconds(600) }
    }
}
