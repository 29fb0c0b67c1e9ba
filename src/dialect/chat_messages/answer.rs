//! Reads what legacy agents and chat servers answer: one reader for every shape that any of them sends.
//!
//! OpenAI's `choices`, ChatAgent's `messages` and `delta`, MLflow's older `content`, each bare or in `predictions`, in a
//! stream or whole. What a backend is configured as says only where its stream may end: agents behind one endpoint were
//! seen to answer in another's shape.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::dialect::{Reader, backend_error};
use crate::error::{Error, Kind};
use crate::ir::{Finish, Fragment, Json, Sink, Str};
use crate::sse::Frame;

mod loose;
mod quick;
mod slots;
mod spoken;
mod wire;

use super::citation;
use loose::each;
use slots::Slots;
use spoken::Spoken;
use wire::{Choice, Databricks, Payload, Said, ToolCall};

/// Where a stream may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At `[DONE]`, or where the bytes end once there was a finish reason.
    FinishReason,
    /// At `[DONE]` only: nothing else tells a whole answer from half of one.
    Terminator,
}

/// How deep an answer may be wrapped (`{"predictions": [...]}`); a server could send a million brackets.
const WRAPPINGS: usize = 4;

/// How much of a message is in one place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Pieces of it, those of tool calls told apart by index.
    Pieces,
    /// More text of it, but its tool calls in whole.
    TextInPieces,
    /// All of it.
    Whole,
}

/// Reads a stream.
pub(crate) struct StreamReader {
    end: End,
    slots: Slots,
    begun: bool,
    /// There was a finish reason, and nothing has been said since.
    finished: bool,
    /// Nothing that comes now can change how it ended.
    over: bool,
}

/// The text that bytes are; what is no text is no JSON either. Looked at once, where serde_json would look at each string.
fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("not UTF-8")
}

/// Reads an answer that came in one body.
pub(crate) fn read_answer(body: &[u8], out: &mut dyn Sink) {
    let mut reader = StreamReader::new(End::FinishReason);
    if let Ok(true) = reader.json(utf8(body), Extent::Whole, WRAPPINGS, out) {
        reader.finish(out);
    } else {
        reader.fail(Error::new(Kind::BackendGarbage, "the agent's answer is in no form that this gateway knows"), out);
    }
}

impl Reader for StreamReader {
    fn frame(&mut self, frame: Frame<'_>, out: &mut dyn Sink) {
        if self.over || frame.data.trim_ascii().is_empty() {
            return;
        }
        if frame.is_done() {
            return self.finish(out);
        }
        let text = utf8(frame.data);
        if let Some(more) = quick::more(text) {
            return self.more(more, out);
        }
        if let Err(error) = self.json(text, Extent::TextInPieces, WRAPPINGS, out) {
            let message = "the agent's endpoint sent an event that is not JSON";
            let doubled = backend_error::doubled(&error);
            self.fail(doubled.unwrap_or_else(|| Error::new(Kind::BackendGarbage, message).because(error)), out);
        }
    }

    fn end(&mut self, out: &mut dyn Sink) {
        if self.finished && self.end == End::FinishReason {
            self.finish(out);
        } else {
            self.fail(Error::new(Kind::Cut, "the agent's answer ended before it was complete"), out);
        }
    }
}

impl StreamReader {
    /// A reader for a stream that may end at `end`.
    pub(crate) fn new(end: End) -> Self {
        Self { end, slots: Slots::default(), begun: false, finished: false, over: false }
    }

    fn more(&mut self, more: quick::More<'_>, out: &mut dyn Sink) {
        self.begin(more.answer.as_deref(), out);
        if !more.text.is_empty() {
            self.finished = false;
            out.push(Fragment::Text { item: more.item, delta: more.text });
        }
    }

