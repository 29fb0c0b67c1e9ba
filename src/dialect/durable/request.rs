//! Writes a run: its id, its session and what the agent is told.

use serde::Serialize;
use serde_json::value::RawValue;

use super::decision::{self, Resume};
use super::messages::{self, Line};
use super::session::Session;
use crate::dialect::Target;
use crate::error::{Error, Kind};
use crate::ir::{Dropped, Field, Request};

/// A run. The server refuses any other key.
#[derive(Serialize)]
struct Run<'r, 'a> {
    id: String,
    session_id: &'r str,
    input: Input<'r, 'a>,
    stream: bool,
}

/// What the agent is told; the server does not look into it.
#[derive(Serialize)]
struct Input<'r, 'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<Line<'r, 'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<Resume>,
    /// Whose long-term memory it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'r str>,
    /// The model that the agent is to think with: never the client's, which is our name of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_inputs: Option<&'r RawValue>,
}

/// The body of a run.
pub(super) fn write(request: &Request<'_>, target: &Target<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, Error> {
    if let (Some(param), None) = (request.param(Field::Conversation), target.conversation) {
        let message = format!("`{}` is not what tells conversations apart on this route", param.key);
        return Err(Error::new(Kind::UnsupportedField, message).param(param.key));
    }
    let session = Session::of(request, target)?;
    let resume = decision::resume(request)?;
    // An agent that goes on knows what was said.
    let messages = if resume.is_some() { None } else { Some(messages::lines(request, dropped)?) };
    let input = Input {
        messages,
        resume,
        actor: request.user_id.as_deref(),
        model: target.model,
        custom_inputs: request.custom_inputs.as_deref(),
    };
    let run = Run { id: id(target.number), session_id: session.id(), input, stream: target.stream };
    serde_json::to_vec(&run).map_err(|error| Error::new(Kind::Internal, "the run could not be written").because(error))
}

/// The id of a run: its number as a UUID.
pub(super) fn id(number: u128) -> String {
    let part = |shift: u32, digits: u32| (number >> shift) & ((1 << (digits * 4)) - 1);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12))
}
