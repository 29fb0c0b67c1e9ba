//! `cutover report`: does the candidate of a route answer as the primary does, by what the store holds.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::{USAGE, complain, refuse};
use crate::config::{self, Config};
use crate::judge::Verdict;
use crate::report::Report;
use crate::shadow;
use crate::store::Store;
use crate::telemetry::Metrics;

const EXAMPLES: &str = "\
Examples:
  cutover report support --config cutover.yaml
      the verdict, every measure, the worst examples and what was not mirrored, on the terminal
  cutover report support --config cutover.yaml --output report.html
      the same as one page that needs nothing else; .md and .json work as well
  cutover report support --config cutover.yaml --gate
      for a pipeline: exit code 1 unless the verdict is `pass`
  cutover report support --config cutover.yaml --export pairs.jsonl
      the recorded pairs, as mlflow.genai.evaluate loads them

Verdicts: pass, insufficient (too early to say), marginal, fail. They hold however often one looks.";

/// What to report, and how.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// The route
    route: String,
    /// The config file (YAML)
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// In which form; by default by the output's name, and for a terminal without one
    #[arg(long, value_name = "FORM")]
    form: Option<Form>,
    /// Where to write it instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the recorded pairs to this file as well, as JSON Lines
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Exit with 1 unless the verdict is `pass`
    #[arg(long)]
    gate: bool,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    Terminal,
    Markdown,
    Html,
    Json,
}

/// Prints or writes the report.
pub(super) fn run(options: &Options) -> ExitCode {
    let config = match Config::load(&options.config) {
        Ok(config) => config,
        Err(problems) => {
            complain(problems);
            return ExitCode::from(USAGE);
        }
    };
    match report(options, &config) {
        Ok(verdict) if options.gate && verdict != Verdict::Pass => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

fn report(options: &Options, config: &Config) -> anyhow::Result<Verdict> {
    let Some(route) = config.routes.iter().find(|route| route.name == options.route) else {
        let names: Vec<_> = config.routes.iter().map(|route| route.name.as_str()).collect();
        bail!("there is no route `{}`; write one of {}", options.route, names.join(", "));
    };
    let Some(shadow) = &route.shadow else {
        bail!("route `{}` has no `shadow:`, so there is nothing to report", route.name)
    };
    let name = |backend: usize| config.backends.get(backend).map_or("?", |backend| backend.name.as_str()).to_owned();
    // Whoever has the largest part of the split beside the candidate.
    let others = route.split.iter().filter(|share| share.backend != shadow.to);
    let primary = others.max_by_key(|share| share.basis_points).map_or_else(String::new, |share| name(share.backend));
    let candidate = name(shadow.to);
    let store = open(&config.store)?;
    let (about, settings) = (route.name.clone(), shadow.judging.clone());
    let sides = [primary, candidate.clone()];
    let report = store
        .ask_now(move |kept| shadow::report(kept, &about, [&sides[0], &sides[1]], &settings))
        .context("cannot read the store")?;
    if let Some(file) = &options.export {
        export(&store, &route.name, &candidate, file)?;
    }
    write(&report, options.form, options.output.as_deref())?;
    Ok(report.judgement.verdict)
}

/// The store, which must be there: one that is made by looking for it would be an empty one.
fn open(store: &config::Store) -> anyhow::Result<Store> {
    match store {
        config::Store::None => bail!("the config says `store: none`, so nothing is kept to report on"),
        config::Store::Sqlite(path) if !path.exists() => {
            bail!("there is no store at {}; has `cutover serve` run with this config?", path.display())
        }
        config::Store::Sqlite(_) => {
            let metrics = Metrics::new().context("cannot count")?;
            Store::start(store, metrics.live.store.clone()).context("cannot open the store")
        }
    }
}

fn export(store: &Store, route: &str, candidate: &str, file: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let mut out = std::io::BufWriter::new(std::fs::File::create(file).with_context(cannot)?);
    let mut after = 0;
    loop {
        let (route, candidate) = (route.to_owned(), candidate.to_owned());
        let piece = store.ask_now(move |kept| shadow::export(kept, &route, &candidate, after));
        let Some((lines, last)) = piece.context("cannot read the store")? else { break };
        for line in lines {
            writeln!(out, "{line}").with_context(cannot)?;
        }
        after = last;
    }
    out.flush().with_context(cannot)
}

/// Writes a report to a file or to standard output; the form follows the file's name unless it is given.
pub(super) fn write(report: &Report, form: Option<Form>, output: Option<&Path>) -> anyhow::Result<()> {
    let extension = output.and_then(Path::extension).and_then(|extension| extension.to_str());
    let form = form.unwrap_or(match extension {
        Some("html" | "htm") => Form::Html,
        Some("md") => Form::Markdown,
        Some("json") => Form::Json,
        _ => Form::Terminal,
    });
    let colours = output.is_none()
        && std::io::IsTerminal::is_terminal(&std::io::stdout())
        && std::env::var_os("NO_COLOR").is_none();
    let text = match form {
        Form::Terminal => report.terminal(colours),
        Form::Markdown => report.markdown(),
        Form::Html => report.html(),
        Form::Json => serde_json::to_string_pretty(report)?,
    };
    match output {
        Some(file) => std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display())),
        None => {
            super::say(text.trim_end());
            Ok(())
        }
    }
}
