//! ChatAgent's messages, whole and as deltas of a stream: both have the same shape, and every delta has a role and an id.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::dialect::chat_messages::{Minted, WholeCall};
use crate::ir::{Answer, Event, Output, Piece};

/// A message, or a piece of one.
#[derive(Serialize)]
pub(crate) struct AgentMessage<'a> {
    role: &'static str,
    /// Never null: older clients want a content or calls, and all take an empty one.
    content: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    id: Minted<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[WholeCall<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<&'a RawValue>,
}

impl<'a> AgentMessage<'a> {
    /// All messages of an answer; the agent's own calls and their outputs only if it `shows` them.
    pub(crate) fn all(answer: &'a Answer, shows: bool) -> Vec<Self> {
        let outputs = answer.items.iter().filter(|output| is_message(&output.piece, shows));
        outputs
            .enumerate()
            .filter_map(|(number, output)| Self::whole(output, Minted::message(answer, number)))
            .collect()
    }

    fn whole(output: &'a Output, id: Minted<'a>) -> Option<Self> {
        Some(Self { attachments: attachments(output), ..Self::of(&output.piece, id)? })
    }

    fn of(piece: &'a Piece, id: Minted<'a>) -> Option<Self> {
        match piece {
            // ChatAgent has no refusals; that the agent declined is what it said.
            Piece::Message { text, refusal, .. } if text.is_empty() => Some(Self::text(refusal, id)),
            Piece::Message { text, refusal, .. } if refusal.is_empty() => Some(Self::text(text, id)),
            Piece::Message { text, refusal, .. } => {
                Some(Self { content: Cow::Owned(format!("{text}{refusal}")), ..Self::text("", id) })
            }
            Piece::Call { call_id, name, arguments, .. } => {
                let call = WholeCall::new(call_id, name, arguments);
                Some(Self { tool_calls: Some([call]), ..Self::text("", id) })
            }
            Piece::CallOutput { call_id, name, output } => {
                Some(Self { role: "tool", name: Some(name), tool_call_id: Some(call_id), ..Self::text(output, id) })
            }
            Piece::Reasoning { .. } | Piece::Opaque { .. } => None,
        }
    }

    fn text(content: &'a str, id: Minted<'a>) -> Self {
        Self {
            role: "assistant",
            content: Cow::Borrowed(content),
            name: None,
            id,
            tool_calls: None,
            tool_call_id: None,
            attachments: None,
        }
    }
}

fn attachments(output: &Output) -> Option<&RawValue> {
    output.own("attachments")
}

/// Whether a piece is a message of its own.
fn is_message(piece: &Piece, shows: bool) -> bool {
    match piece {
        Piece::Message { .. } => true,
        Piece::Call { .. } | Piece::CallOutput { .. } => shows || !piece.is_agents(),
        Piece::Reasoning { .. } | Piece::Opaque { .. } => false,
    }
}

/// Turns events into deltas: text as it comes, calls and outputs in whole.
pub(crate) struct AgentStream {
    shows: bool,
    /// How many messages have begun.
    begun: usize,
    /// The open message's attachments have been told.
    attached: bool,
}

impl AgentStream {
    /// A stream that shows the agent's own calls and their outputs, or not.
    pub(crate) fn new(shows: bool) -> Self {
        Self { shows, begun: 0, attached: false }
    }

    /// The delta that an event makes, if it makes one.
    pub(crate) fn message<'e>(&mut self, event: &Event<'e>, answer: &'e Answer) -> Option<AgentMessage<'e>> {
        match *event {
            Event::ItemStarted { index } => {
                self.attached = false;
                self.begun += usize::from(is_message(&answer.items.get(index)?.piece, self.shows));
                None
            }
            Event::Text { index, delta } | Event::Refusal { index, delta } => {
                let attachments = self.attach(answer.items.get(index)?);
                Some(AgentMessage { attachments, ..AgentMessage::text(delta, self.current(answer)) })
            }
            Event::ItemDone { index } => match answer.items.get(index)? {
                // They came after the last word.
                output @ Output { piece: Piece::Message { .. }, .. } => {
                    let attachments = Some(self.attach(output)?);
                    Some(AgentMessage { attachments, ..self.nothing(answer) })
                }
                output if is_message(&output.piece, self.shows) => AgentMessage::whole(output, self.current(answer)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The open message's attachments, unless they have been told.
    fn attach<'e>(&mut self, output: &'e Output) -> Option<&'e RawValue> {
        let attachments = attachments(output).filter(|_| !self.attached);
        self.attached |= attachments.is_some();
        attachments
    }

    /// A delta without news, of the message that is open or was last.
    pub(crate) fn nothing<'e>(&self, answer: &'e Answer) -> AgentMessage<'e> {
        AgentMessage::text("", self.current(answer))
    }

    fn current<'e>(&self, answer: &'e Answer) -> Minted<'e> {
        Minted::message(answer, self.begun.saturating_sub(1))
    }
}
