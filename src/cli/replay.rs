//! `cutover replay`: recorded requests to the candidate, and the report, before any live traffic.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Args;
use http::HeaderValue;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tokio::task::JoinSet;

use super::report::{Form, write};
use super::{USAGE, complain, refuse, runtime, stop_on_signals};
use crate::config::Config;
use crate::judge::Verdict;
use crate::report::Report;
use crate::server::Stop;
use crate::shadow::{Recorded, Replay, Replayed};

mod progress;
mod source;

use progress::Progress;

/// Where the token comes from for backends that want their caller's.
const TOKEN: &str = "CUTOVER_REPLAY_TOKEN";

/// How often it is written down how far it has come.
const SAVE: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  cutover replay requests.jsonl --route support --config cutover.yaml
      every line to the candidate, held against the recorded answer, or the primary's where none was recorded
  cutover replay payload.csv --route support --config cutover.yaml --ask-primary --rate 5
      an inference table; both sides are asked, five requests a second
  cutover report support -c cutover.yaml --export pairs.jsonl && cutover replay pairs.jsonl --route support -c cutover.yaml
      what was mirrored before, against another candidate

A line is a request's body as clients send it, a row of an inference table (`request`, `response`, `status_code`), or a pair
of `cutover report --export`. A broken line is said and passed over. After an interruption the same command goes on where
it was. Backends that want their caller's token get the one in CUTOVER_REPLAY_TOKEN.

Exit codes: 0 the file was replayed; 1 it was interrupted, or with --gate the verdict is not `pass`; 2 it could not be begun.";

/// Options of a replay.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
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
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// Begin anew, whatever is left of an interrupted replay
    #[arg(long)]
    restart: bool,
    /// In which form; by default by the output's name, and for a terminal without one
    #[arg(long, value_name = "FORM")]
    form: Option<Form>,
    /// Where to write the report instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 1 unless the verdict is `pass`
    #[arg(long)]
    gate: bool,
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

/// Whether it came to its end, and to a good one if it had to.
async fn replay(config: &Config, options: &Options) -> anyhow::Result<bool> {
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    let replay = Replay::new(config, &options.route, token()?, options.ask_primary).map_err(anyhow::Error::msg)?;
    let replay = Arc::new(replay);
    let all = source::lines(&options.file, replay.chat)?.count() as u64;
    let size = std::fs::metadata(&options.file).map(|about| about.len()).unwrap_or_default();
    let what = format!("{} {size} {} {}", options.route, replay.candidate, options.ask_primary);
    let beside = Progress::beside(&options.file, &options.route);
    let mut progress = Progress::resume(beside, what, options.restart);
    if progress.done() > 0 {
        complain(format_args!("going on after {} of {all} lines", progress.done()));
    }
    let bar = bar(all, progress.done());
    let whole = drive(&replay, options, &mut progress, &bar, &stop).await?;
    bar.finish_and_clear();
    complain(progress.summary());
    if !whole {
        progress.save().context("cannot write down how far it has come")?;
        complain("interrupted; the same command goes on from here");
    }
    let report = report(&replay, options, &progress);
    write(&report, options.form, options.output.as_deref())?;
    if whole {
        progress.forget();
    }
    Ok(whole && (!options.gate || report.judgement.verdict == Verdict::Pass))
}

/// Sends what is not done yet; whether it came to its end. At the first signal nothing more is sent, and what is on its
/// way is heard; at the second that is given up, and sent again the next time.
async fn drive(
    replay: &Arc<Replay>,
    options: &Options,
    progress: &mut Progress,
    bar: &ProgressBar,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let per_second = options.rate.unwrap_or(replay.limits.per_second).max(1);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut sent, mut on_their_way) = (JoinSet::new(), BTreeSet::new());
    let (mut read, mut saved) = (progress.upto(), Instant::now());
    for (line, recorded) in source::lines(&options.file, replay.chat)? {
        if progress.has(line) {
            read = line;
            continue;
        }
        while sent.len() >= replay.limits.concurrency && !stop.drain.is_cancelled() {
            tokio::select! {
                done = sent.join_next() => settle(done, progress, &mut on_their_way, bar),
                () = stop.drain.cancelled() => {}
            }
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
            biased;
            () = stop.drain.cancelled() => break,
            _ = pace.tick() => {}
        }
        read = line;
        on_their_way.insert(line);
        let replay = Arc::clone(replay);
        // What is sent again after a crash is known by its key as the same.
        let recorded = Recorded { id: Some(recorded.id.unwrap_or_else(|| format!("line-{line}"))), ..recorded };
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
    while !stop.now.is_cancelled() && !sent.is_empty() {
        tokio::select! {
            done = sent.join_next() => settle(done, progress, &mut on_their_way, bar),
            () = stop.now.cancelled() => {}
        }
    }
    progress.settle(on_their_way.iter().copied(), read);
    Ok(!stop.drain.is_cancelled() && on_their_way.is_empty())
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

fn report(replay: &Replay, options: &Options, progress: &Progress) -> Report {
    let tally = progress.tally.clone();
    let mut report = Report::new(&options.route, &replay.primary, &replay.candidate, tally, &replay.settings)
        .with_examples(progress.examples());
    report.period = progress.period;
    report.funnel = progress.funnel();
    report
}

/// Drawn on a terminal alone.
fn bar(all: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {rate}  {eta} left");
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{:.1}/s", state.per_sec());
    };
    let bar = ProgressBar::new(all).with_position(done);
    match style {
        Ok(style) => bar.with_style(style.with_key("rate", rate)),
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
