//! One side of a comparison: what a backend made of a request, free of any wire format, small enough to keep.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::ir::{AgentCall, Answer, Piece, Usage};

/// What a backend made of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observed {
    /// HTTP status of the backend; zero if it sent none.
    pub status: u16,
    /// Why there is no whole answer, if there is none. What came before stands in `items` all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What was said and done, in order.
    pub items: Vec<Said>,
    /// Why the answer ended, by its name in Chat Completions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// The agent's free-form outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_outputs: Option<Value>,
    /// Token counts, if the backend gave any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// What was wrong with the stream; empty where nobody watched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Milliseconds until the first event of the answer; only of streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_event_ms: Option<f64>,
    /// Milliseconds until the answer was whole, or had failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<f64>,
}

/// Why there is no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error's class: the `code` of its kind.
    pub code: String,
    /// What the client was told.
    pub message: String,
}

/// Token counts of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// Of the request.
    pub input: u64,
    /// Of the answer.
    pub output: u64,
}

/// One thing that was said or done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Said {
    /// A message.
    Message {
        /// Its text.
        text: String,
        /// Its annotations, in the Responses API's shape.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Value>,
    },
    /// A refusal.
    Refusal {
        /// Its text.
        text: String,
    },
    /// A tool call.
    Call {
        /// The tool.
        name: String,
        /// JSON text of its arguments.
        arguments: String,
        /// Whether the agent ran it itself.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_agent: bool,
    },
    /// What a tool answered that the agent ran itself.
    Output {
        /// The tool.
        name: String,
        /// What it said.
        text: String,
    },
    /// Visible reasoning.
    Reasoning {
        /// Its text.
        text: String,
    },
    /// An item of a kind nobody here knows.
    Other {
        /// Its `type`.
        kind: String,
    },
}

/// One kind of fault of a stream, and where it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its name, from a closed list.
    pub name: String,
    /// What was seen, in words.
    pub detail: String,
}

impl Observed {
    /// What an answer amounts to, whole or failed. Status, times and faults are for the caller to add.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        Self {
            failure: answer.failure.as_ref().map(Failure::of),
            items: answer.items.iter().flat_map(|output| said(&output.piece)).collect(),
            finish: answer.finish().map(|finish| finish.name().to_owned()),
            custom_outputs: answer.custom_outputs.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()),
            tokens: answer.usage.as_ref().map(Tokens::of),
            ..Self::default()
        }
    }

    /// A request that got no answer at all.
    #[must_use]
    pub fn failed(error: &Error) -> Self {
        Self { failure: Some(Failure::of(error)), ..Self::default() }
    }

    /// The backend's status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// How long it took: to the first event of a stream, and in all.
    #[must_use]
    pub fn timed(mut self, first_event: Option<Duration>, total: Duration) -> Self {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        self.first_event_ms = first_event.map(milliseconds);
        self.total_ms = Some(milliseconds(total));
        self
    }

    /// What was wrong with its stream.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        self.faults = faults;
        self
    }

    /// Text of all messages, one after another.
    #[must_use]
    pub fn text(&self) -> String {
        let texts = self.items.iter().filter_map(|item| match item {
            Said::Message { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Name and arguments of every tool call, in order.
    pub fn calls(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items.iter().filter_map(|item| match item {
            Said::Call { name, arguments, .. } => Some((name.as_str(), arguments.as_str())),
            _ => None,
        })
    }

    /// Passes every text in it through `change`, which may make names and numbers unreadable. Names of tools stay.
    pub fn redact(&mut self, change: &dyn Fn(&str) -> String) {
        for item in &mut self.items {
            match item {
                Said::Message { text, citations } => {
                    *text = change(text);
                    for citation in citations {
                        redact(citation, change);
                    }
                }
                Said::Call { arguments, .. } => match serde_json::from_str(arguments) {
                    Ok(mut value) => {
                        redact(&mut value, change);
                        *arguments = value.to_string();
                    }
                    Err(_) => *arguments = change(arguments),
                },
                Said::Refusal { text } | Said::Output { text, .. } | Said::Reasoning { text } => *text = change(text),
                Said::Other { .. } => {}
            }
        }
        if let Some(outputs) = &mut self.custom_outputs {
            redact(outputs, change);
        }
        if let Some(failure) = &mut self.failure {
            failure.message = change(&failure.message);
        }
        for fault in &mut self.faults {
            fault.detail = change(&fault.detail);
        }
    }
}

/// Every text and number of a JSON value through `change`; keys stay.
fn redact(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Number(number) => {
            let (written, changed) = (number.to_string(), change(&number.to_string()));
            if written != changed {
                *value = Value::String(changed);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact(field, change)),
        Value::Null | Value::Bool(_) => {}
    }
}

impl Failure {
    fn of(error: &Error) -> Self {
        Self { code: error.facts().code.to_owned(), message: error.message().to_owned() }
    }
}

impl Tokens {
    fn of(usage: &Usage) -> Self {
        Self { input: usage.input, output: usage.output }
    }
}

/// A message that says something and refuses something is both.
fn said(piece: &Piece) -> Vec<Said> {
    match piece {
        Piece::Message { text, refusal, annotations } => {
            let citations: Vec<_> =
                annotations.iter().filter_map(|annotation| serde_json::from_str(annotation.get()).ok()).collect();
            let mut said = Vec::new();
            if !text.is_empty() || !citations.is_empty() {
                said.push(Said::Message { text: text.clone(), citations });
            }
            if !refusal.is_empty() {
                said.push(Said::Refusal { text: refusal.clone() });
            }
            said
        }
        Piece::Call { name, arguments, by, .. } => {
            vec![Said::Call { name: name.clone(), arguments: arguments.clone(), by_agent: *by == AgentCall::Agent }]
        }
        Piece::CallOutput { name, output, .. } => vec![Said::Output { name: name.clone(), text: output.clone() }],
        Piece::Reasoning { text, .. } if text.is_empty() => Vec::new(),
        Piece::Reasoning { text, .. } => vec![Said::Reasoning { text: text.clone() }],
        Piece::Opaque { kind, .. } => vec![Said::Other { kind: kind.clone() }],
    }
}
