//! Writes a conversation as a list of chat messages.

use serde::Serialize;
use serde_json::value::RawValue;

use super::content::PartLine;
use super::shapes::WholeCall;
use super::turns::{self, Assistant, Turn};
use crate::error::{Error, Kind};
use crate::ir::{CallOutput, Message, Own, Part, Request, Role, Str, legal};

/// Stands for a tool's answer that never came.
const NO_OUTPUT: &str = "[no output]";

/// What the messages of a dialect look like.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    /// Users may send parts that are no text.
    pub(crate) rich: bool,
    /// Every content is a string; where OpenAI has `null` it is empty.
    pub(crate) never_null: bool,
    /// Tool messages say which tool answers.
    pub(crate) names_tools: bool,
    /// Messages keep the ids that the client gave them.
    pub(crate) ids: bool,
    /// The assistant's thoughts go back to it as `reasoning_content`.
    pub(crate) reasoning: bool,
    /// Parts of unknown kinds may pass.
    pub(crate) opaque: bool,
    /// Messages keep their attachments.
    pub(crate) attachments: bool,
    /// The longest call id that the server takes, if there is one.
    pub(crate) longest_id: Option<usize>,
    /// The names of tools are as OpenAI allows them, as in `tools`.
    pub(crate) legal_names: bool,
    /// A tool's answer may stand without its call.
    pub(crate) orphans: bool,
    /// All that the system says at the beginning is one message, which is as many as some models know.
    pub(crate) one_system: bool,
}

impl Style {
    fn call_id(self, id: &str) -> Str<'_> {
        self.longest_id.map_or_else(|| Str::from(id), |longest| legal::call_id(id, longest))
    }

    fn attachments(self, own: Option<Own<'_>>) -> Option<&RawValue> {
        own.filter(|(key, _)| self.attachments && *key == "attachments").map(|(_, value)| value)
    }

    fn tool_name(self, name: &str) -> Str<'_> {
        if self.legal_names { legal::tool_name(name) } else { Str::from(name) }
    }
}

