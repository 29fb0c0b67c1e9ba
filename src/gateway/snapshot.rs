//! Everything a request is served by, built as a whole from one config.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::workspace::Workspace;
use crate::auth::Authenticator;
use crate::config::{ClientLimits, ClientTimeouts, Config};
use crate::route::{Table, state_places};
use crate::shadow::Mirror;
use crate::store::Store;
use crate::telemetry::{Arm, Metrics};
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
    mirrors: HashMap<usize, Arc<Mirror>>,
}

impl Snapshot {
    /// Makes a config ready; `previous` is what it replaces.
    ///
    /// # Errors
    /// When TLS to a backend or an identity provider cannot be set up.
    pub fn new(config: &Config, store: &Store, metrics: &Metrics, previous: Option<&Self>) -> io::Result<Self> {
        let before = |name: &str| previous?.backends.iter().find(|backend| backend.name == name).map(AsRef::as_ref);
        let backends = config.backends.iter().map(|backend| Backend::new(backend, before(&backend.name)).map(Arc::new));
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
            auth: Authenticator::new(&config.auth, previous.map(|previous| &previous.auth))?,
            routes,
            https: config.listen.tls.is_some(),
            workspace: config.workspace.as_ref().map(Workspace::new).transpose()?,
            backends,
            limits: config.limits,
            timeouts: config.timeouts,
            arms,
            mirrors: mirrors(config, store, metrics, previous)?,
        })
    }

    /// The routes' mirrors.
    pub fn mirrors(&self) -> impl Iterator<Item = &Arc<Mirror>> {
        self.mirrors.values()
    }

    /// The mirror of a route, if it has one.
    pub(super) fn mirror(&self, route: usize) -> Option<&Arc<Mirror>> {
        self.mirrors.get(&route)
    }

    /// The metric handles of a route's backend.
    pub(super) fn arm(&self, route: usize, backend: usize) -> Option<Arm> {
        self.arms.get(&(route, backend)).cloned()
    }
}

/// The mirrors of the routes that have one; counts go on from those of the route with the same name before.
fn mirrors(
    config: &Config,
    store: &Store,
    metrics: &Metrics,
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
        if let Some(mirror) = Mirror::new(config, route, places, store, metrics, before(&route.name))? {
            mirrors.insert(place, mirror);
        }
    }
    Ok(mirrors)
}
