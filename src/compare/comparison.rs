//! All findings about one pair of answers: what the store keeps and the judge counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Finding, Outcome};

/// The findings about one pair of answers, by the names of the measures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Comparison {
    findings: BTreeMap<String, Finding>,
}

impl Comparison {
    /// What a measure found; none if it did not exist when this was made.
    #[must_use]
    pub fn finding(&self, measure: &str) -> Option<&Finding> {
        self.findings.get(measure)
    }

    /// Adds what a model was asked about.
    pub fn add(&mut self, measure: &str, finding: Finding) {
        self.findings.insert(measure.to_owned(), finding);
    }

    /// All findings, by the names of the measures.
    pub fn findings(&self) -> impl Iterator<Item = (&str, &Finding)> {
        self.findings.iter().map(|(name, finding)| (name.as_str(), finding))
    }

    /// The measures by which the right one differs, or is the worse one.
    pub fn different(&self) -> impl Iterator<Item = &str> {
        self.findings().filter(|(_, finding)| finding.outcome == Outcome::Different).map(|(name, _)| name)
    }

    /// Passes every text of the answers that it repeats through `change`.
    pub fn redact(&mut self, change: &dyn Fn(&str) -> String) {
        for difference in self.findings.values_mut().flat_map(|finding| &mut finding.differences) {
            difference.left = change(&difference.left);
            difference.right = change(&difference.right);
        }
    }

    /// Leaves only words and numbers: nothing of what was said.
    pub fn scores_only(&mut self) {
        for finding in self.findings.values_mut() {
            finding.differences.clear();
        }
    }
}

impl FromIterator<(&'static str, Finding)> for Comparison {
    fn from_iter<I: IntoIterator<Item = (&'static str, Finding)>>(findings: I) -> Self {
        Self { findings: findings.into_iter().map(|(name, finding)| (name.to_owned(), finding)).collect() }
    }
}
