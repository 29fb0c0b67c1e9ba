//! Reads `input`: the conversation so far, as a string or as a list of items of every kind.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::place::Place;
use super::{lowered, sealed, value};
use crate::error::Error;
use crate::ir::{Body, Call, CallOutput, Item, Json, Message, Part, Reasoning, Role, Str, json};

/// An item's fields, of all kinds together.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    namespace: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    encrypted_content: Option<&'a RawValue>,
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
}

/// A content part's fields, of all kinds together.
#[derive(Deserialize)]
struct PartFields<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    input_audio: Option<&'a RawValue>,
}

/// An image's address where it comes as an object, as Chat Completions has it.
#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Str<'a>,
    #[serde(borrow)]
    detail: Option<Str<'a>>,
}

/// A file, without the part's `type`.
#[derive(Deserialize, Serialize)]
pub(super) struct Attachment<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    filename: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    file_data: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    file_url: Option<&'a RawValue>,
}

/// Audio, without the part's `type`.
#[derive(Deserialize, Serialize)]
struct Audio<'a> {
    #[serde(borrow)]
    data: Str<'a>,
    #[serde(borrow)]
    format: Str<'a>,
}

/// The conversation of a request.
pub(super) fn read<'a>(body: &Body<'a>) -> Result<Vec<Item<'a>>, Error> {
    let place = Place::top("input");
    let input = body.given("input").ok_or_else(|| place.missing())?;
    if let Some(text) = value::string(input) {
        return Ok(vec![Item::Message(Message::text(Role::User, text))]);
    }
    let items: Vec<&RawValue> = place.read(input, "a string or a list of items")?;
    items.into_iter().enumerate().map(|(index, raw)| item(raw, place.index(index))).collect()
}

fn item<'a>(raw: &'a RawValue, place: Place<'_>) -> Result<Item<'a>, Error> {
    let fields: Fields<'a> = place.read(raw, "an object")?;
    let raw = Json::Borrowed(raw);
    let Some(kind) = place.optional::<Str<'a>>("type", fields.r#type, "a string")? else {
        return match (fields.role, fields.id) {
            (Some(_), _) => message(&fields, place).map(Item::Message),
            // The one kind whose type may be null.
            (None, Some(_)) => Ok(Item::Opaque { kind: Str::from("item_reference"), raw }),
            (None, None) => Err(place.field("type").missing()),
        };
    };
    match &*kind {
        "message" => message(&fields, place).map(Item::Message),
        "function_call" => call(&fields, place, value::arguments(fields.arguments)).map(Item::Call),
        "custom_tool_call" => {
            let input: Str<'a> = place.required("input", fields.input, "a string")?;
            call(&fields, place, Str::from(lowered::arguments(&input))).map(Item::Call)
        }
        "function_call_output" | "custom_tool_call_output" => call_output(&fields, place).map(Item::CallOutput),
        "reasoning" => {
            let text = value::thought(fields.summary, fields.content);
            let raw = sealed::open(fields.encrypted_content, fields.summary, fields.content).map_or(raw, Json::Owned);
            Ok(Item::Reasoning(Reasoning { text, raw: Some(raw) }))
        }
        _ => Ok(Item::Opaque { kind, raw }),
    }
}

fn message<'a>(fields: &Fields<'a>, place: Place<'_>) -> Result<Message<'a>, Error> {
    let role: Str<'a> = place.required("role", fields.role, "a string")?;
    let role = Role::named(&role)
        .ok_or_else(|| place.field("role").wrong("one of `user`, `assistant`, `system`, `developer`"))?;
    Ok(Message {
        role,
        parts: parts("content", fields.content, place)?,
        name: place.optional("name", fields.name, "a string")?,
        id: place.optional("id", fields.id, "a string")?,
        own: fields.phase.map(|phase| ("phase", phase)),
    })
}

fn call<'a>(fields: &Fields<'a>, place: Place<'_>, arguments: Str<'a>) -> Result<Call<'a>, Error> {
    let namespace: Str<'a> = place.optional("namespace", fields.namespace, "a string")?.unwrap_or_default();
    Ok(Call {
        call_id: place.required("call_id", fields.call_id, "a string")?,
        name: lowered::flat_name(&namespace, place.required("name", fields.name, "a string")?),
        arguments: if arguments.trim_ascii().is_empty() { Str::from("{}") } else { arguments },
    })
}

fn call_output<'a>(fields: &Fields<'a>, place: Place<'_>) -> Result<CallOutput<'a>, Error> {
    Ok(CallOutput {
        call_id: place.required("call_id", fields.call_id, "a string")?,
        name: None,
        parts: parts("output", fields.output, place)?,
        own: None,
    })
}

/// A string, or a list of parts, in the field `name` of the item at `place`.
fn parts<'a>(name: &'static str, given: Option<&'a RawValue>, place: Place<'_>) -> Result<Vec<Part<'a>>, Error> {
    let place = place.field(name);
    let given = given.ok_or_else(|| place.missing())?;
    if let Some(text) = value::string(given) {
        return Ok(vec![Part::Text(text)]);
    }
    let parts: Vec<&RawValue> = place.read(given, "a string or a list of parts")?;
    parts.into_iter().enumerate().map(|(index, raw)| part(raw, place.index(index))).collect()
}

fn part<'a>(raw: &'a RawValue, place: Place<'_>) -> Result<Part<'a>, Error> {
    let fields: PartFields<'a> = place.read(raw, "an object")?;
    let kind: Str<'a> = place.required("type", fields.r#type, "a string")?;
    match &*kind {
        "input_text" | "output_text" | "text" => Ok(Part::Text(place.required("text", fields.text, "a string")?)),
        "refusal" => Ok(Part::Refusal(place.required("refusal", fields.refusal, "a string")?)),
        "input_image" if fields.image_url.is_some() => image(&fields, place),
        "input_file" => {
            let file: Attachment<'a> = place.read(raw, "an object")?;
            Ok(Part::File(Json::Owned(json(&file))))
        }
        "input_audio" => {
            let audio = match fields.input_audio {
                Some(inner) => {
                    place.field("input_audio").read::<Audio<'a>>(inner, "an object of `data` and `format`")?
                }
                None => place.read(raw, "an object with `data` and `format`")?,
            };
            Ok(Part::Audio(Json::Owned(json(&audio))))
        }
        // An image by file id is among them: only who stored the file can read it.
        _ => Ok(Part::Opaque { kind, raw: Json::Borrowed(raw) }),
    }
}

fn image<'a>(fields: &PartFields<'a>, place: Place<'_>) -> Result<Part<'a>, Error> {
    let detail = place.optional("detail", fields.detail, "a string")?;
    if let Some(url) = fields.image_url.and_then(value::string) {
        return Ok(Part::Image { url, detail });
    }
    let inner: ImageUrl<'a> = place.required("image_url", fields.image_url, "a string")?;
    Ok(Part::Image { url: inner.url, detail: detail.or(inner.detail) })
}
