//! What a process and its children take: processor time, memory, and instructions where the machine counts them.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

/// A process and everything it has started.
#[derive(Clone, Copy, Debug)]
pub struct Tree {
    root: u32,
}

/// What it has taken so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Seconds of processor time, in user and kernel mode.
    pub cpu: f64,
    /// Resident memory in KiB.
    pub memory: u64,
}

impl Tree {
    /// The processes below a child of ours.
    pub fn of(child: &Child) -> Self {
        Self { root: child.id() }
    }

    /// What it has taken so far.
    pub fn taken(self) -> Taken {
        let all = processes();
        let mut tree = vec![self.root];
        let mut place = 0;
        while let Some(parent) = tree.get(place).copied() {
            tree.extend(all.iter().filter(|process| process.parent == parent).map(|process| process.id));
            place += 1;
        }
        let mine = all.iter().filter(|process| tree.contains(&process.id));
        mine.fold(Taken::default(), |taken, process| Taken {
            cpu: taken.cpu + process.cpu,
            memory: taken.memory + resident(process.id),
        })
    }

    /// Counts the instructions of the tree's root from now on, if this machine can.
    pub fn count_instructions(self) -> Option<Counting> {
        let mut command = Command::new("perf");
        command.args(["stat", "-x", ",", "-e", "instructions", "-p", &self.root.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
        Some(Counting(child))
    }
}

/// `perf` at work.
pub struct Counting(Child);

impl Counting {
    /// How many there were.
    pub fn stop(self) -> Option<u64> {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).ok()?;
        let output = self.0.wait_with_output().ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        text.lines().find(|line| line.contains("instructions"))?.split(',').next()?.parse().ok()
    }
}

/// Whether this machine counts instructions.
pub fn counts_instructions() -> bool {
    let probe = Command::new("perf").args(["stat", "-x", ",", "-e", "instructions", "true"]).output();
    probe.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stderr);
        output.status.success() && text.contains("instructions") && !text.contains("not supported")
    })
}

struct Process {
    id: u32,
    parent: u32,
    cpu: f64,
}

/// All processes that can be seen.
fn processes() -> Vec<Process> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter_map(process).collect()
}

/// Fields of `/proc/PID/stat`, counted behind the name, which may hold anything.
fn process(id: u32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let field = |number: usize| rest.split_ascii_whitespace().nth(number);
    let ticks = |number: usize| field(number)?.parse::<f64>().ok();
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Some(Process { id, parent: field(1)?.parse().ok()?, cpu: (ticks(11)? + ticks(12)?) / per_second })
}

fn resident(id: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Ends a child of ours, and waits until it has ended.
pub fn end(child: &mut Child) -> io::Result<()> {
    let pid = rustix::process::Pid::from_child(child);
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    for _ in 0..100 {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill()?;
    child.wait().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_measured_with_its_children() {
        let mut child = Command::new("sh").args(["-c", "sleep 60 & sleep 60 & wait"]).spawn().unwrap();
        let tree = Tree::of(&child);
        let both = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            let all = processes();
            all.iter().filter(|process| process.parent == tree.root).count() == 2
        });
        let taken = tree.taken();
        let children: Vec<_> = processes().into_iter().filter(|process| process.parent == tree.root).collect();
        for process in &children {
            let _ = Command::new("kill").arg(process.id.to_string()).status();
        }
        end(&mut child).unwrap();
        assert!(both, "two children");
        assert!(taken.memory > 500, "{taken:?}");
    }
}
