//! `workspace`: the Databricks workspace that tokens, PATs and SDK look-ups belong to.

use http::Uri;

use super::ca::CaBundle;
use super::node::Node;
use super::pattern::Pattern;
use super::url;

const URL: &str = "the origin of the workspace, such as `https://adb-1.azuredatabricks.net`";

const ALLOW: &str = "a list of paths such as `[ \"/api/2.0/preview/scim/v2/Me\" ]`, each with `*` for anything";

/// A Databricks workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its origin, without a path.
    pub url: Uri,
    /// Paths of its API that callers may reach through us.
    pub allow: Vec<Pattern>,
    /// The authorities that are trusted for its TLS, if not the machine's.
    pub ca: Option<CaBundle>,
}

impl Workspace {
    /// A URL alone, or `{ url: ..., allow: [...], ca: ... }`.
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        if !node.is_map() {
            return Some(Self { url: origin(node)?, allow: Vec::new(), ca: None });
        }
        let fields = node.fields(&["url", "allow", "ca"])?;
        let url = fields.required("url", URL).and_then(origin);
        let allow = fields.or("allow", Vec::new(), allow);
        let ca = fields.or("ca", None, |node| CaBundle::read(node).map(Some));
        Some(Self { url: url?, allow: allow?, ca: ca? })
    }
}

fn origin(node: &Node<'_>) -> Option<Uri> {
    let url = url::read_secure(node, URL)?;
    match url.path_and_query().map(http::uri::PathAndQuery::as_str) {
        None | Some("/") => Some(url),
        _ => node.problem(format!("has a path; write {URL}")),
    }
}

fn allow(node: &Node<'_>) -> Option<Vec<Pattern>> {
    let paths = node.texts(ALLOW)?;
    // A pattern that begins with `*` would be every path there is.
    if paths.iter().all(|path| path.starts_with("/api/")) {
        Some(paths.into_iter().map(Pattern::new).collect())
    } else {
        node.problem(format!("a path of the workspace's API begins with `/api/`; write {ALLOW}"))
    }
}
