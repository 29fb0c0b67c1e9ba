//! `loadtest`: the command line of the load tests.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use loadtest::clock::SECOND;
use loadtest::loopback::Loopback;
use loadtest::voice::Voice;
use loadtest::{compare, here, load, mirror, peers, relay, report, smoke, tell, upstream};

#[derive(Parser)]
#[command(name = "loadtest", version, about = "Runs Cutover and its peers side by side; see loadtest/README.md")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure programs side by side and write down what came of it
    Compare(Compare),
    /// Write the report of a run again
    Report {
        /// The results of a run (JSON)
        results: PathBuf,
        /// The file whose table is replaced
        #[arg(long)]
        readme: Option<PathBuf>,
    },
    /// See within seconds that everything here works
    Smoke {
        /// The `cutover` binary
        #[arg(long)]
        cutover: PathBuf,
    },
    /// What a mirror costs clients when its target is not well, beside nginx's: prints a table, in ten minutes
    Mirror {
        /// The `cutover` binary
        #[arg(long)]
        cutover: PathBuf,
        /// How often each is measured
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=50))]
        rounds: u16,
        /// What the target does; everything if left out
        #[arg(long, value_delimiter = ',')]
        targets: Vec<mirror::Target>,
        /// Only Cutover, without nginx beside it
        #[arg(long)]
        alone: bool,
    },
    /// A mirror's target
    Target {
        /// Where it listens
        #[arg(long)]
        listen: Loopback,
        /// What it does with requests
        #[arg(long)]
        does: mirror::Target,
    },
    /// The fake upstream
    Upstream {
        /// Where it listens
        #[arg(long)]
        listen: Loopback,
    },
    /// The floor: a bare hyper relay
    Relay {
        /// Where it listens
        #[arg(long)]
        listen: Loopback,
        /// Where it relays to
        #[arg(long)]
        upstream: Loopback,
    },
    /// Send load to whatever listens on this machine, and print what it saw
    Load(Load),
}

#[derive(clap::Args)]
struct Compare {
    /// The `cutover` binary
    #[arg(long)]
    cutover: PathBuf,
    /// Where results go
    #[arg(long)]
    out: PathBuf,
    /// Works to measure, by name; all if left out
    #[arg(long, value_delimiter = ',')]
    works: Vec<String>,
    /// Programs to measure, by name; all if left out
    #[arg(long, value_delimiter = ',')]
    programs: Vec<String>,
    /// How often each is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=50))]
    rounds: u16,
    /// Seconds that each measurement counts
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// The file whose table is replaced
    #[arg(long)]
    readme: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Load {
    /// Where to
    #[arg(long)]
    to: Loopback,
    /// The dialect of the request
    #[arg(long, default_value = "chat_completions")]
    voice: Voice,
    /// The path, if not the dialect's own
    #[arg(long)]
    path: Option<String>,
    /// The token to show
    #[arg(long)]
    token: Option<String>,
    /// The model to ask for
    #[arg(long, default_value = peers::MODEL)]
    model: String,
    /// Bytes of a request
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    bytes: u32,
    /// Ask for streams
    #[arg(long)]
    stream: bool,
    /// Connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests a second; as many as are answered if left out
    #[arg(long)]
    rate: Option<u64>,
    /// Seconds
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Compare(options) => compare(options),
        Command::Report { results, readme } => report::again(&results, readme.as_deref()),
        Command::Smoke { cutover } => smoke::run(cutover),
        Command::Mirror { cutover, rounds, targets, alone } => mirrored(cutover, rounds.into(), &targets, alone),
        Command::Target { listen, does } => mirror::target_at(listen, does),
        Command::Upstream { listen } => upstream_at(listen),
        Command::Relay { listen, upstream } => relay::serve(listen, upstream),
        Command::Load(options) => load_once(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: Compare) -> anyhow::Result<()> {
    let plan = compare::Plan {
        here: here(options.cutover)?,
        scratch: std::env::temp_dir().join(format!("loadtest-{}", std::process::id())),
        works: options.works,
        programs: options.programs,
        rounds: options.rounds.into(),
        time: options.seconds * SECOND,
        smoke: None,
    };
    let results = compare::run(&plan, &mut tell)?;
    std::fs::remove_dir_all(&plan.scratch)?;
    report::write(&results, &options.out, options.readme.as_deref())
}

fn mirrored(cutover: PathBuf, rounds: usize, targets: &[mirror::Target], alone: bool) -> anyhow::Result<()> {
    let targets = if targets.is_empty() { &mirror::Target::ALL } else { targets };
    let table = mirror::run(&here(cutover)?, rounds, targets, alone, &mut tell)?;
    write!(std::io::stdout(), "{table}")?;
    Ok(())
}

fn upstream_at(listen: Loopback) -> anyhow::Result<()> {
    Ok(upstream::serve(&TcpListener::bind(listen.address())?)?)
}

fn load_once(options: &Load) -> anyhow::Result<()> {
    let path = options.path.as_deref().unwrap_or(options.voice.door());
    let bearer = options.token.as_ref().map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|value| ("authorization", value.as_str())).collect();
    let body = options.voice.request(&options.model, options.bytes as usize, options.stream);
    let spec = load::Spec {
        to: options.to,
        request: load::request(path, &headers, &body),
        connections: options.connections,
        rate: options.rate,
        timed: false,
        warm: SECOND / 2,
        time: options.seconds * SECOND,
        least: 0,
    };
    let outcome = load::run(&spec, &mut |_| {})?;
    let errors = outcome.errors();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} answers, {} events, {errors} errors, {} open", outcome.answers, outcome.events, outcome.open)?;
    writeln!(out, "latency in µs: {:?}", outcome.latency())?;
    writeln!(out, "first event in µs: {:?}", outcome.first_event())?;
    Ok(())
}
