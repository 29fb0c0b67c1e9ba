//! Weights that were set for now, laid over those of the file.

use std::collections::BTreeMap;

use crate::config::{Backend, Config, Route, Weights};
use crate::store::Override;

/// Weights that were set for now, by route.
pub(super) type Overrides = BTreeMap<String, Set>;

/// The weights that were set for a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The weights.
    pub weights: Weights,
    /// Who set them.
    pub who: String,
    /// Why.
    pub why: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Whether they outlive the process.
    pub kept: bool,
}

impl Set {
    /// As it was kept; none if what was kept is not understood.
    pub(super) fn read(kept: Override) -> Option<(String, Self)> {
        let Override { route, weights, who, why, at, entry: _ } = kept;
        let weights = Weights::parse(&weights).ok()?;
        Some((route, Self { weights, who, why, at, kept: true }))
    }
}

/// A config with the overrides that fit it, and why the others do not.
pub(super) fn lay_over(file: &Config, overrides: &Overrides) -> (Config, BTreeMap<String, String>) {
    let mut config = file.clone();
    let mut aside = BTreeMap::new();
    for (name, set) in overrides {
        let Some(route) = config.routes.iter_mut().find(|route| route.name == *name) else {
            aside.insert(name.clone(), format!("the config has no route `{name}`"));
            continue;
        };
        let known: Vec<&str> = names(route, &file.backends).collect();
        let problems = set.weights.over_zero().unknown(&known);
        if problems.is_empty() {
            route.split = set.weights.over(&route.split, &file.backends);
        } else {
            aside.insert(name.clone(), problems.join("; "));
        }
    }
    (config, aside)
}

/// The names of a route's backends.
pub(super) fn names<'a>(route: &'a Route, backends: &'a [Backend]) -> impl Iterator<Item = &'a str> {
    route.split.iter().filter_map(|share| backends.get(share.backend)).map(|backend| backend.name.as_str())
}
