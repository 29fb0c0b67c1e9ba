//! Writes a request for a ChatModel.

use serde::Serialize;
use serde_json::value::RawValue;

use super::ChatModel;
use crate::dialect::Target;
use crate::dialect::chat_messages::{self, Extras, Line, Style, ToolLine};
use crate::dialect::params::Carried;
use crate::error::Error;
use crate::ir::{Dropped, Field, Request, ToolChoice};

/// The scoring server refuses a content that is no string, and every key of a message that it does not know: `id` too.
const STYLE: Style = Style {
    rich: false,
    never_null: true,
    names_tools: false,
    ids: false,
    reasoning: false,
    opaque: false,
    attachments: false,
    longest_id: None,
    legal_names: true,
    orphans: true,
    one_system: true,
};

#[derive(Serialize)]
struct Wire<'r, 'a> {
    messages: Vec<Line<'r, 'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<Stop<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolLine<'r>>,
    #[serde(flatten)]
    extras: Extras<'r>,
    #[serde(flatten)]
    carried: Carried<'r, 'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Stop<'r> {
    List(&'r RawValue),
    One([&'r RawValue; 1]),
}

/// The body of a request.
pub(super) fn write(request: &Request<'_>, target: &Target<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, Error> {
    chat_messages::refuse_opaque(request, dropped)?;
    chat_messages::note_rest(request, target, dropped);
    // There is no way to forbid tools but not to offer them.
    let forbidden = matches!(&request.tool_choice, Some(ToolChoice::Mode(mode)) if *mode == "none");
    let tools = if forbidden { Vec::new() } else { chat_messages::tool_lines(request, false, dropped) };
    chat_messages::encode(&Wire {
        messages: chat_messages::lines(request, Style { one_system: !target.alike, ..STYLE })?,
        stream: target.stream.then_some(true),
        stop: request.param(Field::Stop).map(|param| Stop::of(param.value)),
        tools,
        extras: Extras::without_context(request),
        carried: Carried { dialect: &ChatModel, request, rest: target.alike },
    })
}

impl<'r> Stop<'r> {
    fn of(value: &'r RawValue) -> Self {
        if value.get().starts_with('"') { Self::One([value]) } else { Self::List(value) }
    }
}
