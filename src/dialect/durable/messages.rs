//! The conversation as a durable agent reads it: chat messages of text, with tool calls and their outputs.

use serde::Serialize;

use crate::error::{Error, Kind};
use crate::ir::{Call, Dropped, Item, Part, Request, Str};

/// One message.
#[derive(Debug, Serialize)]
pub(super) struct Line<'r, 'a> {
    role: &'static str,
    content: Str<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallLine<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'r str>,
}

#[derive(Debug, Serialize)]
struct CallLine<'r> {
    id: &'r str,
    r#type: &'static str,
    function: Function<'r>,
}

#[derive(Debug, Serialize)]
struct Function<'r> {
    name: &'r str,
    arguments: &'r str,
}

/// The messages of a request, its instructions first. What they have no place for is left out and named.
///
/// # Errors
/// `UnsupportedField` for a part or item that only a server of its own dialect may get.
pub(super) fn lines<'r, 'a>(request: &'r Request<'a>, dropped: &mut Dropped) -> Result<Vec<Line<'r, 'a>>, Error> {
    let instructions = request.instructions.iter().filter(|text| !text.is_empty());
    let mut lines: Vec<_> = instructions.map(|text| said("system", text.clone())).collect();
    for item in &request.items {
        match item {
            Item::Message(message) => {
                text_only(&message.parts)?;
                // A name would be one key more than one of the two agent frameworks takes.
                message.name.iter().for_each(|_| dropped.note("name"));
                lines.push(said(message.role.name(), message.joined("\n")));
            }
            Item::Call(call) => match lines.last_mut() {
                // Calls that were made at once stand in one message.
                Some(line) if !line.tool_calls.is_empty() => line.tool_calls.push(CallLine::of(call)),
                _ => lines.push(Line { tool_calls: vec![CallLine::of(call)], ..said("assistant", Str::default()) }),
            },
            Item::CallOutput(output) => {
                text_only(&output.parts)?;
                lines.push(Line { tool_call_id: Some(&output.call_id), ..said("tool", output.text()) });
            }
            // The table says so.
            Item::Reasoning(_) => {}
            Item::Opaque { kind, .. } => return Err(misplaced(kind)),
        }
    }
    Ok(lines)
}

fn said<'a>(role: &'static str, content: Str<'a>) -> Line<'static, 'a> {
    Line { role, content, tool_calls: Vec::new(), tool_call_id: None }
}

impl<'r> CallLine<'r> {
    fn of(call: &'r Call<'_>) -> Self {
        let function = Function { name: &call.name, arguments: &call.arguments };
        Self { id: &call.call_id, r#type: "function", function }
    }
}

fn text_only(parts: &[Part<'_>]) -> Result<(), Error> {
    parts.iter().try_for_each(|part| match part {
        Part::Text(_) | Part::Refusal(_) => Ok(()),
        Part::Image { .. } => Err(misplaced("image")),
        Part::File(_) => Err(misplaced("file")),
        Part::Audio(_) => Err(misplaced("input_audio")),
        Part::Opaque { kind, .. } => Err(misplaced(kind)),
    })
}

fn misplaced(kind: &str) -> Error {
    let message = format!("`{kind}` cannot be honoured by the agent behind this model: its messages hold text alone");
    Error::new(Kind::UnsupportedField, message).param(kind)
}
