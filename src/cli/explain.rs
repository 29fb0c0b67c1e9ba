//! `cutover explain`: where a request would go and why, by the code that serves clients; nothing is sent.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use http::{HeaderName, HeaderValue, Method, Request};

use super::{USAGE, complain, refuse, runtime, say};
use crate::auth::{Caller, Kind};
use crate::config::{self, Config};
use crate::gateway::{Asked, Explained, Explanation, Mirrored, Snapshot};
use crate::store::Store;
use crate::telemetry::Metrics;

const EXAMPLES: &str = "\
Examples:
  echo '{\"model\":\"support-agent\",\"input\":\"hi\"}' | cutover explain --config cutover.yaml
      which route takes it, why those before do not, and what each backend would be asked
  cutover explain -c cutover.yaml --path /v1/chat/completions --header 'x-tenant: acme' --caller ci --group support body.json
      as the caller `ci` sends it, who is in the group `support`

It goes by the weights in the file. A running gateway is asked by `POST /api/v1/explain` on its admin address, which knows
weights that were set for now, conversations that are held, and backends that take no calls.
Exit codes: 0 a backend would get it; 1 it would be refused; 2 wrong usage, or a config with problems.";

/// Options of the explanation.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// The config file (YAML)
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// The path of the request
    #[arg(long, default_value = "/v1/responses")]
    path: String,
    /// The method of the request
    #[arg(long, default_value = "POST")]
    method: Method,
    /// A header of the request; as often as need be
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// Who sends it: a subject, or the name of a token; left out: nobody that is known
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// A group that the caller is in; as often as need be
    #[arg(long, requires = "caller")]
    group: Vec<String>,
    /// A scope that the caller's token has; as often as need be
    #[arg(long, requires = "caller")]
    scope: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The body of the request; standard input if left out
    body: Option<PathBuf>,
}

/// Most of a body that is read.
const MOST: u64 = 64 << 20;

/// Width of the first column.
const LABEL: usize = 11;

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write `name: value`")?;
    let name = HeaderName::try_from(name.trim()).map_err(|error| error.to_string())?;
    Ok((name, HeaderValue::try_from(value.trim()).map_err(|error| error.to_string())?))
}

