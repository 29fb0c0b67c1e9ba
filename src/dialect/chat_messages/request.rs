//! Reads and writes what stands around the messages of a request.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Path, history, rows, tools};
use crate::dialect::{Dialect, Target, params};
use crate::error::{Error, Kind};
use crate::ir::{Body, Dropped, Field, Item, Request, Str};

/// How clients of every chat dialect spell their parameters: the Databricks clients send OpenAI's fields to legacy
/// agents too, which ignore most of them.
const KEYS: &[(&str, Field)] = &[
    ("audio", Field::AudioOutput),
    ("background", Field::Background),
    ("conversation", Field::Conversation),
    ("frequency_penalty", Field::FrequencyPenalty),
    ("include", Field::Include),
    ("logit_bias", Field::LogitBias),
    ("logprobs", Field::Logprobs),
    ("max_completion_tokens", Field::MaxTokens),
    ("max_tokens", Field::MaxTokens),
    ("max_tool_calls", Field::MaxToolCalls),
    ("metadata", Field::Metadata),
    ("modalities", Field::Modalities),
    ("n", Field::N),
    ("parallel_tool_calls", Field::ParallelToolCalls),
    ("prediction", Field::Prediction),
    ("presence_penalty", Field::PresencePenalty),
    ("previous_response_id", Field::PreviousResponse),
    ("prompt", Field::Prompt),
    ("prompt_cache_key", Field::PromptCacheKey),
    ("reasoning_effort", Field::ReasoningEffort),
    ("safety_identifier", Field::SafetyIdentifier),
    ("seed", Field::Seed),
    ("service_tier", Field::ServiceTier),
    ("stop", Field::Stop),
    ("store", Field::Store),
    ("temperature", Field::Temperature),
    ("top_k", Field::TopK),
    ("top_logprobs", Field::TopLogprobs),
    ("top_p", Field::TopP),
    ("truncation", Field::Truncation),
    ("user", Field::User),
    ("verbosity", Field::Verbosity),
    ("web_search_options", Field::WebSearch),
];

/// Fields that are read here and are no parameters.
const TYPED: &[&str] = &[
    "client_request_id",
    "context",
    "custom_inputs",
    "databricks_options",
    "function_call",
    "functions",
    "messages",
    "model",
    "response_format",
    "stream",
    "stream_options",
    "tool_choice",
    "tools",
];

#[derive(Default, Deserialize)]
struct Context<'a> {
    #[serde(borrow)]
    conversation_id: Option<Str<'a>>,
    #[serde(borrow)]
    user_id: Option<Str<'a>>,
}

#[derive(Default, Deserialize)]
struct DatabricksOptions {
    return_trace: Option<bool>,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// Reads the request of a chat dialect's client, bare or in a dataframe's row.
pub(crate) fn read<'a>(dialect: &dyn Dialect, body: &Body<'a>) -> Result<Request<'a>, Error> {
    let row = if body.given("messages").is_none() { rows::unwrap(body)? } else { None };
    let (body, place) = row.as_ref().map_or((body, ""), |row| (&row.body, row.place));
    refuse_functions(body)?;
    let field = format!("{place}messages");
    let messages = body.given("messages").ok_or_else(|| Path::of(&field).missing("a list of messages"))?;
    let items = history::read(messages, &Path::of(&field))?;
    Ok(Request { items, ..read_around(dialect, body)? })
}

/// Reads the request of a chat dialect's client but for its messages.
pub(crate) fn read_around<'a>(dialect: &dyn Dialect, body: &Body<'a>) -> Result<Request<'a>, Error> {
    let mut request = envelope(body)?;
    let options = body.read::<StreamOptions>("stream_options", "an object")?.unwrap_or_default();
    request.include_usage = options.include_usage.unwrap_or(false);
    request.tools = body.given("tools").map(tools::read).transpose()?.unwrap_or_default();
    request.tool_choice = body.given("tool_choice").map(tools::read_choice).transpose()?;
    request.format = body.given("response_format").map(tools::read_format).transpose()?.flatten();
    read_params(dialect, TYPED, body, &mut request)?;
    Ok(request)
}

