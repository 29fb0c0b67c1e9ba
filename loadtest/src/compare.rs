//! The driver: all programs of a work are started, then measured in turn, round by round, each on a core of its own.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::clock::SECOND;
use crate::cores::{self, Cores};
use crate::load::{self, Edge, Spec};
use crate::loopback::Loopback;
use crate::marks::Marks;
use crate::peers::{self, Here, KEY, Program, Running, Setting, Task};
use crate::process::{self, Tree};
use crate::results::{Cell, Results, Sample};
use crate::upstream::COPIES;
use crate::wire::Answer;
use crate::work::{self, Work};

/// How long a program may take until it answers.
const START: Duration = Duration::from_secs(90);

/// What is to be compared.
pub struct Plan {
    /// Where things are.
    pub here: Here,
    /// Where configs go, and what programs say.
    pub scratch: PathBuf,
    /// Names of works; all if empty.
    pub works: Vec<String>,
    /// Names of programs; all if empty.
    pub programs: Vec<String>,
    /// How often each is measured.
    pub rounds: usize,
    /// How long each time.
    pub time: u64,
    /// For runs that only show that everything works: most connections, and what each measurement waits to see.
    pub smoke: Option<(usize, u64)>,
}

/// Measures everything.
pub fn run(plan: &Plan, tell: &mut dyn FnMut(&str)) -> anyhow::Result<Results> {
    let cores = Cores::of_this_machine()?;
    cores::stay_on(cores.rest)?;
    let upstream = Upstream::start(cores.rest)?;
    let mut results = Results {
        machine: machine(),
        date: said_by("date", &["-u", "+%F"]),
        rounds: plan.rounds,
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        seconds: plan.time as f64 / SECOND as f64,
        ..Results::default()
    };
    let mut programs: Vec<&dyn Program> = Vec::new();
    for program in peers::ALL.iter().filter(|program| named(&plan.programs, program.name())) {
        match program.version(&plan.here) {
            Ok(version) => {
                results.versions.push((program.name().to_owned(), version));
                programs.push(*program);
            }
            Err(why) => {
                tell(&format!("{} is left out: {why}", program.name()));
                results.left_out.push((program.name().to_owned(), why));
            }
        }
    }
    for work in work::ALL.iter().filter(|work| named(&plan.works, work.name)) {
        tell(&format!("{}: {}", work.name, work.title));
        let mut contenders = start_all(plan, work, &programs, cores.peer, upstream.at, &mut results, tell)?;
        for round in 0..plan.rounds {
            let count = contenders.len();
            for turn in 0..count {
                // Nobody is always first.
                let Some(contender) = contenders.get_mut((turn + round) % count) else { continue };
                let sample = contender.measure(plan, work)?;
                tell(&format!("  round {}: {}", round + 1, contender.told(&sample)));
                contender.cell.rounds.push(sample);
            }
        }
        results.cells.extend(contenders.into_iter().map(|contender| contender.cell));
    }
    Ok(results)
}

fn named(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|given| given.eq_ignore_ascii_case(name))
}

struct Contender {
    cell: Cell,
    running: Running,
    tree: Option<Tree>,
    request: Vec<u8>,
    upstream: Loopback,
    mirrors: bool,
}

