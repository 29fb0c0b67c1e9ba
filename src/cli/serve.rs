//! `cutover serve`: clients are served until a signal says stop.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::descriptors::make_room;
use super::{USAGE, complain, refuse, runtime, stop_on_signals};
use crate::app::{App, Reloader};
use crate::config::Config;
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
    if let Some(too_few) = make_room(config.limits.connections) {
        tracing::warn!("{too_few}");
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
    let stop = CancellationToken::new();
    stop_on_signals(&stop)?;
    reload_on_signal(app.reloader(), file)?;
    tracing::info!(clients = %format_args!("http://{clients}"), admin = %format_args!("http://{admin}"), "serving");
    let cut = app.run(stop).await;
    if cut > 0 {
        tracing::warn!(connections = cut, "the drain window is over; connections were cut");
    }
    tracing::info!("stopped");
    Ok(())
}

/// A config that does not validate changes nothing but a log line.
fn reload_on_signal(reloader: Reloader, file: &Path) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let file = file.to_owned();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match Config::load(&file) {
                Err(problems) => tracing::error!(%problems, "the config was not reloaded"),
                Ok(config) => match reloader.replace(&config) {
                    Ok(()) => tracing::info!(routes = config.routes.len(), "the config was reloaded"),
                    Err(error) => tracing::error!(%error, "the config was not reloaded"),
                },
            }
        }
    });
    Ok(())
}
