//! Everything a request is served by, built as a whole from one config.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;

use super::workspace::Workspace;
use crate::auth::Authenticator;
use crate::config::{ClientLimits, ClientTimeouts, Config};
use crate::route::Table;
use crate::telemetry::{Arm, Metrics};
use crate::upstream::Backend;

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
    arms: HashMap<(usize, usize), Arm>,
}

impl Snapshot {
    /// Makes a config ready; `previous` is what it replaces.
    ///
    /// # Errors
    /// When TLS to a backend or an identity provider cannot be set up.
    pub fn new(config: &Config, metrics: &Metrics, previous: Option<&Self>) -> io::Result<Self> {
        let before = |name: &str| previous?.backends.iter().find(|backend| backend.name == name);
        let backends = config.backends.iter().map(|backend| match before(&backend.name) {
            // With its connections: a change of weights costs no request a handshake.
            Some(same) if previous.is_some_and(|previous| previous.config.backends.contains(backend)) => {
                Ok(Arc::clone(same))
            }
            other => Backend::new(backend, other.map(AsRef::as_ref)).map(Arc::new),
        });
        let backends = backends.collect::<io::Result<Vec<_>>>()?;
        let routes = Table::new(config);
        let mut arms = HashMap::new();
        for (index, route) in routes.iter().enumerate() {
            for (backend, _) in route.split.iter() {
                let name = backends.get(backend).map_or("", |backend| backend.name.as_str());
                arms.insert((index, backend), metrics.arm(&route.name, name));
            }
        }
        Ok(Self {
            config: Arc::new(config.clone()),
            auth: Authenticator::new(&config.auth, previous.map(|previous| &previous.auth))?,
            routes,
            https: config.listen.tls.is_some(),
            workspace: config.workspace.as_ref().map(Workspace::new).transpose()?,
            backends,
            limits: config.limits,
            timeouts: config.timeouts,
            arms,
        })
    }

    /// Every route with each of its backends, by name.
    pub(super) fn pairs(&self) -> BTreeSet<(&str, &str)> {
        let routes: Vec<_> = self.routes.iter().map(|route| route.name.as_str()).collect();
        let pair = |(route, backend): &(usize, usize)| {
            Some((*routes.get(*route)?, self.backends.get(*backend)?.name.as_str()))
        };
        self.arms.keys().filter_map(pair).collect()
    }

    /// The metric handles of a route's backend.
    pub(super) fn arm(&self, route: usize, backend: usize) -> Option<Arm> {
        self.arms.get(&(route, backend)).cloned()
    }
}
