//! Reads what a backend answered: the items of an output, the resource around them, and the plain answer as a whole.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{sealed, value};
use crate::dialect::backend_error;
use crate::error::{Error, Kind};
use crate::ir::{Body, Finish, Fragment, Json, Sink, Str, Usage};

/// An output item's fields, of all kinds together.
#[derive(Deserialize)]
struct ItemFields<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    encrypted_content: Option<&'a RawValue>,
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
}

/// A content part of a message.
#[derive(Deserialize)]
struct PartFields<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

/// What the stream has said about an item before it came in whole.
#[derive(Clone, Copy, Default)]
pub(super) struct Streamed<'a> {
    /// The name that the pieces of the item were given.
    pub(super) name: Option<&'a str>,
    /// The slot of the pieces of a call.
    pub(super) slot: Option<u32>,
}

/// What an output item is called in the stream: its kind, its id and its call id.
pub(super) struct Label<'a> {
    pub(super) kind: Str<'a>,
    pub(super) id: Str<'a>,
    pub(super) call_id: Str<'a>,
    pub(super) name: Str<'a>,
    pub(super) arguments: Str<'a>,
    /// What part of the answer a message is.
    pub(super) phase: Option<&'a RawValue>,
}

/// Reads an item as it is announced.
pub(super) fn label(raw: &RawValue) -> Option<Label<'_>> {
    let fields: ItemFields<'_> = serde_json::from_str(raw.get()).ok()?;
    Some(Label {
        kind: value::string_or_empty(fields.r#type),
        id: value::string_or_empty(fields.id),
        call_id: value::string_or_empty(fields.call_id),
        name: value::string_or_empty(fields.name),
        arguments: value::arguments(fields.arguments),
        phase: fields.phase,
    })
}

/// A message's `phase`, which no other dialect has.
pub(super) fn phase<'a>(item: Option<&Str<'a>>, phase: Option<&'a RawValue>, out: &mut dyn Sink) {
    if let Some(phase) = phase.filter(|phase| phase.get().starts_with('"')) {
        out.push(Fragment::Own { item: item.cloned(), key: "phase", value: Json::Borrowed(phase) });
    }
}

/// Reads a whole item.
pub(super) fn item(raw: &RawValue, streamed: Streamed<'_>, out: &mut dyn Sink) {
    let fields = match serde_json::from_str::<ItemFields<'_>>(raw.get()) {
        Ok(fields) => fields,
        Err(error) => return backend_error::doubled(&error).into_iter().for_each(|it| out.push(Fragment::Failed(it))),
    };
    let name = streamed.name.map(Str::from).or_else(|| fields.id.and_then(value::string));
    let kind = value::string_or_empty(fields.r#type);
    match &*kind {
        "message" => message(&fields, name, out),
        "" if fields.role.is_some() => message(&fields, name, out),
        "" => {}
        "function_call" => out.push(Fragment::Call {
            slot: streamed.slot,
            call_id: value::string_or_empty(fields.call_id),
            name: value::string_or_empty(fields.name),
            arguments: value::arguments(fields.arguments),
        }),
        "function_call_output" => out.push(Fragment::CallOutput {
            call_id: value::string_or_empty(fields.call_id),
            name: fields.name.and_then(value::string),
            output: value::tool_output(fields.output),
        }),
        "reasoning" => out.push(Fragment::Thought {
            item: name,
            text: value::thought(fields.summary, fields.content),
            encrypted: fields
                .encrypted_content
                .and_then(value::string)
                .filter(|text| !text.is_empty())
                .map(|text| sealed::seal(&value::string_or_empty(fields.id), text)),
        }),
        _ => out.push(Fragment::Opaque { kind, raw: Json::Borrowed(raw) }),
    }
}

/// A message. Agents that return their whole history repeat what others said; that is no answer.
fn message<'a>(fields: &ItemFields<'a>, item: Option<Str<'a>>, out: &mut dyn Sink) {
    if fields.role.and_then(value::string).is_some_and(|role| role != "assistant") {
        return;
    }
    phase(item.as_ref(), fields.phase, out);
    if let Some(text) = fields.content.and_then(value::string) {
        return out.push(Fragment::Message { item, text, refusal: None, annotations: Vec::new() });
    }
    let (mut texts, mut refusals, mut annotations) = (Vec::new(), Vec::new(), Vec::new());
    for part in value::list(fields.content) {
        let Ok(part) = serde_json::from_str::<PartFields<'_>>(part.get()) else { continue };
        texts.extend(part.text.and_then(value::string));
        refusals.extend(part.refusal.and_then(value::string));
        annotations.extend(value::list(part.annotations).into_iter().map(value::annotation));
    }
    let refusal = Some(value::join(refusals, "")).filter(|refusal| !refusal.is_empty());
    out.push(Fragment::Message { item, text: value::join(texts, ""), refusal, annotations });
}

