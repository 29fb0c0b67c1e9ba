//! What a durable agent is given of each field: its messages, its inputs, whose conversation it is, nothing else.

use crate::ir::{Carry, Field};

const TEXT_ONLY: Carry = Carry::Refused("it reads text only");
const ANSWERS_TEXT: Carry = Carry::Refused("it answers in text only");
const NO_SAMPLING: Carry = Carry::Dropped("it has no sampling settings");
const NOT_STORED: Carry = Carry::Dropped("its answers are kept for as long as its server decides");
const OWN_TOOLS: Carry = Carry::Dropped("it has its own tools");
const NO_LOGPROBS: Carry = Carry::Dropped("it gives no log probabilities");
const NOT_THE_MODEL: Carry = Carry::Dropped("a setting of a model, and it is an agent");

/// One row for each field.
pub(super) static FIELDS: &[(Field, Carry)] = &[
    (Field::AudioInput, TEXT_ONLY),
    (Field::AudioOutput, ANSWERS_TEXT),
    (Field::Background, Carry::Refused("it answers while the client waits")),
    (Field::Context, Carry::Typed),
    (Field::Conversation, Carry::Typed),
    (Field::CustomInputs, Carry::Typed),
    (Field::FileInput, TEXT_ONLY),
    (Field::FrequencyPenalty, NO_SAMPLING),
    (Field::ImageInput, TEXT_ONLY),
    (Field::Include, Carry::Dropped("its answers hold nothing that could be added")),
    (Field::LogitBias, NO_SAMPLING),
    (Field::Logprobs, NO_LOGPROBS),
    (Field::MaxTokens, NO_SAMPLING),
    (Field::MaxToolCalls, OWN_TOOLS),
    (Field::Metadata, NOT_STORED),
    (Field::Modalities, ANSWERS_TEXT),
    (Field::N, Carry::Refused("it gives one answer")),
    (Field::ParallelToolCalls, OWN_TOOLS),
    (Field::Prediction, NOT_THE_MODEL),
    (Field::PresencePenalty, NO_SAMPLING),
    (Field::PreviousResponse, Carry::Refused("it knows conversations, not responses; name a `conversation`")),
    (Field::Prompt, Carry::Refused("it knows no stored prompts")),
    (Field::PromptCacheKey, NOT_THE_MODEL),
    (Field::ReasoningEffort, NOT_THE_MODEL),
    (Field::ReasoningHistory, Carry::Dropped("its messages have no place for reasoning")),
    (Field::ReasoningSummary, NOT_THE_MODEL),
    (Field::ResponseFormat, Carry::Refused("it decides on the form of its answers itself")),
    (Field::SafetyIdentifier, NOT_THE_MODEL),
    (Field::Seed, NO_SAMPLING),
    (Field::ServiceTier, NOT_THE_MODEL),
    (Field::Stop, NO_SAMPLING),
    (Field::Store, NOT_STORED),
    (Field::Temperature, NO_SAMPLING),
    (Field::ToolChoice, Carry::Refused("it has its own tools and chooses among them itself")),
    (Field::ToolHistory, Carry::Typed),
    (Field::Tools, OWN_TOOLS),
    (Field::TopK, NO_SAMPLING),
    (Field::TopLogprobs, NO_LOGPROBS),
    (Field::TopP, NO_SAMPLING),
    (Field::Truncation, NOT_THE_MODEL),
    (Field::User, Carry::Dropped("it is told of users in `context`")),
    (Field::Verbosity, NOT_THE_MODEL),
    (Field::WebSearch, OWN_TOOLS),
];
