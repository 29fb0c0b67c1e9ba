//! stub
use super::*;
use bytes::BytesMut;
mod message;
pub(super) use message::{AgentMessage, AgentStream};
pub struct ChatAgent;
impl Dialect for ChatAgent {
    fn name(&self) -> &'static str {
        "chat_agent"
    }
    fn fields(&self) -> &'static [(Field, Carry)] {
        &[]
    }
    fn read_request<'a>(&self, _: &Body<'a>) -> Result<Request<'a>, Error> {
        Ok(Request::default())
    }
    fn write_request(&self, _: &Request<'_>, _: &Target<'_>, _: &mut Dropped) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
    fn read_answer(&self, _: &[u8], _: &mut dyn Sink) {}
    fn reader(&self) -> Box<dyn Reader> {
        loop {}
    }
    fn write_answer(&self, _: &Answer, _: &Ask, _: &mut Vec<u8>) {}
    fn writer(&self, _: &Ask) -> Box<dyn Writer> {
        loop {}
    }
}
