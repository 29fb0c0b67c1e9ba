//! What the config says about comparing: what is ignored, what is near enough, what is known and explained.

use super::Measure;
use super::path::{Path, fits};

/// How answers are compared on a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Paths that nobody looks at, by measure.
    pub ignore: Vec<(String, Path)>,
    /// Numbers whose relative difference is at most this are the same.
    pub tolerance: f64,
    /// How many times as long (or as much) one side may take before that is a difference.
    pub ratio: f64,
    /// The share of words that two texts must have in common to be about the same.
    pub similarity: f64,
    /// The cosine of the angle between the embeddings of two texts that mean about the same, at least.
    pub closeness: f64,
    /// Differences that are known and meant, until they expire.
    pub explained: Vec<Explained>,
    /// What differs from the measures' own gates, by measure.
    pub gates: Vec<(String, Gate)>,
    /// The chance that a route on which nothing is wrong is ever said to fail.
    pub false_alarms: f64,
    /// Now, in seconds since 1970: an explanation that has expired counts no more.
    pub now: i64,
}

/// A difference that is known and meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The measure that sees it.
    pub measure: String,
    /// Where it is seen.
    pub path: Path,
    /// What the candidate has there; a pattern with `*`, none for anything.
    pub value: Option<String>,
    /// Why it is meant.
    pub reason: String,
    /// When it stops being one, in seconds since 1970.
    pub until: i64,
}

/// How much more than the noise is tolerated, and whether the route's verdict depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The share of exchanges in which the candidate may differ, beyond what the primary does by itself.
    pub tolerated: f64,
    /// Whether the route fails when this does. What does not gate is shown all the same.
    pub gates: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ignore: Vec::new(),
            tolerance: 1e-9,
            ratio: 1.5,
            similarity: 0.4,
            closeness: 0.8,
            explained: Vec::new(),
            gates: Vec::new(),
            false_alarms: 0.05,
            now: 0,
        }
    }
}

impl Settings {
    pub(super) fn ignores(&self, measure: &str, path: &str) -> bool {
        self.ignore.iter().any(|(name, ignored)| name == measure && ignored.matches(path))
    }

    /// The gate of a measure: the config's, or its own.
    #[must_use]
    pub fn gate(&self, measure: &dyn Measure) -> Gate {
        let own = self.gates.iter().find(|(name, _)| name == measure.name());
        own.map_or_else(|| measure.gate(), |(_, gate)| *gate)
    }

    /// Why a difference is meant, if it is.
    pub(super) fn explanation(&self, measure: &str, path: &str, right: &str) -> Option<&str> {
        let applies = |known: &&Explained| {
            known.measure == measure
                && self.now < known.until
                && known.path.matches(path)
                && known.value.as_ref().is_none_or(|value| fits(value, right) || fits(value, &unquoted(right)))
        };
        self.explained.iter().find(applies).map(|known| known.reason.as_str())
    }
}

/// A text as a person would write it, where it is one of JSON.
fn unquoted(text: &str) -> String {
    serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())
}

impl Gate {
    /// Differences of up to this share are tolerated, beyond it the route fails.
    #[must_use]
    pub const fn at(tolerated: f64) -> Self {
        Self { tolerated, gates: true }
    }

    /// Shown beside a share that would be tolerated, and never decides.
    #[must_use]
    pub const fn shown(tolerated: f64) -> Self {
        Self { tolerated, gates: false }
    }
}
