//! A backend's answer to a copy, heard to its end or as far as it is allowed to go.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, timeout_at};

use super::copy::Copy;
use crate::compare::{Fault, Observed, Watch};
use crate::dialect::{Dialect, Reader, Transcoder};
use crate::error::{Error, Kind};
use crate::ir::{Answer, Assembler, Calls, Event, Fragment, Sink};
use crate::sse::Frame;
use crate::upstream::{self, Backend, Feed, Form};

/// How many bytes of a stream are read for each byte of content that is allowed: the framing around short deltas.
const FRAMING: u64 = 64;

/// How far an answer may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes of its content.
    pub(super) answer: usize,
    /// Time in all.
    pub(super) deadline: Duration,
}

/// An answer, and when it came.
#[derive(Debug)]
pub(super) struct Heard {
    /// What it was; a failure stands in it.
    pub(super) answer: Answer,
    /// Until the agent said or did something; only of streams.
    pub(super) first_token: Option<Duration>,
    /// In all.
    pub(super) total: Duration,
    /// Where its stream broke the rules of its wire format.
    pub(super) faults: Vec<Fault>,
}

/// A reader whose frames are looked at before it reads them.
struct Watched {
    reader: Box<dyn Reader>,
    watch: Arc<Mutex<Watch>>,
}

impl Reader for Watched {
    fn frame(&mut self, frame: Frame<'_>, out: &mut dyn Sink) {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).frame(frame);
        self.reader.frame(frame, out);
    }

    fn end(&mut self, out: &mut dyn Sink) {
        self.reader.end(out);
    }

    fn resume(&self) -> Option<String> {
        self.reader.resume()
    }

    fn rest(&mut self, body: &[u8], out: &mut dyn Sink) {
        self.reader.rest(body, out);
    }
}

/// Sends a copy and hears the answer.
pub(super) async fn ask(backend: &Arc<Backend>, copy: Copy, bounds: Bounds) -> Heard {
    let begun = Instant::now();
    let until = begun + bounds.deadline;
    let mut first_token = None;
    let watch = Arc::new(Mutex::new(Watch::new(backend.dialect.name())));
    let answer = match timeout_at(until, backend.call(copy.call.clone())).await {
        Err(_) => failed(late(bounds)),
        Ok(Err(error)) => failed(error),
        Ok(Ok(reply)) if reply.form == Form::Plain => {
            let timeouts = &backend.timeouts;
            let allowed = upstream::Limits { bytes: bounds.answer, idle: timeouts.idle, total: timeouts.total };
            match timeout_at(until, upstream::whole(reply.body, allowed)).await {
                Err(_) => failed(late(bounds)),
                Ok(Err(error)) => failed(error),
                Ok(Ok(body)) => plain(backend.dialect, &body, copy.calls, bounds.answer),
            }
        }
        Ok(Ok(reply)) => {
            let reader = Box::new(Watched { reader: copy.reader, watch: Arc::clone(&watch) });
            let mut transcoder = Transcoder::new(reader, assembler(copy.calls, bounds.answer), None, bounds.answer);
            let mut feed = Feed::new(reply.body, Arc::clone(backend), copy.follow, bounds.answer);
            while !transcoder.ended() {
                let next = std::future::poll_fn(|cx| feed.poll(cx, &mut transcoder));
                if timeout_at(until, next).await.is_err() {
                    transcoder.fail(late(bounds));
                }
                if transcoder.received() > FRAMING * bounds.answer as u64 {
                    transcoder.fail(Error::new(Kind::BackendGarbage, "the stream goes on without an end"));
                }
                if first_token.is_none() && !transcoder.answer().items.is_empty() {
                    first_token = Some(begun.elapsed());
                }
            }
            transcoder.into_answer()
        }
    };
    let total = begun.elapsed();
    let faults = watch.lock().unwrap_or_else(PoisonError::into_inner).faults(&Observed::of(&answer));
    Heard { answer, first_token, total, faults }
}

/// Reads a plain answer.
pub(super) fn plain(dialect: &dyn Dialect, body: &[u8], calls: Calls, limit: usize) -> Answer {
    let mut assembler = assembler(calls, limit);
    let mut nobody = |_: &Event<'_>, _: &Answer| {};
    dialect.read_answer(body, &mut |fragment: Fragment<'_>| assembler.push(fragment, &mut nobody));
    assembler.into_answer()
}

fn assembler(calls: Calls, limit: usize) -> Assembler {
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Assembler::new(String::new(), created, calls, limit)
}

/// An answer that is nothing but a failure.
pub(super) fn failed(error: Error) -> Answer {
    Answer { failure: Some(error), ..Answer::default() }
}

fn late(bounds: Bounds) -> Error {
    let message = format!("the answer was not complete within {} s", bounds.deadline.as_secs_f32());
    Error::new(Kind::TotalTimeout, message)
}
