//! An answer in neutral form: what all events of a stream add up to.

use serde::Serialize;
use serde_json::value::RawValue;

use super::json;
use crate::error::Error;

/// An agent's answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// Seed of every id that we mint for this answer (24 characters, lower-case letters and digits).
    pub seed: String,
    /// Seconds since 1970 when the answer began.
    pub created: u64,
    /// The backend's own id of the answer, if it gave one.
    pub upstream_id: Option<String>,
    /// What was said and done, in order.
    pub items: Vec<Output>,
    /// The agent's free-form outputs; a JSON object.
    pub custom_outputs: Option<Box<RawValue>>,
    /// `databricks_output`.
    pub databricks: Option<Box<RawValue>>,
    /// The id of the trace that MLflow kept.
    pub trace_id: Option<String>,
    /// The name under which the conversation goes on, where the backend has given it another.
    pub conversation: Option<String>,
    /// Frames and items of kinds that nobody here knows.
    pub unknown: u32,
    /// Token counts, if the backend gave any.
    pub usage: Option<Usage>,
    /// Why it ended; `None` while it goes on and when it failed.
    pub finish: Option<Finish>,
    /// The backend's status of an answer in the background that is not there yet (or never will be).
    pub waiting: Option<String>,
    /// Why it failed.
    pub failure: Option<Error>,
}

/// One item of an answer.
#[derive(Debug)]
pub struct Output {
    /// What it is.
    pub piece: Piece,
    /// A field that one dialect alone has.
    pub own: Option<OwnField>,
    /// False while it is open and when the answer was cut off inside it.
    pub complete: bool,
}

/// The key and the value of a field of an item that one dialect alone has (`phase` of a message in the Responses API,
/// `attachments` of one in ChatAgent).
pub type OwnField = (&'static str, Box<RawValue>);

/// What an item of an answer is.
#[derive(Debug)]
pub enum Piece {
    /// Something said.
    Message {
        /// Its text.
        text: String,
        /// Its refusal.
        refusal: String,
        /// Its annotations, in the Responses API's shape.
        annotations: Vec<Box<RawValue>>,
    },
    /// A tool call.
    Call {
        /// What its output refers to: the backend's own id, or ours if it gave none.
        call_id: String,
        /// The tool.
        name: String,
        /// JSON text of the arguments.
        arguments: String,
        /// Who runs it.
        by: AgentCall,
    },
    /// What a tool answered that the agent ran itself.
    CallOutput {
        /// The call it answers.
        call_id: String,
        /// The tool.
        name: String,
        /// What it said.
        output: String,
    },
    /// Visible reasoning.
    Reasoning {
        /// Its text.
        text: String,
        /// `encrypted_content`.
        encrypted: Option<String>,
    },
    /// An item of a kind we do not know, from a backend of the client's own dialect.
    Opaque {
        /// Its `type`.
        kind: String,
        /// The whole item.
        raw: Box<RawValue>,
    },
}

/// Who runs a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentCall {
    /// Not known (yet): no output has come, so as far as anyone can tell it is for the client.
    Client,
    /// The agent ran it; clients that would run it again must not see it.
    Agent,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// A filter cut it off.
    ContentFilter,
    /// The token limit cut it off.
    Length,
    /// It came to its end.
    Stop,
    /// It waits for the client to run tools.
    ToolCalls,
}

impl Finish {
    /// The name in Chat Completions and the legacy dialects.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ContentFilter => "content_filter",
            Self::Length => "length",
            Self::Stop => "stop",
            Self::ToolCalls => "tool_calls",
        }
    }

    /// The finish reason of a name; unknown names count as `Stop`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "content_filter" => Self::ContentFilter,
            "length" | "max_tokens" => Self::Length,
            "tool_calls" | "function_call" | "tool_use" => Self::ToolCalls,
            _ => Self::Stop,
        }
    }
}

