//! The wire formats: one codec each, between its bytes and the conversation form, as client and as backend.
//!
//! A dialect reads tolerantly (every variant that real servers and clients were seen to send) and writes strictly (only
//! what every known client accepts). Codecs do no IO and hold no clock: bytes in, fragments or bytes out.
//!
//! # Fields
#![doc = include_str!("FIELDS.md")]

use bytes::BytesMut;
use http::StatusCode;

use crate::error::Error;
use crate::ir::{Answer, Body, Carry, Dropped, Event, Field, Part, Request, Role, Sink};
use crate::sse::Frame;

mod admit;
mod backend_error;
mod chat_agent;
mod chat_completions;
mod chat_messages;
mod chat_model;
mod durable;
mod fitted;
mod own;
mod params;
mod responses;
mod split_chat_messages;
mod surface;
mod transcode;

pub use admit::{admit, table, write};
pub use chat_agent::ChatAgent;
pub use chat_completions::ChatCompletions;
pub use chat_model::ChatModel;
pub use durable::Durable;
pub use own::OwnPlaces;
pub use responses::Responses;
pub use split_chat_messages::SplitChatMessages;
pub use surface::Surface;
pub use transcode::{Transcoder, Watch};

/// Every dialect that clients speak. A new one is a file in this folder and a line here.
pub static ALL: &[&dyn Dialect] = &[&Responses, &ChatCompletions, &ChatAgent, &ChatModel, &SplitChatMessages];

/// Every dialect that backends speak: those of clients, and one that no client library knows.
pub static BACKENDS: &[&dyn Dialect] =
    &[&Responses, &ChatCompletions, &ChatAgent, &ChatModel, &SplitChatMessages, &Durable];

/// The dialect of a backend by its name.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Dialect> {
    BACKENDS.iter().copied().find(|dialect| dialect.name() == name)
}

/// The fields of a request that may stand in the wrapping of a scoring server; `None` if it stands there bare. What is
/// decided by a field is decided alike whether or not it is wrapped.
///
/// # Errors
/// `InvalidField` or `MalformedBody` for a wrapping that does not hold one request.
pub fn unwrapped<'a>(body: &Body<'a>) -> Result<Option<Body<'a>>, Error> {
    if ["input", "messages", "query"].into_iter().any(|field| body.given(field).is_some()) {
        return Ok(None);
    }
    Ok(chat_messages::unwrap(body)?.map(|row| row.body))
}

/// One wire format of request, answer, stream and error.
pub trait Dialect: Send + Sync + 'static {
    /// Its name in the config, in headers, logs and metrics.
    fn name(&self) -> &'static str;

    /// What it does with each [`Field`]; a field that is missing here is a bug that a test finds.
    fn fields(&self) -> &'static [(Field, Carry)];

    /// Whether this part has a place in what `speaker` says, or in what a tool answers where that is none.
    fn has_place(&self, part: &Part<'_>, _speaker: Option<&Role>, _target: &Target<'_>) -> bool {
        matches!(part, Part::Text(_) | Part::Refusal(_))
    }

    /// Fields of messages that no other dialect has.
    fn own_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads a client's request.
    ///
    /// # Errors
    /// `InvalidField` or `UnsupportedField` with the path of the field at fault, as the client wrote it.
    fn read_request<'a>(&self, body: &Body<'a>) -> Result<Request<'a>, Error>;

    /// Reads a client's request but for its conversation, which passes as it is.
    ///
    /// # Errors
    /// As [`read_request`](Self::read_request), and none for what is not read.
    fn read_around<'a>(&self, body: &Body<'a>) -> Result<Request<'a>, Error> {
        self.read_request(body)
    }

    /// Writes the request for a backend. [`admit`] has been asked before, so what this dialect refuses is not there.
    ///
    /// # Errors
    /// `UnsupportedField` for what only shows while writing (a part of a kind that cannot be carried in its place).
    fn write_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        dropped: &mut Dropped,
    ) -> Result<Vec<u8>, Error>;

    /// Whether a backend is asked for a stream whatever the client asked for.
    fn always_streams(&self) -> bool {
        false
    }

    /// Whether a request answers what an agent of this dialect waits for, so that it must be sent there and once.
    fn resumes(&self, _request: &Request<'_>) -> bool {
        false
    }

    /// Whether a backend remembers a conversation by its id, so that no other backend can go on with it.
    fn remembers(&self) -> bool {
        false
    }

    /// Reads a backend's answer whose status is not a success. `retry_after` is the header's value in seconds.
    fn read_error(&self, status: StatusCode, retry_after: Option<u32>, body: &[u8]) -> Error {
        backend_error::read(status, retry_after, body)
    }

    /// Reads a backend's plain answer; ends with `Done` or `Failed` like a stream.
    fn read_answer(&self, body: &[u8], out: &mut dyn Sink);

    /// A reader for a backend's stream.
    fn reader(&self) -> Box<dyn Reader>;

    /// A reader for the stream that answers this request, for dialects that need to know what was asked.
    fn reader_for(&self, _request: &Request<'_>, _target: &Target<'_>) -> Box<dyn Reader> {
        self.reader()
    }

    /// Writes a complete answer for a client. An answer that failed or waits in the background is for `responses` alone,
    /// whose clients come back for it.
    fn write_answer(&self, answer: &Answer, ask: &Ask, out: &mut Vec<u8>);

    /// A writer for a client's stream.
    fn writer(&self, ask: &Ask) -> Box<dyn Writer>;
}

