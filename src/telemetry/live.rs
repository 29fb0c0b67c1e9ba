//! Metrics of what is served now and why: the config's reloads, weights, and the store.

use prometheus::{IntCounter, IntGauge, Registry};

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
}

impl Live {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let lost = IntCounter::new("cutover_store_lost_total", "What the store was told and did not keep")?;
        registry.register(Box::new(lost.clone()))?;
        Ok(Self {
            store: StoreGauges {
                ok: gauge(
                    "cutover_store_ok",
                    "1 while the store does what it is asked, 0 while it is full, locked or gone",
                )?,
                lost,
                waiting: gauge("cutover_store_waiting", "What waits for the store")?,
            },
        })
    }
}
