//! The command line: one file a subcommand, exit codes as Unix knows them (0 well, 1 failed, 2 wrong usage or config).

use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

mod check;
mod demo;
mod descriptors;
mod serve;
mod token;
mod translate;

const ABOUT: &str = "Moves live agent traffic from a legacy Model Serving endpoint to a Databricks App, \
                     one weight at a time, while no client changes a line.";

const LEARN: &str = "\
First steps:
  cutover demo                       two small agents, the gateway in front, nothing to install
  cutover check config/first.yaml    is this config right, and what would it do?
  cutover serve --config FILE        serve clients until SIGTERM
  echo -n $TOKEN | cutover token hash    the digest of a token, for the config

Then point any OpenAI SDK at http://127.0.0.1:8080/v1, with a route's model as `model`.

Exit codes: 0 all went well; 1 it failed while running; 2 wrong usage, a config with problems, or a port in use.
Environment: CUTOVER_LOG sets the log level (error, warn, info, debug).";

#[derive(Parser)]
#[command(name = "cutover", version, about = ABOUT, after_help = LEARN, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve clients until SIGTERM or SIGINT, then drain; SIGHUP reads the config again
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
    /// See it work: two small agents inside this process, split 90/10, no account and no config
    Demo(demo::Options),
    /// See what becomes of a body or a stream between two dialects, and what is left out
    Translate(translate::Options),
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
        Command::Demo(options) => demo::run(&options),
        Command::Translate(options) => translate::run(&options),
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

/// Cancels `stop` at SIGTERM and SIGINT.
fn stop_on_signals(stop: &CancellationToken) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}
