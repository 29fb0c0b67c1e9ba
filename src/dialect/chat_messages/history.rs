//! Reads a list of chat messages into the items of a conversation.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Path, content};
use crate::error::{Error, Kind};
use crate::ir::{Call, CallOutput, Item, Message, Own, Part, Reasoning, Role, Str};

/// A message as it came. Every field is read on its own, so that an error can name it.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    /// ChatAgent's.
    #[serde(borrow)]
    attachments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireCall<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    function: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireFunction<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// Reads a list of messages; `path` is its place.
pub(crate) fn read<'a>(list: &'a RawValue, path: &Path<'_>) -> Result<Vec<Item<'a>>, Error> {
    let messages = match serde_json::from_str::<Vec<Wire<'a>>>(list.get()) {
        Ok(messages) => messages,
        Err(_) => one_by_one(list, path)?,
    };
    let mut items = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        read_message(message, &path.index(index), &mut items)?;
    }
    Ok(items)
}

/// The slow way, which can name the message that is none.
fn one_by_one<'a>(list: &'a RawValue, path: &Path<'_>) -> Result<Vec<Wire<'a>>, Error> {
    let messages: Vec<&'a RawValue> = path.read(list, "a list of messages")?;
    messages.into_iter().enumerate().map(|(index, one)| path.index(index).read(one, "a message object")).collect()
}

fn read_message<'a>(wire: &Wire<'a>, path: &Path<'_>, items: &mut Vec<Item<'a>>) -> Result<(), Error> {
    const ROLES: &str = "one of `system`, `developer`, `user`, `assistant` and `tool`";
    let place = path.field("role");
    let role: Str<'a> = wire.role.map_or_else(|| Err(place.must_be(ROLES)), |role| place.text(role, ROLES))?;
    match (&*role, Role::named(&role)) {
        (_, Some(Role::Assistant)) => read_assistant(wire, path, items)?,
        (_, Some(role)) => items.push(Item::Message(message(wire, path, role, required_content(wire, path)?)?)),
        ("tool", _) => items.push(Item::CallOutput(output(wire, path)?)),
        ("function", _) => {
            let message = format!(
                "`{place}` is `function`, which tools have replaced: send the result with the role `tool` and the \
                 `tool_call_id` of the call it answers"
            );
            return Err(place.invalid(message));
        }
        _ => return Err(place.must_be(ROLES)),
    }
    Ok(())
}

/// What the assistant thought, then what it said, then what it called.
fn read_assistant<'a>(wire: &Wire<'a>, path: &Path<'_>, items: &mut Vec<Item<'a>>) -> Result<(), Error> {
    if wire.function_call.is_some() {
        let place = path.field("function_call");
        let message = format!("`{place}` has been replaced by tools: send the call in `tool_calls`, with an `id`");
        return Err(Error::new(Kind::UnsupportedField, message).param(place.to_string()));
    }
    // `reasoning` is an object in some histories; what is no text is not visible reasoning.
    let thought = [wire.reasoning_content, wire.reasoning].into_iter().flatten().find_map(text);
    if let Some(text) = thought.filter(|text| !text.is_empty()) {
        items.push(Item::Reasoning(Reasoning { text, raw: None }));
    }
    let calls = read_calls(wire.tool_calls, &path.field("tool_calls"))?;
    let refusal = wire.refusal.map(|refusal| path.field("refusal").text(refusal, "a string")).transpose()?;
    let mut parts = match wire.content {
        Some(content) => content::read(content, &path.field("content"))?,
        None if calls.is_empty() && refusal.is_none() => return Err(missing_content(path)),
        None => Vec::new(),
    };
    parts.extend(refusal.map(Part::Refusal));
    // Next to calls an empty text is only how some clients say that there is none.
    let said = parts.iter().any(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    if said || calls.is_empty() {
        items.push(Item::Message(message(wire, path, Role::Assistant, parts)?));
    }
    items.extend(calls.into_iter().map(Item::Call));
    Ok(())
}

fn message<'a>(wire: &Wire<'a>, path: &Path<'_>, role: Role, parts: Vec<Part<'a>>) -> Result<Message<'a>, Error> {
    let name = wire.name.map(|name| path.field("name").text(name, "a string")).transpose()?;
    // Nothing refers to a message's id, so one of another type is no reason to refuse the message.
    Ok(Message { role, parts, name, id: wire.id.and_then(text), own: own(wire) })
}

