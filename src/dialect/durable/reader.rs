//! Reads the events of a run, over as many streams as it takes, or its output where it told of nothing.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::asked::{About, Asked};
use super::event::{Approval, Content, Event, Message, Output, Speaker, State};
use super::request;
use super::session::Session;
use super::waiting::{Calls, Messages, Waiting};
use crate::dialect::{Reader, backend_error};
use crate::error::{Error, Kind};
use crate::ir::{Fragment, Sink, Str, Usage};
use crate::sse::Frame;

/// A run that is listened to.
pub(super) struct Run {
    number: u128,
    session: Session,
    /// The number of the last event; older ones that come again are not news.
    cursor: u64,
    pieces: Messages,
    /// The same of thoughts.
    thinking: bool,
    calls: Calls,
    minted: u32,
    usage: Option<Usage>,
    /// The agent has said or done something.
    told: bool,
    /// The run is over and told of nothing: its output has to be asked for.
    silent: bool,
}

impl Reader for Run {
    fn frame(&mut self, frame: Frame<'_>, out: &mut dyn Sink) {
        let number = std::str::from_utf8(frame.id).ok().and_then(|id| id.parse::<u64>().ok());
        if number.is_some_and(|number| number <= self.cursor) {
            return;
        }
        self.cursor = number.unwrap_or(self.cursor);
        match serde_json::from_slice::<Event<'_>>(frame.data) {
            Ok(event) if event.r#type.is_empty() => self.event(&String::from_utf8_lossy(frame.event), &event, out),
            Ok(event) => self.event(&event.r#type, &event, out),
            Err(error) => {
                let message = "the agent's server sent an event that is none of its kind";
                out.push(Fragment::Failed(Error::new(Kind::BackendGarbage, message).because(error)));
            }
        }
    }

    fn end(&mut self, out: &mut dyn Sink) {
        match self.silent {
            true => self.finish(out),
            false => out.push(Fragment::Failed(Error::new(Kind::Cut, "the agent's answer was cut short"))),
        }
    }

    fn resume(&self) -> Option<String> {
        let id = request::id(self.number);
        Some(if self.silent { format!("/{id}") } else { format!("/{id}/events?after={}", self.cursor) })
    }

    fn rest(&mut self, body: &[u8], out: &mut dyn Sink) {
        match serde_json::from_slice::<State<'_>>(body) {
            Ok(State { status, output }) if status == "completed" => {
                if let Some(output) = output {
                    self.output(output, out);
                }
                self.finish(out);
            }
            Ok(State { status, .. }) if status == "failed" => out.push(Fragment::Failed(backend_error::failed(""))),
            _ => {
                let message = "the agent's server did not say what came of the run";
                out.push(Fragment::Failed(Error::new(Kind::BackendGarbage, message)));
            }
        }
    }
}

impl Run {
    pub(super) fn new(number: u128, session: Session) -> Self {
        Self {
            number,
            session,
            cursor: 0,
            pieces: Messages::default(),
            thinking: false,
            calls: Calls::default(),
            minted: 0,
            usage: None,
            told: false,
            silent: false,
        }
    }

    fn event(&mut self, kind: &str, event: &Event<'_>, out: &mut dyn Sink) {
        match kind {
            // A second start is a second attempt, after the first one died: what that one left open stays open.
            "run.started" => {
                self.pieces = Messages::default();
                self.calls = Calls::default();
            }
            "run.completed" if self.told => self.finish(out),
            "run.completed" => self.silent = true,
            "run.failed" => out.push(Fragment::Failed(backend_error::failed(""))),
            "delta" => self.delta(event, out),
            "message" => event.message.iter().for_each(|message| self.message(message, out)),
            "interrupt" => self.interrupt(event.value, out),
            _ => out.push(Fragment::Unknown),
        }
    }

    /// A piece of a message. Its whole follows as a rule; the name, empty or not, tells the assembler what it knows.
    fn delta(&mut self, event: &Event<'_>, out: &mut dyn Sink) {
        let content = Content::of(event.content);
        self.told = true;
        if !content.thought.is_empty() {
            self.thinking = true;
            out.push(Fragment::Reasoning { item: None, delta: content.thought.into() });
        }
        let item = event.id.as_deref().unwrap_or_default();
        self.pieces.extend(item, &content.text);
        out.push(Fragment::Text { item: Some(item.into()), delta: content.text });
    }

    fn message(&mut self, message: &Message<'_>, out: &mut dyn Sink) {
        let content = Content::of(message.content);
        match message.speaker() {
            Speaker::Agent => self.said(message, content, out),
            Speaker::Tool => self.answered(message, content.text, out),
            Speaker::Other => return,
        }
        self.told = true;
    }

