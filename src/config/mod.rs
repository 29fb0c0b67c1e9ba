//! The config file: one YAML file, read in one pass that finds every problem at once, each with its line and path.
//!
//! Each section of the file has its own file here, with the resolved types and how they are read. Nobody else sees the
//! file as written.

use std::path::Path;

mod auth;
mod backend;
mod listen;
mod pattern;
mod problem;
mod route;
mod secret;

pub use auth::{Auth, Method, PatToken};
pub use backend::{Backend, BackendTimeouts, Credential};
pub use listen::{ClientLimits, ClientTimeouts, Listen};
pub use pattern::Pattern;
pub use problem::{Problem, Problems};
pub use route::{AnswerShape, Route, Rule, Share};
pub use secret::Secret;

/// Everything the file says, resolved: defaults filled in, secrets fetched, names turned into places in lists.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where we listen.
    pub listen: Listen,
    /// How much clients may send and hold.
    pub limits: ClientLimits,
    /// How long we wait for clients.
    pub timeouts: ClientTimeouts,
    /// Who may call.
    pub auth: Auth,
    /// The places that answer, in the order of the file.
    pub backends: Vec<Backend>,
    /// The routes; the first that matches wins.
    pub routes: Vec<Route>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads and resolves a file; `${env:...}` is the environment of the process.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problems::of_file(format!("cannot be read: {error}")).named(&path.display().to_string())
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder, &|name| std::env::var(name).ok())
            .map_err(|problems| problems.named(&path.display().to_string()))
    }

    /// Resolves a text; files are looked for in `base_dir`, variables with `env`.
    ///
    /// # Errors
    /// Every problem of the text at once.
    pub fn parse(text: &str, base_dir: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let _ = (text, base_dir, env);
        Err(Problems::of_file("cannot be read by this build yet".into()))
    }
}
