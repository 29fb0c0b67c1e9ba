//! A backend's `health`: the path that says whether it is there.

use std::time::Duration;

use http::uri::PathAndQuery;

use super::node::Node;

/// How a backend is asked whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Asked for with GET, at the backend's host.
    pub path: PathAndQuery,
    /// How often.
    pub every: Duration,
    /// How long it may take.
    pub timeout: Duration,
    /// So many bad answers in a row take it out.
    pub fall: u32,
    /// So many good ones bring it back.
    pub rise: u32,
}

const PATH: &str = "a path such as `/health`";

impl Health {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["path", "every", "timeout", "fall", "rise"])?;
        let path = fields
            .required("path", PATH)
            .and_then(|node| node.parsed(PATH, |text| text.parse().ok().filter(|_| text.starts_with('/'))));
        let every = fields.or("every", Duration::from_secs(10), Node::deadline);
        let timeout = fields.or("timeout", Duration::from_secs(2), Node::deadline);
        let times = |node: &Node<'_>| {
            node.parsed("a number of answers in a row from 1 to 100", |text| {
                text.parse().ok().filter(|count| (1..=100).contains(count))
            })
        };
        let fall = fields.or("fall", 3, times);
        let rise = fields.or("rise", 1, times);
        Some(Self { path: path?, every: every?, timeout: timeout?, fall: fall?, rise: rise? })
    }
}
