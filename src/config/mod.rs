//! The config file: one YAML file, read in one pass that finds every problem at once, each with its line and path.
//!
//! `tree` turns text into nodes that know their line; `node` reads nodes and notes problems; each section of the
//! file has its own file here, with the resolved types and how they are read. Nobody else sees the file as written.

use std::fs::File;
use std::io::Read;
use std::path::Path;

mod allow;
mod auth;
mod backend;
mod body_field;
mod breaker;
mod ca;
mod capacity;
mod condition;
mod credential;
mod date;
mod deadlines;
mod decimal;
mod fallback;
mod health;
mod interpolate;
mod judging;
mod later;
mod listen;
mod nearest;
mod node;
mod oauth;
mod operators;
mod opinions;
mod pat;
mod pattern;
mod plan;
mod problem;
mod record;
mod retry;
mod route;
mod rule;
mod secret;
mod shadow;
mod split;
mod store;
mod tree;
mod units;
mod url;
mod watched;
mod weights;
mod workspace;

pub use allow::Allow;
pub use auth::{Auth, Method};
pub use backend::{Backend, BackendTimeouts, Identity};
pub use breaker::Breaker;
pub use ca::CaBundle;
pub use capacity::Capacity;
pub use condition::{Condition, Wanted};
pub use credential::{Client, ClientCredentials, Credential, Exchange, Place, TokenEndpoint};
pub use deadlines::RouteTimeouts;
pub use fallback::{Conversations, Fallback, On};
pub use health::Health;
pub use listen::{ClientLimits, ClientTimeouts, Listen, Tls};
pub use nearest::nearest;
pub use oauth::{Algorithm, Oauth};
pub use operators::{Operators, Roles};
pub use opinions::Asking;
pub use pat::{Pat, PatToken, read_tokens};
pub use pattern::Pattern;
pub use problem::{Problem, Problems};
pub use record::{Privacy, Record};
pub use retry::{Retries, Retry};
pub use route::{AnswerShape, Route, Share};
pub use rule::{Callers, PATHS, Rule};
pub use secret::Secret;
pub use shadow::{Budget, Safe, Shadow, ShadowLimits, SideEffects};
pub use store::Store;
pub use watched::Watched;
pub use weights::{Weights, parse_pair};
pub use workspace::Workspace;

use interpolate::Source;
use node::{Node, Pass};

/// Largest config that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// Everything the file says, resolved: defaults filled in, secrets fetched, names turned into places in lists.
#[derive(Clone)]
pub struct Config {
    /// Where we listen.
    pub listen: Listen,
    /// How much clients may send and hold.
    pub limits: ClientLimits,
    /// How long we wait for clients.
    pub timeouts: ClientTimeouts,
    /// How much may be sent again, all routes together.
    pub retries: Retries,
    /// The Databricks workspace behind it all, if there is one.
    pub workspace: Option<Workspace>,
    /// Who may call.
    pub auth: Auth,
    /// The places that answer, in the order of the file.
    pub backends: Vec<Backend>,
    /// The routes; the first that matches wins.
    pub routes: Vec<Route>,
    /// Where the gateway keeps what must outlive it.
    pub store: Store,
    /// Which text this was: the first twelve digits of its SHA-256.
    pub revision: String,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads and resolves a file; `${env:...}` is the environment of the process.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        // The folder of a bare file name is the empty path, and joining to it changes nothing.
        let folder = path.parent().unwrap_or(Path::new(""));
        read_text(path)
            .and_then(|text| Self::parse(&text, folder, &|name| std::env::var(name).ok()))
            .map_err(|problems| problems.named(&path.display().to_string()))
    }

    /// Resolves a text; files are looked for in `base_dir`, variables with `env`.
    ///
    /// # Errors
    /// Every problem of the text at once.
    pub fn parse(text: &str, base_dir: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        if text.len() > LARGEST {
            return Err(Problems::of_file(too_large()));
        }
        let (config, warnings) = resolve(text, base_dir, env, read)?;
        Ok(Self { warnings, revision: revision(text), ..config })
    }
}

/// Reads a text in one pass: what it says, and warnings.
///
/// # Errors
/// Every problem of the text at once.
fn resolve<T>(
    text: &str,
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    read: impl FnOnce(&Node<'_>) -> Option<T>,
) -> Result<(T, Vec<Problem>), Problems> {
    let tree = tree::read(text).map_err(|error| {
        Problems::new(vec![Problem { line: Some(error.line), path: String::new(), message: error.message }])
    })?;
    let pass = Pass::new(Source { folder, env });
    let value = read(&Node::root(&pass, &tree));
    match (value, pass.end()) {
        (Some(value), (problems, warnings)) if problems.is_empty() => Ok((value, warnings)),
        (_, (problems, _)) => Err(Problems::new(problems)),
    }
}

/// The revision of the text in a file, if it can be read.
#[must_use]
pub fn revision_of(path: &Path) -> Option<String> {
    read_text(path).ok().map(|text| revision(&text))
}

fn revision(text: &str) -> String {
    use std::fmt::Write as _;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(6).fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn too_large() -> String {
    format!("is over {} MiB; a config is text that people write", LARGEST >> 20)
}

fn read_text(path: &Path) -> Result<String, Problems> {
    let mut bytes = Vec::new();
    // One byte over the limit is enough to know, whatever the path leads to.
    File::open(path)
        .and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Problems::of_file(format!("cannot be read: {error}")))?;
    if bytes.len() > LARGEST {
        return Err(Problems::of_file(too_large()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line =
            1 + error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n').count();
        Problems::new(vec![Problem { line: Some(line), path: String::new(), message: "is not UTF-8 text".into() }])
    })
}

/// Reads every section, whatever is wrong in the others; none if any could not be read.
fn read(root: &Node<'_>) -> Option<Config> {
    let fields =
        root.fields(&["listen", "limits", "timeouts", "retries", "workspace", "auth", "backends", "routes", "store"])?;
    let listen = fields.or("listen", Listen::default(), Listen::read);
    let limits = fields.or("limits", ClientLimits::default(), ClientLimits::read);
    let timeouts = fields.or("timeouts", ClientTimeouts::default(), ClientTimeouts::read);
    let retries = fields.or("retries", Retries::default(), Retries::read);
    let workspace = fields.or("workspace", None, |node| Workspace::read(node).map(Some));
    let around = auth::Around { listen: listen.as_ref(), workspace: workspace.as_ref() };
    let auth = fields.required("auth", auth::CHOICES).and_then(|node| Auth::read(node, &around));
    let declared = fields
        .required("backends", backend::CHOICES)
        .and_then(|node| backend::read_all(node, auth.as_ref(), workspace.as_ref()));
    let routes = fields
        .required("routes", route::CHOICES)
        .and_then(|node| route::read_all(node, declared.as_deref(), auth.as_ref()));
    let store = fields.or("store", Store::default_beside(root), Store::read);
    let (declared, routes) = (declared?, routes?);
    backend::warn_of_unused(&declared, &routes);
    Some(Config {
        listen: listen?,
        limits: limits?,
        timeouts: timeouts?,
        retries: retries?,
        workspace: workspace?,
        auth: auth?,
        backends: declared.into_iter().map(|declared| declared.backend).collect::<Option<_>>()?,
        routes,
        store: store?,
        revision: String::new(),
        warnings: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
