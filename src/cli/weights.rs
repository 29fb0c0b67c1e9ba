//! `cutover weights`: moves traffic in one command, and says who moved it before.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use clap::{Args, Subcommand};
use http::Method;
use serde::{Deserialize, Serialize};

use super::operator::{At, Operator, escaped};
use super::{USAGE, complain, say};
use crate::config::parse_pair;

type Percents = BTreeMap<String, f64>;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Set the weights of a route for now; they override the file until they are cleared, over restarts
    Set {
        /// The name of the route
        route: String,
        /// Percent by backend, such as `legacy=95 app=5`; they sum to 100
        #[arg(required = true, value_name = "BACKEND=PERCENT")]
        weights: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Clear the weights that were set; those of the file are in force again
    Clear {
        /// The name of the route
        route: String,
        #[command(flatten)]
        options: Options,
    },
    /// See who changed which weights, when, from what to what and why; latest first
    History {
        /// The name of the route; all of them without
        route: Option<String>,
        /// How many changes at most
        #[arg(long, default_value_t = 20)]
        most: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Args)]
pub(super) struct Options {
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// Do it even if the gateway's store cannot keep it over restarts
    #[arg(long)]
    unkept: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Serialize)]
struct Wanted<'a> {
    weights: Percents,
    why: &'a str,
    unkept: bool,
}

#[derive(Deserialize)]
struct Changed {
    before: Percents,
    after: Percents,
    file: Percents,
    effective: bool,
    warning: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct History {
    entries: Vec<Entry>,
    warning: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    at: i64,
    who: String,
    action: String,
    route: String,
    before: String,
    after: String,
    why: String,
}

pub(super) fn run(command: &Command) -> ExitCode {
    let done = super::runtime().and_then(|runtime| match command {
        Command::Set { route, weights, options } => runtime.block_on(set(route, weights, options)),
        Command::Clear { route, options } => runtime.block_on(clear(route, options)),
        Command::History { route, most, json, at } => runtime.block_on(history(route.as_deref(), *most, *json, at)),
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            complain(format_args!("cutover: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn set(route: &str, pairs: &[String], options: &Options) -> anyhow::Result<ExitCode> {
    let mut weights = Percents::new();
    for pair in pairs {
        let twice = match parse_pair(pair) {
            Ok((name, percent)) => weights.insert(name.to_owned(), percent).map(|_| format!("`{name}` is named twice")),
            Err(problem) => Some(problem),
        };
        if let Some(problem) = twice {
            complain(format_args!("cutover: {problem}"));
            return Ok(ExitCode::from(USAGE));
        }
    }
    let wanted = Wanted { weights, why: &options.why, unkept: options.unkept };
    let body = Some(serde_json::to_string(&wanted)?);
    let changed: Changed = options.at.operator()?.ask(Method::PUT, &path(route), body).await?;
    let Changed { before, after, file, warning, .. } = changed;
    say(format_args!("{route}: {} -> {}, in force for new requests", spell(&before), spell(&after)));
    say(format_args!("The file says {}; `cutover weights clear {route}` goes back to it.", spell(&file)));
    warn(warning.as_deref());
    Ok(ExitCode::SUCCESS)
}

async fn clear(route: &str, options: &Options) -> anyhow::Result<ExitCode> {
    let path = format!("{}?why={}&unkept={}", path(route), escaped(&options.why), options.unkept);
    let changed: Changed = options.at.operator()?.ask(Method::DELETE, &path, None).await?;
    let Changed { before, after, effective, warning, .. } = changed;
    say(match after.is_empty() {
        _ if !effective => format!("{route}: nothing was set; {} as in the file", spell(&after)),
        true => format!("{route}: what was set is cleared; the config has no such route any more"),
        false => format!("{route}: {} -> {}, as in the file, in force for new requests", spell(&before), spell(&after)),
    });
    warn(warning.as_deref());
    Ok(ExitCode::SUCCESS)
}

async fn history(route: Option<&str>, most: u32, json: bool, at: &At) -> anyhow::Result<ExitCode> {
    let of = route.map(|route| format!("&route={}", escaped(route))).unwrap_or_default();
    let operator: Operator = at.operator()?;
    let history: History = operator.ask(Method::GET, &format!("/api/v1/weights/history?most={most}{of}"), None).await?;
    warn(history.warning.as_deref());
    if json {
        say(serde_json::to_string_pretty(&history)?);
    } else if history.entries.is_empty() {
        say("No weights have been set.");
    } else {
        history.entries.iter().for_each(|entry| say(line(entry)));
    }
    Ok(ExitCode::SUCCESS)
}

/// One change for a person: `2026-11-26 03:12:45 UTC  support  legacy=95 app=5 -> legacy=100 app=0  by ann: errors`.
fn line(entry: &Entry) -> String {
    let Entry { at, who, action, route, before, after, why } = entry;
    let at = Duration::from_millis(u64::try_from(*at).unwrap_or_default());
    let cleared = if action == "weights.clear" { " (as in the file)" } else { "" };
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    let time = humantime::format_rfc3339_seconds(UNIX_EPOCH + at);
    format!("{time}  {route}  {before} -> {after}{cleared}  by {who}{why}")
}

fn warn(warning: Option<&str>) {
    if let Some(warning) = warning {
        complain(format_args!("warning: {warning}"));
    }
}

fn path(route: &str) -> String {
    format!("/api/v1/routes/{}/weights", escaped(route))
}

/// `legacy=95 app=5`.
fn spell(percents: &Percents) -> String {
    percents.iter().map(|(name, percent)| format!("{name}={percent}")).collect::<Vec<_>>().join(" ")
}
