//! A route's `timeouts`: how long its backends may take where that is not what they say themselves.

use std::time::Duration;

use super::backend::BackendTimeouts;
use super::node::Node;

/// How long the backends of a route may take, where that is not what they say themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// To accept a connection, TLS included.
    pub connect: Option<Duration>,
    /// From the request to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Between two pieces of an answer.
    pub idle: Option<Duration>,
    /// For the whole of a plain answer.
    pub total: Option<Duration>,
    /// For the whole of a stream.
    pub stream_total: Option<Duration>,
}

impl RouteTimeouts {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["connect", "first_byte", "idle", "total", "stream_total"])?;
        let own = |key: &str| fields.or(key, None, |node| node.deadline().map(Some));
        let (connect, first_byte, idle) = (own("connect"), own("first_byte"), own("idle"));
        let (total, stream_total) = (own("total"), own("stream_total"));
        Some(Self {
            connect: connect?,
            first_byte: first_byte?,
            idle: idle?,
            total: total?,
            stream_total: stream_total?,
        })
    }

    /// What holds on this route for a backend.
    #[must_use]
    pub fn over(&self, backend: BackendTimeouts) -> BackendTimeouts {
        BackendTimeouts {
            connect: self.connect.unwrap_or(backend.connect),
            first_byte: self.first_byte.unwrap_or(backend.first_byte),
            idle: self.idle.unwrap_or(backend.idle),
            total: self.total.unwrap_or(backend.total),
            stream_total: self.stream_total.or(backend.stream_total),
        }
    }
}
