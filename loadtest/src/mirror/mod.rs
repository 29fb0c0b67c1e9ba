//! What a mirror costs clients while its target is well, down, hung, slow, resetting, sending garbage or without end: each
//! beside the same program without a mirror, in the same round, and nginx's `mirror` beside Cutover's.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Child;

use crate::clock::{MILLISECOND, SECOND};
use crate::compare::{Upstream, ask_until_answered, free_port};
use crate::cores::{self, Cores};
use crate::load::{self, Edge, Outcome, Spec};
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

impl Times {
    fn half(self) -> Self {
        Self { plain: self.plain / 2, streams: self.streams / 2, next: self.next / 2, ..self }
    }
}

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

/// What was seen in all rounds together.
struct Seen {
    /// Plain answers at a rate.
    plain: Outcome,
    /// Streams that take 50 ms, at a rate.
    streams: Outcome,
    /// A connection that asks again as soon as it has its answer.
    next: Outcome,
    /// Requests that the target got.
    copies: u64,
}

/// One program with one target.
struct Row {
    program: &'static Program,
    /// None without a mirror: the same thing measured twice, to see how far two measurements are apart.
    target: Option<Target>,
    with: Seen,
    /// Without a mirror: half of it before and half of it after each round, for a machine has better and worse minutes.
    without: Seen,
}

impl Seen {
    fn new() -> io::Result<Self> {
        Ok(Self { plain: Outcome::new()?, streams: Outcome::new()?, next: Outcome::new()?, copies: 0 })
    }

    /// The part of all requests at a rate that were answered in time.
    #[expect(clippy::cast_precision_loss, reason = "requests of minutes")]
    fn answered(&self) -> f64 {
        let part = |seen: &Outcome, rate: u64| seen.answers as f64 * SECOND as f64 / (rate * seen.time) as f64;
        part(&self.plain, RATE).min(part(&self.streams, STREAMS))
    }

    /// Answers that were none.
    fn errors(&self) -> u64 {
        self.plain.errors() + self.streams.errors() + self.next.errors()
    }
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
    for Row { target, with, without, .. } in rows.iter().filter(|row| row.program.name == "Cutover") {
        anyhow::ensure!(with.errors() + without.errors() == 0 && with.next.answers > 0, "{target:?}: not answered");
        let reached = target.is_some_and(|target| target != Target::Down);
        anyhow::ensure!((with.copies > 0) == reached, "{target:?}: {} copies", with.copies);
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
        for target in std::iter::once(None).chain(targets.iter().copied().map(Some)) {
            rows.push(Row { program, target, with: Seen::new()?, without: Seen::new()? });
        }
    }
    let bench = Bench { here, upstream: &upstream, cores, aside: times.aside, scratch };
    for round in 0..rounds {
        for row in &mut rows {
            bench.measure(row.program, None, times.half(), &mut row.without)?;
            bench.measure(row.program, row.target, times, &mut row.with)?;
            bench.measure(row.program, None, times.half(), &mut row.without)?;
            tell(&format!("round {}: {}", round + 1, table::line(row)));
        }
    }
    Ok(rows)
}

/// Where it is measured.
struct Bench<'b> {
    here: &'b Here,
    upstream: &'b Upstream,
    cores: Cores,
    aside: bool,
    scratch: PathBuf,
}

impl Bench<'_> {
    /// Starts a program with its target, or without a mirror, and sends all three loads.
    fn measure(&self, program: &Program, target: Option<Target>, times: Times, seen: &mut Seen) -> anyhow::Result<()> {
        let running = Mirrored::start(target, self.cores.rest, self.aside)?;
        std::fs::create_dir_all(&self.scratch)?;
        let fronts = Fronts {
            folder: &self.scratch,
            core: self.cores.peer,
            listen: free_port()?,
            upstream: self.upstream.at,
            to: running.at,
        };
        let front = (program.start)(self.here, &fronts)?;
        see(front.at, times, seen)?;
        drop(front);
        seen.copies += running.copies();
        Ok(std::fs::remove_dir_all(&self.scratch)?)
    }
}

/// Sends all three loads.
fn see(at: Loopback, times: Times, seen: &mut Seen) -> anyhow::Result<()> {
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
    seen.plain.add(&send(false, Some(RATE), times.plain)?)?;
    seen.streams.add(&send(true, Some(STREAMS), times.streams)?)?;
    seen.next.add(&send(false, None, times.next)?)
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
        let read = said.map(|mut said| io::Read::read_to_string(&mut said, &mut text));
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
