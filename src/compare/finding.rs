//! What a measure found: same, different and where, or nothing to compare; bounded, and fit to be kept.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Settings;
use super::json::near;

/// Most differences that a finding names; more are counted.
const MOST: usize = 8;

/// Most bytes of a value that a difference repeats.
const LONGEST: usize = 240;

/// What a measure found in one pair of answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// In a word.
    pub outcome: Outcome,
    /// Where, side by side; at most eight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Differences beyond those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u32,
    /// What both sides measured, where that is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<[f64; 2]>,
}

/// A finding in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// They agree.
    Same,
    /// They differ; for a measure with directions the right one is the worse or the larger one.
    Different,
    /// Only for a measure with directions: the left one is the worse or the larger one.
    Reverse,
    /// They differ in nothing but what has been explained.
    Explained,
    /// Neither side has any of what this measure looks at, so they agree in that.
    Absent,
    /// They cannot be compared in this: one of them failed, or was no stream.
    NotApplicable,
}

/// One place where two answers differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// What the left one has there; empty if nothing.
    pub left: String,
    /// What the right one has there; empty if nothing.
    pub right: String,
    /// Why this is known and meant, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Finding {
    /// They agree.
    #[must_use]
    pub fn same() -> Self {
        Self { outcome: Outcome::Same, differences: Vec::new(), more: 0, values: None }
    }

    /// They cannot be compared in this.
    #[must_use]
    pub fn not_applicable() -> Self {
        Self { outcome: Outcome::NotApplicable, ..Self::same() }
    }

    /// The same finding the other way around.
    #[must_use]
    pub(super) fn reversed(mut self) -> Self {
        if self.outcome == Outcome::Different {
            self.outcome = Outcome::Reverse;
        }
        self
    }

    /// The numbers that were compared.
    #[must_use]
    pub(super) fn with_values(mut self, left: f64, right: f64) -> Self {
        self.values = Some([left, right]);
        self
    }
}

/// Gathers differences: ignored ones are left out, explained ones marked, and what is too much is only counted.
pub(super) struct Differences<'a> {
    measure: &'static str,
    settings: &'a Settings,
    found: Vec<Difference>,
    more: u32,
    unexplained: bool,
}

impl<'a> Differences<'a> {
    pub(super) fn new(measure: &'static str, settings: &'a Settings) -> Self {
        Self { measure, settings, found: Vec::new(), more: 0, unexplained: false }
    }

    /// How many times as much is a difference.
    pub(super) fn ratio(&self) -> f64 {
        self.settings.ratio
    }

    /// Notes a difference, unless what stands at this path is ignored.
    pub(super) fn note(&mut self, path: &str, left: &str, right: &str) {
        if self.settings.ignores(self.measure, path) {
            return;
        }
        let explained = self.settings.explanation(self.measure, path, right).map(str::to_owned);
        self.unexplained |= explained.is_none();
        if self.found.len() >= MOST {
            self.more = self.more.saturating_add(1);
            return;
        }
        self.found.push(Difference {
            path: shortened(path),
            left: shortened(left),
            right: shortened(right),
            explained,
        });
    }

    /// How near two numbers are that count as the same.
    pub(super) fn tolerance(&self) -> f64 {
        self.settings.tolerance
    }

    /// Notes what only one of two sets has; numbers that are near each other count as the same.
    pub(super) fn sets(&mut self, path: &str, left: &BTreeSet<String>, right: &BTreeSet<String>) {
        let tolerance = self.tolerance();
        let number = |text: &str| text.parse::<f64>().ok();
        let alike = |one: &str, other: &str| {
            number(one).zip(number(other)).is_some_and(|(one, other)| near(one, other, tolerance))
        };
        let only = |ours: &BTreeSet<String>, theirs: &BTreeSet<String>| -> Vec<String> {
            let missing = ours.difference(theirs).filter(|one| !theirs.iter().any(|other| alike(one, other)));
            missing.cloned().collect()
        };
        let (left, right) = (only(left, right), only(right, left));
        for place in 0..left.len().max(right.len()) {
            let at = |list: &[String]| list.get(place).cloned().unwrap_or_default();
            self.note(path, &at(&left), &at(&right));
        }
    }

    /// As [`finding`](Self::finding), for a measure of something that neither side has any of.
    pub(super) fn finding_or_absent(self, absent: bool) -> Finding {
        let mut finding = self.finding();
        if absent && finding.outcome == Outcome::Same {
            finding.outcome = Outcome::Absent;
        }
        finding
    }

    pub(super) fn finding(self) -> Finding {
        let outcome = match (self.found.is_empty(), self.unexplained) {
            (true, _) => Outcome::Same,
            (false, true) => Outcome::Different,
            (false, false) => Outcome::Explained,
        };
        Finding { outcome, differences: self.found, more: self.more, values: None }
    }
}

/// A text of bounded length; what is cut off is said.
pub(super) fn shortened(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}
