//! `routes`: which requests go where, in which shares, and what clients see.

use super::Pattern;
use crate::dialect::Dialect;

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name in headers, logs and metrics.
    pub name: String,
    /// Which requests it takes.
    pub rule: Rule,
    /// Its backends, in the order of the file.
    pub split: Vec<Share>,
    /// Where the key of a conversation is looked for; none: every explicit conversation id; empty: nowhere.
    pub sticky: Option<Vec<String>>,
    /// In which shape `chat/completions` answers.
    pub answer: AnswerShape,
    /// The legacy chat dialect of its clients: as the file says, or that of the first backend of the split that speaks
    /// one, whatever its weight, so that it stays the same when the last request has moved.
    pub legacy_dialect: Option<&'static dyn Dialect>,
    /// Whether clients on OpenAI paths see the calls that the agent ran itself.
    pub show_server_tools: bool,
}

/// Which requests a route takes: those that fit every pattern there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The model that is asked for.
    pub model: Option<Pattern>,
    /// The path of the request.
    pub path: Option<Pattern>,
}

/// A backend's share of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The backend's place in [`Config::backends`](super::Config::backends).
    pub backend: usize,
    /// Hundredths of a percent; those of a route sum to 10,000.
    pub basis_points: u32,
}

/// In which shape `chat/completions` answers on a route with a legacy chat backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerShape {
    /// The OpenAI shape with the legacy fields beside it.
    #[default]
    Both,
    /// The OpenAI shape alone.
    OpenAi,
    /// The legacy shape alone.
    Legacy,
}
