//! Who calls, as far as the method that knows them can tell.

use crate::config::Allow;

/// The authenticated identity behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The subject of its token, or the name that the config gives it.
    pub name: String,
    /// How it is known.
    pub kind: Kind,
    /// Its address, if its token tells.
    pub email: Option<String>,
    /// The name that people know it by, if its token tells.
    pub username: Option<String>,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// What its token may be used for.
    pub scopes: Vec<String>,
}

/// How a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not at all.
    Anonymous,
    /// By a personal access token.
    Pat,
    /// By an OAuth access token.
    Oauth,
    /// By a certificate, without a token.
    Certificate,
}

impl Caller {
    /// A caller of whom nothing but a name is known.
    #[must_use]
    pub fn named(name: impl Into<String>, kind: Kind) -> Self {
        let (groups, scopes) = (Vec::new(), Vec::new());
        Self { name: name.into(), kind, email: None, username: None, groups, scopes }
    }

    /// Whether it is one of those whom `allow` is for.
    #[must_use]
    pub fn is_among(&self, allow: &Allow) -> bool {
        let everyone = allow.groups.is_empty() && allow.subjects.is_empty();
        let listed =
            || allow.subjects.contains(&self.name) || self.groups.iter().any(|group| allow.groups.contains(group));
        // Nobody vouches for an anonymous caller's name.
        let named = everyone || (self.kind != Kind::Anonymous && listed());
        named && self.lacks(&allow.scopes).is_empty()
    }

    /// The scopes of `wanted` that its token does not have.
    #[must_use]
    pub fn lacks(&self, wanted: &[String]) -> Vec<String> {
        wanted.iter().filter(|scope| !self.scopes.contains(scope)).cloned().collect()
    }
}
