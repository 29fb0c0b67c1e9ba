//! Writes a stream for a Chat Completions client, alone or with a legacy dialect's fields beside it.

use bytes::BytesMut;

use super::chunk::{Before, Choice, Chunk, Delta, LegacyFields, Thought, UsageField};
use crate::dialect::chat_agent::{AgentMessage, AgentStream};
use crate::dialect::chat_messages::{self, DatabricksOutput, Fault, Minted, TokenUsage};
use crate::dialect::{Ask, Legacy, Shape, Surface, Writer};
use crate::error::Error;
use crate::ir::{Answer, Event, Finish, Piece};

/// Writes chunks.
pub(super) struct ChunkWriter {
    ask: Ask,
    /// How many calls the client has seen begin.
    calls: usize,
    /// The item whose thoughts were shown last.
    thought: Option<usize>,
    before: Before,
    /// ChatAgent's half, where it is written too.
    agent: Option<AgentStream>,
}

impl ChunkWriter {
    /// A writer for what was asked.
    pub(super) fn new(ask: &Ask) -> Self {
        // ChatAgent's clients see what the agent did itself; only OpenAI's would run it again.
        let agent = (ask.shape == Shape::Both(Legacy::ChatAgent)).then(|| AgentStream::new(true));
        Self { ask: ask.clone(), calls: 0, thought: None, before: Before::default(), agent }
    }

    /// What is new for OpenAI's clients; `None` for what they do not see.
    fn delta<'e>(&mut self, event: &Event<'e>, answer: &'e Answer) -> Option<Delta<'e>> {
        match *event {
            Event::Started => Some(Delta::Role { role: "assistant", content: "", refusal: () }),
            Event::Text { delta, .. } => Some(Delta::Text { content: delta }),
            Event::Refusal { delta, .. } => Some(Delta::Refusal { refusal: delta }),
            Event::Reasoning { index, delta } => {
                let another = self.thought.replace(index).is_some_and(|last| last != index);
                Some(Delta::Reasoning { reasoning_content: Thought { another, text: delta } })
            }
            Event::Annotation { index, annotation } => {
                let citation = chat_messages::cite(annotation, self.before.item(answer, index))?;
                Some(Delta::Annotation { annotations: [citation] })
            }
            Event::ItemStarted { index } => match &answer.items.get(index)?.piece {
                Piece::Call { call_id, name, .. } if self.shows(answer, index) => {
                    self.calls += 1;
                    Some(Delta::call(self.calls - 1, call_id, name))
                }
                _ => None,
            },
            // Calls come one after another, so it is the last that goes on.
            Event::Arguments { index, delta } if self.shows(answer, index) => {
                Some(Delta::arguments(self.calls.saturating_sub(1), delta))
            }
            Event::Arguments { .. } | Event::ItemDone { .. } | Event::Finished | Event::Failed(_) => None,
        }
    }

    fn shows(&self, answer: &Answer, index: usize) -> bool {
        let agents = answer.items.get(index).is_some_and(|item| item.piece.is_agents());
        self.ask.show_agents_calls || !agents
    }

    fn finish(&self, answer: &Answer, delta: Option<AgentMessage<'_>>, out: &mut BytesMut) {
        let finish_reason = answer.finish().unwrap_or(Finish::Stop).name();
        let both = matches!(self.ask.shape, Shape::Both(_));
        let choice = Choice { index: 0, delta: Delta::Nothing {}, logprobs: (), finish_reason: Some(finish_reason) };
        let legacy = LegacyFields {
            finish_reason: self.agent.as_ref().map(|_| finish_reason),
            custom_outputs: answer.custom_outputs.as_deref().filter(|_| both),
            databricks_output: DatabricksOutput::of(answer).filter(|_| both || self.ask.trace.is_some()),
            delta,
            fault: None,
        };
        self.chunk(answer, &[choice], None, legacy, out);
        if let Some(usage) = answer.usage.filter(|_| self.ask.include_usage) {
            let delta = self.agent.as_ref().map(|agent| agent.nothing(answer));
            let legacy = LegacyFields { delta, ..LegacyFields::default() };
            self.chunk(answer, &[], Some(TokenUsage::detailed(usage)), legacy, out);
        }
        chat_messages::finish_stream(out);
    }

    fn fail(&self, error: &Error, answer: &Answer, delta: Option<AgentMessage<'_>>, out: &mut BytesMut) {
        if self.ask.surface == Surface::OpenAi {
            return chat_messages::fail_as_openai(error, out);
        }
        let fault = Fault::of(error);
        let legacy = LegacyFields {
            databricks_output: Some(DatabricksOutput::Failed { error: fault }),
            fault: Some(fault),
            delta,
            ..LegacyFields::default()
        };
        self.chunk(answer, &[Choice::of(Delta::Nothing {})], None, legacy, out);
    }

    fn chunk(
        &self,
        answer: &Answer,
        choices: &[Choice<'_>],
        usage: Option<TokenUsage>,
        legacy: LegacyFields<'_>,
        out: &mut BytesMut,
    ) {
        let chunk = Chunk {
            id: Minted::completion(answer),
            object: "chat.completion.chunk",
            created: answer.created,
            model: &self.ask.model,
            choices,
            usage: match usage {
                Some(usage) => UsageField::Given(usage),
                None if self.ask.include_usage => UsageField::Later,
                None => UsageField::Unasked,
            },
            legacy,
        };
        chat_messages::write_frame(&chunk, out);
    }
}

impl Writer for ChunkWriter {
    fn event(&mut self, event: &Event<'_>, answer: &Answer, out: &mut BytesMut) {
        let news = self.agent.as_mut().and_then(|agent| agent.message(event, answer));
        let delta = self.delta(event, answer);
        let silent = news.is_none() && delta.is_none();
        let agents = news.or_else(|| self.agent.as_ref().map(|agent| agent.nothing(answer)));
        match event {
            Event::Finished => self.finish(answer, agents, out),
            Event::Failed(error) => self.fail(error, answer, agents, out),
            _ if silent => {}
            _ => {
                let choice = Choice::of(delta.unwrap_or(Delta::Nothing {}));
                let legacy = LegacyFields { delta: agents, ..LegacyFields::default() };
                self.chunk(answer, &[choice], None, legacy, out);
            }
        }
    }
}

impl<'a> Choice<'a> {
    /// A choice that goes on.
    fn of(delta: Delta<'a>) -> Self {
        Self { index: 0, delta, logprobs: (), finish_reason: None }
    }
}
