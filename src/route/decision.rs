//! Where a request goes, what decided it, and who is told how it came about.

use std::time::Duration;

use super::conversations::Conversation;
use super::ratio::{Counted, Observed};
use super::rule::Miss;
use super::sticky::Key;
use super::{Peek, Route};

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'t> {
    /// The route's place in the table.
    pub index: usize,
    /// The route.
    pub route: &'t Route,
    /// The backend's place in the config.
    pub backend: usize,
    /// What decided among the route's backends.
    pub by: By,
    /// Which conversation it belongs to, where something says so.
    pub conversation: Option<Conversation>,
}

/// What to make known of a decision that was gone by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Noted {
    /// How it counts in the comparison of the observed split with the configured one, if it does.
    pub counted: Option<Counted>,
    /// What was seen of the split, where this decision is the one that gives away that it is not what is configured.
    pub mismatch: Option<Observed>,
}

/// What decides among the backends of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The answer that the request continues, or comes back for, was made there.
    Answer,
    /// The route holds its conversations where they started, and this one is alive there.
    Hold,
    /// The conversation's key.
    Key,
    /// Chance: nothing says which conversation it is.
    Chance,
}

impl By {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Hold => "hold",
            Self::Key => "key",
            Self::Chance => "chance",
        }
    }
}

/// Why a conversation is not held where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetGo {
    /// The backend has left the split, or has no weight any more.
    NoWeight,
    /// The backend cannot be used now.
    Unusable,
}

impl LetGo {
    /// It in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoWeight => "the backend has left the split, or has no weight any more",
            Self::Unusable => "the backend takes no calls now",
        }
    }
}

/// Is told how a decision comes about while it does. Who serves clients wants to know nothing of it: `()` is nobody, and
/// costs nothing.
pub trait Witness {
    /// A route that comes before was not it.
    fn missed(&mut self, _route: &Route, _miss: Miss<'_>, _peek: &Peek<'_>) {}

    /// No route was it; they are gone through again, for the model by its other name.
    fn renamed(&mut self, _model: &str) {}

    /// This route is it.
    fn matched(&mut self, _route: &Route) {}

    /// This is the key of the conversation.
    fn keyed(&mut self, _key: &Key<'_, '_>) {}

    /// The conversation was served there (if that is still a backend of the route) this long ago, which holds it there unless
    /// something lets it go.
    fn held(&mut self, _backend: Option<usize>, _silent: Duration, _let_go: Option<LetGo>) {}

    /// A backend's score for the key, by which the highest wins.
    fn scored(&mut self, _backend: usize, _score: f64) {}
}

impl Witness for () {}
