//! Paths that the workspace answers: signing in, and what the config allows of its API.

use std::io;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode, Uri};
use http_body_util::Full;

use crate::config::{self, Pattern};
use crate::error::{Error, Kind};
use crate::net::Fetcher;

/// Headers that go to the workspace; the caller's own token is for it.
const SENT: [HeaderName; 3] = [ACCEPT, AUTHORIZATION, CONTENT_TYPE];

/// Headers that come back. No cookies: they would be the workspace's, at our address.
const RETURNED: [HeaderName; 4] = [CACHE_CONTROL, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE];

/// Largest body that is passed: strangers may send one to sign in.
pub(super) const BODY: usize = 64 << 10;

/// The workspace behind us.
pub(super) struct Workspace {
    fetcher: Fetcher,
    origin: Uri,
    allow: Vec<Pattern>,
}

/// What the workspace answered.
pub(super) struct Passed {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Workspace {
    /// A workspace of a config.
    ///
    /// # Errors
    /// When it is behind TLS and the certificate authorities cannot be had.
    pub(super) fn new(config: &config::Workspace) -> io::Result<Self> {
        let fetcher = Fetcher::new(&config.url, config.ca.as_ref())?;
        Ok(Self { fetcher, origin: config.url.clone(), allow: config.allow.clone() })
    }

    /// Whether the config lets callers reach a path of the API.
    pub(super) fn allows(&self, path: &str) -> bool {
        self.allow.iter().any(|pattern| pattern.matches(path))
    }

    /// Passes a request on.
    pub(super) async fn pass(&self, head: &Parts, body: Bytes) -> Result<Passed, Error> {
        let path = head.uri.path_and_query().filter(|path| is_plain(path.path())).ok_or_else(no_such_path)?;
        let mut headers = chosen(&head.headers, &SENT);
        for value in headers.values_mut() {
            value.set_sensitive(true);
        }
        headers.insert("user-agent", HeaderValue::from_static(concat!("cutover/", env!("CARGO_PKG_VERSION"))));
        let url = self.at(path.clone())?;
        let answer = self.fetcher.send(head.method.clone(), &url, headers, Full::new(body)).await;
        let answer = answer
            .map_err(|failed| Error::new(Kind::BackendUnavailable, "the workspace did not answer").because(failed))?;
        Ok(Passed { status: answer.status, headers: chosen(&answer.headers, &RETURNED), body: answer.body })
    }

    fn at(&self, path: PathAndQuery) -> Result<Uri, Error> {
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(|_| no_such_path())
    }
}

/// The error for a path that there is not, or that is not let through.
pub(super) fn no_such_path() -> Error {
    Error::new(Kind::PathNotFound, "no such path")
}

/// A path that every server reads in the same way, so that none finds its way around the list of what is allowed.
fn is_plain(path: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'~' | b'@' | b':');
    let steps = path.strip_prefix('/').unwrap_or_default().split('/');
    path.bytes().all(plain) && steps.into_iter().all(|step| !matches!(step, "" | "." | ".."))
}

fn chosen(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    names.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_passed() {
        for path in ["/oidc/v1/token", "/api/2.0/preview/scim/v2/Me", "/oidc/.well-known/oauth-authorization-server"] {
            assert!(is_plain(path), "{path}");
        }
        for path in
            ["/oidc/../api", "/oidc/%2e%2e/api", "/oidc//x", "/api/2.0/x/", "/oidc/..;/x", "/oidc/a\\b", "/", ""]
        {
            assert!(!is_plain(path), "{path}");
        }
    }
}
