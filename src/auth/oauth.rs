//! OAuth callers: access tokens that an OpenID provider has signed.

use std::io;
use std::sync::Arc;

use super::bearer::Token;
use super::jwks::{Keys, Missing};
use super::jwt::{Claims, Jwt};
use super::key::Key;
use super::{Check, Known, Method, Verdict, now};
use crate::config;

/// Callers of one issuer.
pub(super) struct Oauth {
    config: config::Oauth,
    keys: Arc<Keys>,
}

impl Oauth {
    /// Callers of an issuer; its keys are taken over from `known` and added to it.
    ///
    /// # Errors
    /// When the issuer is behind TLS and the certificate authorities cannot be had.
    pub(super) fn new(config: &config::Oauth, known: &mut Vec<Arc<Keys>>) -> io::Result<Self> {
        let keys = Keys::of(config, known)?;
        known.push(Arc::clone(&keys));
        Ok(Self { config: config.clone(), keys })
    }

    fn decide(&self, jwt: &Jwt<'_>, claims: Claims, key: &Key) -> Verdict {
        // The claims become true here, and nowhere before.
        if !key.signed(jwt.signed, &jwt.signature) {
            return Verdict::Refused("its signature is wrong");
        }
        let expires = Some(claims.expires());
        match claims.caller() {
            Err(why) => Verdict::Refused(why),
            Ok(caller) => {
                let missing = caller.lacks(&self.config.scopes);
                if missing.is_empty() {
                    Verdict::Known(Known { caller: Arc::new(caller), expires })
                } else {
                    Verdict::Lacks(missing)
                }
            }
        }
    }
}

impl Method for Oauth {
    fn check<'a>(&'a self, token: &'a Token) -> Check<'a> {
        let Some(jwt) = Jwt::read(token.expose()) else { return Check::Done(Verdict::Unknown) };
        // Another issuer's token is another method's; it never makes us fetch keys.
        if !jwt.claims_to_be_from(&self.config.issuer) {
            return Check::Done(Verdict::Unknown);
        }
        // So does none that could not be valid whatever its signature is.
        let (algorithm, claims) = match jwt.judge(&self.config, now()) {
            Ok(judged) => judged,
            Err(why) => return Check::Done(Verdict::Refused(why)),
        };
        if let Some(key) = self.keys.known(jwt.kid(), algorithm) {
            return Check::Done(self.decide(&jwt, claims, &key));
        }
        Check::Waits(Box::pin(async move {
            match self.keys.find(jwt.kid(), algorithm).await {
                Ok(key) => self.decide(&jwt, claims, &key),
                Err(Missing::Key) => Verdict::Refused("its key is not known"),
                Err(Missing::Set) => Verdict::Unavailable,
            }
        }))
    }
}
