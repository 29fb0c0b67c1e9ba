//! The command line: one file a subcommand, exit codes as Unix knows them (0 well, 1 failed, 2 wrong usage or config).

use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::server::Stop;

mod check;
mod demo;
mod descriptors;
mod explain;
mod operator;
mod replay;
mod report;
mod serve;
mod status;
mod token;
mod translate;
mod weights;

const ABOUT: &str = "Moves live agent traffic from a legacy Model Serving endpoint to a Databricks App, \
                     one weight at a time, while no client changes a line.";

const LEARN: &str = "\
First steps:
  cutover demo                       two small agents, the gateway in front, nothing to install
  cutover check config/first.yaml    is this config right, and what would it do?
  cutover explain -c FILE body.json  where would this request go, and why?
  cutover serve --config FILE        serve clients until SIGTERM
  cutover report ROUTE --config FILE does the mirrored candidate answer as the primary does?
  echo -n $TOKEN | cutover token hash    the digest of a token, for the config

While it runs:
  cutover status --watch                                       what is served now, and how it goes
  cutover weights set support legacy=100 app=0 --why errors    over the file, until cleared
  cutover weights clear support                                as in the file again

Then point any OpenAI SDK at http://127.0.0.1:8080/v1, with a route's model as `model`.

Exit codes: 0 all went well; 1 it failed while running; 2 wrong usage, a config with problems, or a port in use.
Environment: CUTOVER_LOG sets the log level (error, warn, info, debug); CUTOVER_TOKEN is the operator's token.";

#[derive(Parser)]
#[command(name = "cutover", version, about = ABOUT, after_help = LEARN, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve clients until SIGTERM or SIGINT, then drain, until a second one ends it at once; the config is read again
    /// when its file changes, and at SIGHUP
    Serve {
        /// The config file (YAML)
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a config and print the plan it amounts to
    Check {
        /// The config file (YAML)
        file: PathBuf,
    },
    /// Say where a request would go and why, and what would become of it; nothing is sent
    Explain(explain::Options),
    /// See it work: two small agents inside this process, split 90/10, no account and no config
    Demo(demo::Options),
    /// Does the candidate of a route's shadow answer as the primary does? The verdict, and what it rests on
    Report(report::Options),
    /// Send recorded requests to the candidate and compare, before any live traffic
    Replay(replay::Options),
    /// See what becomes of a body or a stream between two dialects, and what is left out
    Translate(translate::Options),
    /// See what a running gateway serves and how it goes: weights, health, in flight, failures, times
    Status(status::Options),
    /// Move traffic of a running gateway in one command, and see who moved it before
    #[command(subcommand)]
    Weights(weights::Command),
    /// Work with tokens: their digests, and what JWTs say
    #[command(subcommand)]
    Token(Token),
}

#[derive(Subcommand)]
enum Token {
    /// Read a token from standard input and print its SHA-256 digest, as `auth: pat: tokens:` wants it
    Hash,
    /// Read a JWT from standard input and print its header and claims, without verifying them
    Inspect,
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve { config } => serve::run(&config),
        Command::Check { file } => check::run(&file),
        Command::Explain(options) => explain::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Report(options) => report::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Translate(options) => translate::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Weights(command) => weights::run(&command),
        Command::Token(Token::Hash) => token::hash(),
        Command::Token(Token::Inspect) => token::inspect(),
    }
}

/// Wrong usage, a config with problems, a port in use.
const USAGE: u8 = 2;

/// Prints to standard output. A reader that has gone away (`cutover check x | head`) is no error of ours.
fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints to standard error.
fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Ends with a message; errors of several levels stand on one line.
fn refuse(error: &anyhow::Error) -> ExitCode {
    complain(format_args!("cutover: {error:#}"));
    ExitCode::from(USAGE)
}

/// A runtime with a thread for each core.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Says stop at SIGTERM and SIGINT; at the second of them, that the end is now.
fn stop_on_signals(stop: &Stop) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let Stop { drain, now } = stop.clone();
    tokio::spawn(async move {
        for token in [drain, now] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(())
}
