//! What a mirror costs clients while its target is well, down, hung, slow, resetting, sending garbage or without end: each
//! beside the same program without a mirror, in the same round, and nginx's `mirror` beside Cutover's.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Child;

use crate::clock::{MILLISECOND, SECOND};
use crate::compare::{Upstream, ask_until_answered, free_port};
use crate::cores::{self, Cores};
use crate::load::{self, Edge, Spec};
use crate::loopback::Loopback;
use crate::peers::{Here, MODEL};
use crate::process;
use crate::voice::Voice;

mod start;
mod table;
mod target;

pub use target::{Target, serve};

use start::{Fronts, PROGRAMS, Program};

/// Times of one measurement: plain answers at a rate, streams at a rate, and one connection that asks again at once.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// The target has what upstream and client leave of their core, as if it were on another machine; not in a test, where
    /// other tests may leave nothing.
    aside: bool,
    warm: u64,
    plain: u64,
    streams: u64,
    next: u64,
}

const TIMES: Times = Times {
    aside: true,
    warm: 300 * MILLISECOND,
    plain: 3_000 * MILLISECOND,
    streams: 1_200 * MILLISECOND,
    next: 800 * MILLISECOND,
};

/// Short enough for a test, and long enough that everything is seen to work.
const SMOKE: Times = Times {
    aside: false,
    warm: 50 * MILLISECOND,
    plain: 100 * MILLISECOND,
    streams: 150 * MILLISECOND,
    next: 50 * MILLISECOND,
};

/// Requests a second at a rate.
const RATE: u64 = 1_000;
const STREAMS: u64 = 400;

/// Connections at a rate.
const CONNECTIONS: usize = 64;

/// What a measurement saw, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Of a hundred plain answers the slowest but one.
    plain: f64,
    /// The same of streams that take 50 ms.
    streams: f64,
    /// The same of a connection that asks again as soon as it has its answer.
    next: f64,
    /// The slowest of those.
    longest: f64,
    /// The part of all requests at a rate that were answered in time.
    answered: f64,
    /// Answers that were none.
    errors: u64,
    /// Requests that the target got.
    copies: u64,
}

/// One program with one target, or without a mirror, round by round.
struct Row {
    program: &'static Program,
    /// None without a mirror: first what all else is held against, and at the end once more, to see how far two
    /// measurements of the same thing are apart.
    target: Option<Target>,
    rounds: Vec<Seen>,
}

