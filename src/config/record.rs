//! `record`: what is kept of mirrored exchanges, and for how long.

use std::time::Duration;

use regex::Regex;

use super::node::Node;

const KEEP: &str = "days such as `30d`, from `1d` to `3650d`";

/// What is kept of mirrored exchanges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How much of what was said.
    pub mode: Privacy,
    /// For how long.
    pub keep: Duration,
    /// In how many bytes at most.
    pub size: usize,
    /// Regular expressions of what is made unreadable besides the usual.
    pub redact: Vec<String>,
}

/// How much is kept of what was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privacy {
    /// Requests and answers as they were.
    Full,
    /// The same without addresses, numbers, names and what the route's own patterns find.
    #[default]
    Redacted,
    /// How they compare, and no word of them.
    Scores,
}

const MODES: [(&str, Privacy); 3] =
    [("full", Privacy::Full), ("redacted", Privacy::Redacted), ("scores", Privacy::Scores)];

impl Default for Record {
    fn default() -> Self {
        Self { mode: Privacy::default(), keep: days(30), size: 1 << 30, redact: Vec::new() }
    }
}

impl Record {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["mode", "keep", "size", "redact"])?;
        let default = Self::default();
        let mode = fields.or("mode", default.mode, |node| node.word("privacy mode", &MODES));
        let keep = fields.or("keep", default.keep, keep);
        let size = fields.or("size", default.size, Node::size);
        let redact = fields.or("redact", Vec::new(), redact);
        if let (Some(node), Some(Privacy::Full | Privacy::Scores)) = (fields.optional("redact"), mode) {
            return node.problem("has a meaning with `mode: redacted` alone; write that, or remove this");
        }
        Some(Self { mode: mode?, keep: keep?, size: size?, redact: redact? })
    }
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

fn keep(node: &Node<'_>) -> Option<Duration> {
    node.parsed(KEEP, |text| text.strip_suffix('d')?.parse().ok().filter(|count| (1..=3_650).contains(count)).map(days))
}

fn redact(node: &Node<'_>) -> Option<Vec<String>> {
    let pattern = |node: &Node<'_>| {
        let pattern = node.text("a regular expression such as `ORD-[0-9]+`")?;
        match Regex::new(&pattern.value) {
            Ok(_) => Some(pattern.value.to_string()),
            // The library's text draws an arrow below the pattern on lines of their own; its last line says what is wrong.
            Err(error) => {
                let reason = error.to_string();
                let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                node.problem(format!("`{}` is not a regular expression: {last}", pattern.written))
            }
        }
    };
    node.items("a list of regular expressions")?.iter().map(pattern).collect::<Vec<_>>().into_iter().collect()
}
