//! The settings of a request that every response repeats, with the defaults of what the client left open.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::request::JsonSchema;
use super::{lowered, value};
use crate::ir::{Field, Format, Request, Str, Tool, ToolChoice};

/// All of them, in the order of the resource. None but those that may be null ever is.
#[derive(Serialize)]
struct Settings<'r> {
    previous_response_id: Or<'r, Null>,
    instructions: Option<&'r str>,
    tools: Vec<Offer<'r>>,
    tool_choice: Choice<'r>,
    truncation: Or<'r, &'static str>,
    parallel_tool_calls: Or<'r, bool>,
    text: Text<'r>,
    top_p: Or<'r, f32>,
    presence_penalty: Or<'r, f32>,
    frequency_penalty: Or<'r, f32>,
    top_logprobs: Or<'r, u8>,
    temperature: Or<'r, f32>,
    reasoning: Option<Thinking<'r>>,
    max_output_tokens: Or<'r, Null>,
    max_tool_calls: Or<'r, Null>,
    store: Or<'r, bool>,
    background: Or<'r, bool>,
    service_tier: Or<'r, &'static str>,
    safety_identifier: Or<'r, Null>,
    prompt_cache_key: Or<'r, Null>,
    user: Or<'r, Null>,
    metadata: Or<'r, Empty>,
}

/// `null`.
type Null = ();

/// `{}`.
#[derive(Serialize)]
struct Empty {}

/// What the client gave, or else the default.
#[derive(Serialize)]
#[serde(untagged)]
enum Or<'r, T> {
    Given(&'r RawValue),
    Default(T),
}

/// A tool with all its keys.
#[derive(Serialize)]
#[serde(untagged)]
enum Offer<'r> {
    Function {
        r#type: &'static str,
        name: &'r str,
        description: Option<&'r str>,
        parameters: Option<&'r RawValue>,
        strict: Option<bool>,
    },
    Given(GivenFunction<'r>),
    Raw(&'r RawValue),
}

/// A function as the client wrote it, the keys that it left out included.
#[derive(Deserialize, Serialize)]
struct GivenFunction<'r> {
    #[serde(borrow)]
    r#type: Option<&'r RawValue>,
    #[serde(borrow)]
    name: Option<&'r RawValue>,
    #[serde(borrow)]
    description: Option<&'r RawValue>,
    #[serde(borrow)]
    parameters: Option<&'r RawValue>,
    #[serde(borrow)]
    strict: Option<&'r RawValue>,
}

