//! Writes answers for clients of the oldest agents: a text, where either kind of such a client looks for it.

use bytes::BytesMut;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::dialect::chat_messages::{self, DatabricksOutput, Fault};
use crate::dialect::{Ask, Surface, Writer};
use crate::ir::{Answer, Event, Finish, Piece};

/// A whole answer: `StringResponse` and `ChatCompletionResponse` in one.
#[derive(Serialize)]
struct Whole<'a> {
    content: &'a str,
    choices: [Choice<'a>; 1],
    object: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_output: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    message: Message<'a>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// A frame of a stream.
#[derive(Serialize)]
struct Chunk<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_output: Option<DatabricksOutput<'a>>,
    #[serde(flatten)]
    fault: Option<Fault<'a>>,
}

/// Writes `answer`.
pub(super) fn write(answer: &Answer, ask: &Ask, out: &mut Vec<u8>) {
    let mut content = String::new();
    for item in &answer.items {
        // There is no refusal here; that the agent declined is what it said.
        if let Piece::Message { text, refusal, .. } = &item.piece {
            content.push_str(text);
            content.push_str(refusal);
        }
    }
    let message = Message { role: "assistant", content: &content };
    // Calls have no place here, so no client can be told to run one.
    let finish_reason = match answer.finish() {
        Some(Finish::ToolCalls) | None => Finish::Stop,
        Some(finish) => finish,
    };
    let whole = Whole {
        content: &content,
        choices: [Choice { index: 0, message, finish_reason: finish_reason.name() }],
        object: "chat.completion",
        databricks_output: answer.databricks.as_deref(),
    };
    chat_messages::write_body(&whole, ask.wrapped, out);
}

/// Writes a stream.
pub(super) struct TextWriter {
    surface: Surface,
}

impl TextWriter {
    /// A writer for what was asked.
    pub(super) fn new(ask: &Ask) -> Self {
        Self { surface: ask.surface }
    }
}

impl Writer for TextWriter {
    fn event(&mut self, event: &Event<'_>, answer: &Answer, out: &mut BytesMut) {
        let plain = |content| Chunk { content, databricks_output: None, fault: None };
        match event {
            Event::Text { delta, .. } | Event::Refusal { delta, .. } => {
                chat_messages::write_frame(&plain(delta), out);
            }
            Event::Finished => {
                if let Some(output) = DatabricksOutput::of(answer) {
                    chat_messages::write_frame(&Chunk { databricks_output: Some(output), ..plain("") }, out);
                }
                chat_messages::finish_stream(out);
            }
            Event::Failed(error) if self.surface == Surface::OpenAi => chat_messages::fail_as_openai(error, out),
            Event::Failed(error) => {
                let fault = Fault::of(error);
                let databricks_output = Some(DatabricksOutput::Failed { error: fault });
                chat_messages::write_frame(&Chunk { databricks_output, fault: Some(fault), ..plain("") }, out);
            }
            _ => {}
        }
    }
}
