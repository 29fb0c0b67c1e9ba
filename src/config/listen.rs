//! `listen`, `limits` and `timeouts`: where clients find us, what they may send and how long we wait for them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where we listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// For clients; 127.0.0.1:8080 unless said otherwise.
    pub clients: SocketAddr,
    /// For health, metrics and the admin API; 127.0.0.1:9090 unless said otherwise.
    pub admin: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { clients: loopback(8080), admin: loopback(9090) }
    }
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
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self { head: 64 << 10, body: 16 << 20, connections: 10_000, answer: 16 << 20 }
    }
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
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { head: seconds(10), body: seconds(30), idle: seconds(60), send: seconds(60), drain: seconds(120) }
    }
}
