//! A request in neutral form, borrowing from the body it was read from.

use serde_json::value::RawValue;

use super::{Field, Json, Param, Str};

/// What a client asks of an agent.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// The model (the agent's name), as the client wrote it.
    pub model: Option<Str<'a>>,
    /// Whether the client wants events.
    pub stream: bool,
    /// Chat Completions clients get a usage chunk only when they ask for one.
    pub include_usage: bool,
    /// Leading instructions that stand outside the conversation (`instructions` of the Responses API).
    pub instructions: Option<Str<'a>>,
    /// The conversation so far, in order.
    pub items: Vec<Item<'a>>,
    /// Tools that the client runs.
    pub tools: Vec<Tool<'a>>,
    /// The list of tools as the client wrote it, where reading it made functions of tools of other kinds.
    pub tools_as_given: Option<Json<'a>>,
    /// Which of them to use.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// The form of the answer.
    pub format: Option<Format<'a>>,
    /// Free-form inputs of the agent; a JSON object.
    pub custom_inputs: Option<Json<'a>>,
    /// `context.conversation_id`.
    pub conversation_id: Option<Str<'a>>,
    /// `context.user_id`.
    pub user_id: Option<Str<'a>>,
    /// `databricks_options.return_trace`.
    pub return_trace: bool,
    /// `client_request_id`, recorded by Model Serving's tables.
    pub client_request_id: Option<Str<'a>>,
    /// Fields that are carried by key and not understood.
    pub params: Vec<Param<'a>>,
    /// What nobody interpreted; kept for a backend of the same dialect.
    pub rest: Vec<(Str<'a>, &'a RawValue)>,
}

/// One step of a conversation.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// Something said.
    Message(Message<'a>),
    /// A tool call the assistant made.
    Call(Call<'a>),
    /// What a tool answered.
    CallOutput(CallOutput<'a>),
    /// What the assistant thought.
    Reasoning(Reasoning<'a>),
    /// An item of a kind we do not know; only a backend of the same dialect may get it.
    Opaque {
        /// Its `type`.
        kind: Str<'a>,
        /// The whole item.
        raw: Json<'a>,
    },
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The agent.
    Assistant,
    /// The developer's instructions (newer name of `system`).
    Developer,
    /// The system's instructions.
    System,
    /// The person.
    User,
}

impl Role {
    /// The name every dialect uses.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Assistant => "assistant",
            Self::Developer => "developer",
            Self::System => "system",
            Self::User => "user",
        }
    }

    /// The role of a name; `None` for `tool`, `function` and anything unknown.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "assistant" => Some(Self::Assistant),
            "developer" => Some(Self::Developer),
            "system" => Some(Self::System),
            "user" => Some(Self::User),
            _ => None,
        }
    }
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Who speaks.
    pub role: Role,
    /// What is said; a plain string is one text part.
    pub parts: Vec<Part<'a>>,
    /// Speaker's name.
    pub name: Option<Str<'a>>,
    /// The message's id in the client's history.
    pub id: Option<Str<'a>>,
    /// A field that only the client's own dialect has.
    pub own: Option<Own<'a>>,
}

/// The key and the value of a field of a message that one dialect alone has (`phase`, `attachments`).
pub type Own<'a> = (&'static str, &'a RawValue);

impl<'a> Message<'a> {
    /// A message of one text.
    pub fn text(role: Role, text: impl Into<Str<'a>>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())], name: None, id: None, own: None }
    }

    /// All text parts joined by `separator`; refusals count as text.
    #[must_use]
    pub fn joined(&self, separator: &str) -> Str<'a> {
        let mut texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) | Part::Refusal(text) => Some(text),
            _ => None,
        });
        match (texts.next(), texts.next()) {
            (None, _) => Str::default(),
            (Some(only), None) => only.clone(),
            (Some(first), Some(second)) => {
                let mut whole = format!("{first}{separator}{second}");
                for text in texts {
                    whole.push_str(separator);
                    whole.push_str(text);
                }
                Str::from(whole)
            }
        }
    }
}

/// A part of a message.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    /// Text.
    Text(Str<'a>),
    /// The assistant declines.
    Refusal(Str<'a>),
    /// An image by URL (`https:` or `data:`).
    Image {
        /// Where it is.
        url: Str<'a>,
        /// `auto`, `low` or `high`.
        detail: Option<Str<'a>>,
    },
    /// A file: the JSON object with `filename`, `file_data`, `file_id` or `file_url`.
    File(Json<'a>),
    /// Audio: the JSON object with `data` and `format`.
    Audio(Json<'a>),
    /// A part of a kind we do not know; only a backend of the same dialect may get it.
    Opaque {
        /// Its `type`.
        kind: Str<'a>,
        /// The whole part.
        raw: Json<'a>,
    },
}

/// A tool call in the history.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// What its output refers to.
    pub call_id: Str<'a>,
    /// The tool.
    pub name: Str<'a>,
    /// JSON text of the arguments; never empty (`{}` for none).
    pub arguments: Str<'a>,
}

/// A tool's answer in the history.
#[derive(Clone, Debug)]
pub struct CallOutput<'a> {
    /// The call it answers.
    pub call_id: Str<'a>,
    /// The tool's name, where the dialect says it (ChatAgent requires it).
    pub name: Option<Str<'a>>,
    /// What it said.
    pub parts: Vec<Part<'a>>,
    /// A field that only the client's own dialect has.
    pub own: Option<Own<'a>>,
}

impl<'a> CallOutput<'a> {
    /// All text of the output, joined by line feeds.
    #[must_use]
    pub fn text(&self) -> Str<'a> {
        Message { role: Role::User, parts: self.parts.clone(), name: None, id: None, own: None }.joined("\n")
    }
}