/// Token counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// All of them.
    pub total: u64,
    /// Of the input: read from a cache.
    pub cached: u64,
    /// Of the output: spent on reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// Counts as a backend gave them; a missing total is the sum (clients crash without one), and of two parts the one that
    /// was not counted is the rest of the total.
    #[must_use]
    pub fn new(input: Option<u64>, output: Option<u64>, total: Option<u64>) -> Self {
        let count = |given: Option<u64>| given.filter(|count| *count > 0);
        let rest = |part: Option<u64>| count(total)?.checked_sub(part?);
        let (input, output) = (count(input), count(output));
        let (input, output) =
            (input.or_else(|| rest(output)).unwrap_or(0), output.or_else(|| rest(input)).unwrap_or(0));
        Self { input, output, total: count(total).unwrap_or(input.saturating_add(output)), cached: 0, reasoning: 0 }
    }
}

impl Answer {
    /// Notes the trace's id, in both shapes in which clients look for it: Model Serving tells it in `databricks_output`.
    pub(super) fn traced(&mut self, id: String) {
        #[derive(Serialize)]
        struct Output<'a> {
            trace: Trace<'a>,
        }

        #[derive(Serialize)]
        struct Trace<'a> {
            info: Info<'a>,
        }

        #[derive(Serialize)]
        struct Info<'a> {
            trace_id: &'a str,
        }

        if self.databricks.is_none() {
            self.databricks = Some(json(&Output { trace: Trace { info: Info { trace_id: &id } } }));
        }
        self.trace_id = Some(id);
    }

    /// Text of all messages, one after another.
    #[must_use]
    pub fn text(&self) -> String {
        self.items.iter().filter_map(|item| item.piece.text()).collect()
    }

    /// Refusals of all messages, one after another.
    #[must_use]
    pub fn refusal(&self) -> String {
        self.items
            .iter()
            .filter_map(|item| match &item.piece {
                Piece::Message { refusal, .. } => Some(refusal.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Whether the client has a tool to run.
    #[must_use]
    pub fn calls_client(&self) -> bool {
        self.items.iter().any(|item| matches!(item.piece, Piece::Call { by: AgentCall::Client, .. }))
    }

    /// Names of the fields of its items that one dialect alone has, each once; the agent's own business only if it is `shown`.
    #[must_use]
    pub fn own_fields(&self, shown: bool) -> Vec<&'static str> {
        let mut names = Vec::new();
        for item in self.items.iter().filter(|item| shown || !item.piece.is_agents()) {
            names.extend(item.own.as_ref().map(|(name, _)| *name).filter(|name| !names.contains(name)));
        }
        names
    }

    /// The finish reason as clients need it: `tool_calls` if and only if there is a call to run and the answer was not
    /// cut off; `None` when it failed.
    #[must_use]
    pub fn finish(&self) -> Option<Finish> {
        match self.finish? {
            cut @ (Finish::Length | Finish::ContentFilter) => Some(cut),
            _ if self.calls_client() => Some(Finish::ToolCalls),
            _ => Some(Finish::Stop),
        }
    }

    /// The id of the item at `index` in this answer: `prefix`, the seed and the place.
    #[must_use]
    pub fn item_id(&self, index: usize) -> String {
        let prefix = self.items.get(index).map_or("item", |item| item.piece.id_prefix());
        format!("{prefix}_{}{index}", self.seed)
    }
}

impl Output {
    /// The value of a field that one dialect alone has.
    #[must_use]
    pub fn own(&self, key: &str) -> Option<&RawValue> {
        self.own.as_ref().filter(|(known, _)| *known == key).map(|(_, value)| &**value)
    }
}

impl Piece {
    /// The message's text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Message { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether this is the agent's own business: a tool call it ran, or what the tool answered.
    #[must_use]
    pub fn is_agents(&self) -> bool {
        matches!(self, Self::Call { by: AgentCall::Agent, .. } | Self::CallOutput { .. })
    }

    /// `msg`, `fc`, `rs` as OpenAI's own ids begin (it refuses a replayed call whose id does not begin with `fc`).
    fn id_prefix(&self) -> &'static str {
        match self {
            Self::Message { .. } => "msg",
            Self::Call { .. } => "fc",
            Self::CallOutput { .. } => "fco",
            Self::Reasoning { .. } => "rs",
            Self::Opaque { .. } => "item",
        }
    }
}