/// Explains a request.
pub(super) fn run(options: &Options) -> ExitCode {
    let config = match Config::load(&options.config) {
        Ok(config) => config,
        Err(problems) => {
            complain(problems);
            return ExitCode::from(USAGE);
        }
    };
    match explain(options, &config) {
        Ok(explanation) => {
            let printed = if options.json {
                serde_json::to_string_pretty(&explanation).unwrap_or_default()
            } else {
                table(options, &explanation)
            };
            say(printed.trim_end());
            if explanation.refused.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => refuse(&error),
    }
}

fn explain(options: &Options, config: &Config) -> anyhow::Result<Explanation> {
    let mut body = Vec::new();
    match &options.body {
        Some(path) => std::fs::File::open(path)?.take(MOST).read_to_end(&mut body)?,
        None => std::io::stdin().lock().take(MOST).read_to_end(&mut body)?,
    };
    let mut request = Request::builder().method(&options.method).uri(&options.path).body(body.into())?;
    for (name, value) in &options.header {
        request.headers_mut().append(name, value.clone());
    }
    let caller = match &options.caller {
        None => Caller::named("anonymous", Kind::Anonymous),
        Some(name) => {
            Caller { groups: options.group.clone(), scopes: options.scope.clone(), ..Caller::named(name, Kind::Oauth) }
        }
    };
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let metrics = Arc::new(Metrics::new()?);
    // Nothing is kept of it.
    let store = Store::start(&config::Store::None, metrics.live.store.clone())?;
    let snapshot = Snapshot::new(config, &store, &metrics, None)?;
    Ok(snapshot.explain(Asked { request, caller }))
}

/// The explanation for people.
fn table(options: &Options, explanation: &Explanation) -> String {
    let mut text = String::new();
    let mut row = |label: &str, value: String| {
        let _ = writeln!(text, "{label:LABEL$}{value}");
    };
    row(
        "request",
        format!("{} {} of {}", options.method, options.path, options.caller.as_deref().unwrap_or("nobody known")),
    );
    if let Some(name) = &explanation.renamed {
        row("looked for", format!("again, as model {name}"));
    }
    for (place, passed) in explanation.passed_over.iter().enumerate() {
        row(if place == 0 { "passed by" } else { "" }, format!("{}: {}", passed.route, passed.because));
    }
    if let (Some(route), Some(rule)) = (&explanation.route, &explanation.rule) {
        row("route", format!("{route}, which takes {rule}"));
    }
    if let Some(decided) = explanation.decided_by {
        let key = explanation.key.as_ref().map(|key| format!("{} in {}", key.text, key.place));
        row("sticky key", key.unwrap_or_else(|| "none is given".to_owned()));
        if let Some(held) = &explanation.held {
            let backend = held.backend.as_deref().unwrap_or("a backend that is gone");
            let let_go = held.let_go.map(|why| format!("; let go: {why}")).unwrap_or_default();
            row("held", format!("at {backend}, silent for {} s{let_go}", held.silent_seconds));
        }
        row("decided by", decided_by(decided).to_owned());
        if let Some(other) = &explanation.instead_of {
            row("instead of", format!("{other}, which takes no calls now"));
        }
    }
    for (place, backend) in explanation.backends.iter().enumerate() {
        let chosen = explanation.backend.as_ref() == Some(&backend.backend);
        backend_rows(backend, chosen, if place == 0 { "backends" } else { "" }, &mut row);
    }
    if explanation.decided_by.is_some() {
        row(
            "mirror",
            explanation.mirror.as_ref().map_or_else(|| "none".to_owned(), |mirror| mirrored(mirror, explanation)),
        );
    }
    match &explanation.refused {
        Some(refused) => row("refused", format!("{} {}: {}", refused.status, refused.code, refused.message)),
        None if explanation.route.is_none() => row("answered", "without a route: no backend gets it".to_owned()),
        None => {}
    }
    text
}

fn decided_by(decided: &str) -> &str {
    match decided {
        "answer" => "the answer that it continues, which this backend made",
        "hold" => "hold: the conversation is alive there",
        "key" => "the key's highest score",
        _ => "chance and weight, anew for each request",
    }
}

/// What becomes of the copy.
fn mirrored(mirror: &Mirrored, explanation: &Explanation) -> String {
    let Mirrored { to, chance, .. } = mirror;
    if let Some(because) = mirror.because {
        return format!("no copy to {to}: {because}");
    }
    let chance = chance.filter(|percent| *percent < 100.0);
    let chance = chance.map(|percent| format!("by chance, for {percent} % of requests that name no conversation: "));
    let answers = explanation.backend.is_none() && explanation.backends.iter().any(|there| there.backend == *to);
    let unless = if answers { ", unless it answers itself" } else { "" };
    let chance = chance.unwrap_or_default();
    format!("{chance}a copy to {to}{unless}; caps and pauses have their say when it is sent")
}

fn backend_rows(backend: &Explained, chosen: bool, label: &str, row: &mut impl FnMut(&str, String)) {
    let arrow = if chosen { "→" } else { " " };
    let score = backend.score.map(|score| format!(", score {score:.4e}")).unwrap_or_default();
    let rests = if backend.usable { "" } else { ", takes no calls now" };
    row(label, format!("{arrow} {}  {:.2} %{score}{rests}", backend.backend, backend.percent));
    match (backend.client_dialect, backend.verbatim) {
        (Some(_), true) => row("", format!("    {}, passed as it is", backend.backend_dialect)),
        (Some(client), false) => row("", format!("    {} is asked, {client} is answered", backend.backend_dialect)),
        (None, _) => row("", format!("    {} is asked", backend.backend_dialect)),
    }
    for dropped in &backend.dropped {
        row("", format!("    left out: {}: {}", dropped.field, dropped.because));
    }
    if let Some(refused) = &backend.refused {
        row("", format!("    refuses: {}", refused.message));
    }
}
