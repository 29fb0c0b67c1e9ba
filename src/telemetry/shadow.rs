//! Metrics of mirrors.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// The counters of all mirrors.
pub struct Shadow {
    requests: IntCounterVec,
    lost: IntCounterVec,
    opinions: IntCounterVec,
}

impl Shadow {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        Ok(Self {
            requests: counter(
                "cutover_shadow_requests_total",
                "Requests of a route with a mirror, by what became of them",
                &["route", "fate", "why"],
            )?,
            lost: counter(
                "cutover_shadow_records_lost_total",
                "Records of mirrored exchanges that the store had no room for",
                &["route"],
            )?,
            opinions: counter(
                "cutover_shadow_opinions_total",
                "Pairs of answers that a model was asked about, by what came of it",
                &["route", "measure", "outcome"],
            )?,
        })
    }

    /// Requests of a route that met a fate.
    #[must_use]
    pub fn requests(&self, route: &str, fate: &str, why: &str) -> IntCounter {
        self.requests.with_label_values(&[route, fate, why])
    }

    /// Opinions about a route's pairs, by measure and what came of it.
    #[must_use]
    pub fn opinions(&self, route: &str, measure: &str, outcome: &str) -> IntCounter {
        self.opinions.with_label_values(&[route, measure, outcome])
    }

    /// Records of a route that were lost.
    #[must_use]
    pub fn records_lost(&self, route: &str) -> IntCounter {
        self.lost.with_label_values(&[route])
    }
}