/// Measures everything and returns the table.
pub fn run(
    here: &Here,
    rounds: usize,
    targets: &[Target],
    alone: bool,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<String> {
    let programs: Vec<_> = PROGRAMS.iter().take(if alone { 1 } else { PROGRAMS.len() }).collect();
    let rows = measure(here, rounds, &programs, targets, TIMES, tell)?;
    Ok(table::markdown(&rows))
}

/// A run of seconds that shows that everything here works.
pub fn smoke(cutover: PathBuf) -> anyhow::Result<()> {
    let targets = [Target::Well, Target::Down, Target::Garbage];
    let programs: Vec<_> = PROGRAMS.iter().collect();
    let rows = measure(&crate::here(cutover)?, 1, &programs, &targets, SMOKE, &mut |_| {})?;
    for row in rows.iter().filter(|row| row.program.name == "Cutover") {
        for seen in &row.rounds {
            anyhow::ensure!(seen.errors == 0 && seen.next > 0.0, "{:?}: {seen:?}", row.target);
            let reached = row.target.is_some_and(|target| target != Target::Down);
            anyhow::ensure!((seen.copies > 0) == reached, "{:?}: {} copies", row.target, seen.copies);
        }
    }
    anyhow::ensure!(table::markdown(&rows).lines().count() > rows.len(), "the table is not whole");
    crate::tell(&format!("smoke: mirrors of {} kinds, no client noticed", targets.len()));
    Ok(())
}

fn measure(
    here: &Here,
    rounds: usize,
    programs: &[&'static Program],
    targets: &[Target],
    times: Times,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<Row>> {
    let cores = Cores::of_this_machine()?;
    cores::stay_on(cores.rest)?;
    let upstream = Upstream::start(cores.rest)?;
    let scratch = std::env::temp_dir().join(format!("loadtest-mirror-{}", std::process::id()));
    let mut rows: Vec<Row> = Vec::new();
    for program in programs.iter().copied().filter(|program| program.is_there(here)) {
        let all = std::iter::once(None).chain(targets.iter().copied().map(Some)).chain(std::iter::once(None));
        rows.extend(all.map(|target| Row { program, target, rounds: Vec::new() }));
    }
    for round in 0..rounds {
        for (place, row) in rows.iter_mut().enumerate() {
            let running = Mirrored::start(row.target, cores.rest, times.aside)?;
            let folder = scratch.join(format!("{round}-{place}"));
            std::fs::create_dir_all(&folder)?;
            let fronts = Fronts {
                folder: &folder,
                core: cores.peer,
                listen: free_port()?,
                upstream: upstream.at,
                to: running.at,
            };
            let front = (row.program.start)(here, &fronts)?;
            let mut seen = see(front.at, times)?;
            drop(front);
            seen.copies = running.copies();
            tell(&format!("round {}: {}, {}: {seen:?}", round + 1, row.program.name, row.told()));
            row.rounds.push(seen);
        }
    }
    std::fs::remove_dir_all(&scratch)?;
    Ok(rows)
}

/// Sends all three loads.
fn see(at: Loopback, times: Times) -> anyhow::Result<Seen> {
    let request = |stream: bool| {
        // The paths that both programs are configured for.
        let path = if stream { start::STREAMS } else { start::PLAIN };
        load::request(path, &[], &Voice::ChatCompletions.request(MODEL, 512, stream))
    };
    ask_until_answered(at, &request(false))?;
    let send = |stream: bool, rate: Option<u64>, time: u64| {
        let spec = Spec {
            to: at,
            request: request(stream),
            connections: if rate.is_some() { CONNECTIONS } else { 1 },
            rate,
            timed: false,
            warm: times.warm,
            time,
            least: 0,
        };
        load::run(&spec, &mut |_: Edge| {})
    };
    let plain = send(false, Some(RATE), times.plain)?;
    let streams = send(true, Some(STREAMS), times.streams)?;
    let next = send(false, None, times.next)?;
    #[expect(clippy::cast_precision_loss, reason = "requests of seconds")]
    let part = |answers: u64, rate: u64, time: u64| answers as f64 * SECOND as f64 / (rate * time) as f64;
    Ok(Seen {
        plain: plain.latency().p99,
        streams: streams.latency().p99,
        next: next.latency().p99,
        longest: next.longest(),
        answered: part(plain.answers, RATE, plain.time).min(part(streams.answers, STREAMS, streams.time)),
        errors: plain.errors() + streams.errors() + next.errors(),
        copies: 0,
    })
}

impl Row {
    fn told(&self) -> &'static str {
        self.target.map_or("no mirror", Target::name)
    }
}

/// The mirror's target, in a process of its own.
struct Mirrored {
    child: Option<Child>,
    at: Option<Loopback>,
}

impl Mirrored {
    fn start(target: Option<Target>, core: usize, aside: bool) -> anyhow::Result<Self> {
        let Some(target) = target else { return Ok(Self { child: None, at: None }) };
        let at = free_port()?;
        if target == Target::Down {
            return Ok(Self { child: None, at: Some(at) });
        }
        let program = std::env::current_exe()?;
        let mut command =
            if aside { cores::command_when_idle(core, program) } else { cores::command_on(core, program) };
        command.args(["target", "--listen", &at.to_string(), "--does", target.name()]);
        let child = command.stdout(std::process::Stdio::piped()).spawn()?;
        let running = Self { child: Some(child), at: Some(at) };
        while std::net::TcpStream::connect(at.address()).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Ok(running)
    }

    /// Ends it; how many requests it got.
    fn copies(mut self) -> u64 {
        let Some(child) = &mut self.child else { return 0 };
        let said = child.stdout.take();
        let _ = process::end(child);
        let mut text = String::new();
        let read = said.map(|mut said| std::io::Read::read_to_string(&mut said, &mut text));
        // Each request is a byte.
        if read.is_some_and(|read| read.is_ok()) { text.len() as u64 } else { 0 }
    }
}

impl Drop for Mirrored {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = process::end(child);
        }
    }
}

/// Serves as a target until the process ends.
pub fn target_at(listen: Loopback, does: Target) -> anyhow::Result<()> {
    Ok(serve(&TcpListener::bind(listen.address())?, does)?)
}
