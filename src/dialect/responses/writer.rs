//! Writes a client's stream: every event in its legal place, numbered without gaps, each frame whole.

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::value::RawValue;

use super::frames::{Frames, Place};
use super::item::{Item, Part};
use super::lowered::{self, Origins};
use super::resource::{Resource, State, shows};
use crate::dialect::surface::OpenAiError;
use crate::dialect::{Ask, Surface, Trace, Writer};
use crate::error::Error;
use crate::ir::{Answer, Event, Finish, Output, Piece, json};

/// Writes one answer.
pub(super) struct Stream {
    ask: Ask,
    frames: Frames,
    /// The items that the client has seen, by their place in the answer; the place in here is their `output_index`.
    shown: Vec<usize>,
    /// The open item, unless it is hidden.
    open: Option<Open>,
    /// What the client declared some functions as.
    origins: Origins,
}

/// The item that is being written.
struct Open {
    id: String,
    output_index: usize,
    /// The part that is being written, and its index in the item.
    part: Option<(Kind, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Refusal,
    Summary,
    Text,
}

impl Open {
    /// The place of the item itself.
    fn place(&self) -> Place<'_> {
        Place { item_id: &self.id, output_index: self.output_index, content_index: None, summary_index: None }
    }

    /// The place of a part.
    fn place_in(&self, kind: Kind, index: usize) -> Place<'_> {
        match kind {
            Kind::Refusal | Kind::Text => Place { content_index: Some(index), ..self.place() },
            Kind::Summary => Place { summary_index: Some(index), ..self.place() },
        }
    }
}

#[derive(Serialize)]
struct Lifecycle<'a> {
    response: Resource<'a>,
    /// Where MLflow's clients look for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_outputs: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_output: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct ItemBody<'a> {
    output_index: usize,
    item: Item<'a>,
}

