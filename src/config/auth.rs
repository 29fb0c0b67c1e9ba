//! `auth`: who may call.

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Anyone who can reach us; only where that is this machine alone.
    Anonymous,
    /// Callers that one of these methods knows, tried in order.
    Methods(Vec<Method>),
}

/// One way to know a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// A list of personal access tokens.
    Pat(Vec<PatToken>),
}

/// A token that may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatToken {
    /// Who it belongs to, for logs and metrics.
    pub name: String,
    /// The SHA-256 digest of the token; the token itself is not in the file.
    pub sha256: [u8; 32],
}
