//! Metrics of what is served now and why: the config's reloads, weights, and the store.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::core::Collector;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// How the store does.
#[derive(Clone)]
pub struct StoreGauges {
    /// 1 while the store does what it is asked.
    pub ok: IntGauge,
    /// What it was told and did not keep.
    pub lost: IntCounter,
    /// What waits for it.
    pub waiting: IntGauge,
}

/// Metrics that change when somebody changes something.
pub struct Live {
    /// The store's.
    pub store: StoreGauges,
    /// Overrides that are not in force.
    pub aside: IntGauge,
    config_ok: IntGauge,
    reloads: IntCounterVec,
    applied_at: Gauge,
    revision: IntGaugeVec,
    weight: GaugeVec,
    overridden: IntGaugeVec,
}

impl Live {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        fn registered<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> Result<C, prometheus::Error> {
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        }
        let gauge = |name: &str, help: &str| registered(registry, IntGauge::new(name, help)?);
        let labelled = |name: &str, help: &str, labels: &[&str]| {
            registered(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
        };
        Ok(Self {
            store: StoreGauges {
                ok: gauge(
                    "cutover_store_ok",
                    "1 while the store does what it is asked, 0 while it is full, locked or gone",
                )?,
                lost: registered(
                    registry,
                    IntCounter::new("cutover_store_lost_total", "What the store was told and did not keep")?,
                )?,
                waiting: gauge("cutover_store_waiting", "What waits for the store")?,
            },
            aside: gauge("cutover_overrides_aside", "Weights that were set for now and do not fit the config")?,
            config_ok: gauge(
                "cutover_config_ok",
                "1 if the last reload of the config was applied, 0 if it was refused",
            )?,
            reloads: registered(
                registry,
                IntCounterVec::new(Opts::new("cutover_config_reloads_total", "Reloads of the config"), &["result"])?,
            )?,
            applied_at: registered(
                registry,
                Gauge::new("cutover_config_applied_timestamp_seconds", "When a config was applied last, since 1970")?,
            )?,
            revision: labelled(
                "cutover_config_info",
                "1 for the config in force: the beginning of its file's SHA-256",
                &["revision"],
            )?,
            weight: registered(
                registry,
                GaugeVec::new(
                    Opts::new("cutover_weight", "Share of a route's backend in force, 0 to 1"),
                    &["route", "backend"],
                )?,
            )?,
            overridden: labelled(
                "cutover_weights_overridden",
                "1 while weights that were set for now override those of the file",
                &["route"],
            )?,
        })
    }

    /// A config has been applied.
    pub fn applied(&self, revision: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.applied_at.set(now.as_secs_f64());
        self.config_ok.set(1);
        self.revision.reset();
        self.revision.with_label_values(&[revision]).set(1);
    }

    /// A reload ended.
    pub fn reloaded(&self, applied: bool) {
        self.reloads.with_label_values(&[if applied { "applied" } else { "refused" }]).inc();
        self.config_ok.set(applied.into());
    }

    /// Shows a weight in force, in hundredths of a percent.
    pub fn weight(&self, route: &str, backend: &str, basis_points: u32) {
        self.weight.with_label_values(&[route, backend]).set(f64::from(basis_points) / 10_000.0);
    }

    /// Shows whether a route's weights are not those of the file.
    pub fn overridden(&self, route: &str, overridden: bool) {
        self.overridden.with_label_values(&[route]).set(overridden.into());
    }

    /// A backend is not of this route any more.
    pub fn forget_weight(&self, route: &str, backend: &str) {
        // An error means that it is not there, which is what is wanted.
        let _ = self.weight.remove_label_values(&[route, backend]);
    }

    /// A route is gone.
    pub fn forget_overridden(&self, route: &str) {
        let _ = self.overridden.remove_label_values(&[route]);
    }
}
