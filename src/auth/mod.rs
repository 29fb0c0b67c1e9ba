//! Who calls: each method looks at the request's token and knows the caller, refuses it, or leaves it to the next.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::config::{self, Pattern};
use crate::error::{self, Error};

mod bearer;
mod cache;
mod caller;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod jwks;
mod jwt;
mod key;
mod oauth;
mod pat;
mod workspace;

pub use bearer::Token;
pub use caller::{Caller, Kind};
pub use pat::{digest, hex};

use cache::Cache;
use jwks::Keys;
use oauth::Oauth;
use pat::Pats;
use workspace::AtWorkspace;

/// What a method says of a token.
#[derive(Debug)]
pub enum Verdict {
    /// This is who calls.
    Known(Known),
    /// Not this method's kind of token, or not one it knows.
    Unknown,
    /// This method's token, and not a valid one; no other method is asked. The text says why and repeats nothing.
    Refused(&'static str),
    /// A valid token without these scopes.
    Lacks(Vec<String>),
    /// This method's kind of token, and nobody can be asked about it now.
    Unavailable,
}

/// A caller, and how long that is true.
#[derive(Clone, Debug)]
pub struct Known {
    /// Who calls.
    pub caller: Arc<Caller>,
    /// When the token ends, in seconds since 1970; `None` if it may be taken back at any time, so that nothing about it
    /// is remembered.
    pub expires: Option<f64>,
}

/// A verdict, now or later. Most are there at once and cost no allocation.
pub enum Check<'a> {
    /// The verdict.
    Done(Verdict),
    /// Somebody has to be asked.
    Waits(Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>),
}

/// One way to know a caller. Another one is a file in this folder and a line in [`Authenticator::new`].
pub trait Method: Send + Sync {
    /// Looks at a token.
    fn check<'a>(&'a self, token: &'a Token) -> Check<'a>;
}

/// All methods of a config, in order.
pub struct Authenticator {
    /// `None` lets everybody in.
    methods: Option<Vec<Box<dyn Method>>>,
    /// The names in certificates that are as good as a token.
    certificates: Vec<Pattern>,
    cache: Cache,
    /// The issuers' keys, for the authenticator that comes after this one.
    keys: Vec<Arc<Keys>>,
    anonymous: Arc<Caller>,
}

impl Authenticator {
    /// The methods of a config. What `previous` remembers of callers is forgotten; issuers' keys are not.
    ///
    /// # Errors
    /// When an issuer is behind TLS and the certificate authorities cannot be had.
    pub fn new(auth: &config::Auth, previous: Option<&Self>) -> io::Result<Self> {
        let mut keys = previous.map(|previous| previous.keys.clone()).unwrap_or_default();
        let taken_over = keys.len();
        let methods = match auth {
            config::Auth::Anonymous => None,
            config::Auth::Methods(methods) => {
                let methods = methods.iter().filter_map(|config| method(config, &mut keys).transpose());
                Some(methods.collect::<io::Result<_>>()?)
            }
        };
        let certificates = match auth {
            config::Auth::Anonymous => Vec::new(),
            config::Auth::Methods(methods) => methods.iter().flat_map(names).cloned().collect(),
        };
        keys.drain(..taken_over);
        let anonymous = Arc::new(Caller::named("anonymous", Kind::Anonymous));
        Ok(Self { methods, certificates, cache: Cache::default(), keys, anonymous })
    }

