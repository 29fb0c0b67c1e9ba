//! The weights in force, as gauges; those of routes that are gone disappear.

use std::collections::BTreeSet;

use super::{Live, State};
use crate::config::{Config, Weights};

impl Live {
    /// Shows the weights of what is served now.
    pub(super) fn show(&self, state: &mut State, effective: &Config) {
        let live = &self.metrics.live;
        let mut shown = BTreeSet::new();
        for route in &effective.routes {
            let overridden = state.overrides.contains_key(&route.name) && !state.aside.contains_key(&route.name);
            live.overridden(&route.name, overridden);
            for (backend, points) in Weights::of(&route.split, &effective.backends).iter() {
                live.weight(&route.name, backend, points);
                shown.insert((route.name.clone(), backend.to_owned()));
            }
        }
        for (route, backend) in state.shown.difference(&shown) {
            live.forget_weight(route, backend);
        }
        let gone = |route: &str| effective.routes.iter().all(|known| known.name != route);
        for (route, _) in state.shown.iter().filter(|(route, _)| gone(route)) {
            live.forget_overridden(route);
        }
        live.aside.set(i64::try_from(state.aside.len()).unwrap_or(i64::MAX));
        state.shown = shown;
    }
}
