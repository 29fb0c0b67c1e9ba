//! Which core does what: the peer under test has one for itself, upstream and client share another.

use std::process::Command;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two cores.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// Of the peer under test.
    pub peer: usize,
    /// Of all else.
    pub rest: usize,
}

impl Cores {
    /// The first two that this process may use; the same one twice where there is only one.
    pub fn of_this_machine() -> std::io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let peer = cores.next().unwrap_or(0);
        Ok(Self { peer, rest: cores.next().unwrap_or(peer) })
    }
}

/// Keeps this thread, and what it starts, on a core.
pub fn stay_on(core: usize) -> std::io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// A command that runs on a core.
pub fn command_on(core: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}

/// The same, for what runs only while nothing else wants the core.
pub fn command_when_idle(core: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("chrt");
    command.args(["--idle", "0", "taskset", "--cpu-list"]).arg(core.to_string()).arg(program);
    command
}
