//! `credential`: what is presented to a backend.

use http::Uri;
use http::uri::PathAndQuery;

use super::ca::CaBundle;
use super::node::{Fields, Node};
use super::secret::Secret;
use super::url;
use super::workspace::Workspace;

const CREDENTIALS: &str = "`none`, `caller`, `{ token: \"${env:NAME}\" }`, `{ client_credentials: { id: ..., secret: ... } }`, \
                           `{ exchange: {} }` or `{ caller_or: ... }`";

const TOKEN: &str = "a token, best as \"${env:NAME}\" or \"${file:PATH}\"";

const SECRET: &str = "a secret, best as \"${env:NAME}\" or \"${file:PATH}\"";

const SCOPE: &str = "scopes such as `all-apis`, with spaces between them";

/// The hosts of Databricks Apps, which take OAuth tokens only and give none.
pub(super) const APPS: &str = ".databricksapps.com";

/// What is presented to a backend.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    None,
    /// The token that the caller presented to us.
    Caller,
    /// This token.
    Token(Secret),
    /// A token of a service principal of ours (RFC 6749, 4.4).
    ClientCredentials(ClientCredentials),
    /// A token for which the caller's is exchanged (RFC 8693).
    Exchange(Exchange),
    /// The caller's own token if it is an OAuth token, otherwise this.
    CallerOr(Box<Self>),
}

/// A service principal.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Its client id and secret.
    pub client: Client,
    /// Who gives the token.
    pub endpoint: TokenEndpoint,
    /// What the token is to be used for.
    pub scope: String,
}

/// How callers' tokens are exchanged.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Who we are at the endpoint, if it wants to know.
    pub client: Option<Client>,
    /// Who gives the token.
    pub endpoint: TokenEndpoint,
    /// What the token is to be used for.
    pub scope: String,
    /// Who the token is to be for, if the endpoint wants to know.
    pub audience: Option<String>,
}

/// A client of a token endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub id: String,
    /// Its password.
    pub secret: Secret,
}

/// Where tokens are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEndpoint {
    /// The URL.
    pub place: Place,
    /// The authorities that are trusted for its TLS, if not the machine's.
    pub ca: Option<CaBundle>,
}

/// The URL of a token endpoint, or how it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This is it.
    At(Uri),
    /// The workspace with this origin says where it is.
    Discovered(Uri),
}

/// What a credential depends on, beside itself.
pub(super) struct Around<'a> {
    /// Where the backend is, if that could be read.
    pub(super) url: Option<&'a Uri>,
    /// The workspace, if that could be read.
    pub(super) workspace: Option<&'a Option<Workspace>>,
}

impl Credential {
    pub(super) fn read(node: &Node<'_>, around: &Around<'_>) -> Option<Self> {
        if !node.is_map() {
            return match node.text(CREDENTIALS)?.value.as_str() {
                "none" => Some(Self::None),
                "caller" => Some(Self::Caller),
                // What stands here is not repeated: it may be the token itself.
                _ => node.problem(format!("is not a kind of credential; write {CREDENTIALS}")),
            };
        }
        let fields = node.fields(&["token", "client_credentials", "exchange", "caller_or"])?;
        let kinds = ["client_credentials", "exchange", "caller_or"].map(|kind| fields.optional(kind));
        match (fields.optional("token"), kinds) {
            (None, [Some(node), None, None]) => ClientCredentials::read(node, around).map(Self::ClientCredentials),
            (None, [None, Some(node), None]) => Exchange::read(node, around).map(Self::Exchange),
            (None, [None, None, Some(node)]) => caller_or(node, around),
            (_, [None, None, None]) => secret(fields.choice("token", TOKEN)?, TOKEN).map(Self::Token),
            _ => node.problem("a backend has one credential; write one of these"),
        }
    }
}

fn caller_or(node: &Node<'_>, around: &Around<'_>) -> Option<Credential> {
    match Credential::read(node, around)? {
        Credential::Caller | Credential::CallerOr(_) | Credential::Exchange(_) => node.problem(
            "is for callers without an OAuth token, so it cannot be the caller's; write `client_credentials` or `token`",
        ),
        other => Some(Credential::CallerOr(Box::new(other))),
    }
}

impl ClientCredentials {
    fn read(node: &Node<'_>, around: &Around<'_>) -> Option<Self> {
        let fields = node.fields(&["id", "secret", "token_url", "scope", "ca"])?;
        let client = Client::read(&fields);
        let endpoint = TokenEndpoint::read(node, &fields, around);
        let scope = scope(&fields);
        Some(Self { client: client?, endpoint: endpoint?, scope: scope? })
    }
}

impl Exchange {
    fn read(node: &Node<'_>, around: &Around<'_>) -> Option<Self> {
        let fields = node.fields(&["id", "secret", "token_url", "scope", "audience", "ca"])?;
        let named = fields.optional("id").is_some() || fields.optional("secret").is_some();
        let client = if named { Client::read(&fields).map(Some) } else { Some(None) };
        let endpoint = TokenEndpoint::read(node, &fields, around);
        let scope = scope(&fields);
        let audience = fields.or("audience", None, |node| Some(Some(node.text("an audience")?.value.to_string())));
        Some(Self { client: client?, endpoint: endpoint?, scope: scope?, audience: audience? })
    }
}

impl Client {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let id =
            fields.required("id", "the client id of a service principal").and_then(|node| node.text("a client id"));
        let secret = fields.required("secret", SECRET).and_then(|node| secret(node, SECRET));
        Some(Self { id: id?.value.to_string(), secret: secret? })
    }
}

impl TokenEndpoint {
    fn read(node: &Node<'_>, fields: &Fields<'_>, around: &Around<'_>) -> Option<Self> {
        let given =
            fields.or("token_url", None, |node| url::read_secure(node, "the URL of a token endpoint").map(Some));
        let ca = fields.or("ca", None, |node| CaBundle::read(node).map(Some));
        let (given, ca) = (given?, ca?);
        if let Some(url) = given {
            return Some(Self { place: Place::At(url), ca });
        }
        if let Some(workspace) = around.workspace? {
            let ca = ca.or_else(|| workspace.ca.clone());
            return Some(Self { place: Place::Discovered(workspace.url.clone()), ca });
        }
        // A backend inside the workspace has its origin.
        let url = around.url?;
        if url.host().is_some_and(|host| host.ends_with(APPS)) {
            return node.problem(
                "no one is known who would give a token; write `workspace: https://...` at the top of the file, or `token_url`",
            );
        }
        let mut parts = url.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        Some(Self { place: Place::Discovered(Uri::from_parts(parts).ok()?), ca })
    }
}

fn scope(fields: &Fields<'_>) -> Option<String> {
    fields.or("scope", "all-apis".to_owned(), |node| Some(node.text(SCOPE)?.value.to_string()))
}

/// A secret that can stand in a header. Its file, if it stands in one, is read again when it changes.
fn secret(node: &Node<'_>, wanted: &str) -> Option<Secret> {
    let text = node.text(wanted)?;
    if !Secret::is_plain(&text.value) {
        return node
            .problem("has a space or another character that no token has; write the token alone, without `Bearer`");
    }
    if text.literal {
        node.warn("the token stands in the file for anyone to read; write \"${env:NAME}\" or \"${file:PATH}\"");
    }
    Some(Secret::new(text.value).in_file(text.file))
}
