//! Step 7: the backend's answer on its way to the client.
//!
//! Four ways lead from {plain, stream} to {plain, stream}; all of them go through the same assembler. A stream is pulled
//! by the client's own connection: no task, no queue, and a client that stops reading stops the backend.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::exchange::Exchange;
use super::stopping;
use super::translate::{Kept, Plan};
use super::workspace::Passed;
use crate::config::{ClientLimits, ClientTimeouts};
use crate::dialect::{Ask, Dialect, Responses, Surface, Transcoder, Writer};
use crate::error::{Error, Kind};
use crate::ir::{Answer, Assembler, Event, Fragment};
use crate::route::{mint_seed, tag};
use crate::server::{Ending, Watch};
use crate::shadow::Told;
use crate::upstream::{self, Feed, Form, Reply};

mod hold;
mod keep_alive;

use keep_alive::KeepAlive;

/// An answer that is ready to be sent.
pub(super) enum Answered {
    /// JSON, whole.
    Plain(Bytes),
    /// A stream, whole already: made from a plain answer.
    Frames(Bytes),
    /// A stream that is still coming.
    Stream(Box<Relay>),
    /// The workspace's own answer.
    Passed(Box<Passed>),
}

/// Takes the backend's answer to the point where the client's can begin.
pub(super) async fn answer(
    reply: Reply,
    plan: Plan,
    limits: &ClientLimits,
    timeouts: &ClientTimeouts,
    exchange: &mut Exchange,
) -> Result<Answered, Error> {
    match (reply.form, plan.stream) {
        (Form::Stream, true) => Ok(Answered::Stream(Box::new(Relay::new(reply, plan, limits, timeouts.keep_alive)))),
        (Form::Stream, false) => {
            let (client, ask) = (plan.client, plan.ask.clone());
            let answer = Box::pin(collect(reply, plan, limits)).await?;
            exchange.read(&answer);
            let written = write(client, &ask, &answer);
            exchange.told(|| answer.into());
            Ok(Answered::Plain(written))
        }
        (Form::Plain, stream) => {
            let timeouts = &plan.backend.timeouts;
            let total = timeouts.total.saturating_sub(reply.asked.elapsed());
            let allowed = upstream::Limits { bytes: limits.answer, idle: timeouts.idle, total };
            let body = upstream::whole(reply.body, allowed).await?;
            if plan.verbatim && !stream {
                exchange.told(|| Told::Passed(body.clone()));
                return Ok(Answered::Plain(body));
            }
            read(&body, &plan, limits, exchange)
        }
    }
}

/// A plain answer for a client of either kind.
fn read(body: &[u8], plan: &Plan, limits: &ClientLimits, exchange: &mut Exchange) -> Result<Answered, Error> {
    let mut assembler = assembler(plan, limits, true);
    let mut out = BytesMut::new();
    let mut writer = plan.stream.then(|| plan.client.writer(&plan.ask));
    let mut emit = |event: &Event<'_>, answer: &Answer| {
        if let Some(writer) = &mut writer {
            writer.event(event, answer, &mut out);
        }
    };
    assembler.start(&mut emit);
    plan.backend.dialect.read_answer(body, &mut |fragment: Fragment<'_>| assembler.push(fragment, &mut emit));
    exchange.read(assembler.answer());
    let answer = finished(assembler.into_answer(), plan.client, plan.kept)?;
    // Nothing has been sent yet, so a failure is an HTTP error even for a client that asked for a stream.
    let answered = if plan.stream {
        Answered::Frames(out.freeze())
    } else {
        Answered::Plain(write(plan.client, &plan.ask, &answer))
    };
    exchange.told(|| answer.into());
    Ok(answered)
}

/// A stream for a client that wants the whole at once.
async fn collect(reply: Reply, plan: Plan, limits: &ClientLimits) -> Result<Answer, Error> {
    let total = plan.backend.timeouts.total;
    let until = reply.asked + total;
    let assembler = assembler(&plan, limits, true);
    let (client, kept) = (plan.client, plan.kept);
    let mut feed = Feed::new(reply, plan.backend, plan.follow, limits.answer);
    let mut transcoder = Transcoder::new(plan.reader, assembler, None, limits.answer);
    let reading = async {
        while !transcoder.ended() {
            std::future::poll_fn(|cx| feed.poll(cx, &mut transcoder)).await;
        }
    };
    if tokio::time::timeout_at(until.into(), reading).await.is_err() {
        let message = format!("the agent's answer was not complete within {} s", total.as_secs_f32());
        return Err(Error::new(Kind::TotalTimeout, message));
    }
    finished(transcoder.into_answer(), client, kept)
}