/// Thoughts in the history.
#[derive(Clone, Debug)]
pub struct Reasoning<'a> {
    /// Visible text (the summary, or the raw reasoning where there is no summary).
    pub text: Str<'a>,
    /// The whole item as it came, for a backend of the same dialect.
    pub raw: Option<Json<'a>>,
}

/// A tool that the client offers.
#[derive(Clone, Debug)]
pub enum Tool<'a> {
    /// A function.
    Function {
        /// Its name.
        name: Str<'a>,
        /// What it does.
        description: Option<Str<'a>>,
        /// JSON schema of its parameters.
        parameters: Option<Json<'a>>,
        /// Whether arguments must match the schema; `None` where the client did not say.
        strict: Option<bool>,
    },
    /// A tool of another kind; only a backend of the same dialect may get it.
    Opaque {
        /// Its `type`.
        kind: Str<'a>,
        /// The whole tool.
        raw: Json<'a>,
    },
}

/// Which tool to use.
#[derive(Clone, Debug)]
pub enum ToolChoice<'a> {
    /// `auto`, `none` or `required`.
    Mode(Str<'a>),
    /// This function.
    Function(Str<'a>),
    /// Another shape; only a backend of the same dialect may get it.
    Opaque(Json<'a>),
}

/// The form of the answer.
#[derive(Clone, Debug)]
pub enum Format<'a> {
    /// Any JSON object.
    JsonObject,
    /// JSON by a schema: the object with `name`, `schema`, `strict`, `description`.
    JsonSchema(Json<'a>),
}

/// The fields that were left out on the way to the backend, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    names: Vec<String>,
    reasons: Vec<&'static str>,
}

impl Dropped {
    /// Most names that are kept; a request with more is cut off here, with `...` as the last.
    const MOST: usize = 16;

    /// Longest name that is kept, in bytes; names stand in a response header.
    const LONGEST: usize = 64;

    /// Notes a field, by the name the client gave it, that the backend's format has no place for.
    pub fn note(&mut self, name: &str) {
        self.note_because(name, "the agent's format has no place for it");
    }

    /// Notes a field, by the name the client gave it, and why it is left out.
    pub fn note_because(&mut self, name: &str, why: &'static str) {
        let safe = |letter: &char| letter.is_ascii_graphic() && *letter != ',' || *letter == ' ';
        let name: String =
            name.chars().map(|letter| if safe(&letter) { letter } else { '?' }).take(Self::LONGEST).collect();
        if self.names.len() < Self::MOST && !self.names.contains(&name) {
            self.names.push(if self.names.len() + 1 == Self::MOST { "...".to_owned() } else { name });
            self.reasons.push(why);
        }
    }

    /// The names, in the order they were noted: printable ASCII without commas.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Names with their reasons.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.names.iter().map(String::as_str).zip(self.reasons.iter().copied())
    }
}

impl<'a> Request<'a> {
    /// The parameter of a field, if the client gave it.
    #[must_use]
    pub fn param(&self, field: Field) -> Option<&Param<'a>> {
        self.params.iter().find(|param| param.field == field)
    }

    /// The features that are not parameters but still may not fit a backend, each with the name a client would know.
    pub fn features(&self) -> impl Iterator<Item = (Field, &'static str)> {
        let any = |wanted: fn(&Item<'_>) -> bool| self.items.iter().any(wanted);
        let part = |wanted: fn(&Part<'_>) -> bool| {
            self.items.iter().any(|item| match item {
                Item::Message(message) => message.parts.iter().any(wanted),
                Item::CallOutput(output) => output.parts.iter().any(wanted),
                _ => false,
            })
        };
        [
            (self.custom_inputs.is_some(), Field::CustomInputs, "custom_inputs"),
            (self.conversation_id.is_some() || self.user_id.is_some(), Field::Context, "context"),
            (!self.tools.is_empty(), Field::Tools, "tools"),
            (self.forces_tools(), Field::ToolChoice, "tool_choice"),
            (self.format.is_some(), Field::ResponseFormat, "response_format"),
            (part(|part| matches!(part, Part::Image { .. })), Field::ImageInput, "image"),
            (part(|part| matches!(part, Part::File(_))), Field::FileInput, "file"),
            (part(|part| matches!(part, Part::Audio(_))), Field::AudioInput, "input_audio"),
            (any(|item| matches!(item, Item::Reasoning(_))), Field::ReasoningHistory, "reasoning"),
            (any(|item| matches!(item, Item::Call(_) | Item::CallOutput(_))), Field::ToolHistory, "tool calls"),
        ]
        .into_iter()
        .filter_map(|(present, field, name)| present.then_some((field, name)))
    }

    /// The fields of messages that only the client's own dialect has.
    pub fn own(&self) -> impl Iterator<Item = Own<'a>> {
        self.items.iter().filter_map(|item| match item {
            Item::Message(message) => message.own,
            Item::CallOutput(output) => output.own,
            _ => None,
        })
    }

    /// Names of the functions that the client offers to run.
    pub fn declared(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().filter_map(|tool| match tool {
            Tool::Function { name, .. } => Some(&**name),
            Tool::Opaque { .. } => None,
        })
    }

    /// `auto` is what holds without a word, and `none` any dialect can say: by offering no tools.
    fn forces_tools(&self) -> bool {
        match &self.tool_choice {
            None => false,
            Some(ToolChoice::Mode(mode)) => *mode != "auto" && *mode != "none",
            Some(_) => true,
        }
    }
}
