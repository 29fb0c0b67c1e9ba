//! `backends`: the places that answer, and how each is called.

use std::time::Duration;

use http::Uri;

use super::auth::{Auth, Method};
use super::breaker::Breaker;
use super::ca::CaBundle;
use super::capacity::Capacity;
use super::credential::{APPS, Around, Credential};
use super::health::Health;
use super::node::Node;
use super::route::Route;
use super::shadow::Shadow;
use super::url;
use super::workspace::Workspace;
use crate::dialect::{self, Dialect};

/// What to write under `backends`.
pub(super) const CHOICES: &str = "a mapping from names to backends such as `app: { url: ..., dialect: responses }`";

const URL: &str = "a URL such as `https://host/path`";

/// The dialects whose streams may be passed as they are.
const VERBATIM: [&str; 2] = ["responses", "chat_completions"];

/// What a backend may say.
const KEYS: [&str; 11] =
    ["url", "dialect", "verbatim", "credential", "identity", "model", "timeouts", "limits", "breaker", "health", "ca"];

/// One place that answers.
#[derive(Clone, PartialEq)]
pub struct Backend {
    /// Its name in splits, headers, logs and metrics.
    pub name: String,
    /// What is POSTed to: http or https, with a host and without a user.
    pub url: Uri,
    /// What it speaks.
    pub dialect: &'static dyn Dialect,
    /// Its streams are whole and legal, so that like to like passes untouched.
    pub verbatim: bool,
    /// What is presented to it.
    pub credential: Credential,
    /// What it is told of the caller.
    pub identity: Identity,
    /// The model name it wants to see; the client's own if none.
    pub model: Option<String>,
    /// How long it may take.
    pub timeouts: BackendTimeouts,
    /// How much it is given at a time; as much as comes if nothing is said.
    pub limits: Option<Capacity>,
    /// When it counts as unwell.
    pub breaker: Breaker,
    /// How it is asked whether it is there, if it is.
    pub health: Option<Health>,
    /// The authorities that are trusted for its TLS, if not the machine's.
    pub ca: Option<CaBundle>,
}

/// What a backend is told of the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Nothing.
    #[default]
    Withheld,
    /// `x-forwarded-user`, `-email` and `-preferred-username`.
    Forwarded,
    /// These, and the caller's token in `x-forwarded-access-token`.
    ForwardedWithToken,
}

const IDENTITIES: [(&str, Identity); 3] = [
    ("withheld", Identity::Withheld),
    ("forwarded", Identity::Forwarded),
    ("forwarded_with_token", Identity::ForwardedWithToken),
];

/// How long a backend may take; none of these is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendTimeouts {
    /// To accept a connection, TLS included.
    pub connect: Duration,
    /// From the request to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For the whole of a plain answer, from the request on.
    pub total: Duration,
    /// For the whole of a stream, if there is a limit: one that goes on is healthy, however long it is.
    pub stream_total: Option<Duration>,
}

impl Default for BackendTimeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(2),
            first_byte: seconds(300),
            idle: seconds(300),
            total: seconds(600),
            stream_total: None,
        }
    }
}

/// A backend of the file, whole or not: its name is known to routes even if something in it is wrong.
pub(super) struct Declared<'a> {
    pub(super) name: String,
    pub(super) backend: Option<Backend>,
    node: Node<'a>,
}

/// Reads all backends; `auth` and `workspace` are none if they could not be read themselves.
pub(super) fn read_all<'a>(
    node: &Node<'a>,
    auth: Option<&Auth>,
    workspace: Option<&Option<Workspace>>,
) -> Option<Vec<Declared<'a>>> {
    let entries = node.entries(CHOICES)?;
    let declare = |(name, node): (String, Node<'a>)| {
        let backend = Backend::read(name.clone(), &node, auth, workspace);
        Declared { name, backend, node }
    };
    Some(entries.into_iter().map(declare).collect())
}