impl PartialEq for dyn Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl std::fmt::Debug for dyn Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a backend's stream, frame by frame.
pub trait Reader: Send {
    /// Takes in one frame. Unknown frames are swallowed.
    fn frame(&mut self, frame: Frame<'_>, out: &mut dyn Sink);

    /// The stream has ended: pushes `Done` if the dialect allows an end here, otherwise `Failed` with kind `Cut`.
    fn end(&mut self, out: &mut dyn Sink);

    /// Where the answer goes on when the stream has stopped before its end: what to `GET` below the backend's URL, as a
    /// path with its query. `None` where a stream that has stopped is lost.
    fn resume(&self) -> Option<String> {
        None
    }

    /// Takes in the rest of the answer if what was asked for by [`resume`](Self::resume) came as one document; ends
    /// with `Done` or `Failed`.
    fn rest(&mut self, _body: &[u8], _out: &mut dyn Sink) {}
}

/// Writes a client's stream: whole SSE frames, LF line ends, each ending in a blank line.
pub trait Writer: Send {
    /// Writes the frames of one event, with the terminator after the last one where the dialect has one.
    fn event(&mut self, event: &Event<'_>, answer: &Answer, out: &mut BytesMut);
}

/// What a backend is to be asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a> {
    /// The model name to write; the client's own where the backend has none configured.
    pub model: Option<&'a str>,
    /// Whether to ask for a stream.
    pub stream: bool,
    /// The client speaks this dialect too, so that unknown fields, parts and items may pass.
    pub alike: bool,
    /// Parts of messages that the backend has no place for are left out and named, where otherwise the request is refused.
    pub drops_content: bool,
    /// The id of the conversation, if the client named one: what keeps it on its backend.
    pub conversation: Option<&'a str>,
    /// The number of this request: the caller's own `x-request-id` where that is a UUID, so that a request that is sent
    /// again is known as the same; random otherwise.
    pub number: u128,
}

/// What the client asked for, as far as its answer depends on it.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The family of paths the client called.
    pub surface: Surface,
    /// The model name to echo: the client's own.
    pub model: String,
    /// Whether a Chat Completions stream ends with a usage chunk.
    pub include_usage: bool,
    /// The answer shape on a route with a legacy chat backend.
    pub shape: Shape,
    /// The answer goes into `{"predictions": ...}` because the request came in a dataframe.
    pub wrapped: bool,
    /// Show the calls that the agent ran itself, and their outputs.
    pub show_agents_calls: bool,
    /// The last frame of this stream that it has already (`starting_after`): the stream is taken up again behind it.
    pub starting_after: Option<u64>,
    /// How it asked for the id of the trace, if it did.
    pub trace: Option<Trace>,
    /// For the Responses API: the settings of the request that its resource repeats (`{"tools":[...],...}`), made by
    /// [`Responses::echo`]. Empty for other dialects.
    pub echo: String,
}

/// How a client asks for the id of the trace, which is also how it looks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// `databricks_options.return_trace` in the body; found in `databricks_output`.
    Body,
    /// The header `x-mlflow-return-trace-id`; found in `metadata`, or in a frame of its own.
    Header,
}

/// In which shapes `chat/completions` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// The OpenAI shape alone.
    #[default]
    OpenAi,
    /// The shape of the route's legacy chat dialect alone.
    Legacy,
    /// The OpenAI shape with the legacy dialect's fields beside it.
    Both(Legacy),
}

/// The legacy chat dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legacy {
    /// `messages` or `delta`, `custom_outputs`, `databricks_output`.
    ChatAgent,
    /// `custom_outputs`, `databricks_output`.
    ChatModel,
}

#[cfg(test)]
mod tests;