    /// Who calls, by the head of a request and the name in the certificate that the client has shown. A token decides
    /// where there is one; a caller that is remembered by it costs a hash and a look-up.
    ///
    /// # Errors
    /// `Unauthenticated` or `Forbidden`, saying what is missing and never what exists; `IdentityUnavailable`.
    pub async fn authenticate(&self, headers: &HeaderMap, peer: Option<&str>) -> Result<Arc<Caller>, Error> {
        let Some(methods) = &self.methods else { return Ok(Arc::clone(&self.anonymous)) };
        if let Some(name) = peer.filter(|_| !headers.contains_key(AUTHORIZATION))
            && self.certificates.iter().any(|pattern| pattern.matches(name))
        {
            return Ok(Arc::new(Caller::named(name, Kind::Certificate)));
        }
        let token = Token::of_request(headers)
            .map_err(|missing| Error::new(error::Kind::Unauthenticated, missing).challenge("Bearer"))?;
        if let Some(caller) = (0..methods.len()).find_map(|place| self.cache.get(place, &token)) {
            return Ok(caller);
        }
        for (place, method) in methods.iter().enumerate() {
            let verdict = match method.check(&token) {
                Check::Done(verdict) => verdict,
                Check::Waits(later) => later.await,
            };
            match verdict {
                Verdict::Known(known) => {
                    self.cache.remember(place, &token, &known);
                    return Ok(known.caller);
                }
                Verdict::Unknown => {}
                refusal => return Err(refused(&refusal, &token)),
            }
        }
        Err(refused(&Verdict::Unknown, &token))
    }
}

/// The method that looks at tokens, if it is one.
fn method(config: &config::Method, keys: &mut Vec<Arc<Keys>>) -> io::Result<Option<Box<dyn Method>>> {
    Ok(Some(match config {
        config::Method::Pat(config::Pat::Tokens(tokens)) => Box::new(Pats::listed(tokens)),
        config::Method::Pat(config::Pat::File(path)) => Box::new(Pats::in_file(path)?),
        config::Method::Pat(config::Pat::Workspace(workspace, cache)) => Box::new(AtWorkspace::new(workspace, *cache)?),
        config::Method::Oauth(oauth) => Box::new(Oauth::new(oauth, keys)?),
        config::Method::Certificate(_) => return Ok(None),
    }))
}

/// The names in certificates that a method takes.
fn names(config: &config::Method) -> &[Pattern] {
    match config {
        config::Method::Certificate(names) => names,
        _ => &[],
    }
}

/// The error of a verdict that lets nobody in. The log learns which token it was by its fingerprint.
fn refused(verdict: &Verdict, token: &Token) -> Error {
    use error::Kind::{Forbidden, IdentityUnavailable, Unauthenticated};
    const INVALID: &str = "Bearer error=\"invalid_token\"";
    let error = match verdict {
        Verdict::Refused(why) => {
            Error::new(Unauthenticated, format!("the token is not accepted: {why}")).challenge(INVALID)
        }
        Verdict::Lacks(scopes) => {
            let scopes = scopes.join(" ");
            Error::new(Forbidden, format!("the token lacks the scope `{scopes}`"))
                .challenge(format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\""))
        }
        Verdict::Unavailable => Error::new(IdentityUnavailable, "the token cannot be verified right now; try again"),
        Verdict::Known(_) | Verdict::Unknown => {
            Error::new(Unauthenticated, "the token is not known here").challenge(INVALID)
        }
    };
    error.because(format!("token {}", token.fingerprint()))
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PatToken;

    async fn refusal(headers: &[&str]) -> Option<String> {
        let tokens =
            vec![PatToken { name: "ci".into(), sha256: digest("dapi-right"), expires: None, groups: Vec::new() }];
        let auth =
            Authenticator::new(&config::Auth::Methods(vec![config::Method::Pat(config::Pat::Tokens(tokens))]), None)
                .unwrap();
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, value.parse().unwrap());
        }
        auth.authenticate(&map, None).await.err().map(|error| error.message().to_owned())
    }

    #[tokio::test]
    async fn a_known_token_is_let_in_and_everything_else_is_told_what_is_missing() {
        assert_eq!(refusal(&["Bearer dapi-right"]).await, None);
        assert_eq!(refusal(&["bearer  dapi-right "]).await, None);
        for wrong in [
            vec![],
            vec!["Bearer dapi-wrong"],
            vec!["Bearer dapi-right ", "Bearer dapi-right"],
            vec!["Basic dapi-right"],
            vec!["Bearer"],
            vec!["Bearer "],
            vec!["dapi-right"],
            vec![""],
        ] {
            let message = refusal(&wrong).await.unwrap_or_else(|| panic!("{wrong:?} was let in"));
            assert!(!message.contains("dapi"), "a token in an error: {message}");
        }
    }
}