/// An answer that can be shown. One that a client came back for is shown as it stands, even if it failed.
fn finished(mut answer: Answer, client: &dyn Dialect, kept: Kept) -> Result<Answer, Error> {
    let keeps = kept != Kept::No && client.name() == Responses.name();
    match answer.failure.take() {
        Some(error) if keeps && kept == Kept::Found => Ok(Answer { failure: Some(error), ..answer }),
        Some(error) => Err(error),
        None if answer.finish.is_some() || (keeps && answer.waiting.is_some()) => Ok(answer),
        None if answer.waiting.is_some() => {
            let message = "the agent went on in the background, which nobody asked for";
            Err(Error::new(Kind::BackendGarbage, message))
        }
        None => Err(no_end()),
    }
}

fn no_end() -> Error {
    Error::new(Kind::Cut, "the agent's answer has no end")
}

fn write(client: &dyn Dialect, ask: &Ask, answer: &Answer) -> Bytes {
    let mut out = Vec::with_capacity(1024);
    client.write_answer(answer, ask, &mut out);
    out.into()
}

/// `named`: after the backend's own id of the answer, where it has one that we can pass on.
fn assembler(plan: &Plan, limits: &ClientLimits, named: bool) -> Assembler {
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let backend = &plan.backend.name;
    let assembler = Assembler::new(mint_seed(backend), created, plan.calls.clone(), limits.answer);
    if named { assembler.named_behind(tag(backend)) } else { assembler }
}

/// A stream on its way.
pub struct Relay {
    feed: Feed,
    transcoder: Transcoder,
    /// Set when the backend's bytes pass as they are: the transcoder only watches them, and this writes the frame of a
    /// failure that the backend could not tell of itself.
    verbatim: Option<Box<dyn Writer>>,
    /// Clients on `invocations` do not look for errors in frames, so when the backend broke off, their connection is
    /// broken off as well. An error that the agent told of itself ends their stream as it does without us.
    abort: bool,
    /// None where bytes pass as they are: they may stop in the middle of a frame.
    keep_alive: Option<KeepAlive>,
    /// When it has to end, whatever the backend still has to say.
    ending: Option<Watch>,
    state: State,
}

enum State {
    Flowing,
    /// The error frame has been handed over; wait for it to leave before the connection is broken off.
    Leaving(Pin<Box<tokio::time::Sleep>>),
    Over,
}

/// Time for an error frame to leave before the connection is broken off.
const LEAVE: Duration = Duration::from_millis(20);

/// Bytes that are gathered before they are handed on although more are ready.
const ENOUGH: usize = 64 * 1024;

/// The stream was broken off on purpose, so that nobody takes it for complete.
#[derive(Debug)]
pub struct Aborted;

impl std::fmt::Display for Aborted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the backend's answer was cut short")
    }
}

impl std::error::Error for Aborted {}

impl Relay {
    fn new(reply: Reply, plan: Plan, limits: &ClientLimits, keep_alive: Duration) -> Self {
        let writer = plan.client.writer(&plan.ask);
        let (writer, verbatim) = if plan.verbatim { (None, Some(writer)) } else { (Some(writer), None) };
        let assembler = assembler(&plan, limits, plan.kept != Kept::No);
        let mut transcoder = Transcoder::new(plan.reader, assembler, writer, limits.answer);
        transcoder.start();
        Self {
            feed: Feed::new(reply, plan.backend, plan.follow, limits.answer),
            transcoder,
            abort: verbatim.is_some() || plan.ask.surface == Surface::Invocations,
            keep_alive: verbatim.is_none().then(|| KeepAlive::new(plan.ask.surface, keep_alive)),
            verbatim,
            ending: None,
            state: State::Flowing,
        }
    }

    /// Ends with an error of ours when the gateway can wait no longer.
    pub(super) fn until(&mut self, ending: &Ending) {
        self.ending = Some(ending.watch());
    }

