//! A backend's `breaker`: when it counts as unwell, and how long it is left alone.

use std::time::Duration;

use super::node::Node;
use super::units;

/// When a backend counts as unwell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Whether anything follows from it.
    pub enabled: bool,
    /// So many failures in a row.
    pub failures: u32,
    /// Or fewer than so many percent that went well,
    pub success: u32,
    /// over so long,
    pub window: Duration,
    /// of at least so many.
    pub least: u32,
    /// How long it is left alone the first time; twice as long each time that it is still unwell,
    pub open: Duration,
    /// and at most so long.
    pub most: Duration,
    /// How many requests try it after that.
    pub probes: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            enabled: true,
            failures: 5,
            success: 80,
            window: seconds(30),
            least: 20,
            open: seconds(5),
            most: seconds(60),
            probes: 3,
        }
    }
}

impl Breaker {
    /// `off`, or a mapping.
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let default = Self::default();
        if !node.is_map() {
            let off = node.word("breaker", &[("off", false)])?;
            return Some(Self { enabled: off, ..default });
        }
        let fields = node.fields(&["failures", "success", "window", "least", "open", "most", "probes"])?;
        let count = |what: &'static str, most: u32| {
            move |node: &Node<'_>| {
                let wanted = format!("a number of {what} from 1 to {most}");
                node.parsed(&wanted, |text| text.parse().ok().filter(|count| (1..=most).contains(count)))
            }
        };
        let failures = fields.or("failures", default.failures, count("failures in a row", 10_000));
        let success = fields.or("success", default.success, |node| {
            node.parsed("a share of the requests such as `80%`, at most `100%`", units::percent)
        });
        let window = fields.or("window", default.window, Node::deadline);
        let least = fields.or("least", default.least, count("requests", 100_000));
        let open = fields.or("open", default.open, Node::deadline);
        let most = fields.or("most", default.most.max(open.unwrap_or_default()), Node::deadline);
        let probes = fields.or("probes", default.probes, count("requests", 100));
        let (open, most) = (open?, most?);
        if most < open {
            return node.problem("`most` is the longest pause and `open` the first, which must not be longer");
        }
        Some(Self {
            enabled: true,
            failures: failures?,
            success: success?,
            window: window?,
            least: least?,
            open,
            most,
            probes: probes?,
        })
    }
}
