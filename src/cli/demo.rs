//! `cutover demo`: the whole job on one machine, with two small agents in this process and no config.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use prometheus::IntGauge;
use tokio::sync::mpsc;

use super::{refuse, runtime, say, stop_on_signals};
use crate::app::App;
use crate::config::{ClientLimits, ClientTimeouts, Config};
use crate::gateway::Summary;
use crate::server::{Handler, Server, Stop};

mod agent;
mod folder;
mod new_app;
mod old_endpoint;

use folder::Folder;

/// Options of the demo.
#[derive(Args)]
pub(super) struct Options {
    /// Where clients reach the gateway
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where operators reach it (health, metrics)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    admin: SocketAddr,
}

/// Finished exchanges that may wait to be printed.
const LINES: usize = 1024;

/// Runs the demo until Ctrl-C.
pub(super) fn run(options: &Options) -> ExitCode {
    match runtime().and_then(|runtime| runtime.block_on(demo(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

async fn demo(options: &Options) -> anyhow::Result<()> {
    let stop = Stop::default();
    stop_on_signals(&stop)?;
    let legacy = start(old_endpoint::OldEndpoint, &stop)?;
    let app = start(new_app::NewApp, &stop)?;
    let folder = Folder::make()?;
    let text = config(options, legacy, app);
    let config = Config::parse(&text, folder.path(), &|_| None)?;
    let file = folder.write(&text)?;
    let (offers, finished) = mpsc::channel(LINES);
    let gateway = App::build(&config, Some(offers))?;
    let (clients, admin) = gateway.addresses()?;
    say(welcome(clients, admin, &report(&file)));
    let lines = tokio::spawn(print(finished));
    gateway.run(stop).await;
    // Ends when the gateway has dropped its end of the queue.
    let seen = lines.await?;
    say(format_args!("\n{}", tally(&seen)));
    Ok(())
}

/// Starts one of the agents on a free port.
fn start<H: Handler>(agent: H, stop: &Stop) -> anyhow::Result<SocketAddr> {
    let second = Duration::from_secs(1);
    let timeouts = ClientTimeouts { drain: second, ..ClientTimeouts::default() };
    let gauge = IntGauge::new("demo_connections", "connections of a demo agent")?;
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), ClientLimits::default(), timeouts, gauge)?;
    let address = server.address()?;
    tokio::spawn(server.serve(Arc::new(agent), stop.clone()));
    Ok(address)
}

/// The config of the demo, as one would write it.
fn config(options: &Options, legacy: SocketAddr, app: SocketAddr) -> String {
    let Options { listen, admin } = options;
    format!(
        "
listen: {{ clients: \"{listen}\", admin: \"{admin}\" }}
auth: anonymous
timeouts: {{ drain: 2s }}
store: sqlite:cutover.db
backends:
  legacy: {{ url: \"http://{legacy}/invocations\", dialect: chat_agent, credential: none }}
  app: {{ url: \"http://{app}/responses\", dialect: responses, credential: none }}
routes:
  - name: support
    match: {{ model: support-agent }}
    split: {{ legacy: 90, app: 10 }}
    shadow:
      to: app
      sample: 100%
      noise: 100%
      side_effects: none
      limits: {{ per_second: 1000 }}
      record: {{ mode: full }}
"
    )
}

/// The command that tells what the shadow has seen.
fn report(config: &Path) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "cutover".into());
    let quoted = |path: &Path| {
        let path = path.display().to_string();
        if path.contains(char::is_whitespace) { format!("'{path}'") } else { path }
    };
    format!("{} report support --config {}", quoted(&program), quoted(config))
}

fn welcome(clients: SocketAddr, admin: SocketAddr, report: &str) -> String {
    format!(
        r#"
Two agents run in this process: a legacy ChatAgent endpoint and a new App that speaks Responses. (An App on Databricks'
DurableAgentServer takes one word in the config, `dialect: durable`, and the same clients.)
The gateway in front of them sends 90 % of the conversations to legacy and 10 % to the app, and a copy of what legacy
answers to the app as well, whose answers are compared and go nowhere else.

  base URL   http://{clients}/v1
  metrics    http://{admin}/metrics

Ask with curl, in the old way or the new one; add "stream": true to see events:

  curl -s http://{clients}/v1/chat/completions -H 'content-type: application/json' \
    -d '{{"model": "support-agent", "messages": [{{"role": "user", "content": "Where is order 1001?"}}]}}'

  curl -sN http://{clients}/v1/responses -H 'content-type: application/json' \
    -d '{{"model": "support-agent", "input": "Where is order 1001?", "stream": true}}'

Or with the OpenAI SDK (pip install openai); sixty orders show the split:

  from openai import OpenAI
  client = OpenAI(base_url="http://{clients}/v1", api_key="any")
  for order in range(1001, 1061):
      answer = client.responses.create(model="support-agent", input=f"Where is order {{order}}?")
      print(answer.output_text)

And then ask whether the app answers as legacy does. It does not, for some orders; --output report.html makes a page of it:

  {report}

Ctrl-C ends it. Every request that comes in stands below.

time      backend  client dialect    backend dialect  answer  status  outcome        time taken"#
    )
}

/// Prints a line for each exchange; returns how many each backend had.
async fn print(mut finished: mpsc::Receiver<Summary>) -> BTreeMap<String, u32> {
    let mut seen = BTreeMap::new();
    while let Some(summary) = finished.recv().await {
        say(line(&summary));
        if !summary.backend.is_empty() {
            *seen.entry(summary.backend).or_default() += 1;
        }
    }
    seen
}

fn line(summary: &Summary) -> String {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    let time = format!("{:02}:{:02}:{:02}", clock / 3600, clock / 60 % 60, clock % 60);
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    format!(
        "{time}  {:<8} {:<17} {:<16} {:<7} {:<7} {:<14} {:.1} ms",
        or_dash(&summary.backend),
        or_dash(summary.client_dialect),
        or_dash(summary.backend_dialect),
        if summary.stream { "stream" } else { "plain" },
        summary.status,
        summary.outcome,
        summary.duration.as_secs_f64() * 1_000.0,
    )
}

fn tally(seen: &BTreeMap<String, u32>) -> String {
    let all: u32 = seen.values().sum();
    if all == 0 {
        return "Stopped; nobody asked anything.".to_owned();
    }
    let share = |(name, count): (&String, &u32)| {
        format!("{name} {count} ({:.0} %)", f64::from(*count) * 100.0 / f64::from(all))
    };
    format!("Stopped after {all} requests: {}.", seen.iter().map(share).collect::<Vec<_>>().join(", "))
}
