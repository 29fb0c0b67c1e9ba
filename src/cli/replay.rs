//! `cutover replay`: recorded requests to the candidate, and the report, before any live traffic.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Args;
use http::HeaderValue;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{USAGE, complain, refuse, runtime, say, stop_on_signals};
use crate::config::Config;
use crate::report::Report;
use crate::shadow::{Replay, Replayed};

mod progress;
mod source;

use progress::Progress;

/// Where the token comes from for backends that want their caller's.
const TOKEN: &str = "CUTOVER_REPLAY_TOKEN";

/// How often it is written down how far it has come.
const SAVE: Duration = Duration::from_secs(2);

/// Options of a replay.
#[derive(Args)]
pub(super) struct Options {
    /// Recorded requests: JSON Lines (bodies, exports of ours, rows of an inference table), or such a table as .csv
    file: PathBuf,
    /// The route; its `shadow` says who the candidate is and what a second run does
    #[arg(long, value_name = "NAME")]
    route: String,
    /// The config file (YAML)
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// Ask the primary as well, even where its answer was recorded
    #[arg(long)]
    ask_primary: bool,
    /// Requests a second, instead of the config's `per_second`
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Begin anew, whatever is left of an interrupted replay
    #[arg(long)]
    restart: bool,
    /// Write the report here, by its name as .html, .md or .json, instead of to the terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Replays a file.
pub(super) fn run(options: &Options) -> ExitCode {
    let config = match Config::load(&options.config) {
        Ok(config) => config,
        Err(problems) => {
            complain(problems);
            return ExitCode::from(USAGE);
        }
    };
    match runtime().and_then(|runtime| runtime.block_on(replay(&config, options))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => refuse(&error),
    }
}

/// Whether it came to its end.
async fn replay(config: &Config, options: &Options) -> anyhow::Result<bool> {
    let stop = CancellationToken::new();
    stop_on_signals(&stop.clone().into())?;
    let replay = Replay::new(config, &options.route, token()?, options.ask_primary).map_err(anyhow::Error::msg)?;
    let all = source::lines(&options.file, replay.chat)?.count() as u64;
    let size = std::fs::metadata(&options.file).map(|about| about.len()).unwrap_or_default();
    let what = format!("{} {size} {} {}", options.route, replay.candidate, options.ask_primary);
    let beside = Progress::beside(&options.file, &options.route);
    let mut progress = Progress::resume(beside, what, options.restart);
    if progress.done() > 0 {
        complain(format_args!("going on after {} of {all} lines", progress.done()));
    }
    let bar = bar(all, progress.done());
    let whole = drive(Arc::new(replay), options, &mut progress, &bar, &stop).await?;
    bar.finish_and_clear();
    complain(progress.summary());
    if !whole {
        progress.save().context("cannot write down how far it has come")?;
        complain("interrupted; the same command goes on from here");
    }
    report(config, options, &progress)?;
    if whole {
        progress.forget();
    }
    Ok(whole)
}

/// Sends what is not done yet; whether it came to its end.
async fn drive(
    replay: Arc<Replay>,
    options: &Options,
    progress: &mut Progress,
    bar: &ProgressBar,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    let per_second = options.rate.unwrap_or(replay.limits.per_second).max(1);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut sent, mut on_their_way) = (JoinSet::new(), BTreeSet::new());
    let (mut read, mut saved) = (0, Instant::now());
    for (line, recorded) in source::lines(&options.file, replay.chat)? {
        if progress.has(line) {
            read = line;
            continue;
        }
        while sent.len() >= replay.limits.concurrency {
            settle(sent.join_next().await, progress, &mut on_their_way, bar);
        }
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(problem) => {
                bar.suspend(|| complain(format_args!("{}:{line}: {problem}", options.file.display())));
                progress.broken(line);
                bar.inc(1);
                read = line;
                continue;
            }
        };
        tokio::select! {
            _ = pace.tick() => {}
            () = stop.cancelled() => break,
        }
        read = line;
        on_their_way.insert(line);
        let replay = Arc::clone(&replay);
        sent.spawn(async move { (line, replay.send(recorded).await) });
        while let Some(done) = sent.try_join_next() {
            settle(Some(done), progress, &mut on_their_way, bar);
        }
        if saved.elapsed() > SAVE {
            progress.settle(on_their_way.iter().copied(), read);
            progress.save().context("cannot write down how far it has come")?;
            saved = Instant::now();
        }
    }
    // What is on its way when it is interrupted is sent again: it is better to ask twice than to leave a line out.
    while !stop.is_cancelled() && !sent.is_empty() {
        tokio::select! {
            done = sent.join_next() => settle(done, progress, &mut on_their_way, bar),
            () = stop.cancelled() => {}
        }
    }
    progress.settle(on_their_way.iter().copied(), read);
    Ok(!stop.is_cancelled())
}

type Done = Option<Result<(u64, Replayed), tokio::task::JoinError>>;

fn settle(done: Done, progress: &mut Progress, on_their_way: &mut BTreeSet<u64>, bar: &ProgressBar) {
    let Some(Ok((line, replayed))) = done else { return };
    on_their_way.remove(&line);
    match replayed {
        Replayed::Compared(compared) => progress.compared(line, *compared, now()),
        Replayed::Left(fate) => progress.left(line, fate),
    }
    bar.inc(1);
}

fn report(config: &Config, options: &Options, progress: &Progress) -> anyhow::Result<()> {
    let replay = Replay::new(config, &options.route, token()?, false).map_err(anyhow::Error::msg)?;
    let settings = replay.settings;
    let report = Report::new(&options.route, &replay.primary, &replay.candidate, progress.tally.clone(), &settings)
        .with_examples(progress.examples());
    let Some(out) = &options.out else {
        say(report.terminal(std::io::stdout().is_terminal()));
        return Ok(());
    };
    let text = match out.extension().and_then(std::ffi::OsStr::to_str) {
        Some("html") => report.html(),
        Some("json") => serde_json::to_string_pretty(&report)?,
        _ => report.markdown(),
    };
    write(out, &text)
}

fn write(out: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(out, text).with_context(|| format!("cannot write {}", out.display()))
}

/// Drawn on a terminal alone.
fn bar(all: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {per_sec}  {eta} left");
    let bar = ProgressBar::new(all).with_position(done);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn token() -> anyhow::Result<Option<HeaderValue>> {
    let Ok(token) = std::env::var(TOKEN) else { return Ok(None) };
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).with_context(|| format!("{TOKEN} is no token"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