fn start_all(
    plan: &Plan,
    work: &Work,
    programs: &[&dyn Program],
    core: usize,
    upstream: Loopback,
    results: &mut Results,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<Contender>> {
    let mut contenders = Vec::new();
    for program in programs.iter().filter(|program| !work.without.contains(&program.name())) {
        for task in tasks(*program, work) {
            let folder = plan.scratch.join(format!("{}-{}", work.name, contenders.len()));
            std::fs::create_dir_all(&folder)?;
            let script = format!("/{}/{}", task.agent.name(), work.script);
            let listen = free_port()?;
            let setting = Setting { folder: &folder, core, listen, upstream, script: &script, task };
            match start(&plan.here, *program, &setting, work) {
                Ok(contender) => contenders.push(contender),
                Err(why) => {
                    let name = format!("{}, {}, {}", program.name(), task.name, work.name);
                    tell(&format!("{name}: left out: {why}; see {}", folder.display()));
                    results.left_out.push((name, why.to_string()));
                }
            }
        }
    }
    Ok(contenders)
}

/// What a program does in a work: all tasks if it can choose, else the first that it can do.
fn tasks(program: &dyn Program, work: &Work) -> Vec<Task> {
    let general = [Task::PASS, work::GATEWAY, work::KEYED_GATEWAY];
    match general.into_iter().filter(|task| program.does(task)).count() {
        3 => work.tasks.to_vec(),
        _ => general.into_iter().find(|task| program.does(task)).into_iter().collect(),
    }
}

fn start(here: &Here, program: &dyn Program, setting: &Setting<'_>, work: &Work) -> anyhow::Result<Contender> {
    let running = program.start(here, setting)?;
    let body = setting.task.client.request(&running.model, work.request, work.stream);
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", bearer.as_str())];
    let request = load::request(&running.path, if setting.task.key { &headers } else { &[] }, &body);
    let tree = running.child.as_ref().map(Tree::of);
    let mut contender = Contender {
        cell: Cell {
            work: work.name.to_owned(),
            program: program.name().to_owned(),
            task: setting.task.name.to_owned(),
            ..Cell::default()
        },
        running,
        tree,
        request,
        upstream: setting.upstream,
        mirrors: setting.task.mirror > 0,
    };
    contender.wait_until_it_answers()?;
    contender.cell.idle = tree.map_or(0, |tree| tree.taken().memory);
    Ok(contender)
}

impl Contender {
    /// Asks until there is an answer that is one.
    fn wait_until_it_answers(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let said = match ask(self.running.at, &self.request) {
                Ok((200, _)) => return Ok(()),
                Ok((status, _)) => format!("it answers with {status}"),
                Err(error) => format!("it does not answer: {error}"),
            };
            let ended = self.running.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_))));
            if ended {
                anyhow::bail!("it ended by itself");
            }
            if began.elapsed() > START {
                anyhow::bail!(said);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of a run fit")]
    fn measure(&self, plan: &Plan, work: &Work) -> anyhow::Result<Sample> {
        let spec = Spec {
            to: self.running.at,
            request: self.request.clone(),
            connections: plan.smoke.map_or(work.connections, |(most, _)| most.min(work.connections)),
            rate: work.rate,
            timed: work.timed,
            warm: if plan.smoke.is_some() { 0 } else { work.warm },
            time: plan.time,
            least: plan.smoke.map_or(0, |(_, least)| least),
        };
        let (mut taken, mut counting, mut instructions) = ([process::Taken::default(); 2], None, None);
        let counts = process::counts_instructions();
        let mut copies = [0; 2];
        let outcome = load::run(&spec, &mut |edge| {
            let now = self.tree.map(Tree::taken).unwrap_or_default();
            match edge {
                Edge::Begin => {
                    copies = [self.copies(); 2];
                    counting = self.tree.filter(|_| counts).and_then(Tree::count_instructions);
                    taken = [now; 2];
                }
                Edge::End => {
                    let [_, last] = &mut taken;
                    *last = now;
                    let [_, last] = &mut copies;
                    *last = self.copies();
                    instructions = counting.take().and_then(process::Counting::stop);
                }
            }
        })?;
        let [first, mut last] = taken;
        let [before, mut after] = copies;
        if self.mirrors {
            // Copies that are late are this run's cost, and must not become the next one's.
            after = self.last_copies(after);
            last.cpu = self.tree.map_or(last.cpu, |tree| tree.taken().cpu);
        }
        Ok(Sample {
            copies: after - before,
            seconds: outcome.time as f64 / SECOND as f64,
            answers: outcome.answers,
            events: outcome.events,
            errors: outcome.errors(),
            open: outcome.open as u64,
            cpu: last.cpu - first.cpu,
            memory: last.memory,
            instructions,
            latency: outcome.latency(),
            first_event: outcome.first_event(),
            event: outcome.event_time(),
        })
    }

    /// How many copies have reached the upstream when no more come.
    fn last_copies(&self, mut seen: u64) -> u64 {
        const QUIET: Duration = Duration::from_millis(300);
        const LONGEST: Duration = Duration::from_secs(20);
        let began = Instant::now();
        while began.elapsed() < LONGEST {
            std::thread::sleep(QUIET);
            let now = self.copies();
            if now == seen {
                break;
            }
            seen = now;
        }
        seen
    }

    /// How many copies have reached the upstream so far.
    fn copies(&self) -> u64 {
        let said = ask(self.upstream, format!("GET {COPIES} HTTP/1.1\r\n\r\n").as_bytes());
        said.ok().and_then(|(_, body)| String::from_utf8(body).ok()?.parse().ok()).unwrap_or(0)
    }

    fn told(&self, sample: &Sample) -> String {
        let Cell { program, task, .. } = &self.cell;
        let Sample { answers, events, errors, open, .. } = sample;
        let each = if *events > 0 { sample.cpu_per_event() } else { sample.cpu_per_answer() };
        format!(
            "{program}, {task}: {answers} answers, {events} events, {open} open, {errors} errors, {each:.2} µs each"
        )
    }
}

