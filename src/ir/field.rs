//! The request fields that not every dialect can carry, and what a dialect does with each: data, not code.

use serde_json::value::RawValue;

/// A request field, or a feature of the conversation, in neutral terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// An audio part in a message.
    AudioInput,
    /// Audio output settings.
    AudioOutput,
    /// Run in the background and poll.
    Background,
    /// `context.conversation_id` and `context.user_id`.
    Context,
    /// A stored conversation to continue.
    Conversation,
    /// Free-form inputs of the agent.
    CustomInputs,
    /// A file part in a message.
    FileInput,
    /// Penalty on frequent tokens.
    FrequencyPenalty,
    /// An image part in a message.
    ImageInput,
    /// Extra things to include in the answer.
    Include,
    /// Bias by token.
    LogitBias,
    /// Log probabilities wanted.
    Logprobs,
    /// Most tokens of the answer.
    MaxTokens,
    /// Most calls of hosted tools.
    MaxToolCalls,
    /// Key-value pairs stored with the answer.
    Metadata,
    /// Output kinds (text, audio).
    Modalities,
    /// How many answers.
    N,
    /// Whether several tools may be called at once.
    ParallelToolCalls,
    /// Predicted output.
    Prediction,
    /// Penalty on present tokens.
    PresencePenalty,
    /// The stored answer to continue from.
    PreviousResponse,
    /// A stored prompt template.
    Prompt,
    /// Cache bucket of the prompt.
    PromptCacheKey,
    /// How hard to think.
    ReasoningEffort,
    /// Reasoning items in the history.
    ReasoningHistory,
    /// How to show the thinking.
    ReasoningSummary,
    /// The form of the answer: text, JSON, JSON by schema.
    ResponseFormat,
    /// Hashed user id for abuse detection.
    SafetyIdentifier,
    /// Seed of the sampler.
    Seed,
    /// Service tier.
    ServiceTier,
    /// Stop sequences.
    Stop,
    /// Whether the answer is stored.
    Store,
    /// Sampling temperature.
    Temperature,
    /// Tool calls and their outputs in the history.
    ToolHistory,
    /// Which tool to use.
    ToolChoice,
    /// Tools the client offers.
    Tools,
    /// Sampling among the k likeliest.
    TopK,
    /// How many log probabilities.
    TopLogprobs,
    /// Nucleus sampling.
    TopP,
    /// What to do when the input is too long.
    Truncation,
    /// The end user.
    User,
    /// How wordy to be.
    Verbosity,
    /// Web search options.
    WebSearch,
}

/// What a dialect does with a [`Field`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// Written under this key with the value as it came; read under it as well.
    Key(&'static str),
    /// Carried by the codec in its own shape.
    Typed,
    /// Needs nothing of the backend: the gateway does it.
    Kept,
    /// Left out and named to the client; the reason is for the docs.
    Dropped(&'static str),
    /// Would change the answer, so the request is refused; the reason is told to the client.
    Refused(&'static str),
}

/// The JSON type that a scalar field must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// A string.
    String,
    /// Anything.
    Any,
}

/// A field as the client gave it.
#[derive(Clone, Copy, Debug)]
pub struct Param<'a> {
    /// What it is.
    pub field: Field,
    /// How the client spelt it (`max_tokens`, `text.verbosity`).
    pub key: &'static str,
    /// Its value, as it came.
    pub value: &'a RawValue,
}

impl Param<'_> {
    /// Whether the value says what would hold without it, so that leaving it out changes nothing and needs no word.
    #[must_use]
    pub fn is_default(&self) -> bool {
        let value = self.value.get();
        let default: &[&str] = match self.field {
            Field::N => &["1"],
            Field::Background | Field::Logprobs | Field::Store => &["false"],
            Field::FrequencyPenalty | Field::PresencePenalty => &["0", "0.0"],
            Field::TopLogprobs => &["0"],
            Field::Temperature | Field::TopP => &["1", "1.0"],
            Field::ParallelToolCalls => &["true"],
            Field::Truncation => &["\"disabled\""],
            Field::ServiceTier => &["\"auto\"", "\"default\""],
            Field::Include | Field::Stop => &["[]"],
            Field::Metadata | Field::LogitBias => &["{}"],
            Field::Modalities => &["[\"text\"]"],
            _ => &[],
        };
        value == "null" || default.contains(&value)
    }
}

impl Field {
    /// Every field; each dialect's table says what it does with it.
    pub const ALL: &'static [Self] = &[
        Self::AudioInput,
        Self::AudioOutput,
        Self::Background,
        Self::Context,
        Self::Conversation,
        Self::CustomInputs,
        Self::FileInput,
        Self::FrequencyPenalty,
        Self::ImageInput,
        Self::Include,
        Self::LogitBias,
        Self::Logprobs,
        Self::MaxTokens,
        Self::MaxToolCalls,
        Self::Metadata,
        Self::Modalities,
        Self::N,
        Self::ParallelToolCalls,
        Self::Prediction,
        Self::PresencePenalty,
        Self::PreviousResponse,
        Self::Prompt,
        Self::PromptCacheKey,
        Self::ReasoningEffort,
        Self::ReasoningHistory,
        Self::ReasoningSummary,
        Self::ResponseFormat,
        Self::SafetyIdentifier,
        Self::Seed,
        Self::ServiceTier,
        Self::Stop,
        Self::Store,
        Self::Temperature,
        Self::ToolHistory,
        Self::ToolChoice,
        Self::Tools,
        Self::TopK,
        Self::TopLogprobs,
        Self::TopP,
        Self::Truncation,
        Self::User,
        Self::Verbosity,
        Self::WebSearch,
    ];

    /// The JSON type of the field's value, where one is fixed.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            Self::Background | Self::Logprobs | Self::ParallelToolCalls | Self::Store => Value::Boolean,
            Self::MaxTokens | Self::MaxToolCalls | Self::N | Self::Seed | Self::TopK | Self::TopLogprobs => {
                Value::Integer
            }
            Self::FrequencyPenalty | Self::PresencePenalty | Self::Temperature | Self::TopP => Value::Number,
            Self::PreviousResponse | Self::PromptCacheKey | Self::SafetyIdentifier | Self::ServiceTier => Value::String,
            _ => Value::Any,
        }
    }
}

impl Value {
    /// Whether `json` is of this type.
    #[must_use]
    pub fn admits(self, json: &RawValue) -> bool {
        let text = json.get();
        match self {
            Self::Any => true,
            Self::Boolean => matches!(text, "true" | "false"),
            Self::Integer => text.parse::<i64>().is_ok(),
            Self::Number => text.parse::<f64>().is_ok(),
            Self::String => text.starts_with('"'),
        }
    }

    /// The type in words, for error messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "a JSON value",
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::String => "a string",
        }
    }
}
