//! Writes answers for clients that speak ChatModel.

use bytes::BytesMut;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::dialect::chat_messages::{self, DatabricksOutput, Fault, Minted, TokenUsage, WholeCall};
use crate::dialect::{Ask, Surface, Writer};
use crate::ir::{Answer, Event, Finish, Piece};

/// A whole answer, or a frame of a stream.
#[derive(Serialize)]
struct Completion<'a, C> {
    choices: [C; 1],
    id: Minted<'a>,
    model: &'a str,
    object: &'static str,
    created: u64,
    #[serde(flatten)]
    closing: Closing<'a>,
}

#[derive(Serialize)]
struct WholeChoice<'a> {
    index: usize,
    message: Said<'a>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct DeltaChoice<'a> {
    index: usize,
    delta: Said<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
}

/// A message, or a piece of one. Its dataclass has a role always, and leaves out what is not there.
#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WholeCall<'a>>,
}

const NOTHING: Said<'static> = Said { role: "assistant", content: None, refusal: None, tool_calls: Vec::new() };

/// What stands beside the choices, in a stream in its last frame.
#[derive(Default, Serialize)]
struct Closing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<TokenUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_outputs: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_output: Option<DatabricksOutput<'a>>,
    #[serde(flatten)]
    fault: Option<Fault<'a>>,
}

impl<'a> Closing<'a> {
    fn of(answer: &'a Answer) -> Self {
        Self {
            usage: answer.usage.map(TokenUsage::plain),
            custom_outputs: answer.custom_outputs.as_deref(),
            databricks_output: DatabricksOutput::of(answer),
            fault: None,
        }
    }
}

/// Writes `answer`.
pub(super) fn write(answer: &Answer, ask: &Ask, out: &mut Vec<u8>) {
    let (mut text, mut refusal) = (answer.text(), answer.refusal());
    if !text.is_empty() {
        // A content and a refusal exclude each other.
        text.push_str(&std::mem::take(&mut refusal));
    }
    let shown = answer.items.iter().filter(|item| shows(&item.piece, ask));
    let tool_calls: Vec<_> = shown.filter_map(|item| whole_call(&item.piece)).collect();
    // A message has a content unless it has something else.
    let wordless = text.is_empty() && (!tool_calls.is_empty() || !refusal.is_empty());
    let message = Said {
        content: Some(text.as_str()).filter(|_| !wordless),
        refusal: Some(refusal.as_str()).filter(|refusal| !refusal.is_empty()),
        tool_calls,
        ..NOTHING
    };
    let finish_reason = answer.finish().unwrap_or(Finish::Stop).name();
    let completion = Completion {
        choices: [WholeChoice { index: 0, message, finish_reason }],
        id: Minted::completion(answer),
        model: &ask.model,
        object: "chat.completion",
        created: answer.created,
        closing: Closing::of(answer),
    };
    chat_messages::write_body(&completion, ask.wrapped, out);
}

fn shows(piece: &Piece, ask: &Ask) -> bool {
    ask.show_agents_calls || !piece.is_agents()
}

fn whole_call(piece: &Piece) -> Option<WholeCall<'_>> {
    match piece {
        Piece::Call { call_id, name, arguments, .. } => Some(WholeCall::new(call_id, name, arguments)),
        _ => None,
    }
}

/// Writes a stream.
pub(super) struct ChunkWriter {
    ask: Ask,
    /// How many calls the client has seen.
    calls: usize,
}

impl ChunkWriter {
    /// A writer for what was asked.
    pub(super) fn new(ask: &Ask) -> Self {
        Self { ask: ask.clone(), calls: 0 }
    }

    /// What is new for the client; `None` for what it does not see.
    fn delta<'e>(&mut self, event: &Event<'e>, answer: &'e Answer) -> Option<Said<'e>> {
        match *event {
            Event::Text { delta, .. } => Some(Said { content: Some(delta), ..NOTHING }),
            Event::Refusal { delta, .. } => Some(Said { refusal: Some(delta), ..NOTHING }),
            Event::ItemDone { index } => {
                let piece = &answer.items.get(index)?.piece;
                let call = whole_call(piece).filter(|_| shows(piece, &self.ask))?;
                self.calls += 1;
                // MLflow's class has no index and ignores this one; OpenAI's clients fail without it.
                Some(Said { tool_calls: vec![call.at(self.calls - 1)], ..NOTHING })
            }
            _ => None,
        }
    }

    fn chunk(&self, answer: &Answer, choice: DeltaChoice<'_>, closing: Closing<'_>, out: &mut BytesMut) {
        let chunk = Completion {
            choices: [choice],
            id: Minted::completion(answer),
            model: &self.ask.model,
            object: "chat.completion.chunk",
            created: answer.created,
            closing,
        };
        chat_messages::write_frame(&chunk, out);
    }
}

impl Writer for ChunkWriter {
    fn event(&mut self, event: &Event<'_>, answer: &Answer, out: &mut BytesMut) {
        match event {
            Event::Finished => {
                let finish_reason = Some(answer.finish().unwrap_or(Finish::Stop).name());
                let choice = DeltaChoice { index: 0, delta: NOTHING, finish_reason };
                self.chunk(answer, choice, Closing::of(answer), out);
                chat_messages::finish_stream(out);
            }
            Event::Failed(error) if self.ask.surface == Surface::OpenAi => chat_messages::fail_as_openai(error, out),
            Event::Failed(error) => {
                let fault = Fault::of(error);
                let databricks_output = Some(DatabricksOutput::Failed { error: fault });
                let closing = Closing { databricks_output, fault: Some(fault), ..Closing::default() };
                let delta = Said { content: Some(""), ..NOTHING };
                self.chunk(answer, DeltaChoice { index: 0, delta, finish_reason: None }, closing, out);
            }
            _ => {
                if let Some(delta) = self.delta(event, answer) {
                    let choice = DeltaChoice { index: 0, delta, finish_reason: None };
                    self.chunk(answer, choice, Closing::default(), out);
                }
            }
        }
    }
}