    /// Takes in one JSON text, in at most so many `wrappings`; false if it is nothing that we know.
    fn json(
        &mut self,
        text: &str,
        extent: Extent,
        wrappings: usize,
        out: &mut dyn Sink,
    ) -> Result<bool, serde_json::Error> {
        let Some(inner) = wrappings.checked_sub(1) else { return Ok(false) };
        match text.as_bytes().trim_ascii_start().first() {
            Some(b'{') => match serde_json::from_str::<Payload<'_>>(text) {
                Ok(payload) => Ok(self.payload(text, &payload, extent, inner, out)),
                Err(error) if error.is_data() && backend_error::doubled(&error).is_none() => Ok(false),
                Err(error) => Err(error),
            },
            Some(b'[') => {
                let mut known = false;
                each(serde_json::from_str(text)?, |element| {
                    known |= self.json(element.get(), extent, inner, out).unwrap_or(false);
                });
                Ok(known)
            }
            Some(b'"') => {
                let content = serde_json::from_str(text)?;
                self.said(&Said { content: Some(content), ..Said::default() }, extent, out);
                Ok(true)
            }
            _ => serde_json::from_str::<IgnoredAny>(text).map(|_| false),
        }
    }

    fn payload(
        &mut self,
        text: &str,
        payload: &Payload<'_>,
        extent: Extent,
        wrappings: usize,
        out: &mut dyn Sink,
    ) -> bool {
        if payload.is_failure() {
            let failure = serde_json::from_str(text).ok().and_then(backend_error::in_band);
            self.fail(failure.unwrap_or_else(|| backend_error::failed("")), out);
            return true;
        }
        self.begin(payload.id.given(), out);
        // Answers in two shapes at once (this gateway gives such) say the same in both.
        if let Some(choices) = &payload.choices {
            self.choice(choices.0.as_ref(), out);
        } else if let Some(delta) = &payload.delta {
            self.said(delta, Extent::TextInPieces, out);
        } else if let Some(messages) = payload.messages {
            each(messages, |message| {
                let message = serde_json::from_str(message.get()).unwrap_or_default();
                self.said(&message, Extent::Whole, out);
            });
        } else if payload.content.is_some() {
            self.said(&Said { content: payload.content, ..Said::default() }, extent, out);
        }
        let predicted = payload
            .predictions
            .is_some_and(|predicted| self.json(predicted.get(), extent, wrappings, out).unwrap_or(false));
        self.finish_reason(payload.finish_reason.given(), out);
        self.beside(payload, out);
        if extent != Extent::Whole && !predicted && payload.is_unknown() {
            out.push(Fragment::Unknown);
        }
        predicted || payload.has_content()
    }

    /// What stands beside the messages; it may stand in any frame.
    fn beside(&mut self, payload: &Payload<'_>, out: &mut dyn Sink) {
        if self.over {
            return;
        }
        if let Some(usage) = payload.usage.and_then(wire::usage) {
            out.push(Fragment::Usage(usage));
        }
        if let Some(outputs) = payload.custom_outputs {
            out.push(Fragment::CustomOutputs(Cow::Borrowed(outputs)));
        }
        if let Some(id) = payload.trace_id.given() {
            out.push(Fragment::Trace(id.into()));
        }
        if let Some(raw) = payload.databricks_output {
            self.databricks(raw, out);
        }
    }

    /// Model Serving tells of failures here, in a frame that looks like any other.
    fn databricks(&mut self, raw: &RawValue, out: &mut dyn Sink) {
        let databricks = Databricks::of(raw);
        if let Some(message) = databricks.failure() {
            return self.fail(backend_error::failed(&message), out);
        }
        out.push(Fragment::Databricks(Cow::Borrowed(raw)));
        if let Some(id) = databricks.trace_id() {
            out.push(Fragment::Trace(id));
        }
    }

    fn choice(&mut self, choice: Option<&Choice<'_>>, out: &mut dyn Sink) {
        let Some(choice) = choice else { return };
        if let Some(delta) = &choice.delta {
            self.said(delta, Extent::Pieces, out);
        }
        if let Some(message) = &choice.message {
            self.said(message, Extent::Whole, out);
        }
        self.finish_reason(choice.finish_reason.given(), out);
    }

    /// A message, or a piece of one: thoughts, then words, then calls.
    fn said(&mut self, said: &Said<'_>, extent: Extent, out: &mut dyn Sink) {
        match said.role.given() {
            Some("tool") => return self.answered(said, out),
            // Some agents give the question back with the answer.
            Some("system" | "developer" | "user") => return,
            _ => {}
        }
        let spoken = Spoken::of(said);
        let calls = said.tool_calls.iter().next().is_some();
        if !spoken.is_empty() || calls {
            self.finished = false;
        }
        if !(spoken.is_empty() && calls) {
            attachments(said, said.id.given(), out);
        } else if said.attachments.is_some() {
            // Calls have no place for them.
            out.push(Fragment::Unknown);
        }
        match extent {
            Extent::Whole => spoken_whole(said, spoken, out),
            Extent::Pieces | Extent::TextInPieces => spoken_more(said, spoken, out),
        }
        for call in said.tool_calls.iter() {
            if extent == Extent::Pieces {
                self.piece_of_call(call, out);
            } else {
                whole_call(call, out);
            }
        }
    }

    fn piece_of_call(&mut self, call: &ToolCall<'_>, out: &mut dyn Sink) {
        let (id, name, delta) = (call.id.given(), call.name(), call.arguments());
        if id.is_none() && name.is_none() && delta.is_empty() {
            return;
        }
        let slot = self.slots.find(call.index.number(), id.unwrap_or_default(), name.is_some());
        if id.is_some() || name.is_some() {
            out.push(Fragment::CallStart { slot, call_id: id.map(Str::from), name: name.map(Str::from) });
        }
        if !delta.is_empty() {
            out.push(Fragment::CallArguments { slot, delta });
        }
    }

    /// A tool that the agent ran itself has answered.
    fn answered(&mut self, said: &Said<'_>, out: &mut dyn Sink) {
        self.finished = false;
        attachments(said, said.tool_call_id.given(), out);
        out.push(Fragment::CallOutput {
            call_id: said.tool_call_id.given().unwrap_or_default().into(),
            name: said.name.given().map(Str::from),
            output: Spoken::of(said).text,
        });
    }

    fn begin(&mut self, id: Option<&str>, out: &mut dyn Sink) {
        if id.is_some() && !self.begun {
            self.begun = true;
            out.push(Fragment::Begin { id: id.map(Str::from) });
        }
    }

    fn finish_reason(&mut self, reason: Option<&str>, out: &mut dyn Sink) {
        if let Some(reason) = reason.filter(|_| !self.over) {
            self.finished = true;
            out.push(Fragment::Finish(Finish::named(reason)));
        }
    }

    fn finish(&mut self, out: &mut dyn Sink) {
        if !self.over {
            self.over = true;
            out.push(Fragment::Done);
        }
    }

    fn fail(&mut self, error: Error, out: &mut dyn Sink) {
        if !self.over {
            self.over = true;
            out.push(Fragment::Failed(error));
        }
    }
}

