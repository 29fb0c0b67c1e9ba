//! What is made known of a decision that a request goes by, and what operators can see of splits.

use std::time::Instant;

use super::snapshot::Snapshot;
use crate::route::{Counted, Decision, Observed, Route, Standing};

/// What was seen of a route's split.
pub struct Traffic {
    /// What each backend of the split has got, in the order of the config.
    pub backends: Vec<Got>,
    /// Conversations that are alive at backends that have left the split.
    pub alive_elsewhere: usize,
    /// What is counted, with the evidence that it does not go where the weights say, and whether that is believed.
    pub evidence: [(&'static str, f64, bool); 2],
}

/// What a backend of a split has got since the weights changed.
pub struct Got {
    /// Its name.
    pub backend: String,
    /// Conversations that went to it by their key.
    pub conversations: u64,
    /// Requests that named no conversation, and went to it by chance.
    pub requests: u64,
    /// Conversations that it served last, not long ago.
    pub alive: usize,
}

impl Snapshot {
    /// What was seen of each route's split, in the order of the config.
    #[must_use]
    pub fn traffic(&self) -> Vec<Traffic> {
        let now = Instant::now();
        let traffic = |route: &Route| {
            let alive = self.routes.alive(route, now);
            let alive_at = |wanted| {
                let there = alive.iter().filter(|alive| alive.backend == wanted);
                there.map(|alive| alive.conversations).sum()
            };
            let got = |standing: Standing| Got {
                backend: self.backends.get(standing.backend).map_or_else(String::new, |backend| backend.name.clone()),
                conversations: standing.conversations,
                requests: standing.requests,
                alive: alive_at(Some(standing.backend)),
            };
            Traffic {
                backends: route.split.standing().into_iter().map(got).collect(),
                alive_elsewhere: alive_at(None),
                evidence: Counted::ALL.map(|counted| {
                    let observed = route.split.observed(counted);
                    (counted.name(), observed.evidence, observed.mismatch)
                }),
            }
        };
        self.routes.iter().map(traffic).collect()
    }

    /// A request goes by a decision now.
    pub(super) fn note(&self, decision: &Decision<'_>, now: Instant) {
        let noted = self.routes.note(decision, now);
        let (Some(counted), Some(meters)) = (noted.counted, self.splits.get(decision.index)) else { return };
        meters.picked(decision.backend, counted as usize);
        if let Some(observed) = noted.mismatch {
            meters.mismatch(counted as usize, true);
            self.warn(decision.route, counted, &observed);
        }
    }

    /// Sets the gauges that nothing sets while it changes; before they are read.
    pub fn measure(&self) {
        let now = Instant::now();
        for (route, meters) in self.routes.iter().zip(&self.splits) {
            for counted in Counted::ALL {
                meters.mismatch(counted as usize, route.split.observed(counted).mismatch);
            }
            let alive = self.routes.alive(route, now);
            meters.alive(|place| {
                let there = alive.iter().find(|alive| alive.backend == Some(place));
                there.map_or(0, |alive| alive.conversations)
            });
        }
    }

    fn warn(&self, route: &Route, counted: Counted, observed: &Observed) {
        let total: u64 = observed.seen.iter().sum();
        let mut said = Vec::new();
        for (standing, seen) in route.split.standing().iter().zip(&observed.seen) {
            let name = self.backends.get(standing.backend).map_or("", |backend| backend.name.as_str());
            #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
            let percent = *seen as f64 * 100.0 / total.max(1) as f64;
            said.push(format!("{name} {seen} ({percent:.2} %, configured {:.2} %)", standing.share * 100.0));
        }
        tracing::warn!(
            route = route.name,
            counted = counted.name(),
            observed = said.join(", "),
            evidence = observed.evidence,
            "traffic does not go where the weights say; look at what the sticky keys are"
        );
    }
}
