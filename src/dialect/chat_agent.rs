//! MLflow's ChatAgent: `messages` in, `messages` or `delta` out, tools run by the agent itself.

use serde::Serialize;

use super::chat_messages::{self, End, Extras, Line, StreamReader, Style};
use super::params::Carried;
use super::{Ask, Dialect, Reader, Target, Writer};
use crate::error::Error;
use crate::ir::{Answer, Body, Carry, Dropped, Field, Request, Sink};

mod answer;
mod fields;
mod message;

pub(super) use message::{AgentMessage, AgentStream};

/// The dialect `chat_agent`.
pub struct ChatAgent;

/// The scoring server refuses a content that is no string, a tool's answer without the tool's name, and every key of a
/// message that it does not know.
const STYLE: Style = Style {
    rich: false,
    never_null: true,
    names_tools: true,
    ids: false,
    reasoning: false,
    opaque: false,
    attachments: false,
    longest_id: None,
    legal_names: false,
    orphans: true,
    one_system: true,
};

/// A request. There is no model and no sampling: the agent decides.
#[derive(Serialize)]
struct Wire<'r, 'a> {
    messages: Vec<Line<'r, 'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(flatten)]
    extras: Extras<'r>,
    #[serde(flatten)]
    carried: Carried<'r, 'a>,
}

impl Dialect for ChatAgent {
    fn name(&self) -> &'static str {
        "chat_agent"
    }

    fn fields(&self) -> &'static [(Field, Carry)] {
        fields::FIELDS
    }

    fn own_fields(&self) -> &'static [&'static str] {
        &["attachments"]
    }

    fn read_request<'a>(&self, body: &Body<'a>) -> Result<Request<'a>, Error> {
        chat_messages::read(self, body)
    }

    fn write_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        dropped: &mut Dropped,
    ) -> Result<Vec<u8>, Error> {
        chat_messages::refuse_opaque(request, dropped)?;
        chat_messages::note_rest(request, target, dropped);
        chat_messages::encode(&Wire {
            messages: chat_messages::lines(
                request,
                Style { ids: target.alike, attachments: target.alike, one_system: !target.alike, ..STYLE },
            )?,
            stream: target.stream.then_some(true),
            extras: Extras::of(request),
            carried: Carried { dialect: &Self, request, rest: target.alike },
        })
    }

    fn read_answer(&self, body: &[u8], out: &mut dyn Sink) {
        chat_messages::read_answer(body, out);
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(StreamReader::new(End::FinishReason))
    }

    fn write_answer(&self, answer: &Answer, ask: &Ask, out: &mut Vec<u8>) {
        answer::write(answer, ask, out);
    }

    fn writer(&self, ask: &Ask) -> Box<dyn Writer> {
        Box::new(answer::DeltaWriter::new(ask))
    }
}

#[cfg(test)]
mod tests;
