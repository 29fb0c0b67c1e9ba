//! What a backend said, as loosely as backends say it: the input of the [`Assembler`](super::Assembler).

use super::{Finish, Json, Str, Usage};
use crate::error::Error;

/// One observation from a backend's answer or stream.
///
/// `item` is the backend's own name for the message a piece belongs to, as far as it gives one; a change of name starts a
/// new message. Backends may send deltas only, whole items only, or both: whatever a whole item adds to the deltas is
/// emitted, nothing is emitted twice.
#[derive(Debug)]
pub enum Fragment<'a> {
    /// The answer has begun; what the backend calls it.
    Begin {
        /// The backend's id of the answer.
        id: Option<Str<'a>>,
    },
    /// More text of a message.
    Text {
        /// The message.
        item: Option<Str<'a>>,
        /// The text to append; may be empty.
        delta: Str<'a>,
    },
    /// More of a refusal.
    Refusal {
        /// The message.
        item: Option<Str<'a>>,
        /// The text to append.
        delta: Str<'a>,
    },
    /// More visible reasoning.
    Reasoning {
        /// The reasoning item.
        item: Option<Str<'a>>,
        /// The text to append.
        delta: Str<'a>,
    },
    /// An annotation on the text so far (`url_citation` and the like).
    Annotation {
        /// The annotation in the Responses API's shape.
        annotation: Json<'a>,
    },
    /// A message is complete and this is all of it.
    Message {
        /// The message.
        item: Option<Str<'a>>,
        /// Its whole text.
        text: Str<'a>,
        /// Its whole refusal.
        refusal: Option<Str<'a>>,
        /// Its annotations.
        annotations: Vec<Json<'a>>,
    },
    /// A reasoning item is complete and this is all of it.
    Thought {
        /// The reasoning item.
        item: Option<Str<'a>>,
        /// Its whole visible text.
        text: Str<'a>,
        /// `encrypted_content`, to be given back with the next turn.
        encrypted: Option<Str<'a>>,
    },
    /// A tool call begins, or says more about itself. Pieces of one call share the slot.
    CallStart {
        /// The backend's index of the call.
        slot: u32,
        /// Its call id, once known.
        call_id: Option<Str<'a>>,
        /// The tool, once known.
        name: Option<Str<'a>>,
    },
    /// More of a call's arguments.
    CallArguments {
        /// The backend's index of the call.
        slot: u32,
        /// JSON text to append; may be empty.
        delta: Str<'a>,
    },
    /// A call is complete and this is all of it. Also closes the slot if pieces came before.
    Call {
        /// The slot of the pieces, if there were any.
        slot: Option<u32>,
        /// Its call id; empty if the backend gave none.
        call_id: Str<'a>,
        /// The tool.
        name: Str<'a>,
        /// JSON text of the whole arguments; empty means none.
        arguments: Str<'a>,
    },
    /// The agent ran a tool itself and this is what it answered.
    CallOutput {
        /// The call it answers.
        call_id: Str<'a>,
        /// The tool, if said.
        name: Option<Str<'a>>,
        /// What the tool said.
        output: Str<'a>,
    },
    /// A field of a message, or of what a tool answered, that one dialect alone has (`phase`, `attachments`): of the one
    /// that is open if this is its name, and otherwise of the next.
    Own {
        /// The message, or the call that was answered.
        item: Option<Str<'a>>,
        /// The field.
        key: &'static str,
        /// Its value.
        value: Json<'a>,
    },
    /// An output item of a kind we do not know.
    Opaque {
        /// Its `type`.
        kind: Str<'a>,
        /// The whole item.
        raw: Json<'a>,
    },
    /// A frame of a kind that nobody here knows; it is counted and goes nowhere.
    Unknown,
    /// The agent's free-form outputs; a JSON object. The last one counts.
    CustomOutputs(Json<'a>),
    /// `databricks_output` (trace, request id); the last one counts.
    Databricks(Json<'a>),
    /// The id of the trace that MLflow kept of this answer.
    Trace(Str<'a>),
    /// Under which name the conversation goes on: a server that took the answer over from one that died gives it another.
    Conversation(Str<'a>),
    /// Token counts; the last one counts.
    Usage(Usage),
    /// Why the answer ended, as far as the backend says. More may follow (usage), so this closes nothing.
    Finish(Finish),
    /// The answer is still being made, or never will be: a backend's status of an answer in the background
    /// (`queued`, `in_progress`, `cancelled`). Nothing follows.
    Waiting(Str<'a>),
    /// The answer is complete.
    Done,
    /// The answer failed, or is not complete and never will be.
    Failed(Error),
}

impl Fragment<'_> {
    /// What the backend calls the item, the call and the tool that this is about.
    pub(super) fn names(&self) -> [Option<&str>; 2] {
        match self {
            Self::Text { item, .. }
            | Self::Refusal { item, .. }
            | Self::Reasoning { item, .. }
            | Self::Message { item, .. }
            | Self::Own { item, .. }
            | Self::Thought { item, .. } => [item.as_deref(), None],
            Self::CallStart { call_id, name, .. } => [call_id.as_deref(), name.as_deref()],
            Self::Call { call_id, name, .. } => [Some(&**call_id), Some(&**name)],
            Self::CallOutput { call_id, name, .. } => [Some(&**call_id), name.as_deref()],
            Self::Conversation(name) => [Some(&**name), None],
            _ => [None, None],
        }
    }

    /// The same fragment, owning its bytes.
    #[must_use]
    pub fn into_owned(self) -> Fragment<'static> {
        let own = |text: Option<Str<'_>>| text.map(Str::into_owned);
        let raw = |json: Json<'_>| Json::Owned(json.into_owned());
        match self {
            Self::Begin { id } => Fragment::Begin { id: own(id) },
            Self::Text { item, delta } => Fragment::Text { item: own(item), delta: delta.into_owned() },
            Self::Refusal { item, delta } => Fragment::Refusal { item: own(item), delta: delta.into_owned() },
            Self::Reasoning { item, delta } => Fragment::Reasoning { item: own(item), delta: delta.into_owned() },
            Self::Annotation { annotation } => Fragment::Annotation { annotation: raw(annotation) },
            Self::Message { item, text, refusal, annotations } => Fragment::Message {
                item: own(item),
                text: text.into_owned(),
                refusal: own(refusal),
                annotations: annotations.into_iter().map(raw).collect(),
            },
            Self::Thought { item, text, encrypted } => {
                Fragment::Thought { item: own(item), text: text.into_owned(), encrypted: own(encrypted) }
            }
            Self::CallStart { slot, call_id, name } => {
                Fragment::CallStart { slot, call_id: own(call_id), name: own(name) }
            }
            Self::CallArguments { slot, delta } => Fragment::CallArguments { slot, delta: delta.into_owned() },
            Self::Call { slot, call_id, name, arguments } => Fragment::Call {
                slot,
                call_id: call_id.into_owned(),
                name: name.into_owned(),
                arguments: arguments.into_owned(),
            },
            Self::CallOutput { call_id, name, output } => {
                Fragment::CallOutput { call_id: call_id.into_owned(), name: own(name), output: output.into_owned() }
            }
            Self::Own { item, key, value } => Fragment::Own { item: own(item), key, value: raw(value) },
            Self::Opaque { kind, raw: item } => Fragment::Opaque { kind: kind.into_owned(), raw: raw(item) },
            Self::CustomOutputs(outputs) => Fragment::CustomOutputs(raw(outputs)),
            Self::Databricks(output) => Fragment::Databricks(raw(output)),
            Self::Trace(id) => Fragment::Trace(id.into_owned()),
            Self::Conversation(name) => Fragment::Conversation(name.into_owned()),
            Self::Usage(usage) => Fragment::Usage(usage),
            Self::Finish(finish) => Fragment::Finish(finish),
            Self::Unknown => Fragment::Unknown,
            Self::Done => Fragment::Done,
            Self::Waiting(status) => Fragment::Waiting(status.into_owned()),
            Self::Failed(error) => Fragment::Failed(error),
        }
    }
}

/// Where fragments go.
pub trait Sink {
    /// Takes in one fragment.
    fn push(&mut self, fragment: Fragment<'_>);
}

impl<F: FnMut(Fragment<'_>)> Sink for F {
    fn push(&mut self, fragment: Fragment<'_>) {
        self(fragment);
    }
}
