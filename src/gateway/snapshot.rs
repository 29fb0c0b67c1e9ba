//! Everything a request is served by, built as a whole from one config.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;

use super::admission::Admission;
use super::course::Conduct;
use super::workspace::Workspace;
use crate::auth::Authenticator;
use crate::config::{self, ClientLimits, ClientTimeouts, Config};
use crate::route::{Table, state_places};
use crate::shadow::{Mirror, Workers};
use crate::store::Store;
use crate::telemetry::{Arm, Metrics, SplitMeters};
use crate::upstream::{Backend, Budget};

/// A config made ready to serve.
pub struct Snapshot {
    /// What all of this was built from.
    pub config: Arc<Config>,
    /// Who may call.
    pub auth: Authenticator,
    /// Where requests go.
    pub routes: Table,
    /// Clients come by TLS.
    pub(super) https: bool,
    /// The workspace behind us, if there is one.
    pub(super) workspace: Option<Workspace>,
    /// Who answers, in the order of the config.
    pub backends: Vec<Arc<Backend>>,
    /// What clients may do.
    pub limits: ClientLimits,
    /// How long we wait for them.
    pub timeouts: ClientTimeouts,
    /// What is in hand.
    pub(super) admission: Arc<Admission>,
    /// What may be sent again.
    pub(super) budget: Arc<Budget>,
    retries: config::Retries,
    conducts: Vec<Conduct>,
    arms: HashMap<(usize, usize), Arc<Arm>>,
    /// Of each route.
    pub(super) splits: Vec<SplitMeters>,
    mirrors: HashMap<usize, Arc<Mirror>>,
    mirroring: Workers,
    metrics: Arc<Metrics>,
}

impl Snapshot {
    /// Makes a config ready; `previous` is what it replaces.
    ///
    /// # Errors
    /// When TLS to a backend or an identity provider cannot be set up.
    pub fn new(config: &Config, store: &Store, metrics: &Arc<Metrics>, previous: Option<&Self>) -> io::Result<Self> {
        let before = |name: &str| previous?.backends.iter().find(|backend| backend.name == name);
        let backends = config.backends.iter().map(|backend| match before(&backend.name) {
            // With its connections: a change of weights costs no request a handshake.
            Some(same) if previous.is_some_and(|previous| previous.config.backends.contains(backend)) => {
                Ok(Arc::clone(same))
            }
            other => Backend::new(backend, other.map(AsRef::as_ref), metrics.backend(&backend.name)).map(Arc::new),
        });
        let backends = backends.collect::<io::Result<Vec<_>>>()?;
        let conducts = config.routes.iter().map(|route| conduct(route, &backends, metrics));
        let conducts = conducts.collect::<io::Result<_>>()?;
        let routes = Table::new(config, previous.map(|previous| &previous.routes));
        let mut arms = HashMap::new();
        for (index, route) in routes.iter().enumerate() {
            let fallback = config.routes.get(index).and_then(|route| route.fallback).map(|fallback| fallback.to);
            for backend in route.split.iter().map(|(backend, _)| backend).chain(fallback) {
                let name = backends.get(backend).map_or("", |backend| backend.name.as_str());
                arms.insert((index, backend), Arc::new(metrics.arm(&route.name, name)));
            }
        }
        let splits = routes.iter().map(|route| {
            let name = |place: usize| backends.get(place).map_or("", |backend| backend.name.as_str());
            metrics.splits.of(&route.name, route.split.iter().map(|(place, _)| (place, name(place))))
        });
        let splits = splits.collect();
        let mirroring = previous.map_or_else(Workers::default, |previous| previous.mirroring.clone());
        Ok(Self {
            config: Arc::new(config.clone()),
            auth: Authenticator::new(&config.auth, previous.map(|previous| &previous.auth))?,
            routes,
            https: config.listen.tls.is_some(),
            workspace: config.workspace.as_ref().map(Workspace::new).transpose()?,
            backends,
            limits: config.limits,
            timeouts: config.timeouts,
            admission: previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.admission)),
            budget: previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.budget)),
            retries: config.retries,
            conducts,
            arms,
            splits,
            mirrors: mirrors(config, store, metrics, &mirroring, previous)?,
            mirroring,
            metrics: Arc::clone(metrics),
        })
    }

    /// Every route with each of its backends, by name.
    pub(super) fn pairs(&self) -> BTreeSet<(&str, &str)> {
        self.ended().map(|(route, backend, _)| (route, backend)).collect()
    }

    /// The names of its routes and of its backends.
    pub(super) fn names(&self) -> [BTreeSet<&str>; 2] {
        let routes = self.routes.iter().map(|route| route.name.as_str());
        [routes.collect(), self.backends.iter().map(|backend| backend.name.as_str()).collect()]
    }

    /// Exchanges that have ended by route and backend: all, and those that failed by the backend's fault or ours.
    pub fn ended(&self) -> impl Iterator<Item = (&str, &str, (u64, u64))> {
        let routes: Vec<_> = self.routes.iter().map(|route| route.name.as_str()).collect();
        self.arms.iter().filter_map(move |((route, backend), arm)| {
            Some((*routes.get(*route)?, self.backends.get(*backend)?.name.as_str(), arm.ended()))
        })
    }

    /// Whether a backend takes calls now, so that conversations can be held at it.
    pub(super) fn is_usable(&self, backend: usize) -> bool {
        self.backends.get(backend).is_some_and(|backend| backend.pause().is_none())
    }

    /// Who works for the mirrors of this snapshot, and of those before it.
    #[must_use]
    pub fn mirroring(&self) -> &Workers {
        &self.mirroring
    }

    /// The mirror of a route, if it has one.
    pub(super) fn mirror(&self, route: usize) -> Option<&Arc<Mirror>> {
        self.mirrors.get(&route)
    }

    /// What a route does with its calls.
    pub(super) fn conduct(&self, route: usize) -> Option<&Conduct> {
        self.conducts.get(route)
    }

    /// Whether one more request may be sent again; if so, it counts.
    pub(super) fn withdraw(&self) -> bool {
        let paid = self.budget.withdraw(self.retries);
        self.metrics.retry(paid, self.budget.left(self.retries));
        paid
    }

    /// The metric handles of a route's backend.
    pub(super) fn arm(&self, route: usize, backend: usize) -> Option<Arc<Arm>> {
        self.arms.get(&(route, backend)).cloned()
    }
}

