//! URLs of the file: http or https, with a host, without a user or a fragment.

use std::net::IpAddr;

use http::Uri;

use super::node::Node;

/// Reads a URL. No message repeats it: it may hold a password in the place where one was refused.
pub(super) fn read(node: &Node<'_>, wanted: &str) -> Option<Uri> {
    let text = node.text(wanted)?;
    if text.value.contains('#') {
        return node.problem("has a fragment (`#...`), which is never sent; remove it");
    }
    let Ok(uri) = text.value.parse::<Uri>() else { return node.problem(format!("is not a URL; write {wanted}")) };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return node.problem(format!("does not begin with `http://` or `https://`; write {wanted}"));
    }
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return node.problem(format!("has no host; write {wanted}"));
    };
    if authority.as_str().contains('@') {
        return node.problem("has a user in it; remove what stands before `@` and write a `credential`");
    }
    if authority.as_str() != authority.host() && authority.port_u16().is_none_or(|port| port == 0) {
        return node.problem("has a port that is not a number from 1 to 65535");
    }
    Some(uri)
}

/// Reads a URL that secrets or keys are fetched from: over clear text anyone on the way could change them.
pub(super) fn read_secure(node: &Node<'_>, wanted: &str) -> Option<Uri> {
    let uri = read(node, wanted)?;
    if uri.scheme_str() == Some("http") && !is_local(uri.host().unwrap_or_default()) {
        return node.problem("goes over the network in clear text; write an `https` URL");
    }
    Some(uri)
}

/// Whether a host is this machine.
pub(super) fn is_local(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.to_canonical().is_loopback())
}
