//! Reloading the config: taken whole, or nothing changes but a gauge and a log line.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::Live;
use crate::config::Config;

/// How the last reload went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// When it was tried.
    pub tried: SystemTime,
    /// What was wrong with the file; none if it was applied.
    pub problems: Option<String>,
    /// When a config was applied last.
    pub applied: SystemTime,
    /// Which: the beginning of its SHA-256.
    pub revision: String,
    /// What it says and what cannot change while we run.
    pub waiting: Vec<String>,
}

impl Reload {
    /// What the process was started with.
    pub(super) fn first(revision: &str) -> Self {
        let now = SystemTime::now();
        Self { tried: now, problems: None, applied: now, revision: revision.to_owned(), waiting: Vec::new() }
    }
}

impl Live {
    /// Reads the file again. New requests are served by it from now on, if it is right; those in flight finish on theirs.
    pub fn reload(&self, file: &Path) {
        let name = file.display().to_string();
        let problems = match Config::load(file) {
            Ok(config) => match self.replace(&config) {
                Ok(()) => {
                    for warning in &config.warnings {
                        tracing::warn!("{}", warning.in_file(&name));
                    }
                    let (routes, revision) = (config.routes.len(), &config.revision);
                    return tracing::info!(routes, revision, "the config was reloaded");
                }
                Err(error) => error.to_string(),
            },
            Err(problems) => problems.to_string(),
        };
        self.metrics.live.reloaded(false);
        tracing::error!(problems, "the config was not reloaded; the one before goes on");
        let mut state = self.state();
        state.reload.tried = SystemTime::now();
        state.reload.problems = Some(problems);
    }

    /// Serves by `config` from now on. What cannot change while we run is said, and stays.
    ///
    /// # Errors
    /// When a backend's TLS cannot be set up; then nothing has changed.
    pub fn replace(&self, config: &Config) -> io::Result<()> {
        let state = &mut *self.state();
        let overrides = state.overrides.clone();
        self.publish(state, config.clone(), overrides)?;
        let waiting = waiting(&self.started, config);
        for what in &waiting {
            tracing::warn!("{what} cannot change while we run; what it says holds from the next start");
        }
        state.reload =
            Reload { waiting: waiting.into_iter().map(str::to_owned).collect(), ..Reload::first(&config.revision) };
        self.metrics.live.reloaded(true);
        self.metrics.live.applied(&config.revision);
        Ok(())
    }
}

/// What a config says otherwise than the one at the start, and what only a start can change.
fn waiting(started: &Config, config: &Config) -> Vec<&'static str> {
    let (limits, timeouts) = ((started.limits, config.limits), (started.timeouts, config.timeouts));
    [
        (
            "listen.clients",
            (started.listen.clients, &started.listen.tls) != (config.listen.clients, &config.listen.tls),
        ),
        ("listen.admin", started.listen.admin != config.listen.admin),
        ("limits.head", limits.0.head != limits.1.head),
        ("limits.connections", limits.0.connections != limits.1.connections),
        ("timeouts.head", timeouts.0.head != timeouts.1.head),
        ("timeouts.idle", timeouts.0.idle != timeouts.1.idle),
        ("timeouts.send", timeouts.0.send != timeouts.1.send),
        ("timeouts.drain", timeouts.0.drain != timeouts.1.drain),
        ("store", started.store != config.store),
    ]
    .into_iter()
    .filter_map(|(what, differs)| differs.then_some(what))
    .collect()
}
