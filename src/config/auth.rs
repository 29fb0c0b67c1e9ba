//! `auth`: who may call.

use super::listen::Listen;
use super::node::Node;
use super::oauth::Oauth;
use super::pat::{Known, Pat};
use super::workspace::Workspace;

/// What to write under `auth`.
pub(super) const CHOICES: &str = "a list of methods such as `[ { pat: { tokens: [ { name: ci, sha256: ... } ] } } ]` to \
    say who may call, or `anonymous` to let in anyone who can reach us (only if `listen.clients` is a loopback address)";

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Anyone who can reach us; only where that is this machine alone.
    Anonymous,
    /// Callers that one of these methods knows, tried in order.
    Methods(Vec<Method>),
}

/// One way to know a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// Personal access tokens.
    Pat(Pat),
    /// Tokens of an OpenID provider.
    Oauth(Box<Oauth>),
}

impl Auth {
    /// Reads who may call; `listen` and `workspace` are none if they could not be read themselves.
    pub(super) fn read(
        node: &Node<'_>,
        listen: Option<&Listen>,
        workspace: Option<&Option<Workspace>>,
    ) -> Option<Self> {
        if node.is_list() { methods(node, workspace) } else { anonymous(node, listen) }
    }
}

fn anonymous(node: &Node<'_>, listen: Option<&Listen>) -> Option<Auth> {
    if node.text(CHOICES)?.value.as_str() != "anonymous" {
        return node.unwanted(CHOICES);
    }
    let Some(clients) = listen.map(|listen| listen.clients) else { return Some(Auth::Anonymous) };
    if clients.ip().to_canonical().is_loopback() {
        return Some(Auth::Anonymous);
    }
    node.problem(format!(
        "`anonymous` would let in anyone who can reach {clients}; listen on a loopback address such as \
         `127.0.0.1:{}`, or list who may call",
        clients.port()
    ))
}

fn methods(node: &Node<'_>, workspace: Option<&Option<Workspace>>) -> Option<Auth> {
    let items = node.items(CHOICES)?;
    if items.is_empty() {
        return node.problem(format!("is empty, so nobody could call; write {CHOICES}"));
    }
    let mut known = Known::default();
    let methods: Vec<_> = items.iter().map(|item| method(item, workspace, &mut known)).collect();
    Some(Auth::Methods(methods.into_iter().collect::<Option<_>>()?))
}

fn method(node: &Node<'_>, workspace: Option<&Option<Workspace>>, known: &mut Known) -> Option<Method> {
    let fields = node.fields(&["pat", "oauth"])?;
    if let Some(node) = fields.optional("oauth") {
        if fields.optional("pat").is_some() {
            return node.problem("a method is one of `pat` and `oauth`; begin a new entry of the list with `- `");
        }
        return Oauth::read(node).map(|oauth| Method::Oauth(Box::new(oauth)));
    }
    let pat = fields.choice("pat", "`pat: { tokens: ... }` or `oauth: { issuer: ..., audience: ... }`")?;
    Pat::read(pat, workspace, known).map(Method::Pat)
}