    /// The next bytes for the client: everything that is ready, in whole frames.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        loop {
            match &mut self.state {
                State::Over if self.transcoder.out().is_empty() => return Poll::Ready(None),
                State::Over => return Poll::Ready(Some(Ok(self.take()))),
                State::Leaving(sleep) => {
                    if !self.transcoder.out().is_empty() {
                        return Poll::Ready(Some(Ok(self.take())));
                    }
                    std::task::ready!(sleep.as_mut().poll(cx));
                    self.state = State::Over;
                    return Poll::Ready(Some(Err(Aborted)));
                }
                State::Flowing if self.ending.as_mut().is_some_and(|ending| ending.is_over(cx)) => {
                    self.transcoder.fail(stopping());
                    self.last_words();
                }
                State::Flowing => {
                    let ready = self.ready();
                    let news = if self.verbatim.is_some() { self.pass(cx) } else { self.translate(cx) };
                    match news {
                        Poll::Pending if ready == 0 => {
                            let Some(silence) = &mut self.keep_alive else { return Poll::Pending };
                            let sign = std::task::ready!(silence.poll(cx));
                            return Poll::Ready(Some(Ok(Bytes::from_static(sign))));
                        }
                        Poll::Pending => return Poll::Ready(Some(Ok(self.take()))),
                        Poll::Ready(()) => {}
                    }
                    if self.transcoder.out().len() >= ENOUGH {
                        return Poll::Ready(Some(Ok(self.take())));
                    }
                }
            }
        }
    }

    fn translate(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        std::task::ready!(self.feed.poll(cx, &mut self.transcoder));
        if self.transcoder.ended() {
            // The end of the backend's body is usually there already; seeing it lets the connection be used again.
            let _ = self.feed.poll_source(cx);
            self.last_words();
        }
        Poll::Ready(())
    }

    /// Hands on what the backend sends, to its last byte. What the backend says of failures itself is left to it; a
    /// missing end is not.
    fn pass(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match std::task::ready!(self.feed.poll_source(cx)) {
            Some(Ok(bytes)) => {
                self.transcoder.push(&bytes);
                self.transcoder.out().extend_from_slice(&bytes);
                return Poll::Ready(());
            }
            Some(Err(error)) => self.transcoder.fail(error),
            None => self.transcoder.end(),
        }
        self.last_words();
        Poll::Ready(())
    }

    /// Ends the stream; if it broke off, with a frame that says so, be it that the bytes so far passed as they are.
    fn last_words(&mut self) {
        if self.verbatim.is_none() {
            return self.over(self.transcoder.answer().failure.as_ref().is_some_and(broke_off));
        }
        let answer = self.transcoder.answer();
        let broken = answer.failure.as_ref().filter(|error| broke_off(error));
        let mut frame = BytesMut::new();
        if let (Some(error), Some(writer)) = (broken, &mut self.verbatim) {
            writer.event(&Event::Failed(error), answer, &mut frame);
            // Half a frame of the backend's would spoil ours.
            let whole = crate::sse::whole_frames(self.transcoder.out());
            self.transcoder.out().truncate(whole);
        }
        self.transcoder.out().extend_from_slice(&frame);
        self.over(!frame.is_empty());
    }

    fn over(&mut self, failed: bool) {
        self.state = match failed && self.abort {
            true => State::Leaving(Box::pin(tokio::time::sleep(LEAVE))),
            false => State::Over,
        };
    }

    fn take(&mut self) -> Bytes {
        if let Some(silence) = &mut self.keep_alive {
            silence.spoke();
        }
        let ready = self.ready();
        self.transcoder.out().split_to(ready).freeze()
    }

    /// How many bytes may be handed on: whole frames, unless one is too large to be gathered, and at the end all there is.
    fn ready(&mut self) -> usize {
        let flowing = matches!(self.state, State::Flowing);
        let out = self.transcoder.out();
        match out.len() {
            all if self.verbatim.is_none() || !flowing => all,
            all => Some(crate::sse::whole_frames(out)).filter(|whole| *whole > 0 || all < ENOUGH).unwrap_or(all),
        }
    }
}

/// Whether the backend's stream ended where it should not have, without a word.
fn broke_off(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Cut
            | Kind::BackendGarbage
            | Kind::IdleTimeout
            | Kind::FirstByteTimeout
            | Kind::TotalTimeout
            | Kind::ShuttingDown
    )
}

/// The body of an answer to a client.
pub enum Body {
    /// All of it is here.
    Whole(Option<Bytes>),
    /// It is still coming; the exchange ends with it.
    Coming(Box<Relay>, Box<Exchange>),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Coming(relay, exchange) => {
                let next = std::task::ready!(relay.poll_bytes(cx));
                match (&next, &relay.transcoder.answer().failure) {
                    (_, Some(error)) => exchange.failed(error),
                    (None, None) => exchange.complete(),
                    _ => {}
                }
                if !relay.transcoder.answer().items.is_empty() {
                    exchange.spoke();
                }
                match &next {
                    Some(Ok(bytes)) => exchange.sent(bytes.len()),
                    _ => {
                        exchange.read(relay.transcoder.answer());
                        exchange.told(|| relay.transcoder.take_answer().into());
                    }
                }
                Poll::Ready(next.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Coming(..) => SizeHint::default(),
        }
    }
}
