//! What is served now, and the one place that changes it: a reload of the config, and weights that are set for now.
//!
//! Every change builds a whole new [`Snapshot`] from the file's config with the overrides laid over it, and swaps it in;
//! requests in flight keep theirs. What does not validate changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

use crate::config::Config;
use crate::gateway::{Gateway, Observer, Snapshot};
use crate::store::{Store, Unkept};
use crate::telemetry::Metrics;

mod change;
mod gauges;
mod overrides;
mod overview;
mod recent;
mod reload;
mod watch;

pub use change::{Changed, Refusal, Wish};
pub use overrides::Set;
pub use overview::{
    Arm, Aside, BackendState, ConfigState, Looked, Overview, Picked, RouteState, SetWeights, StoreState,
};
pub use reload::Reload;
pub use watch::{ReloadNow, watch};

use overrides::{Overrides, lay_over};
use recent::Recent;

/// The wait between two tries to read what was set before the start.
const RETRY: Duration = Duration::from_secs(1);

/// What is served now.
pub struct Live {
    gateway: Arc<Gateway>,
    metrics: Arc<Metrics>,
    store: Store,
    /// The config at the start: what it says of listeners holds until the end.
    started: Config,
    state: Mutex<State>,
    /// What ended lately.
    recent: Recent,
    /// One change of weights at a time, from its check to its swap.
    turn: Semaphore,
}

struct State {
    /// The file as it was last applied, without overrides.
    file: Config,
    overrides: Overrides,
    /// The overrides that are not in force, each with the reason.
    aside: BTreeMap<String, String>,
    reload: Reload,
    /// The gauges that are shown: (route, backend).
    shown: BTreeSet<(String, String)>,
}

impl Live {
    /// Starts to serve a config, with the weights that were set for now before.
    ///
    /// # Errors
    /// When TLS to a backend or an identity provider cannot be set up.
    pub fn start(config: &Config, metrics: Arc<Metrics>, store: Store, observer: Observer) -> io::Result<Arc<Self>> {
        let kept = store.ask_now(|kept| kept.overrides());
        let unread = kept.as_ref().is_err_and(|error| *error != Unkept::NoStore);
        let overrides: Overrides = kept.unwrap_or_default().into_iter().filter_map(Set::read).collect();
        let (effective, aside) = lay_over(config, &overrides);
        let snapshot = Snapshot::new(&effective, &store, &metrics, None)?;
        let gateway = Arc::new(Gateway::new(snapshot, Arc::clone(&metrics), observer));
        let state = State {
            file: config.clone(),
            overrides,
            aside,
            reload: Reload::first(&config.revision),
            shown: BTreeSet::new(),
        };
        let live = Arc::new(Self {
            gateway,
            metrics,
            store,
            started: config.clone(),
            state: Mutex::new(state),
            recent: Recent::default(),
            turn: Semaphore::new(1),
        });
        {
            let mut state = live.state();
            live.show(&mut state, &effective);
            live.metrics.live.applied(&config.revision);
            Self::remind(&state);
        }
        if unread {
            tracing::error!("weights that were set before the start are not known, as the store cannot be read");
            tokio::spawn(Arc::clone(&live).read_later());
        }
        Ok(live)
    }

    /// What serves clients.
    #[must_use]
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Waits until what was asked to be kept is kept, or is not going to be.
    pub async fn settle(&self) {
        self.store.settle().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Swaps in a new snapshot for this file and these overrides.
    fn publish(&self, state: &mut State, file: Config, overrides: Overrides) -> io::Result<()> {
        let (effective, aside) = lay_over(&file, &overrides);
        let previous = self.gateway.snapshot();
        self.gateway.replace(Snapshot::new(&effective, &self.store, &self.metrics, Some(&previous))?);
        (state.file, state.overrides) = (file, overrides);
        let before = std::mem::replace(&mut state.aside, aside);
        // Whoever reads the lines below finds the gauges as they say.
        self.show(state, &effective);
        for (route, reason) in &state.aside {
            if before.get(route) != Some(reason) {
                tracing::warn!(route, reason, "the weights that were set for now are not in force, and kept aside");
            }
        }
        for route in before.keys().filter(|route| !state.aside.contains_key(*route)) {
            if let Some(set) = state.overrides.get(route) {
                tracing::warn!(route, weights = %set.weights, "the weights that were set for now are in force again");
            }
        }
        Ok(())
    }

    /// Says which weights are not those of the file.
    fn remind(state: &State) {
        for (route, set) in &state.overrides {
            let Set { weights, who, why, .. } = set;
            match state.aside.get(route) {
                None => tracing::warn!(route, %weights, who, why, "weights that were set for now override the file"),
                Some(reason) => {
                    tracing::warn!(route, %weights, who, why, reason, "weights that were set for now are not in force");
                }
            }
        }
    }

    /// Reads what was set before the start, as soon as that can be read.
    async fn read_later(self: Arc<Self>) {
        let kept = loop {
            tokio::time::sleep(RETRY).await;
            if let Ok(kept) = self.store.ask(|kept| kept.overrides()).await {
                break kept;
            }
        };
        let Ok(_turn) = self.turn.acquire().await else { return };
        let mut state = self.state();
        let mut overrides: Overrides = kept.into_iter().filter_map(Set::read).collect();
        // What has been set meanwhile is newer.
        overrides.extend(state.overrides.clone());
        let file = state.file.clone();
        match self.publish(&mut state, file, overrides) {
            Ok(()) => Self::remind(&state),
            Err(error) => tracing::error!(%error, "the weights that were set before the start are not in force"),
        }
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
