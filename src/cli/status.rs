//! `cutover status`: what a running gateway serves now and how it goes, as a page.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use http::Method;

use super::operator::{At, Operator};
use super::{complain, say};
use crate::live::{Arm, BackendState, Looked, Overview, RouteState};

/// Between two looks of `--watch`.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Args)]
pub(super) struct Options {
    /// Look again every two seconds
    #[arg(long)]
    watch: bool,
    /// As JSON, for programs
    #[arg(long, conflicts_with = "watch")]
    json: bool,
    #[command(flatten)]
    at: At,
}

pub(super) fn run(options: &Options) -> ExitCode {
    match super::runtime().and_then(|runtime| runtime.block_on(show(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("cutover: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn show(options: &Options) -> anyhow::Result<()> {
    let operator = options.at.operator()?;
    let on_terminal = std::io::stdout().is_terminal();
    let colours = on_terminal && std::env::var_os("NO_COLOR").is_none();
    if options.json {
        say(serde_json::to_string_pretty(&look(&operator).await?)?);
        return Ok(());
    }
    if !options.watch {
        say(page(&look(&operator).await?, colours).trim_end());
        return Ok(());
    }
    loop {
        // A gateway that is being restarted comes back.
        let page =
            look(&operator).await.map_or_else(|error| format!("{error:#}\n"), |overview| page(&overview, colours));
        // To the top left, and everything away.
        let clear = if on_terminal { "\x1b[H\x1b[2J" } else { "" };
        say(format_args!("{clear}{page}"));
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(operator: &Operator) -> anyhow::Result<Overview> {
    operator.ask(Method::GET, "/api/v1/status", None).await
}

/// A page being written.
struct Page {
    text: String,
    colours: bool,
}

impl Page {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    /// A line that somebody should look at.
    fn alarm(&mut self, line: &str) {
        if self.colours {
            let _ = writeln!(self.text, "\x1b[1;31m{}\x1b[0m", line.trim_end());
        } else {
            self.line(line);
        }
    }

    fn either(&mut self, alarming: bool, line: &str) {
        if alarming { self.alarm(line) } else { self.line(line) }
    }
}

fn page(overview: &Overview, colours: bool) -> String {
    let mut page = Page { text: String::new(), colours };
    let Overview { at, config, store, .. } = overview;
    page.line(&format!("{}   config {}, applied {} ago", time(*at), config.revision, ago(*at, config.applied)));
    if let Some(problems) = &config.problems {
        page.alarm(&format!("CONFIG  the file was refused {} ago; the one before goes on", ago(*at, config.tried)));
        problems.lines().for_each(|line| page.alarm(&format!("        {line}")));
    }
    if !config.waits_for_restart.is_empty() {
        page.line(&format!("        waits for a restart: {}", config.waits_for_restart.join(", ")));
    }
    if store.there && !store.ok {
        page.alarm("STORE   unwell: nothing is kept over restarts (see the log)");
    }
    page.line("");
    let name = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or_default().max(8);
    let routes = name(&mut overview.routes.iter().map(|route| route.name.len()));
    let backends = name(&mut overview.backends.iter().map(|backend| backend.name.len()));
    let (route, backend) = ("ROUTE", "BACKEND");
    page.line(&format!(
        "{route:routes$}  {backend:backends$}    WEIGHT      FILE  OBSERVED  REQUESTS    FAILED    PICKED     ALIVE"
    ));
    for route in &overview.routes {
        route_lines(route, *at, (routes, backends), &mut page);
    }
    for aside in &overview.aside {
        let (route, set) = (&aside.route, &aside.set);
        page.alarm(&format!(
            "{route:routes$}  set and NOT in force: {} (by {}): {}",
            set.weights, set.who, aside.reason
        ));
    }
    page.line("");
    page.line(&format!("{backend:backends$}  HEALTH       IN FLIGHT   WAITING    FAILED       P50       P99"));
    for backend in &overview.backends {
        backend_line(backend, backends, &mut page);
    }
    page.line("");
    let seconds = overview.seconds;
    page.line(&format!(
        "Routes: the last {seconds} s. Backends: the breaker's window; times of the last minute or two."
    ));
    page.line("PICKED: by key or chance since the weights changed. ALIVE: conversations that were served there last.");
    page.text
}

fn route_lines(route: &RouteState, at: i64, (routes, backends): (usize, usize), page: &mut Page) {
    for (place, arm) in route.backends.iter().enumerate() {
        let name = if place == 0 { route.name.as_str() } else { "" };
        let (weight, file) = (percent(Some(arm.weight)), percent(Some(arm.file)));
        let failed = rate(arm.failed, arm.requests);
        let line = format!(
            "{name:routes$}  {:backends$}  {weight:>8}  {file:>8}  {:>8}  {:>8}  {:>8}  {:>8}  {:>8}",
            arm.name,
            percent(arm.observed),
            arm.requests,
            percent(failed),
            percent(picked(arm)),
            arm.alive,
        );
        page.either(failed.is_some_and(|failed| failed >= 5.0), &line);
    }
    for looked in route.split.iter().filter(|looked| looked.mismatch) {
        page.alarm(&format!("{:routes$}  {}", "", mismatch(route, looked)));
    }
    if route.alive_elsewhere > 0 {
        let alive = route.alive_elsewhere;
        page.line(&format!("{:routes$}  alive at backends that have left the split: {alive} conversations", ""));
    }
    if let Some(set) = &route.overridden {
        let why = if set.why.is_empty() { String::new() } else { format!(": {}", set.why) };
        let kept = if set.kept { "" } else { ", until the next start" };
        page.alarm(&format!("{:routes$}  set by {} {} ago{kept}{why}", "", set.who, ago(at, set.at)));
        page.line(&format!("{:routes$}  back to the file: cutover weights clear {}", "", route.name));
    }
}

/// The share of what went to a backend by weight: of conversations, if there are any.
fn picked(arm: &Arm) -> Option<f64> {
    arm.picked.conversations_percent.or(arm.picked.requests_percent)
}

/// Says that traffic does not go where the weights say.
fn mismatch(route: &RouteState, looked: &Looked) -> String {
    let share = |arm: &Arm| {
        let by_key = looked.counted == "conversations";
        let share = if by_key { arm.picked.conversations_percent } else { arm.picked.requests_percent };
        format!("{} {}, not {}", arm.name, percent(share), percent(Some(arm.weight)))
    };
    let shares: Vec<_> = route.backends.iter().map(share).collect();
    let Looked { counted, seen, .. } = looked;
    format!("MISMATCH of {seen} {counted}: {}; look at what the sticky keys are", shares.join("; "))
}

fn backend_line(backend: &BackendState, width: usize, page: &mut Page) {
    let health = match (backend.out, backend.breaker.as_str()) {
        (true, _) => "OUT",
        (_, "open") => "LEFT ALONE",
        (_, "half_open") => "on probation",
        _ => "ok",
    };
    let line = format!(
        "{:width$}  {health:<12} {:>9}  {:>8}  {:>8}  {:>8}  {:>8}",
        backend.name,
        backend.in_flight,
        backend.waiting,
        percent(rate(backend.failed, backend.requests)),
        seconds(backend.p50),
        seconds(backend.p99),
    );
    page.either(health != "ok", &line);
}

#[expect(clippy::cast_precision_loss, reason = "requests of a minute are far below 2^52")]
fn rate(failed: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| failed as f64 * 100.0 / all as f64)
}

fn percent(percent: Option<f64>) -> String {
    let Some(percent) = percent else { return "-".to_owned() };
    let exact = format!("{percent:.2}");
    format!("{} %", exact.trim_end_matches('0').trim_end_matches('.'))
}

fn seconds(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 1.0 => format!("{:.0} ms", seconds * 1_000.0),
        Some(seconds) => format!("{seconds:.1} s"),
    }
}

fn time(at: i64) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or_default()))
}

/// How long ago, in one unit.
fn ago(now: i64, then: i64) -> String {
    let seconds = (now - then).max(0) / 1_000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_understood_at_three_in_the_morning() {
        let overview: Overview = serde_json::from_str(
            r#"{
                "at": 1764126765000,
                "config": {"revision": "3f2a9c1d0b7e", "applied": 1764119565000, "tried": 1764126705000,
                           "problems": "cutover.yaml:12: unknown dialect `respones`", "waits_for_restart": ["listen.clients"]},
                "store": {"there": true, "ok": false},
                "seconds": 60,
                "routes": [{"name": "support",
                    "overridden": {"weights": "legacy=100 app=0", "who": "ann", "why": "errors", "at": 1764126045000, "kept": true},
                    "split": [{"counted": "conversations", "seen": 200, "evidence": 1e9, "mismatch": true},
                              {"counted": "requests", "seen": 0, "evidence": 1, "mismatch": false}],
                    "alive_elsewhere": 3,
                    "backends": [
                        {"name": "legacy", "weight": 100, "file": 95, "observed": 99.4, "requests": 812, "failed": 1, "alive": 41,
                         "picked": {"conversations": 150, "conversations_percent": 75, "requests": 0, "requests_percent": null}},
                        {"name": "app", "weight": 0, "file": 5, "observed": 0.6, "requests": 5, "failed": 4, "alive": 0,
                         "picked": {"conversations": 50, "conversations_percent": 25, "requests": 0, "requests_percent": null}}]}],
                "backends": [
                    {"name": "legacy", "breaker": "closed", "out": false, "in_flight": 12, "waiting": 0, "requests": 812,
                     "failed": 1, "p50": 0.42, "p99": 4.04},
                    {"name": "app", "breaker": "open", "out": false, "in_flight": 0, "waiting": 0, "requests": 5, "failed": 4,
                     "p50": null, "p99": null}],
                "aside": [{"route": "gone", "reason": "the config has no route `gone`",
                           "set": {"weights": "a=100", "who": "bob", "why": "", "at": 0, "kept": true}}]
            }"#,
        )
        .unwrap();
        assert_eq!(
            page(&overview, false),
            "\
2025-11-26T03:12:45Z   config 3f2a9c1d0b7e, applied 2 h ago
CONFIG  the file was refused 60 s ago; the one before goes on
        cutover.yaml:12: unknown dialect `respones`
        waits for a restart: listen.clients
STORE   unwell: nothing is kept over restarts (see the log)

ROUTE     BACKEND     WEIGHT      FILE  OBSERVED  REQUESTS    FAILED    PICKED     ALIVE
support   legacy       100 %      95 %    99.4 %       812    0.12 %      75 %        41
          app            0 %       5 %     0.6 %         5      80 %      25 %         0
          MISMATCH of 200 conversations: legacy 75 %, not 100 %; app 25 %, not 0 %; look at what the sticky keys are
          alive at backends that have left the split: 3 conversations
          set by ann 12 min ago: errors
          back to the file: cutover weights clear support
gone      set and NOT in force: a=100 (by bob): the config has no route `gone`

BACKEND   HEALTH       IN FLIGHT   WAITING    FAILED       P50       P99
legacy    ok                  12         0    0.12 %    420 ms     4.0 s
app       LEFT ALONE           0         0      80 %         -         -

Routes: the last 60 s. Backends: the breaker's window; times of the last minute or two.
PICKED: by key or chance since the weights changed. ALIVE: conversations that were served there last.
"
        );
        let colourful = page(&overview, true);
        assert!(
            colourful.contains("\x1b[1;31mapp       LEFT ALONE") && !colourful.contains("\x1b[1;31mlegacy"),
            "{colourful}"
        );
    }
}
