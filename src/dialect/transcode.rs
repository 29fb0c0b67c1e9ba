//! A backend's stream into a client's stream, without IO: bytes in, whole frames out.

use bytes::BytesMut;

use super::{Reader, Writer};
use crate::error::{Error, Kind};
use crate::ir::{Answer, Assembler, Event, Fragment, Sink};
use crate::sse::{Frame, Splitter, TooLong};

/// Re-frames one answer.
pub struct Transcoder {
    splitter: Splitter,
    limit: usize,
    reader: Box<dyn Reader>,
    tail: Tail,
    received: u64,
    watch: Option<Watch>,
}

/// Sees every frame of a backend's, before its reader does.
pub type Watch = Box<dyn FnMut(Frame<'_>) + Send>;

/// The half after the frames: fragments to events to the client's bytes.
struct Tail {
    assembler: Assembler,
    /// None when the client wants the whole answer at once.
    writer: Option<Box<dyn Writer>>,
    out: BytesMut,
}

impl Sink for Tail {
    fn push(&mut self, fragment: Fragment<'_>) {
        self.assembler.push(fragment, &mut emit(&mut self.writer, &mut self.out));
    }
}

/// Writes events into `out`, if there is a writer.
fn emit<'w>(writer: &'w mut Option<Box<dyn Writer>>, out: &'w mut BytesMut) -> impl FnMut(&Event<'_>, &Answer) + 'w {
    move |event, answer| {
        if let Some(writer) = writer {
            writer.event(event, answer, out);
        }
    }
}

impl Transcoder {
    /// From `reader`'s dialect to `writer`'s; frames of more than `limit` bytes fail the answer.
    #[must_use]
    pub fn new(reader: Box<dyn Reader>, assembler: Assembler, writer: Option<Box<dyn Writer>>, limit: usize) -> Self {
        Self {
            splitter: Splitter::new(limit),
            limit,
            reader,
            tail: Tail { assembler, writer, out: BytesMut::new() },
            received: 0,
            watch: None,
        }
    }

    /// The same, with somebody who sees every frame.
    #[must_use]
    pub fn watched(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// The backend took the request.
    pub fn start(&mut self) {
        let Tail { assembler, writer, out } = &mut self.tail;
        assembler.start(&mut emit(writer, out));
    }

    /// The next bytes of the backend.
    pub fn push(&mut self, bytes: &[u8]) {
        self.received += bytes.len() as u64;
        if self.splitter.push(bytes) == Err(TooLong) {
            return self.fail(Error::new(Kind::BackendGarbage, "an event of the backend's stream is too long"));
        }
        while let Some(frame) = self.splitter.next_frame() {
            if let Some(watch) = &mut self.watch {
                watch(frame);
            }
            self.reader.frame(frame, &mut self.tail);
            if self.tail.assembler.ended() {
                break;
            }
        }
        // What comes behind the end is nothing to a client, and something to see.
        while let Some(watch) = &mut self.watch
            && let Some(frame) = self.splitter.next_frame()
        {
            watch(frame);
        }
    }

    /// The backend's stream has ended in good order. Whether the answer is complete is for the dialect to say.
    pub fn end(&mut self) {
        if self.tail.assembler.ended() {
            return;
        }
        if let Some(frame) = self.splitter.finish() {
            // A frame without its blank line is taken if it is whole; if it is not, the stream was cut inside it.
            if let Some(watch) = &mut self.watch {
                watch(frame);
            }
            if frame.is_done() || serde_json::from_slice::<serde::de::IgnoredAny>(frame.data).is_ok() {
                self.reader.frame(frame, &mut self.tail);
            }
        }
        if !self.tail.assembler.ended() {
            self.reader.end(&mut self.tail);
        }
    }

    /// Where an answer whose stream has stopped goes on, if its dialect can go on. What comes next is a new stream, or
    /// the [`rest`](Self::rest) of the answer.
    pub fn resume(&mut self) -> Option<String> {
        let from = self.reader.resume().filter(|_| !self.ended())?;
        // The frame inside which the stream stopped comes again in whole.
        self.splitter = Splitter::new(self.limit);
        Some(from)
    }

    /// The rest of the answer in one document.
    pub fn rest(&mut self, body: &[u8]) {
        self.reader.rest(body, &mut self.tail);
        if !self.ended() {
            self.fail(Error::new(Kind::BackendGarbage, "the rest of the agent's answer has no end"));
        }
    }

    /// The backend's stream broke.
    pub fn fail(&mut self, error: Error) {
        let Tail { assembler, writer, out } = &mut self.tail;
        assembler.fail(error, &mut emit(writer, out));
    }

    /// Whether the answer has come to its end, well or not.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.tail.assembler.ended()
    }

    /// Bytes of the backend's so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The answer, which has ended, out of a transcoder that is still at work on its last bytes for the client.
    #[must_use]
    pub fn take_answer(&mut self) -> Answer {
        self.tail.assembler.take_answer()
    }

    /// The answer so far.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        self.tail.assembler.answer()
    }

    /// The answer, when it has ended.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        self.tail.assembler.into_answer()
    }

    /// Bytes for the client; whole frames only.
    pub fn out(&mut self) -> &mut BytesMut {
        &mut self.tail.out
    }
}
