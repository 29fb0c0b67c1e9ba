//! A backend's `limits`: how much it is given at a time.

use std::time::Duration;

use super::node::Node;

/// How much a backend is given at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Exchanges, from the call to the last byte of the answer.
    pub in_flight: usize,
    /// Requests that wait for one of these to end.
    pub pending: usize,
    /// How long they wait.
    pub wait: Duration,
}

/// Most that can be asked for.
const MOST: usize = 1_000_000;

/// How long a request waits for its turn unless the file says otherwise.
const WAIT: Duration = Duration::from_millis(100);

/// A number of things that are at least one.
pub(super) fn count(node: &Node<'_>, what: &str) -> Option<usize> {
    let wanted = format!("a number of {what} from 1 to {MOST}");
    node.parsed(&wanted, |text| text.parse().ok().filter(|count| (1..=MOST).contains(count)))
}

impl Capacity {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["in_flight", "pending", "wait"])?;
        let exchanges = |node: &Node<'_>| count(node, "exchanges");
        let in_flight = fields.required("in_flight", "the most exchanges at a time, such as `in_flight: 512`");
        let in_flight = in_flight.and_then(exchanges);
        // A long queue only makes every request in it late.
        let short = in_flight.unwrap_or_default().div_ceil(10);
        let wanted = format!("a number of requests from 0, which is no queue, to {MOST}");
        let pending = fields
            .or("pending", short, |node| node.parsed(&wanted, |text| text.parse().ok().filter(|count| *count <= MOST)));
        let wait = fields.or("wait", WAIT, Node::deadline);
        Some(Self { in_flight: in_flight?, pending: pending?, wait: wait? })
    }
}
