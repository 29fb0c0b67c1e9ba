//! `retries` and a route's `retry`: what is sent again, how often, and how much of it all together.

use std::time::Duration;

use super::node::Node;
use super::units;

/// How much may be sent again, all routes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Percent of the requests of the last seconds.
    pub share: u32,
    /// So many a second are free, where there is little traffic.
    pub least: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self { share: 20, least: 3 }
    }
}

/// What a route sends again: always only what cannot have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Most attempts of one request, the first included.
    pub attempts: u32,
    /// Also when the backend answers 429 and says when to come again.
    pub on_429: bool,
    /// Also when the backend answers 503 and says when to come again.
    pub on_503: bool,
    /// The longest that is waited where the backend says when to come again.
    pub wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, on_429: false, on_503: false, wait: Duration::from_secs(5) }
    }
}

/// Most attempts that can be asked for.
const MOST_ATTEMPTS: u32 = 10;

/// What `on` may list.
const ON: [(&str, bool); 2] = [("429", true), ("503", false)];

impl Retries {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["share", "least"])?;
        let default = Self::default();
        let share = fields.or("share", default.share, |node| {
            node.parsed("a share of the requests such as `20%`, at most `100%`", units::percent)
        });
        let least = fields.or("least", default.least, |node| {
            node.parsed("a number of retries a second from 0 to 1000", |text| {
                text.parse().ok().filter(|count| *count <= 1_000)
            })
        });
        Some(Self { share: share?, least: least? })
    }
}

impl Retry {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["attempts", "on", "wait"])?;
        let default = Self::default();
        let wanted = format!("a number of attempts from 1, which is no retry, to {MOST_ATTEMPTS}");
        let attempts = fields.or("attempts", default.attempts, |node| {
            node.parsed(&wanted, |text| text.parse().ok().filter(|count| (1..=MOST_ATTEMPTS).contains(count)))
        });
        let on = fields.or("on", Vec::new(), |node| {
            let items = node.items("a list of what is sent again too, such as `[ 429, 503 ]`")?;
            items.iter().map(|item| item.word("reason", &ON)).collect::<Vec<_>>().into_iter().collect()
        });
        let wait = fields.or("wait", default.wait, Node::deadline);
        let (attempts, on, wait) = (attempts?, on?, wait?);
        if attempts == 1 && !on.is_empty() {
            return node.problem("`on` says what is sent again and `attempts: 1` that nothing is; remove one of them");
        }
        Some(Self { attempts, on_429: on.contains(&true), on_503: on.contains(&false), wait })
    }
}