/// Reads what requests of all legacy dialects may carry beside the conversation.
pub(crate) fn envelope<'a>(body: &Body<'a>) -> Result<Request<'a>, Error> {
    let context: Context<'a> =
        body.read("context", "an object with `conversation_id` and `user_id`")?.unwrap_or_default();
    let options = body.read::<DatabricksOptions>("databricks_options", "an object")?.unwrap_or_default();
    let custom_inputs =
        body.given("custom_inputs").map(|value| history::object(value, &Path::of("custom_inputs"))).transpose()?;
    Ok(Request {
        model: body.read("model", "a string")?,
        stream: body.read("stream", "true or false")?.unwrap_or(false),
        custom_inputs,
        conversation_id: context.conversation_id,
        user_id: context.user_id,
        return_trace: options.return_trace.unwrap_or(false),
        client_request_id: body.read("client_request_id", "a string")?,
        ..Request::default()
    })
}

/// Reads the parameters, and keeps what nobody knows.
pub(crate) fn read_params<'a>(
    dialect: &dyn Dialect,
    typed: &[&str],
    body: &Body<'a>,
    request: &mut Request<'a>,
) -> Result<(), Error> {
    params::read(dialect, KEYS, typed, body, request)?;
    if request.params.iter().any(|param| param.key == "max_completion_tokens") {
        request.params.retain(|param| param.key != "max_tokens");
    }
    Ok(())
}

fn refuse_functions(body: &Body<'_>) -> Result<(), Error> {
    for (field, instead) in [("functions", "tools"), ("function_call", "tool_choice")] {
        if body.given(field).is_some() {
            let message = format!("`{field}` has been replaced by `{instead}`: send it in that form");
            return Err(Error::new(Kind::UnsupportedField, message).param(field));
        }
    }
    Ok(())
}

/// What requests to all legacy dialects may carry beside the conversation: written only when the client gave it.
#[derive(Serialize)]
pub(crate) struct Extras<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_inputs: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<ContextLine<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_options: Option<OptionsLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<&'r str>,
}

#[derive(Serialize)]
struct ContextLine<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'r str>,
}

#[derive(Serialize)]
struct OptionsLine {
    return_trace: bool,
}

impl<'r> Extras<'r> {
    /// All that the request has.
    pub(crate) fn of(request: &'r Request<'_>) -> Self {
        let (conversation_id, user_id) = (request.conversation_id.as_deref(), request.user_id.as_deref());
        let context =
            (conversation_id.is_some() || user_id.is_some()).then_some(ContextLine { conversation_id, user_id });
        Self { custom_inputs: request.custom_inputs.as_deref(), context, ..Self::recorded(request) }
    }

    /// All but the context, for dialects that have none.
    pub(crate) fn without_context(request: &'r Request<'_>) -> Self {
        Self { context: None, ..Self::of(request) }
    }

    /// Only what Model Serving itself reads, whatever the agent is.
    pub(crate) fn recorded(request: &'r Request<'_>) -> Self {
        Self {
            custom_inputs: None,
            context: None,
            databricks_options: request.return_trace.then_some(OptionsLine { return_trace: true }),
            client_request_id: request.client_request_id.as_deref(),
        }
    }
}

/// Names the fields that nobody knows, unless the backend may get them as they are.
pub(crate) fn note_rest(request: &Request<'_>, target: &Target<'_>, dropped: &mut Dropped) {
    for (key, _) in request.rest.iter().filter(|_| !target.alike) {
        dropped.note(key);
    }
}

/// Items of kinds that chat messages have no place for are left out and named; refused where the agent would have to
/// answer them, or where they stand for a part of the conversation that is not in the request.
pub(crate) fn refuse_opaque(request: &Request<'_>, dropped: &mut Dropped) -> Result<(), Error> {
    for (place, item) in request.items.iter().enumerate() {
        let Item::Opaque { kind, .. } = item else { continue };
        if kind == "item_reference" {
            let message = "`item_reference` names an item that nothing is kept of here: send the item itself (SDKs do so \
                           when `store` is false)";
            return Err(Error::new(Kind::UnsupportedField, message).param("input"));
        }
        if place + 1 == request.items.len() {
            let message = format!(
                "`{kind}` cannot be honoured by the agent behind this model: its messages have no place for such an item"
            );
            return Err(Error::new(Kind::UnsupportedField, message).param("input"));
        }
        dropped.note(kind);
    }
    Ok(())
}

/// The bytes of a request.
pub(crate) fn encode(request: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(request)
        .map_err(|error| Error::new(Kind::Internal, "the request could not be written").because(error))
}
