//! Watches a stream as it comes and notes where it breaks the rules of its wire format.
//!
//! The gateway's own readers level all of this, so that no client notices; but an agent whose streams are illegal breaks
//! the clients that call it directly one day, and is not what it was. What a sparse server leaves out (MLflow's sends no
//! `response.created` and no numbers) is no fault; what it says and then contradicts is.

use serde_json::Value;

use super::{Fault, Observed};
use crate::sse::Frame;

mod chat;
mod responses;

use chat::Chat;
use responses::Responses;

/// Most faults that are told of one stream: one a kind.
const MOST: usize = 16;

/// Most bytes of pieces that are remembered to be held against their wholes; beyond it nothing is held against anything.
const ROOM: usize = 4 << 20;

/// The kinds of faults.
pub mod kind {
    /// Something came after the end.
    pub const AFTER_END: &str = "after_end";
    /// The arguments of a call are not JSON.
    pub const ARGUMENTS: &str = "arguments_not_json";
    /// An id that was given once is another one now.
    pub const ID: &str = "id_changed";
    /// A frame is not JSON.
    pub const JSON: &str = "not_json";
    /// There was no end.
    pub const NO_END: &str = "no_end";
    /// What was announced was never finished.
    pub const OPEN: &str = "unfinished_item";
    /// Frames are missing, or came in the wrong order, by their own numbers.
    pub const SEQUENCE: &str = "sequence";
    /// The pieces of a text or of arguments do not add up to the whole that follows.
    pub const SUM: &str = "pieces_and_whole";
}

/// Watches one stream.
pub struct Watch {
    rules: Rules,
    faults: Faults,
    done: bool,
}

/// What is known of the stream, by its wire format.
enum Rules {
    Responses(Box<Responses>),
    Chat(Box<Chat>),
    /// Only that its frames are JSON and that nothing comes after the end.
    Plain,
}

impl Watch {
    /// Watches a stream of this dialect.
    #[must_use]
    pub fn new(dialect: &str) -> Self {
        let rules = match dialect {
            "responses" => Rules::Responses(Box::default()),
            "chat_completions" | "chat_model" => Rules::Chat(Box::default()),
            _ => Rules::Plain,
        };
        Self { rules, faults: Faults::default(), done: false }
    }

    /// Takes in a frame.
    pub fn frame(&mut self, frame: Frame<'_>) {
        let data = frame.data.trim_ascii();
        if data.is_empty() {
            return;
        }
        if self.done {
            return self.faults.note(kind::AFTER_END, "a frame after [DONE]");
        }
        if frame.is_done() {
            self.done = true;
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(data) else {
            return self.faults.note(kind::JSON, &String::from_utf8_lossy(data));
        };
        match &mut self.rules {
            Rules::Responses(rules) => rules.frame(&value, &mut self.faults),
            Rules::Chat(rules) => rules.frame(&value, &mut self.faults),
            Rules::Plain => {}
        }
    }

    /// The stream is over, well or not; `observed` is what became of it.
    #[must_use]
    pub fn end(mut self, observed: &Observed) -> Vec<Fault> {
        let class = observed.failure.as_ref().map(|failure| failure.code.as_str());
        match class {
            Some("backend_cut_short") => self.faults.note(kind::NO_END, "the stream ended before the answer did"),
            // It fell silent, or went on for ever.
            Some("backend_idle_timeout" | "backend_total_timeout") => {
                self.faults.note(kind::NO_END, "no end came in the time there was");
            }
            Some("backend_malformed_answer") => {
                let message = observed.failure.as_ref().map_or("", |failure| &failure.message);
                self.faults.note(kind::JSON, message);
            }
            _ => {}
        }
        if class.is_none() {
            match &mut self.rules {
                Rules::Responses(rules) => rules.end(&mut self.faults),
                Rules::Chat(rules) => rules.end(&mut self.faults),
                Rules::Plain => {}
            }
            for (name, arguments) in observed.calls() {
                is_json(name, arguments, &mut self.faults);
            }
        }
        self.faults.0
    }
}

fn is_json(name: &str, arguments: &str, faults: &mut Faults) {
    if serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_err() && !arguments.is_empty() {
        faults.note(kind::ARGUMENTS, &format!("{name}({arguments})"));
    }
}

/// What was found: the first of each kind.
#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn note(&mut self, kind: &str, detail: &str) {
        if self.0.len() < MOST && !self.0.iter().any(|known| known.name == kind) {
            self.0.push(Fault { name: kind.to_owned(), detail: super::finding::shortened(detail) });
        }
    }
}

/// The text of a field; empty if it has none.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
