//! `auth`: who may call.

use super::listen::Listen;
use super::node::Node;
use super::oauth::Oauth;
use super::operators::is_loopback;
use super::pat::{Known, Pat};
use super::pattern::Pattern;
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
    /// The certificate that a client has shown, for callers without a token; its name must be one of these.
    Certificate(Vec<Pattern>),
}

/// What methods depend on; each is none if it could not be read itself.
pub(super) struct Around<'a> {
    pub(super) listen: Option<&'a Listen>,
    pub(super) workspace: Option<&'a Option<Workspace>>,
}

impl Auth {
    /// Reads who may call.
    pub(super) fn read(node: &Node<'_>, around: &Around<'_>) -> Option<Self> {
        if node.is_list() { methods(node, around) } else { anonymous(node, around.listen) }
    }
}

fn anonymous(node: &Node<'_>, listen: Option<&Listen>) -> Option<Auth> {
    if node.text(CHOICES)?.value.as_str() != "anonymous" {
        return node.unwanted(CHOICES);
    }
    let Some(listen) = listen else { return Some(Auth::Anonymous) };
    if listen.admin.roles.is_some() {
        return node.problem(
            "`anonymous` knows nobody, so nobody could have a role of `listen.admin.auth`; list who may call",
        );
    }
    let clients = listen.clients;
    if is_loopback(clients) {
        return Some(Auth::Anonymous);
    }
    node.problem(format!(
        "`anonymous` would let in anyone who can reach {clients}; listen on a loopback address such as \
         `127.0.0.1:{}`, or list who may call",
        clients.port()
    ))
}

fn methods(node: &Node<'_>, around: &Around<'_>) -> Option<Auth> {
    let items = node.items(CHOICES)?;
    if items.is_empty() {
        return node.problem(format!("is empty, so nobody could call; write {CHOICES}"));
    }
    let mut known = Known::default();
    let methods: Vec<_> = items.iter().map(|item| method(item, around, &mut known)).collect();
    Some(Auth::Methods(methods.into_iter().collect::<Option<_>>()?))
}

fn method(node: &Node<'_>, around: &Around<'_>, known: &mut Known) -> Option<Method> {
    let fields = node.fields(&["pat", "oauth", "certificate"])?;
    match ["pat", "oauth", "certificate"].map(|kind| fields.optional(kind)) {
        [None, Some(node), None] => Oauth::read(node).map(|oauth| Method::Oauth(Box::new(oauth))),
        [None, None, Some(node)] => certificate(node, around.listen).map(Method::Certificate),
        [_, None, None] => {
            let pat = fields.choice("pat", "`pat: { tokens: ... }` or `oauth: { issuer: ..., audience: ... }`")?;
            Pat::read(pat, around.workspace, known).map(Method::Pat)
        }
        _ => {
            node.problem("a method is one of `pat`, `oauth` and `certificate`; begin a new entry of the list with `- `")
        }
    }
}

fn certificate(node: &Node<'_>, listen: Option<&Listen>) -> Option<Vec<Pattern>> {
    const NAMES: &str = "a list of names in certificates such as `[ \"spiffe://prod/*\", client.example.com ]`";
    let names = node.fields(&["names"])?.required("names", NAMES)?.texts(NAMES)?;
    if listen.is_some_and(|listen| !listen.asks_for_certificates()) {
        return node.problem(
            "no client is asked for a certificate; write `listen: { clients: { address, tls: { client_ca } } }`",
        );
    }
    Some(names.into_iter().map(Pattern::new).collect())
}