/// Asks until there is a good answer.
pub(crate) fn ask_until_answered(at: Loopback, request: &[u8]) -> anyhow::Result<()> {
    let began = Instant::now();
    while !matches!(ask(at, request), Ok((200, _))) {
        anyhow::ensure!(began.elapsed() < START, "nobody answers at {at}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The status of an answer that is whole, or has begun to stream, and what there is of its body.
fn ask(at: Loopback, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let mut socket = TcpStream::connect(at.address())?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.write_all(request)?;
    let (mut answer, mut marks, mut room, mut begun) = (Answer::default(), Marks::default(), [0; 16 * 1024], false);
    let mut text = Vec::new();
    loop {
        let count = socket.read(&mut room)?;
        let bytes = room.get(..count).filter(|bytes| !bytes.is_empty());
        let Some(bytes) = bytes else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        let whole = answer.take(bytes, |body| {
            text.extend_from_slice(body);
            marks.find(body, |_| begun = true);
        });
        if whole.map_err(|_| io::Error::other("not HTTP"))? || begun {
            return Ok((answer.status, text));
        }
    }
}

/// The fake upstream, in a process of its own.
pub(crate) struct Upstream {
    child: Child,
    pub(crate) at: Loopback,
}

impl Upstream {
    pub(crate) fn start(core: usize) -> anyhow::Result<Self> {
        let at = free_port()?;
        let mut command = cores::command_on(core, std::env::current_exe()?);
        let child = command.args(["upstream", "--listen", &at.to_string()]).spawn()?;
        let upstream = Self { child, at };
        let began = Instant::now();
        while TcpStream::connect(at.address()).is_err() {
            anyhow::ensure!(began.elapsed() < START, "the upstream does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(upstream)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = process::end(&mut self.child);
    }
}

pub(crate) fn free_port() -> io::Result<Loopback> {
    let listener = TcpListener::bind(Loopback::port(0).address())?;
    Ok(Loopback::port(listener.local_addr()?.port()))
}

/// What this machine is.
fn machine() -> String {
    let file = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
    let processors = file("/proc/cpuinfo");
    let field = |name: &str| {
        let line = processors.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(": ").nth(1)).unwrap_or("?").to_owned()
    };
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    format!("{cores} cores of {}, Linux {}", field("model name"), file("/proc/sys/kernel/osrelease").trim())
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program).args(arguments).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
