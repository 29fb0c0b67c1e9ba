//! Writes answers for clients that speak ChatAgent.

use bytes::BytesMut;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{AgentMessage, AgentStream};
use crate::dialect::chat_messages::{self, DatabricksOutput, Fault, TokenUsage};
use crate::dialect::{Ask, Surface, Writer};
use crate::error::Error;
use crate::ir::{Answer, Event, Finish};

/// A whole answer.
#[derive(Serialize)]
struct Whole<'a> {
    messages: Vec<AgentMessage<'a>>,
    #[serde(flatten)]
    closing: Closing<'a>,
    id: &'a str,
}

/// A frame of a stream.
#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    delta: AgentMessage<'a>,
    #[serde(flatten)]
    closing: Closing<'a>,
}

/// What stands beside the messages, in a stream in its last frame.
#[derive(Default, Serialize)]
struct Closing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_outputs: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<TokenUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_output: Option<DatabricksOutput<'a>>,
    #[serde(flatten)]
    fault: Option<Fault<'a>>,
}

impl<'a> Closing<'a> {
    fn of(answer: &'a Answer) -> Self {
        Self {
            finish_reason: Some(answer.finish().unwrap_or(Finish::Stop).name()),
            custom_outputs: answer.custom_outputs.as_deref(),
            usage: answer.usage.map(TokenUsage::plain),
            databricks_output: DatabricksOutput::of(answer),
            fault: None,
        }
    }

    /// A failure, as Model Serving tells it: without a finish reason, in a frame that looks like any other. A key
    /// `error` of its own would be read as something else by the Databricks SDK.
    fn failed(error: &'a Error) -> Self {
        let fault = Fault::of(error);
        Self {
            databricks_output: Some(DatabricksOutput::Failed { error: fault }),
            fault: Some(fault),
            ..Self::default()
        }
    }
}

/// Writes `answer`.
pub(super) fn write(answer: &Answer, ask: &Ask, out: &mut Vec<u8>) {
    let messages = AgentMessage::all(answer, ask.show_agents_calls);
    let whole = Whole { messages, closing: Closing::of(answer), id: &answer.seed };
    chat_messages::write_body(&whole, ask.wrapped, out);
}

/// Writes a stream.
pub(super) struct DeltaWriter {
    surface: Surface,
    deltas: AgentStream,
}

impl DeltaWriter {
    /// A writer for what was asked.
    pub(super) fn new(ask: &Ask) -> Self {
        Self { surface: ask.surface, deltas: AgentStream::new(ask.show_agents_calls) }
    }
}

impl Writer for DeltaWriter {
    fn event(&mut self, event: &Event<'_>, answer: &Answer, out: &mut BytesMut) {
        let id = &answer.seed;
        match event {
            Event::Finished => {
                let chunk = Chunk { id, delta: self.deltas.nothing(answer), closing: Closing::of(answer) };
                chat_messages::write_frame(&chunk, out);
                chat_messages::finish_stream(out);
            }
            Event::Failed(error) if self.surface == Surface::OpenAi => chat_messages::fail_as_openai(error, out),
            Event::Failed(error) => {
                let chunk = Chunk { id, delta: self.deltas.nothing(answer), closing: Closing::failed(error) };
                chat_messages::write_frame(&chunk, out);
            }
            _ => {
                if let Some(delta) = self.deltas.message(event, answer) {
                    chat_messages::write_frame(&Chunk { id, delta, closing: Closing::default() }, out);
                }
            }
        }
    }
}
