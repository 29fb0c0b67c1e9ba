//! What has been counted of a route's comparisons: a few numbers a measure, whatever the traffic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Spread;
use crate::compare::{Comparison, Finding, Outcome, Tokens};

/// Most paths of which a measure counts differences each; those beyond share one count.
const MOST_PATHS: usize = 64;

/// Where paths beyond the most are counted.
pub(super) const OTHERS: &str = "(others)";

/// The counts of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Pairs of answers that were compared.
    pub exchanges: u64,
    /// Of those: the primary was asked a second time, too.
    pub twins: u64,
    /// By measure.
    pub measures: BTreeMap<String, Counts>,
    /// What both sides took.
    pub cost: Cost,
}

/// Tokens that both sides took for the same requests, by their own count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cost {
    /// Pairs of answers of which both sides counted.
    pub counted: u64,
    /// What the primary took for these.
    pub primary: Tokens,
    /// What the candidate took.
    pub candidate: Tokens,
}

/// The counts of one measure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Pairs of primary and candidate in which there was something to compare.
    pub compared: u64,
    /// Of those: they differ, or the candidate is the worse one.
    pub different: u64,
    /// Of those: the primary is the worse one.
    pub reverse: u64,
    /// Of those: they differ in nothing but what has been explained.
    pub explained: u64,
    /// Of those: neither has any of what the measure looks at.
    pub absent: u64,
    /// Requests of which the primary's second answer was compared with its first, beside the candidate's.
    pub twins: u64,
    /// Of those: the primary differs from itself.
    pub noise: u64,
    /// Of those: the candidate differs from the primary, which does not differ from itself.
    pub only_candidate: u64,
    /// Of those: the other way around.
    pub only_twin: u64,
    /// Differences by path; numbers in paths count as one.
    pub paths: BTreeMap<String, u64>,
    /// Explained differences by reason.
    pub reasons: BTreeMap<String, u64>,
    /// What the primary measured, where that is a number.
    pub primary: Spread,
    /// What the candidate measured.
    pub candidate: Spread,
}

impl Tally {
    /// Takes in what was found of one request: between primary and candidate, and if the primary was asked a second
    /// time, between its two answers.
    pub fn record(&mut self, candidate: &Comparison, twin: Option<&Comparison>) {
        self.exchanges += 1;
        self.twins += u64::from(twin.is_some());
        for (measure, finding) in candidate.findings() {
            if !self.measures.contains_key(measure) {
                self.measures.insert(measure.to_owned(), Counts::default());
            }
            if let Some(counts) = self.measures.get_mut(measure) {
                counts.record(finding, twin.and_then(|twin| twin.finding(measure)));
            }
        }
    }

    /// Takes in what one pair of answers took, where both sides counted.
    pub fn spend(&mut self, primary: Option<Tokens>, candidate: Option<Tokens>) {
        if let (Some(primary), Some(candidate)) = (primary, candidate) {
            self.cost.merge(&Cost { counted: 1, primary, candidate });
        }
    }

    /// The numbers alone: without paths, reasons and spreads, which are most of its size.
    #[must_use]
    pub fn bare(&self) -> Self {
        let bare = |counts: &Counts| Counts {
            paths: BTreeMap::new(),
            reasons: BTreeMap::new(),
            primary: Spread::default(),
            candidate: Spread::default(),
            ..*counts
        };
        Self { measures: self.measures.iter().map(|(name, counts)| (name.clone(), bare(counts))).collect(), ..*self }
    }

    /// What was counted since an earlier moment, as numbers alone.
    #[must_use]
    pub fn less(&self, earlier: &Self) -> Self {
        let mut less = self.bare();
        less.exchanges = less.exchanges.saturating_sub(earlier.exchanges);
        less.twins = less.twins.saturating_sub(earlier.twins);
        less.cost = Cost::default();
        for (name, before) in &earlier.measures {
            if let Some(counts) = less.measures.get_mut(name) {
                counts.take_away(before);
            }
        }
        less
    }

    /// Adds another tally of the same route: of another replica, or of another day.
    pub fn merge(&mut self, other: &Self) {
        self.exchanges += other.exchanges;
        self.twins += other.twins;
        for (measure, counts) in &other.measures {
            self.measures.entry(measure.clone()).or_default().merge(counts);
        }
        self.cost.merge(&other.cost);
    }
}

impl Cost {
    fn merge(&mut self, other: &Self) {
        self.counted += other.counted;
        for (sum, more) in [(&mut self.primary, other.primary), (&mut self.candidate, other.candidate)] {
            sum.input = sum.input.saturating_add(more.input);
            sum.output = sum.output.saturating_add(more.output);
        }
    }
}

impl Counts {
    fn record(&mut self, finding: &Finding, twin: Option<&Finding>) {
        let differs = finding.outcome == Outcome::Different;
        if let Some([left, right]) = finding.values {
            self.primary.add(left);
            self.candidate.add(right);
        }
        if finding.outcome != Outcome::NotApplicable {
            self.compared += 1;
            self.different += u64::from(differs);
            self.reverse += u64::from(finding.outcome == Outcome::Reverse);
            self.explained += u64::from(finding.outcome == Outcome::Explained);
            self.absent += u64::from(finding.outcome == Outcome::Absent);
        }
        for difference in &finding.differences {
            match &difference.explained {
                Some(reason) => count(&mut self.reasons, reason),
                None => count(&mut self.paths, &without_places(&difference.path)),
            }
        }
        let Some(twin) = twin else { return };
        // The candidate and the twin are taken in by the same rule: where either has nothing to compare, neither counts.
        if finding.outcome == Outcome::NotApplicable || twin.outcome == Outcome::NotApplicable {
            return;
        }
        let noisy = twin.outcome == Outcome::Different;
        self.twins += 1;
        self.noise += u64::from(noisy);
        self.only_candidate += u64::from(differs && !noisy);
        self.only_twin += u64::from(noisy && !differs);
    }

    fn take_away(&mut self, before: &Self) {
        for (now, before) in [
            (&mut self.compared, before.compared),
            (&mut self.different, before.different),
            (&mut self.reverse, before.reverse),
            (&mut self.explained, before.explained),
            (&mut self.absent, before.absent),
            (&mut self.twins, before.twins),
            (&mut self.noise, before.noise),
            (&mut self.only_candidate, before.only_candidate),
            (&mut self.only_twin, before.only_twin),
        ] {
            *now = now.saturating_sub(before);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.compared += other.compared;
        self.different += other.different;
        self.reverse += other.reverse;
        self.explained += other.explained;
        self.absent += other.absent;
        self.twins += other.twins;
        self.noise += other.noise;
        self.only_candidate += other.only_candidate;
        self.only_twin += other.only_twin;
        for (path, times) in &other.paths {
            add(&mut self.paths, path, *times);
        }
        for (reason, times) in &other.reasons {
            add(&mut self.reasons, reason, *times);
        }
        self.primary.merge(&other.primary);
        self.candidate.merge(&other.candidate);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    add(counts, name, 1);
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str, times: u64) {
    let name = if counts.contains_key(name) || counts.len() < MOST_PATHS { name } else { OTHERS };
    *counts.entry(name.to_owned()).or_default() += times;
}

/// `items.*.name` for `items.3.name`: what differs at one place of a list differs at any.
fn without_places(path: &str) -> String {
    let is_place = |step: &str| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    let steps: Vec<_> = path.split('.').map(|step| if is_place(step) { "*" } else { step }).collect();
    steps.join(".")
}
