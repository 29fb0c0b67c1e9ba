//! OpenAI's Chat Completions: what most clients speak, and most servers.

use super::chat_messages::{self, End, StreamReader};
use super::{Ask, Dialect, Reader, Target, Writer};
use crate::error::Error;
use crate::ir::{Answer, Body, Carry, Dropped, Field, Part, Request, Role, Sink};

mod answer;
mod chunk;
mod fields;
mod request;
mod stream;

/// The dialect `chat_completions`.
pub struct ChatCompletions;

impl Dialect for ChatCompletions {
    fn name(&self) -> &'static str {
        "chat_completions"
    }

    fn fields(&self) -> &'static [(Field, Carry)] {
        fields::FIELDS
    }

    fn has_place(&self, part: &Part<'_>, speaker: Option<&Role>, target: &Target<'_>) -> bool {
        let text = matches!(part, Part::Text(_) | Part::Refusal(_));
        text || (speaker == Some(&Role::User) && chat_messages::has_place(part, target.alike))
    }

    fn read_request<'a>(&self, body: &Body<'a>) -> Result<Request<'a>, Error> {
        chat_messages::read(self, body)
    }

    fn read_around<'a>(&self, body: &Body<'a>) -> Result<Request<'a>, Error> {
        chat_messages::read_around(self, body)
    }

    fn write_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        dropped: &mut Dropped,
    ) -> Result<Vec<u8>, Error> {
        request::write(request, target, dropped)
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
        Box::new(stream::ChunkWriter::new(ask))
    }
}

#[cfg(test)]
mod tests;