/// Which tool to use, in this dialect's shape.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Choice<'r> {
    Mode(&'r str),
    Function { r#type: &'static str, name: Str<'r> },
    Raw(&'r RawValue),
}

#[derive(Serialize)]
struct Text<'r> {
    format: Form<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'r RawValue>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Form<'r> {
    Text,
    JsonObject,
    JsonSchema { name: &'r str, description: Option<&'r str>, schema: Option<&'r RawValue>, strict: bool },
}

#[derive(Serialize)]
struct Thinking<'r> {
    effort: Option<&'r RawValue>,
    summary: Option<&'r RawValue>,
}

impl<'r> Choice<'r> {
    pub(super) fn of(choice: &'r ToolChoice<'_>) -> Self {
        match choice {
            ToolChoice::Mode(mode) => Self::Mode(mode),
            ToolChoice::Function(name) => Self::Function { r#type: "function", name: Str::from(&**name) },
            ToolChoice::Opaque(raw) => Self::Raw(raw),
        }
    }
}

/// The settings as a JSON object.
pub(super) fn write(request: &Request<'_>) -> String {
    let schema = match &request.format {
        Some(Format::JsonSchema(raw)) => serde_json::from_str::<JsonSchema<'_>>(raw.get()).ok(),
        _ => None,
    };
    let settings = Settings {
        previous_response_id: or(request, Field::PreviousResponse, ()),
        instructions: request.instructions.as_deref(),
        tools: offers(request),
        tool_choice: choice(request),
        truncation: or(request, Field::Truncation, "disabled"),
        parallel_tool_calls: or(request, Field::ParallelToolCalls, true),
        text: text(request, schema.as_ref()),
        top_p: or(request, Field::TopP, 1.0),
        presence_penalty: or(request, Field::PresencePenalty, 0.0),
        frequency_penalty: or(request, Field::FrequencyPenalty, 0.0),
        top_logprobs: or(request, Field::TopLogprobs, 0),
        temperature: or(request, Field::Temperature, 1.0),
        reasoning: reasoning(request),
        max_output_tokens: or(request, Field::MaxTokens, ()),
        max_tool_calls: or(request, Field::MaxToolCalls, ()),
        store: or(request, Field::Store, false),
        background: or(request, Field::Background, false),
        service_tier: or(request, Field::ServiceTier, "default"),
        safety_identifier: or(request, Field::SafetyIdentifier, ()),
        prompt_cache_key: or(request, Field::PromptCacheKey, ()),
        user: or(request, Field::User, ()),
        metadata: or(request, Field::Metadata, Empty {}),
    };
    // Strings, numbers and checked JSON always serialise.
    serde_json::to_string(&settings).unwrap_or_default()
}

fn or<'r, T>(request: &'r Request<'_>, field: Field, default: T) -> Or<'r, T> {
    given(request, field).map_or(Or::Default(default), Or::Given)
}

fn given<'r>(request: &'r Request<'_>, field: Field) -> Option<&'r RawValue> {
    request.param(field).map(|param| param.value)
}

/// The tools as the client declared them.
fn offers<'r>(request: &'r Request<'_>) -> Vec<Offer<'r>> {
    match request.tools_as_given.as_deref() {
        Some(given) => value::list(Some(given)).into_iter().map(as_given).collect(),
        None => request.tools.iter().map(offer).collect(),
    }
}

fn as_given(raw: &RawValue) -> Offer<'_> {
    match serde_json::from_str::<GivenFunction<'_>>(raw.get()) {
        Ok(given) if value::string_or_empty(given.r#type) == "function" => Offer::Given(given),
        _ => Offer::Raw(raw),
    }
}

/// The choice of a custom tool has been read as that of the function that stands for it.
fn choice<'r>(request: &'r Request<'_>) -> Choice<'r> {
    let custom = |name: &str| {
        let tools = value::list(request.tools_as_given.as_deref());
        tools.into_iter().any(|raw| lowered::is_custom(raw, name))
    };
    match &request.tool_choice {
        Some(ToolChoice::Function(name)) if custom(name) => {
            Choice::Function { r#type: "custom", name: Str::from(&**name) }
        }
        choice => choice.as_ref().map_or(Choice::Mode("auto"), Choice::of),
    }
}

fn offer<'r>(tool: &'r Tool<'_>) -> Offer<'r> {
    match tool {
        Tool::Function { name, description, parameters, strict } => Offer::Function {
            r#type: "function",
            name,
            description: description.as_deref(),
            parameters: parameters.as_deref(),
            strict: *strict,
        },
        Tool::Opaque { raw, .. } => Offer::Raw(raw),
    }
}

fn text<'r>(request: &'r Request<'_>, schema: Option<&'r JsonSchema<'r>>) -> Text<'r> {
    let format = match (&request.format, schema) {
        (Some(Format::JsonSchema(_)), Some(schema)) => Form::JsonSchema {
            name: &schema.name,
            description: schema.description.as_deref(),
            schema: schema.schema,
            strict: schema.strict.unwrap_or(false),
        },
        (Some(Format::JsonObject), _) => Form::JsonObject,
        _ => Form::Text,
    };
    Text { format, verbosity: given(request, Field::Verbosity) }
}

fn reasoning<'r>(request: &'r Request<'_>) -> Option<Thinking<'r>> {
    let (effort, summary) = (given(request, Field::ReasoningEffort), given(request, Field::ReasoningSummary));
    (effort.is_some() || summary.is_some()).then_some(Thinking { effort, summary })
}
