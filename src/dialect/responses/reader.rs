//! Reads a backend's stream: OpenAI's full events, an MLflow agent's sparse ones, and every mixture of the two.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{self, Resource, Streamed};
use super::progress::{Calls, Part, PartKind, Tally};
use super::value;
use crate::dialect::{Reader, backend_error};
use crate::error::{Error, Kind};
use crate::ir::{Finish, Fragment, Sink, Str};
use crate::sse::Frame;

/// An event's fields, of all types together. Nothing is typed, so that no agent's whim can make a frame unreadable.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    item_id: Option<&'a RawValue>,
    output_index: Option<&'a RawValue>,
    content_index: Option<&'a RawValue>,
    summary_index: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    custom_outputs: Option<&'a RawValue>,
    #[serde(borrow)]
    databricks_output: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    trace_id: Option<&'a RawValue>,
    #[serde(borrow)]
    response_id: Option<&'a RawValue>,
    sequence_number: Option<&'a RawValue>,
}

impl Event<'_> {
    /// The index of the part that it is about.
    fn part(&self) -> u64 {
        number(self.summary_index.or(self.content_index)).unwrap_or(0)
    }
}

/// Reads one answer.
#[derive(Default)]
pub(super) struct Stream {
    /// The last thing said was that a response is complete. More may still follow: agents that work in steps repeat the
    /// whole life of a response for each.
    complete: bool,
    /// Done or failed.
    ended: bool,
    /// Something has been said, so that a final `output` only repeats it.
    streamed: bool,
    /// What the backend called the message or reasoning item that it announced and has not finished. Until then all
    /// pieces belong to it, whatever ids they carry: some proxies give every event another.
    open: Option<String>,
    part: Part,
    calls: Calls,
    tally: Tally,
    last: Last,
}

/// Which frame came last, as far as it was numbered: a LongRunningAgentServer repeats its first one, and one that has taken
/// over from another goes on counting.
#[derive(Default)]
struct Last {
    response: String,
    number: Option<u64>,
}

impl Last {
    /// Notes a frame, and tells what its response is called; true if it has come before.
    fn is_again(&mut self, event: &Event<'_>, out: &mut dyn Sink) -> bool {
        let Some(response) = event.response_id.and_then(value::string) else { return false };
        let number = number(event.sequence_number);
        if response == *self.response {
            let again = number.is_some() && number <= self.number;
            self.number = self.number.max(number);
            return again;
        }
        self.response.clear();
        self.response.push_str(&response);
        self.number = number;
        out.push(Fragment::Begin { id: Some(response) });
        false
    }
}

impl Reader for Stream {
    fn frame(&mut self, frame: Frame<'_>, out: &mut dyn Sink) {
        if self.ended || frame.data.trim_ascii().is_empty() {
            return;
        }
        if frame.is_done() {
            self.ended = true;
            return out.push(Fragment::Done);
        }
        // Once for all of the frame, where serde_json would look at each of its strings.
        let text = std::str::from_utf8(frame.data).unwrap_or("not UTF-8");
        match serde_json::from_str::<Event<'_>>(text) {
            Ok(event) => self.event(&event, frame, out),
            Err(error) if error.is_data() => {
                // Other JSON is no object, and so nobody's event.
                if let Some(error) = backend_error::doubled(&error) {
                    self.fail(error, out);
                }
            }
            Err(_) if frame.event == b"error" => {
                self.fail(backend_error::failed(&String::from_utf8_lossy(frame.data)), out);
            }
            Err(error) => {
                let garbage = Error::new(Kind::BackendGarbage, "the agent's stream holds a frame that is not JSON");
                self.fail(garbage.because(error), out);
            }
        }
    }

    fn end(&mut self, out: &mut dyn Sink) {
        if self.ended {
            return;
        }
        self.ended = true;
        if self.complete {
            out.push(Fragment::Done);
        } else {
            let cut = Error::new(Kind::Cut, "the agent's stream ended before its answer was complete");
            out.push(Fragment::Failed(cut));
        }
    }

    /// Where a server keeps the answer, every frame says what it is called.
    fn resume(&self) -> Option<String> {
        let Last { response, number } = &self.last;
        let number = number.filter(|_| !self.ended && !self.complete)?;
        let usable = response.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        usable.then(|| format!("/{response}?stream=true&starting_after={number}"))
    }
}