/// Warns of backends that no route names.
pub(super) fn warn_of_unused(declared: &[Declared<'_>], routes: &[Route]) {
    for (place, unused) in declared.iter().enumerate() {
        let split = || routes.iter().flat_map(|route| &route.split).any(|share| share.backend == place);
        let mirrored = || {
            let asked = |shadow: &Shadow| shadow.opinions.iter().any(|asking| asking.backend == place);
            let mut shadows = routes.iter().filter_map(|route| route.shadow.as_ref());
            shadows.any(|shadow| shadow.to == place || asked(shadow))
        };
        let falls_back = || routes.iter().filter_map(|route| route.fallback).any(|fallback| fallback.to == place);
        if !split() && !mirrored() && !falls_back() {
            unused.node.warn("no route uses this backend");
        }
    }
}

impl Backend {
    fn read(name: String, node: &Node<'_>, auth: Option<&Auth>, workspace: Option<&Option<Workspace>>) -> Option<Self> {
        let fields = node.fields(&KEYS)?;
        let url = fields.required("url", URL).and_then(url);
        let names: Vec<_> = dialect::BACKENDS.iter().map(|dialect| (dialect.name(), *dialect)).collect();
        let written: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        let dialect_node = fields.required("dialect", &format!("one of {}", written.join(", ")));
        let dialect = dialect_node.and_then(|node| node.word("dialect", &names));
        let verbatim = fields.or("verbatim", false, |node| verbatim(node, dialect));
        let credential = fields.or("credential", Credential::Caller, |node| {
            Credential::read(node, &Around { url: url.as_ref(), workspace })
        });
        let identity = fields.or("identity", Identity::default(), |node| node.word("identity", &IDENTITIES));
        let model = fields.or("model", None, |node| Some(Some(node.text("the name of a model")?.value.to_string())));
        let timeouts = fields.or("timeouts", BackendTimeouts::default(), BackendTimeouts::read);
        let limits = fields.or("limits", None, |node| Capacity::read(node).map(Some));
        let breaker = fields.or("breaker", Breaker::default(), Breaker::read);
        let health = fields.or("health", None, |node| Health::read(node).map(Some));
        let ca = fields.or("ca", None, |node| CaBundle::read(node).map(Some));
        if let (Some(url), Some(credential)) = (&url, &credential) {
            warn_of_credential(fields.optional("credential").unwrap_or(node), url, credential, auth);
        }
        Some(Self {
            name,
            url: url?,
            dialect: dialect?,
            verbatim: verbatim?,
            credential: credential?,
            identity: identity?,
            model: model?,
            timeouts: timeouts?,
            limits: limits?,
            breaker: breaker?,
            health: health?,
            ca: ca?,
        })
    }
}

impl BackendTimeouts {
    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["connect", "first_byte", "idle", "total", "stream_total"])?;
        let default = Self::default();
        let connect = fields.or("connect", default.connect, Node::deadline);
        let first_byte = fields.or("first_byte", default.first_byte, Node::deadline);
        let idle = fields.or("idle", default.idle, Node::deadline);
        let total = fields.or("total", default.total, Node::deadline);
        let stream_total = fields.or("stream_total", None, |node| node.deadline().map(Some));
        Some(Self {
            connect: connect?,
            first_byte: first_byte?,
            idle: idle?,
            total: total?,
            stream_total: stream_total?,
        })
    }
}

fn url(node: &Node<'_>) -> Option<Uri> {
    let url = url::read(node, URL)?;
    if url.path() == "/" {
        node.warn("has no path, so requests are POSTed to `/`; write the full URL of the endpoint");
    }
    Some(url)
}

fn verbatim(node: &Node<'_>, dialect: Option<&'static dyn Dialect>) -> Option<bool> {
    let verbatim = node.flag()?;
    match dialect {
        Some(dialect) if verbatim && !VERBATIM.contains(&dialect.name()) => node.problem(format!(
            "only a backend that speaks {} can be verbatim; this one speaks {}, so remove it",
            VERBATIM.join(" or "),
            dialect.name()
        )),
        _ => Some(verbatim),
    }
}

fn warn_of_credential(node: &Node<'_>, url: &Uri, credential: &Credential, auth: Option<&Auth>) {
    let host = url.host().unwrap_or_default();
    let only_pats = |auth: &Auth| match auth {
        Auth::Anonymous => false,
        Auth::Methods(methods) => methods.iter().all(|method| matches!(method, Method::Pat(_))),
    };
    if matches!(credential, Credential::Caller) && host.ends_with(APPS) && auth.is_some_and(only_pats) {
        node.warn(
            "callers come with PATs and Databricks Apps take OAuth tokens only; write `{ client_credentials: ... }`",
        );
    }
    if !matches!(credential, Credential::None) && url.scheme_str() == Some("http") && !url::is_local(host) {
        node.warn("the credential goes over the network in clear text; write an `https` URL");
    }
}
