//! Writes a request for a Chat Completions server.

use serde::Serialize;
use serde_json::value::RawValue;

use super::ChatCompletions;
use crate::dialect::Target;
use crate::dialect::chat_messages::{self, ChoiceLine, Extras, Line, Style, ToolLine};
use crate::dialect::params::Carried;
use crate::error::Error;
use crate::ir::{Dropped, Field, Format, Item, Request};

#[derive(Serialize)]
struct Wire<'r, 'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'r str>,
    messages: Vec<Line<'r, 'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolLine<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceLine<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatLine<'r>>,
    #[serde(flatten)]
    extras: Extras<'r>,
    #[serde(flatten)]
    carried: Carried<'r, 'a>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatLine<'r> {
    JsonObject,
    JsonSchema { json_schema: &'r RawValue },
}

/// The body of a request.
pub(super) fn write(request: &Request<'_>, target: &Target<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, Error> {
    let alike = target.alike;
    chat_messages::refuse_opaque(request, dropped)?;
    chat_messages::note_rest(request, target, dropped);
    if !alike && request.items.iter().any(|item| matches!(item, Item::Reasoning(_))) {
        dropped.note("reasoning");
    }
    let style = Style {
        rich: true,
        never_null: false,
        names_tools: false,
        ids: false,
        reasoning: alike,
        opaque: alike,
        attachments: false,
        // OpenAI's own limit.
        longest_id: Some(40),
        legal_names: true,
        orphans: alike,
        one_system: !alike,
    };
    let tools = chat_messages::tool_lines(request, alike, dropped);
    // Servers refuse a choice among no tools.
    let tool_choice = ChoiceLine::of(request, alike)?.filter(|_| !tools.is_empty());
    let parallel = request.param(Field::ParallelToolCalls).filter(|_| !tools.is_empty());
    chat_messages::encode(&Wire {
        model: target.model.or(request.model.as_deref()),
        messages: chat_messages::lines(request, style)?,
        stream: target.stream.then_some(true),
        // Without this a stream has no usage, and clients of other dialects always get one.
        stream_options: target.stream.then_some(StreamOptions { include_usage: true }),
        tools,
        tool_choice,
        parallel_tool_calls: parallel.map(|param| param.value),
        response_format: request.format.as_ref().map(FormatLine::of),
        extras: Extras::of(request),
        carried: Carried { dialect: &ChatCompletions, request, rest: alike },
    })
}

impl<'r> FormatLine<'r> {
    fn of(format: &'r Format<'_>) -> Self {
        match format {
            Format::JsonObject => Self::JsonObject,
            Format::JsonSchema(json_schema) => Self::JsonSchema { json_schema },
        }
    }
}