impl Stream {
    fn event(&mut self, event: &Event<'_>, frame: Frame<'_>, out: &mut dyn Sink) {
        if self.last.is_again(event, out) {
            return;
        }
        if let Some(trace) = event.trace_id.and_then(value::string) {
            out.push(Fragment::Trace(trace));
        }
        answer::outputs(event.custom_outputs, event.databricks_output, out);
        let kind = value::string_or_empty(event.r#type);
        let failure = match &*kind {
            "error" => Some(failure_of(event)),
            "" if frame.event == b"error" || event.error_code.is_some() => Some(failure_of(event)),
            _ => event.error.map(backend_error::of),
        };
        if let Some(error) = failure {
            return self.fail(error, out);
        }
        self.dispatch(&kind, event, frame, out);
        if let Some(error) = event.databricks_output.and_then(answer::databricks_failure) {
            self.fail(error, out);
        }
    }

    fn dispatch(&mut self, kind: &str, event: &Event<'_>, frame: Frame<'_>, out: &mut dyn Sink) {
        match kind {
            "response.created" | "response.queued" | "response.in_progress" => self.begin(kind, event, out),
            "response.output_item.added" => self.item_added(event, out),
            "response.output_item.done" => self.item_done(event.item, event, out),
            "response.output_text.delta" => self.delta(PartKind::Text, event, out),
            "response.output_text.done" => self.whole_part(PartKind::Text, event.text, event, out),
            "response.refusal.delta" => self.delta(PartKind::Refusal, event, out),
            "response.refusal.done" => self.whole_part(PartKind::Refusal, event.refusal, event, out),
            "response.reasoning_summary_text.delta" => self.delta(PartKind::Summary, event, out),
            "response.reasoning_summary_text.done" => self.whole_part(PartKind::Summary, event.text, event, out),
            "response.reasoning_text.delta" | "response.reasoning.delta" => {
                self.delta(PartKind::Reasoning, event, out);
            }
            "response.reasoning_text.done" | "response.reasoning.done" => {
                self.whole_part(PartKind::Reasoning, event.text, event, out);
            }
            "response.output_text.annotation.added" | "response.output_text_annotation.added" => {
                if let Some(annotation) = value::object(event.annotation) {
                    out.push(Fragment::Annotation { annotation: value::annotation(annotation) });
                }
            }
            "response.function_call_arguments.delta" => self.arguments(event, out),
            "response.function_call_arguments.done" => self.whole_arguments(event, out),
            // The second spelling is in the wild.
            "response.completed" | "responses.completed" | "response.incomplete" => self.completed(kind, event, out),
            "response.failed" | "response.cancelled" => {
                let error = Resource::of(event.response).failure();
                self.fail(error.unwrap_or_else(|| backend_error::failed("")), out);
            }
            // An item where its event should be.
            "message" | "function_call" | "function_call_output" | "reasoning" => {
                self.item_done(serde_json::from_slice(frame.data).ok(), event, out);
            }
            // The server that took over from one that died, and gave the conversation another name.
            "response.resumed" => {
                if let Some(name) = answer::resumed(frame.data) {
                    out.push(Fragment::Conversation(name));
                }
            }
            // What these say is said by the events around them; a frame without a type has been looked through above.
            "response.content_part.added"
            | "response.content_part.done"
            | "response.reasoning_summary_part.added"
            | "response.reasoning_summary_part.done"
            | "keepalive"
            | "" => {}
            _ => out.push(Fragment::Unknown),
        }
    }

    fn begin(&mut self, kind: &str, event: &Event<'_>, out: &mut dyn Sink) {
        self.complete = false;
        if kind == "response.created" {
            self.open = None;
            self.part = Part::default();
            self.calls.forget();
            self.tally.next_step();
        }
        Resource::of(event.response).tell(out);
    }

    fn item_added(&mut self, event: &Event<'_>, out: &mut dyn Sink) {
        self.complete = false;
        self.open = None;
        self.part = Part::default();
        let Some(label) = event.item.and_then(answer::label) else { return };
        match &*label.kind {
            "message" | "reasoning" => {
                answer::phase(Some(&label.id).filter(|id| !id.is_empty()), label.phase, out);
                self.open = Some(label.id.into_string());
            }
            "function_call" => {
                self.streamed = true;
                let slot = self.calls.open(number(event.output_index), &label.id);
                out.push(Fragment::CallStart { slot, call_id: Some(label.call_id), name: Some(label.name) });
                self.extend_call(event, &label.id, |_| &label.arguments, out);
            }
            _ => {}
        }
    }

    fn item_done(&mut self, item: Option<&RawValue>, event: &Event<'_>, out: &mut dyn Sink) {
        self.complete = false;
        self.part = Part::default();
        let open = self.open.take();
        let Some(item) = item else { return };
        self.streamed = true;
        let Some(label) = answer::label(item) else { return answer::item(item, Streamed::default(), out) };
        let streamed = match &*label.kind {
            "message" | "reasoning" => Streamed { name: open.as_deref().filter(|name| !name.is_empty()), slot: None },
            "function_call" => Streamed { name: None, slot: self.calls.close(number(event.output_index), &label.id) },
            _ => Streamed::default(),
        };
        answer::item(item, streamed, out);
    }

    fn delta(&mut self, kind: PartKind, event: &Event<'_>, out: &mut dyn Sink) {
        let delta = value::string_or_empty(event.delta);
        self.say(kind, &delta, event, out);
    }

    /// A part in whole: says what its deltas have not.
    fn whole_part(&mut self, kind: PartKind, whole: Option<&RawValue>, event: &Event<'_>, out: &mut dyn Sink) {
        let whole = value::string_or_empty(whole);
        let said = self.part.said(kind, event.part());
        self.say(kind, whole.get(said..).unwrap_or_default(), event, out);
    }

    fn say(&mut self, kind: PartKind, delta: &str, event: &Event<'_>, out: &mut dyn Sink) {
        self.complete = false;
        if delta.is_empty() || self.part.repeats(kind) {
            return;
        }
        self.streamed = true;
        let apart = self.part.extend(kind, event.part(), delta.len());
        let item = || match &self.open {
            Some(name) => Some(Str::from(name.as_str())).filter(|name| !name.is_empty()),
            None => event.item_id.and_then(value::string),
        };
        if apart {
            out.push(Fragment::Reasoning { item: item(), delta: Str::from("\n\n") });
        }
        let (item, delta) = (item(), Str::from(delta));
        out.push(match kind {
            PartKind::Refusal => Fragment::Refusal { item, delta },
            PartKind::Text => Fragment::Text { item, delta },
            PartKind::Reasoning | PartKind::Summary => Fragment::Reasoning { item, delta },
        });
    }

    fn arguments(&mut self, event: &Event<'_>, out: &mut dyn Sink) {
        let (id, delta) = (value::string_or_empty(event.item_id), value::string_or_empty(event.delta));
        self.extend_call(event, &id, |_| &delta, out);
    }

    /// A call's arguments in whole: says what their deltas have not.
    fn whole_arguments(&mut self, event: &Event<'_>, out: &mut dyn Sink) {
        let (id, whole) = (value::string_or_empty(event.item_id), value::arguments(event.arguments));
        self.extend_call(event, &id, |said| whole.get(said..).unwrap_or_default(), out);
    }

    fn extend_call<'d>(
        &mut self,
        event: &Event<'_>,
        id: &str,
        rest: impl FnOnce(usize) -> &'d str,
        out: &mut dyn Sink,
    ) {
        self.complete = false;
        self.streamed = true;
        let (slot, delta) = self.calls.extend(number(event.output_index), id, rest);
        if !delta.is_empty() {
            out.push(Fragment::CallArguments { slot, delta: Str::from(delta) });
        }
    }

    fn completed(&mut self, kind: &str, event: &Event<'_>, out: &mut dyn Sink) {
        let resource = Resource::of(event.response);
        if let Some(error) = resource.failure() {
            return self.fail(error, out);
        }
        resource.tell(out);
        if !self.streamed {
            self.streamed = true;
            resource.items(out);
        }
        if let Some(usage) = resource.usage() {
            out.push(Fragment::Usage(self.tally.step(usage)));
        }
        out.push(Fragment::Finish(match resource.finish() {
            Finish::Stop if kind == "response.incomplete" => Finish::Length,
            finish => finish,
        }));
        self.complete = true;
    }

    fn fail(&mut self, error: Error, out: &mut dyn Sink) {
        if !self.ended {
            self.ended = true;
            out.push(Fragment::Failed(error));
        }
    }
}

/// The error of a frame that is one, nested or flat.
fn failure_of(event: &Event<'_>) -> Error {
    match event.error {
        Some(error) => backend_error::of(error),
        None => backend_error::failed_as(
            &value::string_or_empty(event.code.or(event.error_code)),
            &value::string_or_empty(event.message),
        ),
    }
}

fn number(value: Option<&RawValue>) -> Option<u64> {
    value?.get().parse().ok()
}