/// The mirrors of the routes that have one; counts go on from those of the route with the same name before.
fn mirrors(
    config: &Config,
    store: &Store,
    metrics: &Metrics,
    workers: &Workers,
    previous: Option<&Snapshot>,
) -> io::Result<HashMap<usize, Arc<Mirror>>> {
    let before = |name: &str| {
        let previous = previous?;
        let place = previous.routes.iter().position(|route| route.name == name)?;
        previous.mirror(place).map(AsRef::as_ref)
    };
    let mut mirrors = HashMap::new();
    for (place, route) in config.routes.iter().enumerate() {
        let places = state_places(route.sticky.as_deref());
        if let Some(mirror) = Mirror::new(config, route, places, store, metrics, workers, before(&route.name))? {
            mirrors.insert(place, mirror);
        }
    }
    Ok(mirrors)
}

/// What a route does with its calls; its backends are those of the config under the deadlines that hold here.
fn conduct(route: &config::Route, backends: &[Arc<Backend>], metrics: &Metrics) -> io::Result<Conduct> {
    let fallback = route.fallback.map(|fallback| fallback.to);
    let places = route.split.iter().map(|share| share.backend);
    let mut own: Vec<(usize, Arc<Backend>)> = Vec::new();
    for place in places.chain(fallback) {
        let Some(backend) = backends.get(place).filter(|_| own.iter().all(|(known, _)| *known != place)) else {
            continue;
        };
        let timeouts = route.timeouts.over(backend.timeouts);
        let same = timeouts == backend.timeouts;
        own.push((place, if same { Arc::clone(backend) } else { Arc::new(backend.within(timeouts)?) }));
    }
    Ok(Conduct { backends: own, retry: route.retry, fallback: route.fallback, meters: metrics.route(&route.name) })
}
