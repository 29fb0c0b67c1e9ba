//! Databricks' newest App server (`DurableAgentServer`): runs that outlive the connection on which they were asked for.
//!
//! Only servers speak it; no client library does. A run has an id of the caller's choosing, which is its idempotency
//! key, and a session, in which runs follow one another and the agent remembers. Its events are numbered, so a stream
//! that breaks off is taken up again where it was.

use bytes::BytesMut;
use http::StatusCode;

use super::{Ask, Dialect, Reader, Target, Writer, backend_error};
use crate::error::{Error, Kind};
use crate::ir::{Answer, Body, Carry, Dropped, Event, Field, Request, Sink};

mod asked;
mod decision;
mod event;
mod fields;
mod messages;
mod reader;
mod request;
mod session;

use reader::Run;
use session::Session;

/// The dialect `durable`.
pub struct Durable;

impl Dialect for Durable {
    fn name(&self) -> &'static str {
        "durable"
    }

    fn fields(&self) -> &'static [(Field, Carry)] {
        fields::FIELDS
    }

    fn write_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        dropped: &mut Dropped,
    ) -> Result<Vec<u8>, Error> {
        request::write(request, target, dropped)
    }

    /// A plain answer is polled for once a second by the server itself; a stream is not.
    fn always_streams(&self) -> bool {
        true
    }

    fn remembers(&self) -> bool {
        true
    }

    fn read_error(&self, status: StatusCode, retry_after: Option<u32>, body: &[u8]) -> Error {
        let error = backend_error::read(status, retry_after, body);
        if status != StatusCode::CONFLICT {
            return error;
        }
        let message = "this `x-request-id` was used before, for another request; send a new one with each new request";
        Error::new(Kind::BackendRefusedRequest, message).param("x-request-id").because(error)
    }

    fn read_answer(&self, body: &[u8], out: &mut dyn Sink) {
        self.reader().rest(body, out);
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Run::new(0, Session::of_run(0)))
    }

    fn reader_for(&self, request: &Request<'_>, target: &Target<'_>) -> Box<dyn Reader> {
        let session = Session::of(request, target).unwrap_or_else(|_| Session::of_run(target.number));
        Box::new(Run::new(target.number, session))
    }

    // What follows is for clients, and no client comes here: `ALL` does not list this dialect.

    fn read_request<'a>(&self, _body: &Body<'a>) -> Result<Request<'a>, Error> {
        Err(Error::new(Kind::Internal, "`durable` is spoken by backends only"))
    }

    fn write_answer(&self, _answer: &Answer, _ask: &Ask, _out: &mut Vec<u8>) {}

    fn writer(&self, _ask: &Ask) -> Box<dyn Writer> {
        Box::new(Mute)
    }
}

/// Writes nothing.
struct Mute;

impl Writer for Mute {
    fn event(&mut self, _event: &Event<'_>, _answer: &Answer, _out: &mut BytesMut) {}
}

#[cfg(test)]
mod tests;