    /// A message of the agent in whole.
    fn said(&mut self, message: &Message<'_>, content: Content<'_>, out: &mut dyn Sink) {
        let Content { text, refusal, thought, encrypted } = content;
        let known = std::mem::take(&mut self.thinking) && encrypted.is_none();
        if !known && (!thought.is_empty() || encrypted.is_some()) {
            out.push(Fragment::Thought { item: None, text: thought.into(), encrypted });
        }
        if !text.is_empty() || !refusal.is_empty() {
            let item = self.pieces.take(message.id.as_deref(), &text).map(Str::from);
            let refusal = Some(refusal).filter(|refusal| !refusal.is_empty()).map(Str::from);
            out.push(Fragment::Message { item, text, refusal, annotations: Vec::new() });
        }
        for call in message.tool_calls.iter().flatten() {
            let given = call.id.as_deref().filter(|id| !id.is_empty());
            let call_id = given.map_or_else(|| self.mint(), str::to_owned);
            let (name, arguments) = (call.name.to_string(), call.arguments().to_owned());
            if !self.calls.add(Waiting { call_id, minted: given.is_none(), name, arguments }) {
                let message = "the agent has made more calls than this gateway holds";
                return out.push(Fragment::Failed(Error::new(Kind::BackendGarbage, message)));
            }
        }
        if let Some(more) = message.usage() {
            let so_far = self.usage.unwrap_or_default();
            let sum = u64::saturating_add;
            let (input, output) = (sum(so_far.input, more.input), sum(so_far.output, more.output));
            self.usage = Some(Usage { input, output, total: sum(so_far.total, more.total), ..so_far });
        }
    }

    /// A tool's answer to the agent. Where no ids are given, calls of one tool are answered in the order they were made.
    fn answered(&mut self, message: &Message<'_>, output: Str<'_>, out: &mut dyn Sink) {
        let id = message.tool_call_id.as_deref().filter(|id| !id.is_empty());
        let call_id = match self.calls.take(id, message.name.as_deref()) {
            Some(call) => {
                let call_id = call.call_id.clone();
                call.push(out);
                call_id
            }
            None => id.map_or_else(|| self.mint(), str::to_owned),
        };
        out.push(Fragment::CallOutput { call_id: call_id.into(), name: message.name.clone(), output });
    }

    /// The agent asks something and the run ends: for the client that is a call.
    fn interrupt(&mut self, value: Option<&RawValue>, out: &mut dyn Sink) {
        self.told = true;
        let value = value.unwrap_or(RawValue::NULL);
        let actions = serde_json::from_str::<Approval<'_>>(value.get()).unwrap_or_default().action_requests;
        for (place, action) in actions.iter().enumerate() {
            // The agent may have told of this call already, as one that it makes.
            self.calls.take(action.id.as_deref(), Some(&action.name));
            let about = action.id.as_deref().map_or(About::Place(place), About::Call);
            self.ask(about, action.name.to_string(), action.arguments().to_owned(), out);
        }
        if actions.is_empty() {
            let object = value.get().starts_with('{');
            let arguments = if object { value.get().to_owned() } else { format!("{{\"value\":{}}}", value.get()) };
            self.ask(About::Anything, "interrupt".to_owned(), arguments, out);
        }
    }

    fn ask(&self, about: About<'_>, name: String, arguments: String, out: &mut dyn Sink) {
        let call_id = Asked { session: self.session.tag(), about }.to_string();
        Waiting { call_id, minted: true, name, arguments }.push(out);
    }

    /// A call id of ours, where the agent gives none: not the same in two runs of one conversation.
    fn mint(&mut self) -> String {
        self.minted += 1;
        format!("call_{}_{}", Session::of_run(self.number).id(), self.minted)
    }

    /// The output of a run that told of nothing: messages as the frameworks return them, or whatever it is.
    fn output(&mut self, output: &RawValue, out: &mut dyn Sink) {
        let items = serde_json::from_str::<Vec<&RawValue>>(output.get()).ok();
        let wrapped = || serde_json::from_str::<Output<'_>>(output.get()).ok()?.output;
        let Some(items) = items.or_else(wrapped) else {
            return out.push(Fragment::Message {
                item: None,
                text: words(output),
                refusal: None,
                annotations: Vec::new(),
            });
        };
        for item in items {
            let event = serde_json::from_str::<Event<'_>>(item.get()).unwrap_or_default();
            match (&*event.r#type, event.message) {
                ("interrupt", _) => self.interrupt(event.value, out),
                (_, Some(message)) => self.message(&message, out),
                _ => {
                    let message = serde_json::from_str::<Message<'_>>(item.get()).unwrap_or_default();
                    self.message(&message, out);
                }
            }
        }
    }

    /// The end: calls that nobody made and nobody is asked about are the client's.
    fn finish(&mut self, out: &mut dyn Sink) {
        self.calls.drain().for_each(|call| call.push(out));
        self.usage.iter().for_each(|usage| out.push(Fragment::Usage(*usage)));
        out.push(Fragment::Done);
    }
}

/// An output in words: a text as it is, be it all of the output or the one thing in it, and anything else as JSON.
fn words(output: &RawValue) -> Str<'_> {
    let text = |value: &RawValue| serde_json::from_str::<String>(value.get()).ok();
    let only = || {
        let members = serde_json::from_str::<BTreeMap<Str<'_>, &RawValue>>(output.get()).ok()?;
        let mut values = members.into_values();
        text(values.next()?).filter(|_| values.next().is_none())
    };
    match output.get() {
        "null" => Str::default(),
        json => text(output).or_else(only).map_or_else(|| json.into(), Str::from),
    }
}
