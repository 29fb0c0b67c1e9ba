//! `allow`: which callers a route is for.

use super::node::Node;
use super::oauth::scopes;

/// Which callers a route is for; everyone, if nothing is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// Scopes that the caller's token must have, all of them.
    pub scopes: Vec<String>,
    /// Groups of which the caller must be in one, unless it is one of `subjects`.
    pub groups: Vec<String>,
    /// Callers by their subject (for PATs, their name), one of whom it must be, unless it is in one of `groups`.
    pub subjects: Vec<String>,
}

impl Allow {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["scopes", "groups", "subjects"])?;
        let names = |wanted: &'static str| move |node: &Node<'_>| node.texts(wanted);
        let scopes = fields.or("scopes", Vec::new(), scopes);
        let groups = fields.or("groups", Vec::new(), names("a list of groups such as `[ support ]`"));
        let subjects = fields.or("subjects", Vec::new(), names("a list of subjects such as `[ a@example.com ]`"));
        let allow = Self { scopes: scopes?, groups: groups?, subjects: subjects? };
        if allow == Self::default() {
            return node
                .problem("asks for nothing, so it would let in everyone; remove it, or write `groups: [ ... ]`, say");
        }
        Some(allow)
    }
}