fn own<'a>(wire: &Wire<'a>) -> Option<Own<'a>> {
    wire.attachments.map(|attachments| ("attachments", attachments))
}

fn required_content<'a>(wire: &Wire<'a>, path: &Path<'_>) -> Result<Vec<Part<'a>>, Error> {
    content::read(wire.content.ok_or_else(|| missing_content(path))?, &path.field("content"))
}

fn missing_content(path: &Path<'_>) -> Error {
    path.field("content").must_be("a string or a list of parts")
}

/// A tool's answer; a tool that says nothing has no content or none but `null`.
fn output<'a>(wire: &Wire<'a>, path: &Path<'_>) -> Result<CallOutput<'a>, Error> {
    let call_id = required(wire.tool_call_id, &path.field("tool_call_id"), "the id of the call that it answers")?;
    let name = wire.name.map(|name| path.field("name").text(name, "a string")).transpose()?;
    let parts = wire.content.map_or_else(|| Ok(Vec::new()), |value| content::read(value, &path.field("content")))?;
    Ok(CallOutput { call_id, name, parts, own: own(wire) })
}

fn read_calls<'a>(list: Option<&'a RawValue>, path: &Path<'_>) -> Result<Vec<Call<'a>>, Error> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let calls: Vec<&'a RawValue> = path.read(list, "a list of tool calls")?;
    calls.into_iter().enumerate().map(|(index, call)| read_call(call, &path.index(index))).collect()
}

fn read_call<'a>(call: &'a RawValue, path: &Path<'_>) -> Result<Call<'a>, Error> {
    let wire: WireCall<'a> = path.read(call, "a tool call object")?;
    if wire.r#type.and_then(text).is_some_and(|kind| kind != "function") {
        return Err(path.field("type").must_be("`function`: calls of other tools cannot be carried"));
    }
    let place = path.field("function");
    let wanted = "an object with `name` and `arguments`";
    let function: WireFunction<'a> = place.read(wire.function.ok_or_else(|| place.must_be(wanted))?, wanted)?;
    Ok(Call {
        call_id: required(wire.id, &path.field("id"), "the id that the tool's answer refers to")?,
        name: required(function.name, &place.field("name"), "the name of a function")?,
        arguments: arguments(function.arguments),
    })
}

/// Arguments as JSON text: most send a string, some the object itself, and nothing or an empty string for none.
pub(super) fn arguments(value: Option<&RawValue>) -> Str<'_> {
    match value {
        Some(value) => match text(value) {
            Some(text) if text.trim_ascii().is_empty() => "{}".into(),
            Some(text) => text,
            None => value.get().into(),
        },
        None => "{}".into(),
    }
}

fn required<'a>(value: Option<&'a RawValue>, path: &Path<'_>, wanted: &str) -> Result<Str<'a>, Error> {
    let text: Str<'a> = path.text(value.ok_or_else(|| path.must_be(wanted))?, wanted)?;
    if text.is_empty() { Err(path.must_be(wanted)) } else { Ok(text) }
}

fn text(value: &RawValue) -> Option<Str<'_>> {
    Str::of(value)
}

/// An object that is carried as it is.
pub(super) fn object<'a>(value: &'a RawValue, path: &Path<'_>) -> Result<Cow<'a, RawValue>, Error> {
    if value.get().starts_with('{') { Ok(Cow::Borrowed(value)) } else { Err(path.must_be("an object")) }
}
