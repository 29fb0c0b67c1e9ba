//! MLflow's ChatModel: Chat Completions as its dataclasses have it, with fewer fields and whole tool calls.

use super::chat_messages::{self, End, StreamReader};
use super::{Ask, Dialect, Reader, Target, Writer};
use crate::error::Error;
use crate::ir::{Answer, Body, Carry, Dropped, Field, Request, Sink};

mod answer;
mod fields;
mod request;

/// The dialect `chat_model`.
pub struct ChatModel;

impl Dialect for ChatModel {
    fn name(&self) -> &'static str {
        "chat_model"
    }

    fn fields(&self) -> &'static [(Field, Carry)] {
        fields::FIELDS
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
        Box::new(answer::ChunkWriter::new(ask))
    }
}

#[cfg(test)]
mod tests;
