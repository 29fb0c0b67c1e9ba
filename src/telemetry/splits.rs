//! The metrics of splits: what was seen of them, and whether that is what is configured.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// What is counted by: conversations by their key, requests by chance. Labels, in the order of the handles below.
const COUNTED: [&str; 2] = ["conversations", "requests"];

/// Metrics of all splits.
pub struct Splits {
    picked: IntCounterVec,
    mismatch: IntGaugeVec,
    alive: IntGaugeVec,
}

/// The handles of one route's split.
#[derive(Clone, Debug)]
pub struct SplitMeters {
    /// Its backends by their places, each with its counters and with its conversations that are alive.
    backends: Vec<(usize, [IntCounter; 2], IntGauge)>,
    mismatch: [IntGauge; 2],
}

impl Splits {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let splits = Self {
            picked: IntCounterVec::new(
                Opts::new(
                    "cutover_split_picked_total",
                    "Conversations first seen, and requests of none, that went by weight",
                ),
                &["route", "backend", "counted"],
            )?,
            mismatch: IntGaugeVec::new(
                Opts::new("cutover_split_mismatch", "1 while traffic does not go where the weights say"),
                &["route", "counted"],
            )?,
            alive: IntGaugeVec::new(
                Opts::new("cutover_conversations_alive", "Conversations that a backend served last, not long ago"),
                &["route", "backend"],
            )?,
        };
        registry.register(Box::new(splits.picked.clone()))?;
        registry.register(Box::new(splits.mismatch.clone()))?;
        registry.register(Box::new(splits.alive.clone()))?;
        Ok(splits)
    }

    /// The handles of a route's split among backends by place and name.
    #[must_use]
    pub fn of<'a>(&self, route: &str, backends: impl Iterator<Item = (usize, &'a str)>) -> SplitMeters {
        let backend = |(place, name): (usize, &str)| {
            let picked = COUNTED.map(|counted| self.picked.with_label_values(&[route, name, counted]));
            (place, picked, self.alive.with_label_values(&[route, name]))
        };
        let mismatch = COUNTED.map(|counted| self.mismatch.with_label_values(&[route, counted]));
        SplitMeters { backends: backends.map(backend).collect(), mismatch }
    }

    // Below, an error means that it is not there, which is what is wanted.

    pub(super) fn forget(&self, route: &str, backend: &str) {
        for counted in COUNTED {
            let _ = self.picked.remove_label_values(&[route, backend, counted]);
        }
        let _ = self.alive.remove_label_values(&[route, backend]);
    }

    pub(super) fn forget_route(&self, route: &str) {
        for counted in COUNTED {
            let _ = self.mismatch.remove_label_values(&[route, counted]);
        }
    }
}

impl SplitMeters {
    /// A backend was picked; `counted` is the place of the label.
    pub fn picked(&self, backend: usize, counted: usize) {
        let found = self.backends.iter().find(|(place, ..)| *place == backend);
        if let Some(counter) = found.and_then(|(_, counters, _)| counters.get(counted)) {
            counter.inc();
        }
    }

    /// Whether traffic goes elsewhere than the weights say.
    pub fn mismatch(&self, counted: usize, is: bool) {
        if let Some(gauge) = self.mismatch.get(counted) {
            gauge.set(i64::from(is));
        }
    }

    /// How many conversations each backend has, by its place; none where nothing is said.
    pub fn alive(&self, conversations: impl Fn(usize) -> usize) {
        for (place, _, gauge) in &self.backends {
            gauge.set(i64::try_from(conversations(*place)).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_its_handles() {
        let registry = Registry::new();
        let meters = Splits::register(&registry).unwrap().of("r", [(3, "app"), (5, "legacy")].into_iter());
        meters.picked(3, 0);
        meters.picked(5, 1);
        meters.picked(7, 1);
        meters.mismatch(1, true);
        meters.alive(|place| place);
        let mut lines = String::new();
        prometheus::TextEncoder::new().encode_utf8(&registry.gather(), &mut lines).unwrap();
        for line in [
            r#"cutover_split_picked_total{backend="app",counted="conversations",route="r"} 1"#,
            r#"cutover_split_picked_total{backend="legacy",counted="requests",route="r"} 1"#,
            r#"cutover_split_mismatch{counted="requests",route="r"} 1"#,
            r#"cutover_split_mismatch{counted="conversations",route="r"} 0"#,
            r#"cutover_conversations_alive{backend="legacy",route="r"} 5"#,
        ] {
            assert!(lines.contains(line), "{line} is missing in:\n{lines}");
        }
    }
}
