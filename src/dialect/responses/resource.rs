//! The response resource with all its keys: written the same for a plain answer and in a stream.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use super::item::Item;
use super::lowered::Origins;
use super::settings;
use crate::dialect::{Ask, Surface};
use crate::error::{Error, Fault, Kind};
use crate::ir::{Answer, Body, Finish, Piece, Request, Usage};

/// Whether a client gets to see an item. What the agent did itself and what we do not understand kill strict clients, so
/// these are for those who asked, and for invocation clients, which have always been sent them.
pub(super) fn shows(ask: &Ask, piece: &Piece) -> bool {
    let ordinary = !piece.is_agents() && !matches!(piece, Piece::Opaque { .. });
    ordinary || ask.show_agents_calls || ask.surface == Surface::Invocations
}

/// Where an answer stands.
#[derive(Clone, Copy)]
pub(super) enum State<'a> {
    Begun,
    Ended,
    Failed(&'a Error),
    /// In the background, with the backend's status.
    Waiting(&'a str),
}

/// Writes a plain answer.
pub(super) fn write(answer: &Answer, ask: &Ask, out: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Wrapped<'a> {
        predictions: Resource<'a>,
    }

    let shown: Vec<usize> =
        answer.items.iter().enumerate().filter(|(_, item)| shows(ask, &item.piece)).map(|(index, _)| index).collect();
    let state = match (&answer.failure, &answer.waiting) {
        (Some(error), _) => State::Failed(error),
        (None, Some(status)) => State::Waiting(status),
        (None, None) => State::Ended,
    };
    let resource = Resource { answer, ask, state, shown: &shown, origins: &Origins::of(&ask.echo) };
    let written = if ask.wrapped {
        serde_json::to_writer(out, &Wrapped { predictions: resource })
    } else {
        serde_json::to_writer(out, &resource)
    };
    // Writing to a buffer cannot fail, and neither can strings, numbers and checked JSON.
    debug_assert!(written.is_ok(), "{written:?}");
}

/// The whole resource.
#[derive(Clone, Copy)]
pub(super) struct Resource<'a> {
    pub(super) answer: &'a Answer,
    pub(super) ask: &'a Ask,
    pub(super) state: State<'a>,
    /// The items that the client sees.
    pub(super) shown: &'a [usize],
    /// What the client declared some functions as.
    pub(super) origins: &'a Origins,
}

#[derive(Serialize)]
struct Incomplete {
    reason: &'static str,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: &'static str,
    message: &'a str,
    r#type: &'static str,
}

#[derive(Serialize)]
struct Counts {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl Resource<'_> {
    fn finish(&self) -> Option<Finish> {
        self.answer.finish().filter(|_| matches!(self.state, State::Ended))
    }

    fn status(&self) -> &str {
        match (self.state, self.finish()) {
            (State::Begun, _) => "in_progress",
            (State::Failed(_), _) => "failed",
            (State::Waiting(status), _) => status,
            (State::Ended, Some(Finish::Length | Finish::ContentFilter)) => "incomplete",
            (State::Ended, _) => "completed",
        }
    }

    fn incomplete_details(&self) -> Option<Incomplete> {
        match self.finish()? {
            Finish::Length => Some(Incomplete { reason: "max_output_tokens" }),
            Finish::ContentFilter => Some(Incomplete { reason: "content_filter" }),
            Finish::Stop | Finish::ToolCalls => None,
        }
    }

    /// The codes are the few that OpenAI's SDKs know.
    fn error(&self) -> Option<Failure<'_>> {
        let State::Failed(error) = self.state else { return None };
        let code = match (error.kind(), error.facts().fault) {
            (Kind::RateLimited, _) => "rate_limit_exceeded",
            (_, Fault::Client) => "invalid_prompt",
            _ => "server_error",
        };
        Some(Failure { code, message: error.message(), r#type: error.facts().r#type })
    }

    fn usage(&self) -> Option<Counts> {
        let Usage { input, output, total, cached, reasoning } =
            self.answer.usage.filter(|_| !matches!(self.state, State::Begun | State::Waiting(_)))?;
        Some(Counts {
            input_tokens: input,
            input_tokens_details: InputDetails { cached_tokens: cached, cache_write_tokens: 0 },
            output_tokens: output,
            output_tokens_details: OutputDetails { reasoning_tokens: reasoning },
            total_tokens: total,
        })
    }

    /// What the resource repeats of the request; the defaults for an answer that has none.
    fn settings(&self) -> Cow<'_, str> {
        match self.ask.echo.as_str() {
            "" => Cow::Owned(settings::write(&Request::default())),
            echo => Cow::Borrowed(echo),
        }
    }
}

impl Serialize for Resource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let answer = self.answer;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &format_args!("resp_{}", answer.seed))?;
        map.serialize_entry("object", "response")?;
        map.serialize_entry("created_at", &answer.created)?;
        // Codecs hold no clock. In whole seconds most answers end when they began.
        map.serialize_entry("completed_at", &(self.status() == "completed").then_some(answer.created))?;
        map.serialize_entry("status", self.status())?;
        map.serialize_entry("incomplete_details", &self.incomplete_details())?;
        map.serialize_entry("error", &self.error())?;
        map.serialize_entry("model", &self.ask.model)?;
        map.serialize_entry("output", &Items { answer, shown: self.shown, origins: self.origins })?;
        map.serialize_entry("usage", &self.usage())?;
        let settings = self.settings();
        if let Ok(settings) = Body::parse(settings.as_bytes()) {
            for (key, value) in settings.iter() {
                let beside = [("trace_id", &answer.trace_id), ("conversation_id", &answer.conversation)];
                if **key == *"metadata" && beside.iter().any(|(_, value)| value.is_some()) {
                    map.serialize_entry(&**key, &Metadata { given: value, beside })?;
                } else {
                    map.serialize_entry(&**key, value)?;
                }
            }
        }
        if let Some(outputs) = &answer.custom_outputs {
            map.serialize_entry("custom_outputs", outputs)?;
        }
        if let Some(databricks) = &answer.databricks {
            map.serialize_entry("databricks_output", databricks)?;
        }
        map.end()
    }
}

/// The client's metadata, and what the backend has to say beside it: the trace, and under which name a conversation that was
/// taken over goes on.
struct Metadata<'a> {
    given: &'a RawValue,
    beside: [(&'static str, &'a Option<String>); 2],
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Ok(given) = Body::parse(self.given.get().as_bytes()) {
            let told = |key: &str| self.beside.iter().any(|(name, value)| *name == key && value.is_some());
            for (key, value) in given.iter().filter(|(key, _)| !told(key)) {
                map.serialize_entry(&**key, value)?;
            }
        }
        for (key, value) in self.beside {
            if let Some(value) = value {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}

struct Items<'a> {
    answer: &'a Answer,
    shown: &'a [usize],
    origins: &'a Origins,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.shown.len()))?;
        for index in self.shown {
            if let Some(output) = self.answer.items.get(*index) {
                list.serialize_element(&Item::ended(output, &self.answer.item_id(*index), self.origins))?;
            }
        }
        list.end()
    }
}
