//! What the agent asks before it goes on, and the call ids that bring the answer back to where it was asked.
//!
//! A run that wants a person's approval ends, and the client sees a tool call. Its id says in which session the agent
//! waits and for what, so that any replica of this gateway can take the answer there without having seen the question.

use std::fmt;

/// A question of the agent, as the id of the call that the client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    /// The session, as [`Session::tag`](super::session::Session::tag) writes it.
    pub(super) session: &'a str,
    /// What is asked.
    pub(super) about: About<'a>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About<'a> {
    /// Whether the agent may make this call of its own, by the agent's id of it.
    Call(&'a str),
    /// The same, of a call without an id: its place among those that are asked about.
    Place(usize),
    /// Something of the agent's own making; any JSON answers it.
    Anything,
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.about {
            About::Call(id) => write!(f, "dc_{}_{id}", self.session),
            About::Place(place) => write!(f, "dp_{}_{place}", self.session),
            About::Anything => write!(f, "dq_{}_", self.session),
        }
    }
}

impl<'a> Asked<'a> {
    /// The question behind a call id, if it is one of ours.
    pub(super) fn parse(call_id: &'a str) -> Option<Self> {
        let (kind, rest) = call_id.split_once('_')?;
        let (session, rest) = rest.split_once('_')?;
        let about = match kind {
            "dc" => About::Call(rest),
            "dp" => About::Place(rest.parse().ok()?),
            "dq" if rest.is_empty() => About::Anything,
            _ => return None,
        };
        super::session::is_tag(session).then_some(Self { session, about })
    }
}
