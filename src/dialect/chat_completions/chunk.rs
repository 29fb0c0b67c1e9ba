//! The shape of a Chat Completions chunk.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::dialect::chat_agent::AgentMessage;
use crate::dialect::chat_messages::{Citation, DatabricksOutput, Fault, Minted, TokenUsage};
use crate::ir::{Answer, Piece};

/// Stands between two separate thoughts in one `reasoning_content`.
pub(super) const BETWEEN_THOUGHTS: &str = "\n\n";

#[derive(Serialize)]
pub(super) struct Chunk<'a> {
    pub(super) id: Minted<'a>,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'a str,
    pub(super) choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "UsageField::is_unasked")]
    pub(super) usage: UsageField,
    #[serde(flatten)]
    pub(super) legacy: LegacyFields<'a>,
}

/// The usage of a chunk.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum UsageField {
    /// Known, in the last chunk.
    Given(TokenUsage),
    /// Not in this chunk, and `null` there: clients keep what they saw last.
    Later,
    /// Not wanted, so that the field is not there.
    Unasked,
}

impl UsageField {
    fn is_unasked(&self) -> bool {
        matches!(self, Self::Unasked)
    }
}

#[derive(Serialize)]
pub(super) struct Choice<'a> {
    pub(super) index: usize,
    pub(super) delta: Delta<'a>,
    pub(super) logprobs: (),
    pub(super) finish_reason: Option<&'static str>,
}

/// What is new in a chunk.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Delta<'a> {
    Annotation { annotations: [Citation<'a>; 1] },
    Call { tool_calls: [CallDelta<'a>; 1] },
    Nothing {},
    Reasoning { reasoning_content: Thought<'a> },
    Refusal { refusal: &'a str },
    Role { role: &'static str, content: &'static str, refusal: () },
    Text { content: &'a str },
}

/// More of a thought, set apart from the thought before it where it is the first of another.
pub(super) struct Thought<'a> {
    pub(super) another: bool,
    pub(super) text: &'a str,
}

impl Serialize for Thought<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.another {
            serializer.collect_str(&format_args!("{BETWEEN_THOUGHTS}{}", self.text))
        } else {
            serializer.serialize_str(self.text)
        }
    }
}

/// A tool call's beginning, with all that names it, or more of its arguments, with the index alone: clients append
/// every string that they see twice.
#[derive(Serialize)]
pub(super) struct CallDelta<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

/// What clients of a legacy dialect look for beside the choices.
#[derive(Default, Serialize)]
pub(super) struct LegacyFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<AgentMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) custom_outputs: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) databricks_output: Option<DatabricksOutput<'a>>,
    #[serde(flatten)]
    pub(super) fault: Option<Fault<'a>>,
}

impl<'a> Delta<'a> {
    /// The call at `index` among the calls begins.
    pub(super) fn call(index: usize, id: &'a str, name: &'a str) -> Self {
        let function = FunctionDelta { name: Some(name), arguments: "" };
        Self::Call { tool_calls: [CallDelta { index, id: Some(id), r#type: Some("function"), function }] }
    }

    /// The call at `index` among the calls goes on.
    pub(super) fn arguments(index: usize, arguments: &'a str) -> Self {
        let function = FunctionDelta { name: None, arguments };
        Self::Call { tool_calls: [CallDelta { index, id: None, r#type: None, function }] }
    }
}

/// How much text stands before an item: a client sees all messages as one. Items are asked about in order, and every text
/// is counted once.
#[derive(Default)]
pub(super) struct Before {
    items: usize,
    characters: u64,
}

impl Before {
    /// The characters before the item at `index`.
    pub(super) fn item(&mut self, answer: &Answer, index: usize) -> u64 {
        let more = answer.items.get(self.items..index).unwrap_or_default();
        let texts = more.iter().filter_map(|item| Piece::text(&item.piece));
        self.characters += texts.map(|text| u64::try_from(text.chars().count()).unwrap_or(u64::MAX)).sum::<u64>();
        self.items = self.items.max(index);
        self.characters
    }
}