fn spoken_more(said: &Said<'_>, spoken: Spoken<'_>, out: &mut dyn Sink) {
    let item = || said.id.given().map(Str::from);
    if !spoken.reasoning.is_empty() {
        out.push(Fragment::Reasoning { item: None, delta: spoken.reasoning });
    }
    if !spoken.text.is_empty() {
        out.push(Fragment::Text { item: item(), delta: spoken.text });
    }
    if !spoken.refusal.is_empty() {
        out.push(Fragment::Refusal { item: item(), delta: spoken.refusal });
    }
    for annotation in annotations(said) {
        out.push(Fragment::Annotation { annotation });
    }
}

fn spoken_whole(said: &Said<'_>, spoken: Spoken<'_>, out: &mut dyn Sink) {
    if !spoken.reasoning.is_empty() {
        out.push(Fragment::Thought { item: None, text: spoken.reasoning, encrypted: None });
    }
    if !spoken.text.is_empty() || !spoken.refusal.is_empty() {
        out.push(Fragment::Message {
            item: said.id.given().map(Str::from),
            text: spoken.text,
            refusal: Some(spoken.refusal).filter(|refusal| !refusal.is_empty()),
            annotations: annotations(said),
        });
    }
}

fn whole_call(call: &ToolCall<'_>, out: &mut dyn Sink) {
    out.push(Fragment::Call {
        slot: None,
        call_id: call.id.given().unwrap_or_default().into(),
        name: call.name().unwrap_or_default().into(),
        arguments: call.arguments(),
    });
}

/// What a ChatAgent gives beside the words of a message; no other dialect has it.
fn attachments(said: &Said<'_>, item: Option<&str>, out: &mut dyn Sink) {
    if let Some(attachments) = said.attachments.filter(|attachments| attachments.get().starts_with('{')) {
        let item = item.map(Str::from);
        out.push(Fragment::Own { item, key: "attachments", value: Cow::Borrowed(attachments) });
    }
}

fn annotations(said: &Said<'_>) -> Vec<Json<'static>> {
    let mut annotations = Vec::new();
    if let Some(list) = said.annotations {
        each(list, |annotation| annotations.extend(citation::from_chat(annotation).map(Cow::Owned)));
    }
    annotations
}
