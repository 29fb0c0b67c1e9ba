//! What a run tells of itself: the shapes of its events and of its output, as both agent frameworks write them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ir::{Str, Usage};

/// One event of a run. The server adds nothing to what the agent emits.
#[derive(Default, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default)]
    pub(super) r#type: Str<'a>,
    #[serde(borrow)]
    pub(super) id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) value: Option<&'a RawValue>,
}

/// A message: OpenAI's agents say `role`, LangGraph's `type`.
#[derive(Default, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    role: Option<Str<'a>>,
    #[serde(borrow)]
    r#type: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    pub(super) tool_call_id: Option<Str<'a>>,
    usage_metadata: Option<Counts>,
}

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    Agent,
    Tool,
    /// The client, whose words need no repeating to it.
    Other,
}

/// A call that the agent makes, with or without an id.
#[derive(Default, Deserialize)]
pub(super) struct ToolCall<'a> {
    #[serde(borrow, default, alias = "call_id")]
    pub(super) id: Option<Str<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Str<'a>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

/// What a person is asked about: calls that the agent would make.
#[derive(Default, Deserialize)]
pub(super) struct Approval<'a> {
    #[serde(borrow, default)]
    pub(super) action_requests: Vec<ToolCall<'a>>,
}

/// A run as it stands.
#[derive(Deserialize)]
pub(super) struct State<'a> {
    #[serde(borrow)]
    pub(super) status: Str<'a>,
    #[serde(borrow)]
    pub(super) output: Option<&'a RawValue>,
}

/// What a run of either framework returns.
#[derive(Default, Deserialize)]
pub(super) struct Output<'a> {
    #[serde(borrow)]
    pub(super) output: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(rename = "input_tokens")]
    input: Option<u64>,
    #[serde(rename = "output_tokens")]
    output: Option<u64>,
    #[serde(rename = "total_tokens")]
    total: Option<u64>,
}

/// What a message holds.
#[derive(Default)]
pub(super) struct Content<'a> {
    pub(super) text: Str<'a>,
    pub(super) refusal: String,
    pub(super) thought: String,
    pub(super) encrypted: Option<Str<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Piece<'a> {
    #[serde(borrow)]
    Text(Str<'a>),
    #[serde(borrow)]
    Part(Part<'a>),
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    refusal: Option<Str<'a>>,
    #[serde(borrow, alias = "thinking")]
    reasoning: Option<Str<'a>>,
    #[serde(borrow)]
    summary: Option<Vec<Summary<'a>>>,
    #[serde(borrow)]
    encrypted_content: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct Summary<'a> {
    #[serde(borrow, default)]
    text: Str<'a>,
}

impl Message<'_> {
    pub(super) fn speaker(&self) -> Speaker {
        match self.role.as_deref().or(self.r#type.as_deref()) {
            Some("assistant" | "ai" | "AIMessageChunk") => Speaker::Agent,
            Some("tool") => Speaker::Tool,
            _ => Speaker::Other,
        }
    }

    /// The tokens that this message took, if it says so.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage_metadata.as_ref().map(|it| Usage::new(it.input, it.output, it.total))
    }
}

impl ToolCall<'_> {
    /// JSON text of the arguments.
    pub(super) fn arguments(&self) -> &str {
        self.args.map(RawValue::get).filter(|args| *args != "null").unwrap_or("{}")
    }
}

impl<'a> Content<'a> {
    /// Reads the content of a message: a text, or a list of texts and parts.
    pub(super) fn of(value: Option<&'a RawValue>) -> Self {
        let Some(value) = value else { return Self::default() };
        if let Ok(text) = serde_json::from_str(value.get()) {
            return Self { text, ..Self::default() };
        }
        let mut content = Self::default();
        let mut text = String::new();
        for piece in serde_json::from_str::<Vec<Piece<'_>>>(value.get()).unwrap_or_default() {
            match piece {
                Piece::Text(piece) => text.push_str(&piece),
                Piece::Part(part) => {
                    text.push_str(part.text.as_deref().unwrap_or_default());
                    content.refusal.push_str(part.refusal.as_deref().unwrap_or_default());
                    content.thought.push_str(part.reasoning.as_deref().unwrap_or_default());
                    part.summary.iter().flatten().for_each(|summary| content.thought.push_str(&summary.text));
                    content.encrypted = part.encrypted_content.or(content.encrypted);
                }
            }
        }
        content.text = Str::from(text);
        content
    }
}
