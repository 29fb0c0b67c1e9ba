//! The items of an output and the parts of them: written the same in a response and in the events before it.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use super::lowered::{self, Origin, Origins};
use crate::ir::{Body, Long, Output, Piece, Str};

/// An item of the output.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Item<'a> {
    Known(Known<'a>),
    Opaque(Opaque<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Known<'a> {
    Message {
        id: &'a str,
        status: &'static str,
        role: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'a RawValue>,
        content: Content<'a>,
    },
    FunctionCall {
        id: &'a str,
        call_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        name: &'a str,
        arguments: &'a str,
        status: &'static str,
    },
    CustomToolCall {
        id: &'a str,
        call_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        name: &'a str,
        input: Str<'a>,
        status: &'static str,
    },
    FunctionCallOutput {
        id: &'a str,
        call_id: &'a str,
        output: &'a str,
        status: &'static str,
    },
    Reasoning {
        id: &'a str,
        summary: Summary<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
        status: &'static str,
    },
}

/// A part of an item.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    OutputText { text: Long<'a>, annotations: &'a [Box<RawValue>], logprobs: [(); 0] },
    Refusal { refusal: &'a str },
    SummaryText { text: &'a str },
}

impl<'a> Part<'a> {
    pub(super) fn text(text: &'a str, annotations: &'a [Box<RawValue>]) -> Self {
        Self::OutputText { text: Long(text), annotations, logprobs: [] }
    }
}

/// A message's parts: the text, then the refusal. One of them is always there once the message is complete.
#[derive(Clone, Copy)]
pub(super) struct Content<'a> {
    text: &'a str,
    refusal: &'a str,
    annotations: &'a [Box<RawValue>],
    begun: bool,
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let has_text = !self.text.is_empty() || !self.annotations.is_empty() || self.refusal.is_empty();
        if self.begun && has_text {
            list.serialize_element(&Part::text(self.text, self.annotations))?;
        }
        if self.begun && !self.refusal.is_empty() {
            list.serialize_element(&Part::Refusal { refusal: self.refusal })?;
        }
        list.end()
    }
}

/// A reasoning item's text, as one summary part.
pub(super) struct Summary<'a>(&'a str);

impl Serialize for Summary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let part = Some(Part::SummaryText { text: self.0 }).filter(|_| !self.0.is_empty());
        serializer.collect_seq(part)
    }
}

/// An item that we do not understand: as it came, or with an id of ours, because clients refuse items without one.
pub(super) struct Opaque<'a> {
    raw: &'a RawValue,
    id: &'a str,
}

impl Serialize for Opaque<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Ok(fields) = Body::parse(self.raw.get().as_bytes()) else { return self.raw.serialize(serializer) };
        if fields.scalar_at("id").is_some() {
            return self.raw.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", self.id)?;
        for (key, value) in fields.iter().filter(|(key, _)| **key != "id") {
            map.serialize_entry(&**key, value)?;
        }
        map.end()
    }
}

impl<'a> Item<'a> {
    /// The item as it is announced: everything that identifies it, and none of what its deltas will add up to.
    pub(super) fn begun(output: &'a Output, id: &'a str, origins: &'a Origins) -> Self {
        let mut item = Self::of(output, id, "in_progress", origins);
        match &mut item {
            Self::Known(Known::Message { content, .. }) => content.begun = false,
            Self::Known(Known::FunctionCall { arguments, .. }) => *arguments = "",
            Self::Known(Known::CustomToolCall { input, .. }) => *input = Str::default(),
            Self::Known(Known::Reasoning { summary, .. }) => *summary = Summary(""),
            _ => {}
        }
        item
    }

    /// The item as it will stay.
    pub(super) fn ended(output: &'a Output, id: &'a str, origins: &'a Origins) -> Self {
        Self::of(output, id, if output.complete { "completed" } else { "incomplete" }, origins)
    }

    fn of(output: &'a Output, id: &'a str, status: &'static str, origins: &'a Origins) -> Self {
        Self::Known(match &output.piece {
            Piece::Message { text, refusal, annotations } => {
                let content = Content { text, refusal, annotations, begun: true };
                Known::Message { id, status, role: "assistant", phase: output.own("phase"), content }
            }
            Piece::Call { call_id, name, arguments, .. } => match origins.get(name) {
                Some(Origin { namespace, name, custom: true }) => {
                    let (namespace, input) = (namespace.as_deref(), lowered::input(arguments));
                    Known::CustomToolCall { id, call_id, namespace, name, input, status }
                }
                Some(Origin { namespace, name, .. }) => {
                    Known::FunctionCall { id, call_id, namespace: namespace.as_deref(), name, arguments, status }
                }
                None => Known::FunctionCall { id, call_id, namespace: None, name, arguments, status },
            },
            Piece::CallOutput { call_id, output, .. } => Known::FunctionCallOutput { id, call_id, output, status },
            Piece::Reasoning { text, encrypted } => {
                Known::Reasoning { id, summary: Summary(text), encrypted_content: encrypted.as_deref(), status }
            }
            Piece::Opaque { raw, .. } => return Self::Opaque(Opaque { raw, id }),
        })
    }
}
