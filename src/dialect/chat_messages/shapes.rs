//! Shapes that the chat dialects write alike: a whole tool call, token counts, minted ids, what Databricks adds.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::ir::{Answer, Str, Usage};

/// A tool call in one piece.
#[derive(Serialize)]
pub(crate) struct WholeCall<'a> {
    /// Its place among the calls, where streams are read by clients that want one.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    id: Str<'a>,
    r#type: &'static str,
    function: WholeFunction<'a>,
}

#[derive(Serialize)]
struct WholeFunction<'a> {
    name: Str<'a>,
    arguments: &'a str,
}

impl<'a> WholeCall<'a> {
    /// A call of a function.
    pub(crate) fn new(id: &'a str, name: &'a str, arguments: &'a str) -> Self {
        Self::of(id.into(), name.into(), arguments)
    }

    /// The same, with an id and a name that may be stand-ins.
    pub(crate) fn of(id: Str<'a>, name: Str<'a>, arguments: &'a str) -> Self {
        Self { index: None, id, r#type: "function", function: WholeFunction { name, arguments } }
    }

    /// The same call with its place among the calls.
    pub(crate) fn at(self, index: usize) -> Self {
        Self { index: Some(index), ..self }
    }
}

/// Token counts.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct TokenUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Copy, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
}

#[derive(Clone, Copy, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl TokenUsage {
    /// The three counts that MLflow's classes have.
    pub(crate) fn plain(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            total_tokens: usage.total,
            prompt_tokens_details: None,
            completion_tokens_details: None,
        }
    }

    /// With the details that OpenAI's clients look into.
    pub(crate) fn detailed(usage: Usage) -> Self {
        Self {
            prompt_tokens_details: Some(PromptDetails { cached_tokens: usage.cached }),
            completion_tokens_details: Some(CompletionDetails { reasoning_tokens: usage.reasoning }),
            ..Self::plain(usage)
        }
    }
}

/// An id of ours: a prefix, the answer's seed and, for one of several, its number.
#[derive(Clone, Copy)]
pub(crate) struct Minted<'a> {
    prefix: &'static str,
    seed: &'a str,
    number: Option<usize>,
}

impl<'a> Minted<'a> {
    /// The id of the answer as chat clients know it.
    pub(crate) fn completion(answer: &'a Answer) -> Self {
        Self { prefix: "chatcmpl-", seed: &answer.seed, number: None }
    }

    /// The id of a message of the answer.
    pub(crate) fn message(answer: &'a Answer, number: usize) -> Self {
        Self { prefix: "msg_", seed: &answer.seed, number: Some(number) }
    }
}

impl Serialize for Minted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number {
            Some(number) => serializer.collect_str(&format_args!("{}{}{number}", self.prefix, self.seed)),
            None => serializer.collect_str(&format_args!("{}{}", self.prefix, self.seed)),
        }
    }
}

/// `databricks_output`: what the backend gave, or how a stream that was begun tells that it failed.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(crate) enum DatabricksOutput<'a> {
    /// As it came.
    Given(&'a RawValue),
    /// The failure.
    Failed {
        /// What went wrong.
        error: Fault<'a>,
    },
}

/// A failure as Model Serving tells it.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Fault<'a> {
    error_code: &'static str,
    message: &'a str,
}

impl<'a> Fault<'a> {
    /// The failure of an error.
    pub(crate) fn of(error: &'a Error) -> Self {
        Self { error_code: error.facts().mlflow, message: error.message() }
    }
}

impl<'a> DatabricksOutput<'a> {
    /// What the answer has.
    pub(crate) fn of(answer: &'a Answer) -> Option<Self> {
        answer.databricks.as_deref().map(Self::Given)
    }
}
