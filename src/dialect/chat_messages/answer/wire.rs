//! The shapes of answers as they come; every field may be missing, null or of another type.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

use super::loose::{Elements, Loose};
use crate::ir::{Str, Usage};

/// A frame, or a whole answer.
#[derive(Deserialize)]
pub(super) struct Payload<'a> {
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow)]
    pub(super) choices: Option<First<'a>>,
    #[serde(borrow)]
    pub(super) delta: Option<Said<'a>>,
    #[serde(borrow)]
    pub(super) messages: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) predictions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Loose<'a>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) custom_outputs: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) databricks_output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) trace_id: Loose<'a>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

impl Payload<'_> {
    /// Whether it holds an answer, or a part of one.
    pub(super) fn has_content(&self) -> bool {
        self.choices.is_some() || self.delta.is_some() || self.messages.is_some() || self.content.is_some()
    }

    /// Whether nobody here knows anything in it.
    pub(super) fn is_unknown(&self) -> bool {
        let beside = self.usage.is_some() || self.custom_outputs.is_some() || self.databricks_output.is_some();
        let told = self.finish_reason.given().is_some() || self.trace_id.given().is_some();
        !(self.has_content() || self.predictions.is_some() || beside || told)
    }

    /// Whether it tells of a failure and of nothing else. Model Serving's clients look for its error code beside
    /// `databricks_output`, which is read on its own.
    pub(super) fn is_failure(&self) -> bool {
        let error = self.error.is_some_and(|error| !matches!(error.get(), "false" | "\"\"" | "{}"));
        let silent = !self.has_content() && self.predictions.is_none() && self.databricks_output.is_none();
        error || (silent && (self.error_code.is_some() || self.detail.is_some()))
    }
}

/// One of `choices`.
#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(borrow, default)]
    index: Loose<'a>,
    #[serde(borrow)]
    pub(super) delta: Option<Said<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Said<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Loose<'a>,
}

/// The first of `choices`; the others are not the answer.
pub(super) struct First<'a>(pub(super) Option<Choice<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut first = None;
        deserializer.deserialize_any(Elements::to(|choice: Choice<'de>| {
            if first.is_none() && choice.index.number().is_none_or(|index| index == 0) {
                first = Some(choice);
            }
        }))?;
        Ok(First(first))
    }
}

/// A message, or a piece of one.
#[derive(Default, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default)]
    pub(super) role: Loose<'a>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) refusal: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_content: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) name: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) tool_call_id: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Calls<'a>,
    #[serde(borrow)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) attachments: Option<&'a RawValue>,
}

/// Tool calls. Most often there is one, and it needs no list.
#[derive(Default)]
pub(super) struct Calls<'a> {
    first: Option<ToolCall<'a>>,
    others: Vec<ToolCall<'a>>,
}

impl<'a> Calls<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &ToolCall<'a>> {
        self.first.iter().chain(&self.others)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Calls<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut calls = Calls::default();
        deserializer.deserialize_any(Elements::to(|call: ToolCall<'de>| match calls.first {
            None => calls.first = Some(call),
            Some(_) => calls.others.push(call),
        }))?;
        Ok(calls)
    }
}

/// A tool call, or a piece of one.
#[derive(Deserialize)]
pub(super) struct ToolCall<'a> {
    #[serde(borrow, default)]
    pub(super) index: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) id: Loose<'a>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

impl<'a> ToolCall<'a> {
    /// The name of its function, if it is said.
    pub(super) fn name(&self) -> Option<&str> {
        self.function.as_ref()?.name.given()
    }

    /// Its arguments, or the piece of them; some servers send the object itself.
    pub(super) fn arguments(&self) -> Str<'a> {
        let Some(raw) = self.function.as_ref().and_then(|function| function.arguments) else {
            return Str::default();
        };
        serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().into())
    }
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Loose<'a>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// `databricks_output`, as far as it is understood.
#[derive(Default, Deserialize)]
pub(super) struct Databricks<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    trace: Option<&'a RawValue>,
}

impl<'a> Databricks<'a> {
    pub(super) fn of(raw: &'a RawValue) -> Self {
        serde_json::from_str(raw.get()).unwrap_or_default()
    }

    /// What went wrong, if something did.
    pub(super) fn failure(&self) -> Option<Str<'a>> {
        #[derive(Deserialize)]
        struct Failure<'a> {
            #[serde(borrow, default)]
            message: Loose<'a>,
        }

        let raw = self.error?.get();
        let text = serde_json::from_str::<Str<'_>>(raw).ok();
        let message = || serde_json::from_str::<Failure<'_>>(raw).ok().and_then(|failure| failure.message.cloned());
        Some(text.or_else(message).unwrap_or_default())
    }

    /// The id of the trace, if there is one.
    pub(super) fn trace_id(&self) -> Option<Str<'a>> {
        #[derive(Deserialize)]
        struct Trace<'a> {
            #[serde(borrow)]
            info: Info<'a>,
        }

        #[derive(Deserialize)]
        struct Info<'a> {
            #[serde(borrow, default)]
            trace_id: Loose<'a>,
        }

        serde_json::from_str::<Trace<'_>>(self.trace?.get()).ok()?.info.trace_id.cloned()
    }
}

/// Reads token counts; `None` if there are none.
pub(super) fn usage(raw: &RawValue) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Counts {
        #[serde(rename = "prompt_tokens", alias = "input_tokens")]
        input: Option<u64>,
        #[serde(rename = "completion_tokens", alias = "output_tokens")]
        output: Option<u64>,
        #[serde(rename = "total_tokens")]
        total: Option<u64>,
        #[serde(rename = "prompt_tokens_details")]
        of_input: Option<Details>,
        #[serde(rename = "completion_tokens_details")]
        of_output: Option<Details>,
    }

    #[derive(Default, Deserialize)]
    struct Details {
        #[serde(rename = "cached_tokens")]
        cached: Option<u64>,
        #[serde(rename = "reasoning_tokens")]
        reasoning: Option<u64>,
    }

    let counts: Counts = serde_json::from_str(raw.get()).ok()?;
    counts.input.or(counts.output).or(counts.total)?;
    Some(Usage {
        cached: counts.of_input.unwrap_or_default().cached.unwrap_or(0),
        reasoning: counts.of_output.unwrap_or_default().reasoning.unwrap_or(0),
        ..Usage::new(counts.input, counts.output, counts.total)
    })
}