/// A chat message.
#[derive(Serialize)]
pub(crate) struct Line<'r, 'a> {
    role: &'static str,
    content: Content<'r, 'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<Str<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WholeCall<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Str<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'r, 'a> {
    Null,
    Parts(Vec<PartLine<'r>>),
    Text(Str<'a>),
}

impl<'a> Line<'_, 'a> {
    /// A message of a role and a text.
    pub(crate) fn plain(role: &'static str, text: Str<'a>) -> Self {
        Self {
            role,
            content: Content::Text(text),
            name: None,
            id: None,
            reasoning_content: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            attachments: None,
        }
    }
}

/// The messages of a request, its instructions first.
pub(crate) fn lines<'r, 'a>(request: &'r Request<'a>, style: Style) -> Result<Vec<Line<'r, 'a>>, Error> {
    let mut lines = system_lines(request);
    for turn in turns::fold(&request.items) {
        if let (Turn::Said(message), true) = (&turn, style.one_system && lines.len() < 2)
            && role_name(message) == "system"
            && message.name.is_none()
            && join_system(&mut lines, message)?
        {
            continue;
        }
        lines.push(match turn {
            Turn::Said(message) => said(message, style)?,
            Turn::Assistant(turn) => assistant(turn, style)?,
            Turn::Orphan(output) => {
                let line = answered(&output.call_id, output.name.as_deref(), Some(output), style)?;
                if style.orphans { line } else { return Err(orphan(output)) }
            }
            Turn::Answered(call, output) => {
                let name = output.and_then(|output| output.name.as_deref()).unwrap_or(&call.name);
                answered(&call.call_id, Some(name), output, style)?
            }
        });
    }
    Ok(lines)
}

/// The instructions, which stand outside the conversation, as its first message.
pub(crate) fn system_lines<'r, 'a>(request: &'r Request<'a>) -> Vec<Line<'r, 'a>> {
    let instructions = request.instructions.iter().filter(|text| !text.is_empty());
    instructions.map(|text| Line::plain("system", text.clone())).collect()
}

/// Adds what the system says to the only message so far, if that is the system's too.
fn join_system<'a>(lines: &mut [Line<'_, 'a>], message: &Message<'a>) -> Result<bool, Error> {
    let [Line { role: "system", content: Content::Text(said), name: None, .. }] = lines else { return Ok(false) };
    text_only(&message.parts, "a message of text")?;
    for more in ["\n\n", &message.joined("\n")] {
        said.push_str(more);
    }
    Ok(true)
}

/// Who speaks; older servers do not know `developer`.
pub(crate) fn role_name(message: &Message<'_>) -> &'static str {
    if message.role == Role::Developer { "system" } else { message.role.name() }
}

fn said<'r, 'a>(message: &'r Message<'a>, style: Style) -> Result<Line<'r, 'a>, Error> {
    // A single text is written as a string, which the oldest servers know too.
    let single = matches!(message.parts.as_slice(), [] | [Part::Text(_) | Part::Refusal(_)]);
    let content = if style.rich && message.role == Role::User && !single {
        let parts = message.parts.iter().map(|part| PartLine::of(part, style.opaque)).collect::<Result<_, _>>()?;
        Content::Parts(parts)
    } else {
        text_only(&message.parts, "a message of text")?;
        Content::Text(message.joined("\n"))
    };
    let id = message.id.as_deref().filter(|_| style.ids);
    let line = Line { content, name: message.name.as_deref(), id, ..Line::plain(role_name(message), Str::default()) };
    Ok(Line { attachments: style.attachments(message.own), ..line })
}

fn assistant<'r, 'a>(turn: Assistant<'r, 'a>, style: Style) -> Result<Line<'r, 'a>, Error> {
    let separator = if style.rich { "" } else { "\n" };
    let text = match turn.said {
        Some(message) => {
            text_only(&message.parts, "what the assistant said")?;
            Some(message.joined(separator)).filter(|text| !text.is_empty())
        }
        None => None,
    };
    let content = match text {
        Some(text) => Content::Text(text),
        None if style.never_null => Content::Text(Str::default()),
        None => Content::Null,
    };
    let thoughts: Vec<&str> = turn.reasoning.iter().filter(|_| style.reasoning).map(|thought| &*thought.text).collect();
    Ok(Line {
        content,
        name: turn.said.and_then(|message| message.name.as_deref()),
        id: turn.said.and_then(|message| message.id.as_deref()).filter(|_| style.ids),
        attachments: style.attachments(turn.said.and_then(|message| message.own)),
        reasoning_content: (!thoughts.is_empty()).then(|| Str::from(thoughts.join("\n\n"))),
        tool_calls: turn
            .calls
            .into_iter()
            .map(|call| WholeCall::of(style.call_id(&call.call_id), style.tool_name(&call.name), &call.arguments))
            .collect(),
        ..Line::plain("assistant", Str::default())
    })
}

fn answered<'r, 'a>(
    call_id: &'r str,
    name: Option<&'r str>,
    output: Option<&'r CallOutput<'a>>,
    style: Style,
) -> Result<Line<'r, 'a>, Error> {
    let text = match output {
        Some(output) => {
            text_only(&output.parts, "a tool's answer")?;
            output.text()
        }
        None => NO_OUTPUT.into(),
    };
    let name = style.names_tools.then(|| name.filter(|name| !name.is_empty()).unwrap_or("tool"));
    let attachments = style.attachments(output.and_then(|output| output.own));
    Ok(Line { name, tool_call_id: Some(style.call_id(call_id)), attachments, ..Line::plain("tool", text) })
}

/// Refuses parts that are no text where only text can stand.
pub(crate) fn text_only(parts: &[Part<'_>], place: &str) -> Result<(), Error> {
    for part in parts {
        let kind = match part {
            Part::Text(_) | Part::Refusal(_) => continue,
            Part::Image { .. } => "image",
            Part::File(_) => "file",
            Part::Audio(_) => "input_audio",
            Part::Opaque { kind, .. } => kind,
        };
        return Err(misplaced(kind, &format!("{place} can hold nothing but text")));
    }
    Ok(())
}

/// A tool's answer without the call, which servers refuse in words about messages that the client never wrote.
fn orphan(output: &CallOutput<'_>) -> Error {
    let message = format!("the output of call `{}` has no call before it: send the call as well", output.call_id);
    Error::new(Kind::InvalidField, message).param("call_id")
}

/// A part that the backend cannot be given.
pub(super) fn misplaced(kind: &str, why: &str) -> Error {
    let message = format!("`{kind}` cannot be honoured by the agent behind this model: {why}");
    Error::new(Kind::UnsupportedField, message).param(kind)
}
