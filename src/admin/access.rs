//! Who may ask what: the role of a caller, and what browsers are not to be talked into.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{HOST, HeaderMap, ORIGIN};
use http::request::Parts;
use http::uri::Authority;

use super::Role;
use crate::auth::Caller;
use crate::config::Roles;
use crate::error::{Error, Kind};
use crate::gateway::Snapshot;
use crate::server::PeerName;

/// The name of whoever reaches a loopback address that asks nobody who they are.
const LOCAL: &str = "local";

/// The name of whoever asks what everybody may know.
pub(super) const NOBODY: &str = "anybody";

/// How requests come in.
pub(super) struct Door {
    /// Only this machine's own programs reach us.
    local: bool,
}

impl Door {
    /// That of a listener.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { local: address.ip().to_canonical().is_loopback() }
    }

    /// Refuses what was meant for another host. A page of a site whose name has been made to lead to this machine (DNS
    /// rebinding) says that site's name.
    pub(super) fn check_host(&self, head: &Parts) -> Result<(), Error> {
        match authority(head) {
            Some(authority) if self.local && !is_local(authority.host()) => {
                let message = "this address answers to `localhost` and to loopback addresses only, not to other hosts";
                Err(Error::new(Kind::Misdirected, message))
            }
            _ => Ok(()),
        }
    }

    /// The name of a caller who has a role.
    pub(super) async fn admit(&self, snapshot: &Snapshot, head: &Parts, role: Role) -> Result<Arc<str>, Error> {
        let Some(roles) = &snapshot.config.listen.admin.roles else {
            // A reload may have taken the roles away from an address that is not ours alone.
            let message = "`listen.admin` says nobody's role (`auth`), and everybody can reach this address";
            return if self.local { Ok(LOCAL.into()) } else { Err(Error::new(Kind::Forbidden, message)) };
        };
        let certified = head.extensions.get::<PeerName>().map(|PeerName(name)| &**name);
        let caller = snapshot.auth.authenticate(&head.headers, certified).await?;
        match role_of(&caller, roles) {
            Some(has) if has >= role => Ok(caller.name.as_str().into()),
            has => Err(lacking(role, has)),
        }
    }
}

fn role_of(caller: &Caller, roles: &Roles) -> Option<Role> {
    let has = |allow: &Option<_>| allow.as_ref().is_some_and(|allow| caller.is_among(allow));
    if has(&roles.operator) {
        return Some(Role::Operator);
    }
    has(&roles.viewer).then_some(Role::Viewer)
}

fn lacking(role: Role, has: Option<Role>) -> Error {
    let has = has.map_or("none", Role::name);
    let message =
        format!("this needs the role `{}` and the caller has {has}; `listen.admin.auth` gives roles", role.name());
    Error::new(Kind::Forbidden, message).challenge("Bearer error=\"insufficient_scope\"")
}

/// Refuses what a page of another site makes a browser send; other programs say nothing of sites.
pub(super) fn check_origin(head: &Parts) -> Result<(), Error> {
    let text = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let own_site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let own_origin = text(ORIGIN.as_str()).is_none_or(|origin| {
        let there = origin.split_once("://").and_then(|(_, rest)| rest.parse::<Authority>().ok());
        there.is_some() && there == authority(head)
    });
    if own_site && own_origin {
        return Ok(());
    }
    Err(Error::new(Kind::Forbidden, "pages of other sites may change nothing here"))
}

/// Whom a request is for, as it says itself.
fn authority(head: &Parts) -> Option<Authority> {
    head.uri.authority().cloned().or_else(|| host(&head.headers))
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    let host = headers.get(HOST)?;
    // What cannot be read is somebody else's.
    let unreadable = || Authority::from_static("unreadable.invalid");
    Some(host.to_str().ok().and_then(|host| host.parse().ok()).unwrap_or_else(unreadable))
}

fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_loopback_address_answers_to_its_own_names() {
        let (local, open) = (Door::new("127.0.0.1:9".parse().unwrap()), Door::new("10.0.0.1:9".parse().unwrap()));
        for host in ["localhost:9", "LOCALHOST", "127.0.0.1:9", "127.9.9.9", "[::1]:9"] {
            assert!(local.check_host(&head(&[("host", host)])).is_ok(), "{host}");
        }
        assert!(local.check_host(&head(&[])).is_ok(), "HTTP/1.0 has no host, and no browser speaks it");
        for host in ["evil.example:9", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "a b", ""] {
            let refused = local.check_host(&head(&[("host", host)])).map_err(|error| error.kind());
            assert_eq!(refused, Err(Kind::Misdirected), "{host}");
            assert!(open.check_host(&head(&[("host", host)])).is_ok());
        }
    }

    #[test]
    fn pages_of_other_sites_may_not_change_anything() {
        let host = ("host", "localhost:9");
        for own in [
            &[host][..],
            &[host, ("origin", "http://localhost:9")],
            &[host, ("origin", "http://LOCALHOST:9"), ("sec-fetch-site", "same-origin")],
            &[host, ("sec-fetch-site", "none")],
        ] {
            assert!(check_origin(&head(own)).is_ok(), "{own:?}");
        }
        for other in [
            [host, ("origin", "http://evil.example")],
            [host, ("origin", "http://localhost:10")],
            [host, ("origin", "http://evil.example@localhost:9")],
            [host, ("origin", "null")],
            [host, ("origin", "")],
            [host, ("sec-fetch-site", "cross-site")],
            [host, ("sec-fetch-site", "same-site")],
        ] {
            assert!(check_origin(&head(&other)).is_err(), "{other:?}");
        }
    }
}
