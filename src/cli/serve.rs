//! `cutover serve`: clients are served until a signal says stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::descriptors::make_room;
use super::{USAGE, complain, refuse, runtime, stop_on_signals};
use crate::app::App;
use crate::config::Config;
use crate::live::{self, Live};
use crate::server::Stop;
use crate::telemetry;

/// Serves until SIGTERM or SIGINT; SIGHUP reads the file again.
pub(super) fn run(file: &Path) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(problems) => {
            complain(problems);
            return ExitCode::from(USAGE);
        }
    };
    let _log = telemetry::log_to_stderr();
    for too_little in make_room(config.limits.connections) {
        tracing::warn!("{too_little}");
    }
    match runtime().and_then(|runtime| runtime.block_on(serve(&config, file))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

async fn serve(config: &Config, file: &Path) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("{}", warning.in_file(&file.display().to_string()));
    }
    let app = App::build(config, None)?;
    let (clients, admin) = app.addresses()?;
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    reload_on_change(app.live(), file, &config.revision)?;
    let url = |address, tls: &Option<_>| format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    let (clients, admin) = (url(clients, &config.listen.tls), url(admin, &config.listen.admin.tls));
    tracing::info!(%clients, %admin, "serving");
    let late = app.run(stop).await;
    if late > 0 {
        tracing::warn!(connections = late, "the drain window is over; what was in flight has been told so");
    }
    tracing::info!("stopped");
    Ok(())
}

/// The file is read again when it has changed, and at SIGHUP whether it has or not.
fn reload_on_change(live: Arc<Live>, file: &Path, revision: &str) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let now = live::watch(live, file, revision)?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            now.ask();
        }
    });
    Ok(())
}
