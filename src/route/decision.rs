//! Where a request goes, what decided it, and who is told how it came about.

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
}

/// What decides among the backends of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The answer that the request continues, or comes back for, was made there.
    Answer,
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
            Self::Key => "key",
            Self::Chance => "chance",
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

    /// A backend's score for the key, by which the highest wins.
    fn scored(&mut self, _backend: usize, _score: f64) {}
}

impl Witness for () {}
