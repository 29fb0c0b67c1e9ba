//! What is served now, for whoever has to know at a glance.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::recent::{EVERY, Reading};
use super::{Live, State, now};
use crate::config::Weights;
use crate::gateway::{Got, Snapshot, Traffic};

/// What is served now, and how it goes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Overview {
    /// When, in milliseconds since 1970, as everywhere here.
    pub at: i64,
    /// The config.
    pub config: ConfigState,
    /// The store.
    pub store: StoreState,
    /// How many seconds `requests` and `failed` of the routes are about.
    pub seconds: f64,
    /// The routes, in the order of the config.
    pub routes: Vec<RouteState>,
    /// The backends, in the order of the config.
    pub backends: Vec<BackendState>,
    /// Weights that were set for now and are not in force.
    pub aside: Vec<Aside>,
}

/// The config in force.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConfigState {
    /// The beginning of its file's SHA-256.
    pub revision: String,
    /// When it was applied.
    pub applied: i64,
    /// When the file was read last.
    pub tried: i64,
    /// What was wrong with the file then; none if it was applied.
    pub problems: Option<String>,
    /// What it says and only a restart can change.
    pub waits_for_restart: Vec<String>,
}

/// The store.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StoreState {
    /// Whether there is one.
    pub there: bool,
    /// Whether it does what it is asked.
    pub ok: bool,
}

/// A route.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RouteState {
    /// Its name.
    pub name: String,
    /// The weights that were set for now, if they are in force.
    pub overridden: Option<SetWeights>,
    /// Whether traffic has gone where the weights say since they changed.
    pub split: Vec<Looked>,
    /// Conversations that are alive at backends that have left the split.
    pub alive_elsewhere: usize,
    /// Its backends.
    pub backends: Vec<Arm>,
}

/// How what a split was to do and what it did go together.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Looked {
    /// What was counted: `conversations`, which go by their key, or `requests` of none, which go by chance.
    pub counted: String,
    /// How many were seen.
    pub seen: u64,
    /// One over it is the chance that a right split ever looks as wrong as this.
    pub evidence: f64,
    /// Traffic does not go where the weights say.
    pub mismatch: bool,
}

/// A backend of a route.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Its weight in force, in percent.
    pub weight: f64,
    /// Its weight in the file.
    pub file: f64,
    /// Its share of the route's requests lately; none if there were none.
    pub observed: Option<f64>,
    /// Requests that ended lately.
    pub requests: u64,
    /// Those of them that failed by the backend's fault or ours.
    pub failed: u64,
    /// What went to it by key or chance since the weights changed.
    pub picked: Picked,
    /// Conversations that it served last and that are not over, as far as silence tells.
    pub alive: usize,
}

/// What went to a backend by weight.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Picked {
    /// Conversations, by their key.
    pub conversations: u64,
    /// Those among all of the route's, in percent.
    pub conversations_percent: Option<f64>,
    /// Requests that named none, by chance.
    pub requests: u64,
    /// Those among all of the route's, in percent.
    pub requests_percent: Option<f64>,
}

/// Weights that were set for now.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SetWeights {
    /// As in `legacy=95 app=5`.
    pub weights: String,
    /// Who set them.
    pub who: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: i64,
    /// Whether they outlive the process.
    pub kept: bool,
}

/// Weights that were set for now and are not in force.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Aside {
    /// The route they were set for.
    pub route: String,
    /// Why they are not in force.
    pub reason: String,
    /// The weights.
    pub set: SetWeights,
}

/// A backend.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BackendState {
    /// Its name.
    pub name: String,
    /// Its breaker: `closed`, `half_open` or `open`.
    pub breaker: String,
    /// Its health checks fail.
    pub out: bool,
    /// Requests that are going on.
    pub in_flight: i64,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// Requests that ended in the breaker's window, well or by the backend's fault.
    pub requests: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// The median of whole exchanges of the last minute or two, in seconds.
    pub p50: Option<f64>,
    /// Their 99th percentile.
    pub p99: Option<f64>,
}

impl Live {
    /// What is served now.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let snapshot = self.gateway.snapshot();
        let state = self.state();
        let (time, ended) = self.recent.since(&reading(&snapshot));
        let aside = state.aside.iter().filter_map(|(route, reason)| {
            let set = set(&state, route)?;
            Some(Aside { route: route.clone(), reason: reason.clone(), set })
        });
        Overview {
            at: now(),
            config: ConfigState {
                revision: state.reload.revision.clone(),
                applied: milliseconds(state.reload.applied),
                tried: milliseconds(state.reload.tried),
                problems: state.reload.problems.clone(),
                waits_for_restart: state.reload.waiting.clone(),
            },
            store: StoreState { there: self.store.is_some(), ok: self.store.is_well() },
            seconds: time.as_secs_f64().round(),
            routes: routes(&snapshot, &state, &ended),
            backends: backends(&snapshot),
            aside: aside.collect(),
        }
    }

    /// Reads the counters every few seconds, for as long as anybody is served.
    pub async fn read_counters(live: Weak<Self>) {
        let mut every = tokio::time::interval(EVERY);
        loop {
            every.tick().await;
            let Some(live) = Weak::upgrade(&live) else { return };
            live.recent.add(reading(&live.gateway.snapshot()));
        }
    }
}

