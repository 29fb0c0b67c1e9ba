//! Metrics of mirrors.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// The counters of all mirrors.
pub struct Shadow {
    requests: IntCounterVec,
    lost: IntCounterVec,
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
        })
    }

    /// Requests of a route that met a fate.
    #[must_use]
    pub fn requests(&self, route: &str, fate: &str, why: &str) -> IntCounter {
        self.requests.with_label_values(&[route, fate, why])
    }

    /// Records of a route that were lost.
    #[must_use]
    pub fn records_lost(&self, route: &str) -> IntCounter {
        self.lost.with_label_values(&[route])
    }
}
