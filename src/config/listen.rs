//! `listen`, `limits` and `timeouts`: where clients find us, what they may send and how long we wait for them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::capacity::count;
use super::node::Node;

/// Smallest room for a request's head: hyper accepts no smaller buffer.
const LEAST_HEAD: usize = 8 << 10;

/// Most connections that can be asked for.
const MOST_CONNECTIONS: usize = 1_000_000;

const CERT: &str = "a PEM file of certificates, such as `cert.pem`";

const KEY: &str = "a PEM file with the private key, such as `key.pem`";

/// Largest file of certificates or keys.
const LARGEST_PEM: u64 = 1 << 20;

const ADDRESS: &str = "an address with a port such as `127.0.0.1:8080`";

/// Where we listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// For clients; 127.0.0.1:8080 unless said otherwise.
    pub clients: SocketAddr,
    /// What clients see, if they come by TLS.
    pub tls: Option<Tls>,
    /// For health, metrics and the admin API; 127.0.0.1:9090 unless said otherwise.
    pub admin: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { clients: loopback(8080), tls: None, admin: loopback(9090) }
    }
}

impl Listen {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["clients", "admin"])?;
        let default = Self::default();
        let clients = fields.or("clients", (default.clients, None), clients);
        let admin = fields.or("admin", default.admin, address);
        let (clients, tls) = clients?;
        let listen = Self { clients, tls, admin: admin? };
        if listen.collides() { node.problem("`clients` and `admin` are the same address") } else { Some(listen) }
    }

    fn collides(&self) -> bool {
        let (clients, admin) = (self.clients, self.admin);
        let same_host = clients.ip() == admin.ip() || clients.ip().is_unspecified() || admin.ip().is_unspecified();
        // Port 0 is any free port.
        clients.port() == admin.port() && clients.port() != 0 && same_host
    }
}

/// `address` alone, or `{ address: ..., tls: ... }`.
fn clients(node: &Node<'_>) -> Option<(SocketAddr, Option<Tls>)> {
    if !node.is_map() {
        return Some((socket(node)?, None));
    }
    let fields = node.fields(&["address", "tls"])?;
    let address = fields.required("address", ADDRESS).and_then(socket);
    let tls = fields.or("tls", None, |node| Tls::read(node).map(Some));
    Some((address?, tls?))
}

/// `address` alone, or `{ address: ... }`, where later settings of the listener will stand.
fn address(node: &Node<'_>) -> Option<SocketAddr> {
    if node.is_map() { socket(node.fields(&["address"])?.required("address", ADDRESS)?) } else { socket(node) }
}

fn socket(node: &Node<'_>) -> Option<SocketAddr> {
    node.parsed(ADDRESS, |text| match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?))),
        None => text.parse().ok(),
    })
}

/// The files of a TLS listener; they may change while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, with those that lead from it to an authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities one of which must have signed every client's certificate; none are asked for without.
    pub client_ca: Option<PathBuf>,
}

impl Tls {
    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["cert", "key", "client_ca"])?;
        let cert = fields.required("cert", CERT).and_then(|node| pem(node, CERT, "CERTIFICATE"));
        let key = fields.required("key", KEY).and_then(|node| pem(node, KEY, "PRIVATE KEY"));
        let client_ca = fields.or("client_ca", None, |node| pem(node, CERT, "CERTIFICATE").map(Some));
        Some(Self { cert: cert?, key: key?, client_ca: client_ca? })
    }
}

/// A file that holds what it should, as far as its labels tell.
fn pem(node: &Node<'_>, wanted: &str, label: &str) -> Option<PathBuf> {
    let bytes = Zeroizing::new(node.file(wanted, LARGEST_PEM)?);
    let found =
        String::from_utf8_lossy(&bytes).lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(label));
    if found { node.path(wanted) } else { node.problem(format!("holds no {label} in PEM; write {wanted}")) }
}

/// How much clients may send and hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Most bytes of a request's line and headers.
    pub head: usize,
    /// Most bytes of a request's body.
    pub body: usize,
    /// Most connections at a time.
    pub connections: usize,
    /// Most bytes of one answer's content that are held for whoever needs it whole.
    pub answer: usize,
    /// Most requests at a time that go to backends.
    pub in_flight: usize,
    /// Most of these of one caller, if there is a limit.
    pub per_caller: Option<usize>,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            head: 64 << 10,
            body: 16 << 20,
            connections: 10_000,
            answer: 16 << 20,
            in_flight: 10_000,
            per_caller: None,
        }
    }
}

impl ClientLimits {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["head", "body", "connections", "answer", "in_flight", "per_caller"])?;
        let default = Self::default();
        let head = fields.or("head", default.head, head);
        let body = fields.or("body", default.body, Node::size);
        let connections = fields.or("connections", default.connections, connections);
        let answer = fields.or("answer", default.answer, Node::size);
        let in_flight = fields.or("in_flight", default.in_flight, |node| count(node, "requests"));
        let per_caller = fields.or("per_caller", default.per_caller, |node| count(node, "requests").map(Some));
        Some(Self {
            head: head?,
            body: body?,
            connections: connections?,
            answer: answer?,
            in_flight: in_flight?,
            per_caller: per_caller?,
        })
    }
}

fn head(node: &Node<'_>) -> Option<usize> {
    let size = node.size()?;
    if size < LEAST_HEAD { node.problem("is too small for real requests; write at least `8KiB`") } else { Some(size) }
}

fn connections(node: &Node<'_>) -> Option<usize> {
    let wanted = format!("a number of connections from 1 to {MOST_CONNECTIONS}");
    node.parsed(&wanted, |text| text.parse().ok().filter(|count| (1..=MOST_CONNECTIONS).contains(count)))
}

/// How long we wait for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// For the whole head of a request.
    pub head: Duration,
    /// For the whole body of a request.
    pub body: Duration,
    /// For the next request on a connection that is kept.
    pub idle: Duration,
    /// For a client that does not read what we send.
    pub send: Duration,
    /// For requests in flight when we are told to stop.
    pub drain: Duration,
    /// Silence of a stream after which it gives a sign of life.
    pub keep_alive: Duration,
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            head: seconds(10),
            body: seconds(30),
            idle: seconds(60),
            send: seconds(60),
            drain: seconds(120),
            keep_alive: seconds(15),
        }
    }
}

impl ClientTimeouts {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["head", "body", "idle", "send", "drain", "keep_alive"])?;
        let default = Self::default();
        let head = fields.or("head", default.head, Node::deadline);
        let body = fields.or("body", default.body, Node::deadline);
        let idle = fields.or("idle", default.idle, Node::deadline);
        let send = fields.or("send", default.send, Node::deadline);
        // A drain of zero is a choice: stop at once.
        let drain = fields.or("drain", default.drain, Node::duration);
        let keep_alive = fields.or("keep_alive", default.keep_alive, Node::deadline);
        Some(Self { head: head?, body: body?, idle: idle?, send: send?, drain: drain?, keep_alive: keep_alive? })
    }
}
