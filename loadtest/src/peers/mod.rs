//! The programs that are run side by side. Another one is a file in this folder and a line in [`ALL`].

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::loopback::Loopback;
use crate::voice::Voice;

mod cutover;
mod direct;
mod floor;
mod haproxy;
mod litellm;
mod nginx;
mod tensorzero;

/// Every program, in the order of tables.
pub static ALL: &[&dyn Program] = &[
    &direct::Direct,
    &nginx::Nginx,
    &haproxy::HaProxy,
    &floor::Floor,
    &cutover::Cutover,
    &tensorzero::TensorZero,
    &litellm::LiteLlm,
];

/// The model that clients ask for.
pub const MODEL: &str = "agent";

/// The key that clients show where one is checked.
pub const KEY: &str = "sk-loadtest";

/// A program that relays requests.
pub trait Program: Sync {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// Its version, or why it cannot be run here.
    fn version(&self, here: &Here) -> Result<String, String>;

    /// Whether it can do this.
    fn does(&self, task: &Task) -> bool {
        *task == Task::PASS
    }

    /// Writes its config and starts it.
    fn start(&self, here: &Here, setting: &Setting<'_>) -> io::Result<Running>;
}

/// Where things are.
#[derive(Clone, Debug)]
pub struct Here {
    /// The folder of this package.
    pub package: std::path::PathBuf,
    /// The `cutover` binary.
    pub cutover: std::path::PathBuf,
}

/// What is asked of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name in tables.
    pub name: &'static str,
    /// What clients speak.
    pub client: Voice,
    /// What the upstream speaks.
    pub agent: Voice,
    /// Bytes pass as they are.
    pub verbatim: bool,
    /// Callers show a key, which is checked.
    pub key: bool,
    /// Hundredths of the requests that are mirrored as well.
    pub mirror: u8,
    /// A log line for each request.
    pub log: bool,
}

impl Task {
    /// Chat Completions in and out, as it is.
    pub const PASS: Self = Self {
        name: "passes through",
        client: Voice::ChatCompletions,
        agent: Voice::ChatCompletions,
        verbatim: true,
        key: false,
        mirror: 0,
        log: false,
    };
}

/// Where a peer is to listen, and what is behind it.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'s> {
    /// A folder of its own.
    pub folder: &'s Path,
    /// The core that it has for itself.
    pub core: usize,
    /// Where it listens.
    pub listen: Loopback,
    /// Where the upstream listens.
    pub upstream: Loopback,
    /// The path of the upstream's script.
    pub script: &'s str,
    /// What is asked.
    pub task: Task,
}

impl Setting<'_> {
    /// The path that the upstream is called by when clients' bytes pass as they are.
    pub fn upstream_path(&self) -> String {
        format!("{}{}", self.script, self.task.agent.door())
    }

    /// A file in its folder.
    pub fn write(&self, name: &str, text: &str) -> io::Result<std::path::PathBuf> {
        let path = self.folder.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Starts a command whose words go to a file in its folder.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let said = File::create(self.folder.join("said.txt"))?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said).spawn()
    }
}

/// A peer that has been started.
#[derive(Debug)]
pub struct Running {
    /// Its process; none for the upstream itself.
    pub child: Option<Child>,
    /// Where clients go.
    pub at: Loopback,
    /// The path that they post to.
    pub path: String,
    /// What they call the model.
    pub model: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = crate::process::end(child);
        }
    }
}

/// The first line that a command prints about its version.
fn version_of(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}; loadtest/setup installs it"))?;
    let both = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&both);
    match text.lines().find(|line| line.chars().any(|letter| letter.is_ascii_digit())) {
        Some(line) if output.status.success() => Ok(line.trim().to_owned()),
        _ => Err(format!("{name} does not say its version; loadtest/setup installs it")),
    }
}
