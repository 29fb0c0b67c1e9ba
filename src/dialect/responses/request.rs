//! Reads a client's request.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::place::Place;
use super::{Responses, input, lowered, value};
use crate::dialect::params;
use crate::error::Error;
use crate::ir::{Body, Field, Format, Json, Request, Str, ToolChoice, json};

/// The top-level fields that are read here; the others are parameters, or nobody's.
const TYPED: &[&str] = &[
    "client_request_id",
    "context",
    "custom_inputs",
    "databricks_options",
    "input",
    "instructions",
    "model",
    "reasoning",
    "stream",
    "stream_options",
    "text",
    "tool_choice",
    "tools",
];

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    verbosity: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TextFormat<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
}

/// The form of the answer by a schema, as the neutral form keeps it: without a `type`.
#[derive(Deserialize, Serialize)]
pub(super) struct JsonSchema<'a> {
    #[serde(borrow)]
    pub(super) name: Str<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<Str<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) strict: Option<bool>,
}

#[derive(Deserialize)]
struct Thinking<'a> {
    #[serde(borrow)]
    effort: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    generate_summary: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow)]
    conversation_id: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Options<'a> {
    #[serde(borrow)]
    return_trace: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChoiceFields<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

/// The request that `body` is.
pub(super) fn read<'a>(body: &Body<'a>) -> Result<Request<'a>, Error> {
    Ok(Request { items: input::read(body)?, ..read_around(body)? })
}

/// The request that `body` is, but for its input.
pub(super) fn read_around<'a>(body: &Body<'a>) -> Result<Request<'a>, Error> {
    let (tools, lowered) =
        body.given("tools").map(|list| lowered::read(list, Place::top("tools"))).transpose()?.unwrap_or_default();
    let mut request = Request {
        model: body.read("model", "a string")?,
        stream: body.read("stream", "true or false")?.unwrap_or(false),
        instructions: body.read("instructions", "a string")?,
        tools,
        tools_as_given: body.given("tools").filter(|_| lowered).map(Json::Borrowed),
        tool_choice: tool_choice(body)?,
        custom_inputs: object(body, "custom_inputs")?.map(Json::Borrowed),
        client_request_id: body.read("client_request_id", "a string")?,
        ..Request::default()
    };
    object(body, "metadata")?;
    read_text(body, &mut request)?;
    read_reasoning(body, &mut request)?;
    read_context(body, &mut request)?;
    params::read(&Responses, &[], TYPED, body, &mut request)?;
    Ok(request)
}

/// A field that must be an object if it is given.
fn object<'a>(body: &Body<'a>, name: &'static str) -> Result<Option<&'a RawValue>, Error> {
    match body.given(name) {
        given @ Some(_) if value::object(given).is_none() => Err(Place::top(name).wrong("an object")),
        given => Ok(given),
    }
}

fn read_text<'a>(body: &Body<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    let place = Place::top("text");
    let Some(text) = body.given("text") else { return Ok(()) };
    let text: Text<'a> = place.read(text, "an object")?;
    if let Some(verbosity) = text.verbosity {
        request.params.push(params::checked(Field::Verbosity, "text.verbosity", verbosity)?);
    }
    if let Some(format) = text.format {
        request.format = read_format(format, place.field("format"))?;
    }
    Ok(())
}

fn read_format<'a>(raw: &'a RawValue, place: Place<'_>) -> Result<Option<Format<'a>>, Error> {
    let fields: TextFormat<'a> = place.read(raw, "an object")?;
    let kind: Str<'a> = place.required("type", fields.r#type, "a string")?;
    match &*kind {
        "text" => Ok(None),
        "json_object" => Ok(Some(Format::JsonObject)),
        "json_schema" => {
            let schema: JsonSchema<'a> = place.read(raw, "an object with a `name` and a `schema`")?;
            Ok(Some(Format::JsonSchema(Json::Owned(json(&schema)))))
        }
        _ => Err(place.field("type").wrong("one of `text`, `json_object`, `json_schema`")),
    }
}

fn read_reasoning<'a>(body: &Body<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    let Some(reasoning) = body.given("reasoning") else { return Ok(()) };
    let reasoning: Thinking<'a> = Place::top("reasoning").read(reasoning, "an object")?;
    let given = [
        (Field::ReasoningEffort, "reasoning.effort", reasoning.effort),
        (Field::ReasoningSummary, "reasoning.summary", reasoning.summary.or(reasoning.generate_summary)),
    ];
    for (field, key, value) in given {
        if let Some(value) = value {
            request.params.push(params::checked(field, key, value)?);
        }
    }
    Ok(())
}

fn read_context<'a>(body: &Body<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    let place = Place::top("context");
    if let Some(context) = body.given("context") {
        let context: Context<'a> = place.read(context, "an object")?;
        request.conversation_id = place.optional("conversation_id", context.conversation_id, "a string")?;
        request.user_id = place.optional("user_id", context.user_id, "a string")?;
    }
    let place = Place::top("databricks_options");
    if let Some(options) = body.given("databricks_options") {
        let options: Options<'a> = place.read(options, "an object")?;
        let wanted = place.optional("return_trace", options.return_trace, "true or false")?;
        request.return_trace = wanted.unwrap_or(false);
    }
    Ok(())
}

fn tool_choice<'a>(body: &Body<'a>) -> Result<Option<ToolChoice<'a>>, Error> {
    let place = Place::top("tool_choice");
    let Some(choice) = body.given("tool_choice") else { return Ok(None) };
    if let Some(mode) = value::string(choice) {
        return match &*mode {
            "auto" | "none" | "required" => Ok(Some(ToolChoice::Mode(mode))),
            _ => Err(place.wrong("`auto`, `none`, `required` or an object")),
        };
    }
    let fields: ChoiceFields<'a> = place.read(choice, "`auto`, `none`, `required` or an object")?;
    let kind: Str<'a> = place.required("type", fields.r#type, "a string")?;
    // A custom tool has become a function.
    if kind != "function" && kind != "custom" {
        return Ok(Some(ToolChoice::Opaque(Json::Borrowed(choice))));
    }
    Ok(Some(ToolChoice::Function(place.required("name", fields.name, "a string")?)))
}
