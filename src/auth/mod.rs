//! Who calls: each method looks at the request's head and knows the caller, refuses it, or leaves it to the next.

use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::config;
use crate::error::{Error, Kind};

mod pat;

pub use pat::{Pats, digest, hex};

/// The authenticated identity behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name that the config or the token gives it.
    pub name: Arc<str>,
}

/// What a method says of a request.
#[derive(Debug)]
pub enum Verdict {
    /// This is who calls.
    Known(Caller),
    /// Not this method's kind of token, or not one it knows.
    Unknown,
}

/// One way to know a caller. OAuth will be another implementation and another line in [`Authenticator::new`].
pub trait Method: Send + Sync {
    /// Looks at a bearer token.
    fn check(&self, token: &str) -> Verdict;
}

/// All methods of a config, in order.
pub struct Authenticator {
    /// `None` lets everybody in.
    methods: Option<Vec<Box<dyn Method>>>,
    anonymous: Caller,
}

impl Authenticator {
    /// The methods of a config.
    #[must_use]
    pub fn new(auth: &config::Auth) -> Self {
        let methods = match auth {
            config::Auth::Anonymous => None,
            config::Auth::Methods(methods) => Some(methods.iter().map(method).collect()),
        };
        Self { methods, anonymous: Caller { name: "anonymous".into() } }
    }

    /// Who calls.
    ///
    /// # Errors
    /// `Unauthenticated`, saying what is missing and never what exists.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Error> {
        let Some(methods) = &self.methods else { return Ok(self.anonymous.clone()) };
        let refused = |message: &str| Err(Error::new(Kind::Unauthenticated, message));
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (header, more) = (given.next(), given.next());
        let Some(header) = header else {
            return refused("no credentials: send `Authorization: Bearer <token>`");
        };
        if more.is_some() {
            return refused("more than one `Authorization` header");
        }
        let Some(token) = header.to_str().ok().and_then(bearer) else {
            return refused("`Authorization` must be `Bearer <token>`");
        };
        for method in methods {
            if let Verdict::Known(caller) = method.check(token) {
                return Ok(caller);
            }
        }
        refused("the token is not known here")
    }
}

fn method(config: &config::Method) -> Box<dyn Method> {
    match config {
        config::Method::Pat(tokens) => Box::new(Pats::new(tokens)),
    }
}

/// The token of `Bearer <token>`; the scheme is case-insensitive (RFC 9110, 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PatToken;

    fn refusal(headers: &[&str]) -> Option<String> {
        let tokens = vec![PatToken { name: "ci".into(), sha256: digest("dapi-right") }];
        let auth = Authenticator::new(&config::Auth::Methods(vec![config::Method::Pat(tokens)]));
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, value.parse().unwrap());
        }
        auth.authenticate(&map).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn a_known_token_is_let_in_and_everything_else_is_told_what_is_missing() {
        assert_eq!(refusal(&["Bearer dapi-right"]), None);
        assert_eq!(refusal(&["bearer  dapi-right "]), None);
        for wrong in [
            vec![],
            vec!["Bearer dapi-wrong"],
            vec!["Bearer dapi-right ", "Bearer dapi-right"],
            vec!["Basic dapi-right"],
            vec!["Bearer"],
            vec!["Bearer "],
            vec!["dapi-right"],
        ] {
            let message = refusal(&wrong).unwrap_or_else(|| panic!("{wrong:?} was let in"));
            assert!(!message.contains("dapi"), "a token in an error: {message}");
        }
    }
}
