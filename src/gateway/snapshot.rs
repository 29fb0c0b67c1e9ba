//! Everything a request is served by, built as a whole from one config.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::admission::Admission;
use super::course::Conduct;
use super::workspace::Workspace;
use crate::auth::Authenticator;
use crate::config::{self, ClientLimits, ClientTimeouts, Config};
use crate::route::Table;
use crate::telemetry::{Arm, Metrics};
use crate::upstream::{Backend, Budget};

/// A config made ready to serve.
pub struct Snapshot {
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
    arms: HashMap<(usize, usize), Arm>,
    metrics: Arc<Metrics>,
}

impl Snapshot {
    /// Makes a config ready; `previous` is what it replaces.
    ///
    /// # Errors
    /// When TLS to a backend or an identity provider cannot be set up.
    pub fn new(config: &Config, metrics: &Arc<Metrics>, previous: Option<&Self>) -> io::Result<Self> {
        let before = |name: &str| previous?.backends.iter().find(|backend| backend.name == name).map(AsRef::as_ref);
        let backends = config
            .backends
            .iter()
            .map(|backend| Backend::new(backend, before(&backend.name), metrics.backend(&backend.name)).map(Arc::new));
        let backends = backends.collect::<io::Result<Vec<_>>>()?;
        let conducts = config.routes.iter().map(|route| conduct(route, &backends, metrics));
        let conducts = conducts.collect::<io::Result<_>>()?;
        let routes = Table::new(config);
        let mut arms = HashMap::new();
        for (index, route) in routes.iter().enumerate() {
            let fallback = config.routes.get(index).and_then(|route| route.fallback).map(|fallback| fallback.to);
            for backend in route.split.iter().map(|(backend, _)| backend).chain(fallback) {
                let name = backends.get(backend).map_or("", |backend| backend.name.as_str());
                arms.insert((index, backend), metrics.arm(&route.name, name));
            }
        }
        Ok(Self {
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
            metrics: Arc::clone(metrics),
        })
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
    pub(super) fn arm(&self, route: usize, backend: usize) -> Option<Arm> {
        self.arms.get(&(route, backend)).cloned()
    }
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