/// A response resource, or what stands in its place.
#[derive(Default, Deserialize)]
pub(super) struct Resource<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    incomplete_details: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    custom_outputs: Option<&'a RawValue>,
    #[serde(borrow)]
    databricks_output: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    predictions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl<'a> Resource<'a> {
    /// The resource that `raw` is; empty if it is none.
    pub(super) fn of(raw: Option<&'a RawValue>) -> Self {
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// What it says about the answer beside its items.
    pub(super) fn tell(&self, out: &mut dyn Sink) {
        if let Some(id) = self.id.and_then(value::string) {
            out.push(Fragment::Begin { id: Some(id) });
        }
        outputs(self.custom_outputs, self.databricks_output, out);
        if let Some(trace) = self.metadata.and_then(|metadata| scalar(metadata, "trace_id")) {
            out.push(Fragment::Trace(trace));
        }
    }

    /// Its items.
    pub(super) fn items(&self, out: &mut dyn Sink) {
        for raw in value::list(self.output) {
            item(raw, Streamed::default(), out);
        }
    }

    /// Its token counts.
    pub(super) fn usage(&self) -> Option<Usage> {
        let counts: Counts = serde_json::from_str(self.usage?.get()).ok()?;
        let cached = counts.input_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = counts.output_tokens_details.and_then(|details| details.reasoning_tokens);
        Some(Usage {
            cached: cached.unwrap_or(0),
            reasoning: reasoning.unwrap_or(0),
            ..Usage::new(counts.input_tokens, counts.output_tokens, counts.total_tokens)
        })
    }

    /// Why it ended. Details that are null say nothing.
    pub(super) fn finish(&self) -> Finish {
        let details = self.incomplete_details.and_then(|raw| serde_json::from_str::<Incomplete<'_>>(raw.get()).ok());
        let reason = details.and_then(|details| details.reason).and_then(value::string);
        match reason.as_deref() {
            Some("content_filter") => Finish::ContentFilter,
            Some(_) => Finish::Length,
            None if self.status() == "incomplete" => Finish::Length,
            None => Finish::Stop,
        }
    }

    /// The error that it carries, or that its status means.
    pub(super) fn failure(&self) -> Option<Error> {
        let status = self.status();
        if let Some(error) = self.error {
            return Some(backend_error::of(error));
        }
        match &*status {
            "failed" => Some(backend_error::failed("")),
            "cancelled" => Some(backend_error::failed("the agent's answer was cancelled")),
            _ => self.databricks_output.and_then(databricks_failure),
        }
    }

    fn status(&self) -> Str<'a> {
        value::string_or_empty(self.status)
    }

    /// Why a plain answer cannot be one.
    fn refuse(&self) -> Option<Error> {
        // A LongRunningAgentServer has no list where nothing was said.
        let silent = self.output.is_none() && self.status() == "completed";
        let what = if !silent && self.output.is_none_or(|output| !output.get().starts_with('[')) {
            "the agent's answer has no list `output`"
        } else {
            return None;
        };
        Some(Error::new(Kind::BackendGarbage, what))
    }
}

/// The error that Model Serving hides in `databricks_output`.
pub(super) fn databricks_failure(output: &RawValue) -> Option<Error> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }

    let fields: Fields<'_> = serde_json::from_str(output.get()).ok()?;
    fields.error.map(backend_error::of)
}

/// What agents and endpoints add to any frame and to any answer.
pub(super) fn outputs(custom: Option<&RawValue>, databricks: Option<&RawValue>, out: &mut dyn Sink) {
    if let Some(custom) = value::object(custom) {
        out.push(Fragment::CustomOutputs(Json::Borrowed(custom)));
    }
    let Some(databricks) = value::object(databricks) else { return };
    out.push(Fragment::Databricks(Json::Borrowed(databricks)));
    if let Some(trace) = scalar(databricks, "trace.info.trace_id") {
        out.push(Fragment::Trace(trace));
    }
}

/// The name of the conversation in a frame that says under which one it goes on.
pub(super) fn resumed(frame: &[u8]) -> Option<Str<'_>> {
    Body::parse(frame).ok()?.scalar_at("conversation_id").filter(|name| !name.is_empty())
}

fn scalar<'a>(raw: &'a RawValue, path: &str) -> Option<Str<'a>> {
    Body::parse(raw.get().as_bytes()).ok()?.scalar_at(path)
}

/// Reads a plain answer.
pub(super) fn read(body: &[u8], out: &mut dyn Sink) {
    let Ok(raw) = serde_json::from_slice::<&RawValue>(body) else {
        return out.push(Fragment::Failed(Error::new(Kind::BackendGarbage, "the agent's answer is not JSON")));
    };
    let mut resource = Resource::of(Some(raw));
    if let Some(predictions) = resource.predictions.filter(|_| resource.output.is_none()) {
        // One row was asked for, so there is one answer, alone or in a list.
        resource = Resource::of(value::list(Some(predictions)).first().copied().or(Some(predictions)));
    }
    let status = resource.status();
    let waits = matches!(&*status, "queued" | "in_progress" | "cancelled") && value::list(resource.output).is_empty();
    if waits && resource.error.is_none() {
        resource.tell(out);
        return out.push(Fragment::Waiting(status));
    }
    let refused = resource.error_code.and_then(|_| backend_error::in_band(raw));
    if let Some(error) = resource.failure().or(refused).or_else(|| resource.refuse()) {
        resource.tell(out);
        return out.push(Fragment::Failed(error));
    }
    resource.tell(out);
    resource.items(out);
    if let Some(usage) = resource.usage() {
        out.push(Fragment::Usage(usage));
    }
    out.push(Fragment::Finish(resource.finish()));
    out.push(Fragment::Done);
}
