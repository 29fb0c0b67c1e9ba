//! Writes the request for a backend: an MLflow AgentServer takes it, and so does an OpenAI-compatible server.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Responses;
use super::input::Attachment;
use super::request::JsonSchema;
use super::settings::Choice;
use crate::dialect::Target;
use crate::dialect::params::Carried;
use crate::error::{Error, Kind};
use crate::ir::{Dropped, Field, Format, Item, Message, Part, Request, Role, Str, Tool, ToolChoice, legal};

/// What is asked of the backend.
#[derive(Serialize)]
struct Asked<'r, 'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'r str>,
    input: Vec<Step<'r>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Offer<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Thinking<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_inputs: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_options: Option<Options>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<&'r str>,
    #[serde(flatten)]
    carried: Carried<'r, 'a>,
}

/// The longest call id that OpenAI takes in an item.
const CALL_ID: usize = 64;

/// One item of `input`.
#[derive(Serialize)]
#[serde(untagged)]
enum Step<'r> {
    Known(Known<'r>),
    Raw(&'r RawValue),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Known<'r> {
    Message {
        role: &'static str,
        content: Content<'r>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'r RawValue>,
    },
    FunctionCall {
        call_id: Str<'r>,
        name: Str<'r>,
        arguments: &'r str,
    },
    FunctionCallOutput {
        call_id: Str<'r>,
        output: Content<'r>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'r> {
    Text(Str<'r>),
    Parts(Vec<Said<'r>>),
}

/// One part of a message.
#[derive(Serialize)]
#[serde(untagged)]
enum Said<'r> {
    Known(KnownPart<'r>),
    Raw(&'r RawValue),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum KnownPart<'r> {
    InputText { text: Str<'r> },
    OutputText { text: Str<'r>, annotations: [(); 0] },
    Refusal { refusal: Str<'r> },
    InputImage { image_url: &'r str, detail: &'r str },
    InputFile(Attachment<'r>),
    InputAudio { input_audio: &'r RawValue },
}

/// A tool the client offers.
#[derive(Serialize)]
#[serde(untagged)]
enum Offer<'r> {
    Function {
        r#type: &'static str,
        name: Str<'r>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'r str>,
        parameters: Parameters<'r>,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
    Raw(&'r RawValue),
}

/// MLflow refuses a function without parameters.
#[derive(Serialize)]
#[serde(untagged)]
enum Parameters<'r> {
    Given(&'r RawValue),
    None { r#type: &'static str, properties: Properties },
}

#[derive(Serialize)]
struct Properties {}

#[derive(Serialize)]
struct Text<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Form<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'r RawValue>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Form<'r> {
    JsonObject,
    JsonSchema(JsonSchema<'r>),
}

#[derive(Serialize)]
struct Thinking<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'r RawValue>,
}

#[derive(Serialize)]
struct Context<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'r str>,
}

#[derive(Serialize)]
struct Options {
    return_trace: bool,
}

/// The body of the backend's request.
pub(super) fn write(request: &Request<'_>, target: &Target<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, Error> {
    let asked = Asked {
        model: target.model.or(request.model.as_deref()),
        input: input(request, target, dropped)?,
        stream: target.stream,
        tools: request.tools.iter().map(|tool| offer(tool, target)).collect::<Result<_, _>>()?,
        tool_choice: choice(request, target)?,
        text: text(request)?,
        reasoning: reasoning(request),
        custom_inputs: request.custom_inputs.as_deref(),
        context: context(request),
        databricks_options: request.return_trace.then_some(Options { return_trace: true }),
        client_request_id: request.client_request_id.as_deref(),
        carried: Carried { dialect: &Responses, request, rest: target.alike },
    };
    for (key, _) in request.rest.iter().filter(|_| !target.alike) {
        dropped.note(key);
    }
    let mut out = Vec::with_capacity(512 + 192 * request.items.len());
    serde_json::to_writer(&mut out, &asked)
        .map_err(|error| Error::new(Kind::Internal, "the request could not be written for the agent").because(error))?;
    Ok(out)
}

/// The conversation, with the instructions in front: an AgentServer would drop `instructions` without a word.
fn input<'r>(request: &'r Request<'_>, target: &Target<'_>, dropped: &mut Dropped) -> Result<Vec<Step<'r>>, Error> {
    let mut steps = Vec::with_capacity(request.items.len() + 1);
    if let Some(instructions) = request.instructions.as_deref() {
        let content = Content::Text(Str::from(instructions));
        steps.push(Step::Known(Known::Message { role: Role::System.name(), content, phase: None }));
    }
    let declared = request.declared().collect();
    for item in &request.items {
        steps.extend(step(item, &declared, target, dropped)?);
    }
    Ok(steps)
}

/// One item; none for what is left out.
fn step<'r>(
    item: &'r Item<'_>,
    declared: &HashSet<&str>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<Option<Step<'r>>, Error> {
    let known = match item {
        Item::Message(message) => match said(message, target, dropped)? {
            Some(content) => {
                let phase = message.own.filter(|(key, _)| target.alike && *key == "phase").map(|(_, value)| value);
                Known::Message { role: message.role.name(), content, phase }
            }
            None => return Ok(None),
        },
        Item::Call(call) => {
            // What the agent calls its own tools is its own affair.
            let own = target.alike && !declared.contains(&*call.name);
            let name = if own { Str::from(&*call.name) } else { legal::tool_name(&call.name) };
            Known::FunctionCall { call_id: legal::call_id(&call.call_id, CALL_ID), name, arguments: &call.arguments }
        }
        Item::CallOutput(output) => {
            let texts_only = output.parts.iter().all(|part| matches!(part, Part::Text(_) | Part::Refusal(_)));
            let output_text = || Ok(Content::Text(Str::from(output.text().into_string())));
            let content = if texts_only { output_text() } else { parts(&output.parts, &Role::User, target) };
            Known::FunctionCallOutput { call_id: legal::call_id(&output.call_id, CALL_ID), output: content? }
        }
        Item::Reasoning(reasoning) => {
            let raw = reasoning.raw.as_deref().filter(|_| target.alike);
            if raw.is_none() {
                dropped.note("reasoning");
            }
            return Ok(raw.map(Step::Raw));
        }
        Item::Opaque { kind, .. } if kind == "item_reference" => return Err(reference()),
        Item::Opaque { kind, raw } => return Ok(Some(Step::Raw(alike(target, kind, "items", raw)?))),
    };
    Ok(Some(Step::Known(known)))
}

/// What a message says; none for an assistant's message that says nothing, which some servers refuse.
fn said<'r>(
    message: &'r Message<'_>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<Option<Content<'r>>, Error> {
    if message.name.is_some() {
        dropped.note("name");
    }
    let nothing = |part: &Part<'_>| matches!(part, Part::Text(text) | Part::Refusal(text) if text.is_empty());
    match (&message.role, message.parts.as_slice()) {
        (Role::Assistant, parts) if parts.iter().all(nothing) => Ok(None),
        (Role::Developer | Role::System | Role::User, [Part::Text(text)]) => Ok(Some(Content::Text(text.borrowed()))),
        (role, all) => parts(all, role, target).map(Some),
    }
}

fn parts<'r>(parts: &'r [Part<'_>], role: &Role, target: &Target<'_>) -> Result<Content<'r>, Error> {
    parts.iter().map(|part| part_of(part, role, target)).collect::<Result<_, _>>().map(Content::Parts)
}

fn part_of<'r>(part: &'r Part<'_>, role: &Role, target: &Target<'_>) -> Result<Said<'r>, Error> {
    let assistant = *role == Role::Assistant;
    let only_from_users = |name: &str| {
        let message = format!("`{name}` cannot be part of an assistant's message");
        Error::new(Kind::UnsupportedField, message).param(name)
    };
    let known = match part {
        Part::Text(text) if assistant => KnownPart::OutputText { text: text.borrowed(), annotations: [] },
        Part::Text(text) => KnownPart::InputText { text: text.borrowed() },
        Part::Refusal(refusal) if assistant => KnownPart::Refusal { refusal: refusal.borrowed() },
        Part::Refusal(refusal) => KnownPart::InputText { text: refusal.borrowed() },
        Part::Image { .. } if assistant => return Err(only_from_users("image")),
        Part::File(_) if assistant => return Err(only_from_users("file")),
        Part::Audio(_) if assistant => return Err(only_from_users("input_audio")),
        Part::Image { url, detail } => {
            KnownPart::InputImage { image_url: url, detail: detail.as_deref().unwrap_or("auto") }
        }
        Part::File(file) => {
            let wrong = |_| Error::new(Kind::InvalidField, "a file must be an object").param("file");
            KnownPart::InputFile(serde_json::from_str(file.get()).map_err(wrong)?)
        }
        Part::Audio(input_audio) => KnownPart::InputAudio { input_audio },
        Part::Opaque { kind, raw } => return Ok(Said::Raw(alike(target, kind, "content parts", raw)?)),
    };
    Ok(Said::Known(known))
}

fn offer<'r>(tool: &'r Tool<'_>, target: &Target<'_>) -> Result<Offer<'r>, Error> {
    match tool {
        Tool::Function { name, description, parameters, strict } => Ok(Offer::Function {
            r#type: "function",
            name: legal::tool_name(name),
            description: description.as_deref(),
            parameters: match parameters {
                Some(given) => Parameters::Given(given),
                None => Parameters::None { r#type: "object", properties: Properties {} },
            },
            // Absent means strict here and not strict in Chat Completions, so for its clients it is always said.
            strict: if target.alike { *strict } else { Some(strict.unwrap_or(false)) },
        }),
        Tool::Opaque { kind, raw } => Ok(Offer::Raw(alike(target, kind, "tools", raw)?)),
    }
}

/// Servers refuse a choice where there is nothing to choose from.
fn choice<'r>(request: &'r Request<'_>, target: &Target<'_>) -> Result<Option<Choice<'r>>, Error> {
    match &request.tool_choice {
        Some(ToolChoice::Mode(mode)) if request.tools.is_empty() && *mode != "required" => Ok(None),
        Some(ToolChoice::Opaque(raw)) => alike(target, "tool_choice", "objects", raw).map(Choice::Raw).map(Some),
        Some(ToolChoice::Function(name)) => {
            Ok(Some(Choice::Function { r#type: "function", name: legal::tool_name(name) }))
        }
        choice => Ok(choice.as_ref().map(Choice::of)),
    }
}

fn text<'r>(request: &'r Request<'_>) -> Result<Option<Text<'r>>, Error> {
    let format = match &request.format {
        None => None,
        Some(Format::JsonObject) => Some(Form::JsonObject),
        Some(Format::JsonSchema(raw)) => {
            let schema = serde_json::from_str(raw.get()).map_err(|_| {
                let message = "the JSON schema of the answer must be an object with a `name` and a `schema`";
                Error::new(Kind::InvalidField, message).param("response_format")
            })?;
            Some(Form::JsonSchema(schema))
        }
    };
    let verbosity = value(request, Field::Verbosity);
    Ok((format.is_some() || verbosity.is_some()).then_some(Text { format, verbosity }))
}

fn reasoning<'r>(request: &'r Request<'_>) -> Option<Thinking<'r>> {
    let (effort, summary) = (value(request, Field::ReasoningEffort), value(request, Field::ReasoningSummary));
    (effort.is_some() || summary.is_some()).then_some(Thinking { effort, summary })
}

fn context<'r>(request: &'r Request<'_>) -> Option<Context<'r>> {
    let (conversation_id, user_id) = (request.conversation_id.as_deref(), request.user_id.as_deref());
    (conversation_id.is_some() || user_id.is_some()).then_some(Context { conversation_id, user_id })
}

fn value<'r>(request: &'r Request<'_>, field: Field) -> Option<&'r RawValue> {
    request.param(field).map(|param| param.value)
}

/// Ids of items are ours, and nobody keeps the items that they name.
fn reference() -> Error {
    let message = "`item_reference` names an item that nothing is kept of here: send the item itself (SDKs do so when \
                   `store` is false)";
    Error::new(Kind::UnsupportedField, message).param("item_reference")
}

/// What is not understood may only pass to a backend of the client's own dialect.
fn alike<'r>(target: &Target<'_>, kind: &str, of: &str, raw: &'r RawValue) -> Result<&'r RawValue, Error> {
    if target.alike {
        return Ok(raw);
    }
    let message = format!("`{kind}` {of} cannot be carried to the agent behind this model");
    Err(Error::new(Kind::UnsupportedField, message).param(kind))
}
