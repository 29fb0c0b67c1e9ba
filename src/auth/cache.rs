//! Callers that were known a moment ago, so that a signature is not checked for every request.

use std::sync::Arc;
use std::time::Duration;

use super::bearer::Token;
use super::{Caller, Known, now};

/// Longest that a verdict is believed.
const BELIEVED: Duration = Duration::from_secs(60);

/// Most callers that are remembered.
const MOST: u64 = 10_000;

/// What was known under a method and the SHA-256 of a whole token: never of a part of it, which others may share.
type Key = (usize, [u8; 32]);

/// Callers by method and token.
pub(super) struct Cache(moka::sync::Cache<Key, Known>);

impl Default for Cache {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(MOST).time_to_live(BELIEVED).build())
    }
}

impl Cache {
    /// Who calls with this token, if that was known a moment ago and the token has not expired since.
    pub(super) fn get(&self, method: usize, token: &Token) -> Option<Arc<Caller>> {
        let known = self.0.get(&(method, *token.digest()))?;
        known.expires.is_some_and(|expires| expires > now()).then_some(known.caller)
    }

    /// Remembers who calls with this token.
    pub(super) fn remember(&self, method: usize, token: &Token, known: &Known) {
        if known.expires.is_some_and(|expires| expires > now()) {
            self.0.insert((method, *token.digest()), known.clone());
        }
    }
}