/// What is said at a place.
#[derive(Serialize)]
struct Says<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What<'a> {
    Annotation { annotation_index: usize, annotation: &'a RawValue },
    Arguments { arguments: &'a str, name: &'a str },
    Delta { delta: &'a str },
    Input { input: &'a str },
    Part { part: Part<'a> },
    Refusal { refusal: &'a str },
    Summary { text: &'a str },
    Text { text: &'a str, logprobs: [(); 0] },
}

/// The error as OpenAI documents it (flat) and as it sends it (nested), because clients read one or the other.
#[derive(Serialize)]
struct OpenAiFailure<'a> {
    error: OpenAiError<'a>,
    code: &'static str,
    message: &'a str,
    param: Option<&'a str>,
}

/// The error without a key `error`, which invocation clients would read as something else.
#[derive(Serialize)]
struct InvocationsFailure<'a> {
    error_code: &'static str,
    code: &'static str,
    message: &'a str,
    param: Option<&'a str>,
}

impl Stream {
    pub(super) fn new(ask: &Ask) -> Self {
        let named = ask.surface == Surface::OpenAi;
        Self {
            ask: ask.clone(),
            frames: Frames { sequence: 0, named, after: ask.starting_after },
            shown: Vec::new(),
            open: None,
            origins: Origins::of(&ask.echo),
        }
    }

    fn lifecycle(&mut self, kind: &'static str, answer: &Answer, state: State<'_>, out: &mut BytesMut) {
        let last = self.ask.surface == Surface::Invocations && matches!(state, State::Ended);
        let body = Lifecycle {
            response: Resource { answer, ask: &self.ask, state, shown: &self.shown, origins: &self.origins },
            custom_outputs: answer.custom_outputs.as_deref().filter(|_| last),
            databricks_output: answer.databricks.as_deref().filter(|_| last),
        };
        self.frames.write(out, kind, &body);
    }

    fn start(&mut self, index: usize, answer: &Answer, out: &mut BytesMut) {
        let Some(output) = answer.items.get(index).filter(|output| shows(&self.ask, &output.piece)) else {
            self.open = None;
            return;
        };
        let open = Open { id: answer.item_id(index), output_index: self.shown.len(), part: None };
        let body = ItemBody { output_index: open.output_index, item: Item::begun(output, &open.id, &self.origins) };
        self.frames.write(out, "response.output_item.added", &body);
        self.shown.push(index);
        self.open = Some(open);
    }

    fn delta(&mut self, kind: Kind, delta: &str, output: &Output, out: &mut BytesMut) {
        self.enter(kind, output, out);
        let Some(open) = &self.open else { return };
        let Some((_, index)) = open.part else { return };
        let (name, what) = match kind {
            Kind::Refusal => ("response.refusal.delta", What::Delta { delta }),
            Kind::Summary => ("response.reasoning_summary_text.delta", What::Delta { delta }),
            Kind::Text => {
                return self.frames.text_delta(out, "response.output_text.delta", &open.place_in(kind, index), delta);
            }
        };
        self.frames.write(out, name, &Says { place: open.place_in(kind, index), what });
    }

    fn annotation(&mut self, annotation: &RawValue, output: &Output, out: &mut BytesMut) {
        self.enter(Kind::Text, output, out);
        let Some(open) = &self.open else { return };
        let (Some((kind, index)), Piece::Message { annotations, .. }) = (open.part, &output.piece) else { return };
        let what = What::Annotation { annotation_index: annotations.len().saturating_sub(1), annotation };
        let body = Says { place: open.place_in(kind, index), what };
        self.frames.write(out, "response.output_text.annotation.added", &body);
    }

    /// Makes the part of a kind the open one.
    fn enter(&mut self, kind: Kind, output: &Output, out: &mut BytesMut) {
        let index = match self.open.as_ref().map(|open| open.part) {
            None => return,
            Some(Some((open, _))) if open == kind => return,
            Some(part) => part.map_or(0, |(_, index)| index + 1),
        };
        self.leave(output, out);
        let Some(open) = &mut self.open else { return };
        open.part = Some((kind, index));
        let (name, part) = match kind {
            Kind::Refusal => ("response.content_part.added", Part::Refusal { refusal: "" }),
            Kind::Summary => ("response.reasoning_summary_part.added", Part::SummaryText { text: "" }),
            Kind::Text => ("response.content_part.added", Part::text("", &[])),
        };
        self.frames.write(out, name, &Says { place: open.place_in(kind, index), what: What::Part { part } });
    }

    /// Closes the open part, if there is one, with all that it said.
    fn leave(&mut self, output: &Output, out: &mut BytesMut) {
        let Some(open) = &mut self.open else { return };
        let Some((kind, index)) = open.part.take() else { return };
        let (said, done, what, part) = match (kind, &output.piece) {
            (Kind::Text, Piece::Message { text, annotations, .. }) => {
                let what = What::Text { text, logprobs: [] };
                ("response.output_text.done", "response.content_part.done", what, Part::text(text, annotations))
            }
            (Kind::Refusal, Piece::Message { refusal, .. }) => {
                let what = What::Refusal { refusal };
                ("response.refusal.done", "response.content_part.done", what, Part::Refusal { refusal })
            }
            (Kind::Summary, Piece::Reasoning { text, .. }) => {
                let (said, done) = ("response.reasoning_summary_text.done", "response.reasoning_summary_part.done");
                (said, done, What::Summary { text }, Part::SummaryText { text })
            }
            _ => return,
        };
        self.frames.write(out, said, &Says { place: open.place_in(kind, index), what });
        self.frames.write(out, done, &Says { place: open.place_in(kind, index), what: What::Part { part } });
    }

    fn arguments(&mut self, delta: &str, output: &Output, out: &mut BytesMut) {
        let custom = |name: &str| self.origins.get(name).is_some_and(|origin| origin.custom);
        let later = matches!(&output.piece, Piece::Call { name, .. } if custom(name));
        if let Some(open) = self.open.as_ref().filter(|_| !later) {
            let body = Says { place: open.place(), what: What::Delta { delta } };
            self.frames.write(out, "response.function_call_arguments.delta", &body);
        }
    }

    fn done(&mut self, output: &Output, out: &mut BytesMut) {
        match &output.piece {
            // A message without a word still has its part.
            Piece::Message { text, refusal, .. } if text.is_empty() && refusal.is_empty() => {
                self.enter(Kind::Text, output, out);
            }
            _ => {}
        }
        self.leave(output, out);
        let Some(open) = self.open.take() else { return };
        if let Piece::Call { arguments, name, .. } = &output.piece {
            self.called(name, arguments, &open, out);
        }
        let body = ItemBody { output_index: open.output_index, item: Item::ended(output, &open.id, &self.origins) };
        self.frames.write(out, "response.output_item.done", &body);
    }

    /// A call has all its arguments. Those of a custom tool could not be shown before: they are JSON, and its input is not.
    fn called(&mut self, name: &str, arguments: &str, open: &Open, out: &mut BytesMut) {
        let origin = self.origins.get(name);
        let name = origin.map_or(name, |origin| &origin.name);
        if !origin.is_some_and(|origin| origin.custom) {
            let body = Says { place: open.place(), what: What::Arguments { arguments, name } };
            return self.frames.write(out, "response.function_call_arguments.done", &body);
        }
        let input = lowered::input(arguments);
        if !input.is_empty() {
            let body = Says { place: open.place(), what: What::Delta { delta: &input } };
            self.frames.write(out, "response.custom_tool_call_input.delta", &body);
        }
        let body = Says { place: open.place(), what: What::Input { input: &input } };
        self.frames.write(out, "response.custom_tool_call_input.done", &body);
    }

    fn finish(&mut self, answer: &Answer, out: &mut BytesMut) {
        let kind = match answer.finish() {
            Some(Finish::Length | Finish::ContentFilter) => "response.incomplete",
            _ => "response.completed",
        };
        self.lifecycle(kind, answer, State::Ended, out);
        if let (Surface::Invocations, Some(Trace::Header), Some(id)) =
            (self.ask.surface, self.ask.trace, &answer.trace_id)
        {
            // As an AgentServer does. OpenAI's SDKs would break on a frame without a type.
            out.extend([&b"data: {\"trace_id\":"[..], json(id).get().as_bytes(), b"}\n\n"].concat());
        }
        out.put_slice(b"data: [DONE]\n\n");
    }

    fn fail(&mut self, error: &Error, answer: &Answer, out: &mut BytesMut) {
        let (code, message, param) = (error.facts().code, error.message(), error.field());
        match self.ask.surface {
            Surface::OpenAi => {
                let body = OpenAiFailure { error: OpenAiError::of(error), code, message, param };
                self.frames.write(out, "error", &body);
                self.lifecycle("response.failed", answer, State::Failed(error), out);
                out.put_slice(b"data: [DONE]\n\n");
            }
            Surface::Invocations => {
                let body = InvocationsFailure { error_code: error.facts().mlflow, code, message, param };
                self.frames.write(out, "error", &body);
                self.lifecycle("response.failed", answer, State::Failed(error), out);
            }
        }
    }
}

impl Writer for Stream {
    fn event(&mut self, event: &Event<'_>, answer: &Answer, out: &mut BytesMut) {
        let item = |index: &usize| answer.items.get(*index);
        match event {
            Event::Started => {
                self.lifecycle("response.created", answer, State::Begun, out);
                self.lifecycle("response.in_progress", answer, State::Begun, out);
            }
            Event::ItemStarted { index } => self.start(*index, answer, out),
            Event::Arguments { index, delta } => {
                if let Some(output) = item(index) {
                    self.arguments(delta, output, out);
                }
            }
            Event::Finished => self.finish(answer, out),
            Event::Failed(error) => self.fail(error, answer, out),
            Event::Text { index, delta } => {
                if let Some(output) = item(index) {
                    self.delta(Kind::Text, delta, output, out);
                }
            }
            Event::Refusal { index, delta } => {
                if let Some(output) = item(index) {
                    self.delta(Kind::Refusal, delta, output, out);
                }
            }
            Event::Reasoning { index, delta } => {
                if let Some(output) = item(index) {
                    self.delta(Kind::Summary, delta, output, out);
                }
            }
            Event::Annotation { index, annotation } => {
                if let Some(output) = item(index) {
                    self.annotation(annotation, output, out);
                }
            }
            Event::ItemDone { index } => {
                if let Some(output) = item(index) {
                    self.done(output, out);
                }
            }
        }
    }
}
