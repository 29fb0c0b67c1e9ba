//! `listen.admin`: where operators find us, and which callers are operators.

use std::net::{Ipv4Addr, SocketAddr};

use super::allow::Allow;
use super::listen::{ADDRESS, Tls, socket};
use super::node::Node;

const ROLES: &str = "`{ operator: { groups: [ ... ] } }`, and `viewer` likewise for those who may look and not change";

/// Where operators find us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operators {
    /// The address; 127.0.0.1:9090 unless said otherwise.
    pub address: SocketAddr,
    /// What they see, if they come by TLS.
    pub tls: Option<Tls>,
    /// Which callers may do what; without, everybody may do everything, and the address is a loopback one.
    pub roles: Option<Roles>,
}

/// Which callers may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Who may look.
    pub viewer: Option<Allow>,
    /// Who may look and change.
    pub operator: Option<Allow>,
}

impl Default for Operators {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)), tls: None, roles: None }
    }
}

impl Operators {
    /// `address` alone, or `{ address: ..., tls: ..., auth: ... }`.
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let operators = if node.is_map() {
            let fields = node.fields(&["address", "tls", "auth"])?;
            let address = fields.required("address", ADDRESS).and_then(socket);
            let tls = fields.or("tls", None, |node| Tls::read(node).map(Some));
            let roles = fields.or("auth", None, |node| Roles::read(node).map(Some));
            Self { address: address?, tls: tls?, roles: roles? }
        } else {
            Self { address: socket(node)?, tls: None, roles: None }
        };
        if operators.roles.is_some() || is_loopback(operators.address) {
            return Some(operators);
        }
        let address = operators.address;
        node.problem(format!(
            "would let anyone who can reach {address} change the traffic; write `{{ address: '{address}', auth: {{ operator: \
             {{ groups: [ ... ] }} }} }}` to say which callers may, or a loopback address such as `127.0.0.1:{}`",
            address.port()
        ))
    }
}

impl Roles {
    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["viewer", "operator"])?;
        let viewer = fields.or("viewer", None, |node| Allow::read(node).map(Some));
        let operator = fields.or("operator", None, |node| Allow::read(node).map(Some));
        let roles = Self { viewer: viewer?, operator: operator? };
        if roles == Self::default() {
            return node.problem(format!("gives nobody a role; write {ROLES}"));
        }
        Some(roles)
    }
}

/// Whether an address is this machine's own.
pub(super) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