fn reading(snapshot: &Arc<Snapshot>) -> Reading {
    snapshot.ended().map(|(route, backend, ended)| ((route.to_owned(), backend.to_owned()), ended)).collect()
}

fn routes(snapshot: &Snapshot, state: &State, ended: &Reading) -> Vec<RouteState> {
    let config = &snapshot.config;
    let percents = |weights: &Weights| -> Vec<(String, f64)> {
        weights.iter().map(|(name, points)| (name.to_owned(), f64::from(points) / 100.0)).collect()
    };
    let route = |(route, traffic): (&crate::config::Route, Traffic)| {
        let in_file = state.file.routes.iter().find(|known| known.name == route.name);
        let in_file =
            in_file.map(|route| percents(&Weights::of(&route.split, &state.file.backends))).unwrap_or_default();
        let of = |backend: &str| ended.get(&(route.name.clone(), backend.to_owned())).copied().unwrap_or_default();
        let in_force = percents(&Weights::of(&route.split, &config.backends));
        let all: u64 = in_force.iter().map(|(name, _)| of(name).0).sum();
        let arm = |(name, weight): (String, f64)| {
            let (requests, failed) = of(&name);
            let file = in_file.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, percent)| *percent);
            let (picked, alive) = traffic.of(&name);
            Arm { observed: percent_of(requests, all), name, weight, file, requests, failed, picked, alive }
        };
        let overridden = set(state, &route.name).filter(|_| !state.aside.contains_key(&route.name));
        RouteState {
            name: route.name.clone(),
            overridden,
            split: traffic.looked(),
            alive_elsewhere: traffic.alive_elsewhere,
            backends: in_force.into_iter().map(arm).collect(),
        }
    };
    config.routes.iter().zip(snapshot.traffic()).map(route).collect()
}

impl Traffic {
    /// What went to a backend by weight, and how many conversations it has.
    fn of(&self, name: &str) -> (Picked, usize) {
        let [conversations, requests] = self.seen();
        let there = self.backends.iter().find(|got| got.backend == name);
        there.map_or_else(Default::default, |got| {
            let picked = Picked {
                conversations: got.conversations,
                conversations_percent: percent_of(got.conversations, conversations),
                requests: got.requests,
                requests_percent: percent_of(got.requests, requests),
            };
            (picked, got.alive)
        })
    }

    fn looked(&self) -> Vec<Looked> {
        let looked = self.evidence.iter().zip(self.seen()).map(|((counted, evidence, mismatch), seen)| Looked {
            counted: (*counted).to_owned(),
            seen,
            evidence: *evidence,
            mismatch: *mismatch,
        });
        looked.collect()
    }

    /// All conversations and all requests that were counted.
    fn seen(&self) -> [u64; 2] {
        let sum = |count: fn(&Got) -> u64| self.backends.iter().map(count).sum();
        [sum(|got| got.conversations), sum(|got| got.requests)]
    }
}

fn backends(snapshot: &Snapshot) -> Vec<BackendState> {
    let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs_f64());
    let backend = |backend: &Arc<crate::upstream::Backend>| {
        let health = backend.health();
        BackendState {
            name: backend.name.clone(),
            breaker: health.breaker.to_owned(),
            out: health.out,
            in_flight: health.in_flight,
            waiting: health.pending,
            requests: health.requests,
            failed: health.failures,
            p50: seconds(health.p50),
            p99: seconds(health.p99),
        }
    };
    snapshot.backends.iter().map(backend).collect()
}

fn set(state: &State, route: &str) -> Option<SetWeights> {
    let set = state.overrides.get(route)?;
    let (who, why) = (set.who.clone(), set.why.clone());
    Some(SetWeights { weights: set.weights.to_string(), who, why, at: set.at, kept: set.kept })
}

/// A part of a whole in percent, to a tenth.
#[expect(clippy::cast_precision_loss, reason = "requests of a minute are far below 2^52")]
fn percent_of(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| (part as f64 * 1_000.0 / all as f64).round() / 10.0)
}

fn milliseconds(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
