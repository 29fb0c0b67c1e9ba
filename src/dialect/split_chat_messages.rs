//! MLflow's oldest agents: a question and its history in, a text out.

use super::chat_messages::{self, End, StreamReader};
use super::{Ask, Dialect, Reader, Target, Writer};
use crate::error::Error;
use crate::ir::{Answer, Body, Carry, Dropped, Field, Request, Sink};

mod answer;
mod fields;
mod request;

/// The dialect `split_chat_messages`.
pub struct SplitChatMessages;

impl Dialect for SplitChatMessages {
    fn name(&self) -> &'static str {
        "split_chat_messages"
    }

    fn fields(&self) -> &'static [(Field, Carry)] {
        fields::FIELDS
    }

    fn read_request<'a>(&self, body: &Body<'a>) -> Result<Request<'a>, Error> {
        request::read(body)
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
        // Its texts have no finish reason.
        Box::new(StreamReader::new(End::Terminator))
    }

    fn write_answer(&self, answer: &Answer, ask: &Ask, out: &mut Vec<u8>) {
        answer::write(answer, ask, out);
    }

    fn writer(&self, ask: &Ask) -> Box<dyn Writer> {
        Box::new(answer::TextWriter::new(ask))
    }
}

#[cfg(test)]
mod tests;
