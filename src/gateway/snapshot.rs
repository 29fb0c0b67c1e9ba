//! Everything a request is served by, built as a whole from one config.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::workspace::Workspace;
use crate::auth::Authenticator;
use crate::config::{ClientLimits, ClientTimeouts, Config};
use crate::route::Table;
use crate::telemetry::{Arm, Metrics, SplitMeters};
use crate::upstream::Backend;

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
    arms: HashMap<(usize, usize), Arm>,
    /// Of each route.
    pub(super) splits: Vec<SplitMeters>,
}

impl Snapshot {
    /// Makes a config ready; `previous` is what it replaces.
    ///
    /// # Errors
    /// When TLS to a backend or an identity provider cannot be set up.
    pub fn new(config: &Config, metrics: &Metrics, previous: Option<&Self>) -> io::Result<Self> {
        let before = |name: &str| previous?.backends.iter().find(|backend| backend.name == name).map(AsRef::as_ref);
        let backends = config.backends.iter().map(|backend| Backend::new(backend, before(&backend.name)).map(Arc::new));
        let backends = backends.collect::<io::Result<Vec<_>>>()?;
        let routes = Table::new(config, previous.map(|previous| &previous.routes));
        let mut arms = HashMap::new();
        for (index, route) in routes.iter().enumerate() {
            for (backend, _) in route.split.iter() {
                let name = backends.get(backend).map_or("", |backend| backend.name.as_str());
                arms.insert((index, backend), metrics.arm(&route.name, name));
            }
        }
        let splits = routes.iter().map(|route| {
            let name = |place: usize| backends.get(place).map_or("", |backend| backend.name.as_str());
            metrics.splits.of(&route.name, route.split.iter().map(|(place, _)| (place, name(place))))
        });
        let splits = splits.collect();
        Ok(Self {
            auth: Authenticator::new(&config.auth, previous.map(|previous| &previous.auth))?,
            routes,
            https: config.listen.tls.is_some(),
            workspace: config.workspace.as_ref().map(Workspace::new).transpose()?,
            backends,
            limits: config.limits,
            timeouts: config.timeouts,
            arms,
            splits,
        })
    }

    /// Whether a backend takes calls now, so that conversations can be held at it.
    pub(super) fn is_usable(&self, backend: usize) -> bool {
        self.backends.get(backend).is_some()
    }

    /// The metric handles of a route's backend.
    pub(super) fn arm(&self, route: usize, backend: usize) -> Option<Arm> {
        self.arms.get(&(route, backend)).cloned()
    }
}
