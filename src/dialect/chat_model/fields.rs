//! What a ChatModel is given of each field: the parameters of its dataclass, and nothing else.

use crate::ir::{Carry, Field};

const TEXT_ONLY: Carry = Carry::Refused("it reads text only");
const ANSWERS_TEXT: Carry = Carry::Refused("it answers in text only");
const STATELESS: Carry = Carry::Refused("it keeps nothing between requests; send the whole conversation");
const NOT_STORED: Carry = Carry::Dropped("its answers are not stored");
const NO_LOGPROBS: Carry = Carry::Dropped("it gives no log probabilities");
const NO_SETTING: Carry = Carry::Dropped("it has no such setting");

/// One row for each field.
pub(super) static FIELDS: &[(Field, Carry)] = &[
    (Field::AudioInput, TEXT_ONLY),
    (Field::AudioOutput, ANSWERS_TEXT),
    (Field::Background, Carry::Refused("it answers while the client waits")),
    (Field::Context, Carry::Dropped("it is not told who is talking; use `custom_inputs`")),
    (Field::Conversation, STATELESS),
    (Field::CustomInputs, Carry::Typed),
    (Field::FileInput, TEXT_ONLY),
    (Field::FrequencyPenalty, Carry::Key("frequency_penalty")),
    (Field::ImageInput, TEXT_ONLY),
    (Field::Include, Carry::Dropped("its answers hold nothing that could be added")),
    (Field::LogitBias, NO_SETTING),
    (Field::Logprobs, NO_LOGPROBS),
    (Field::MaxTokens, Carry::Key("max_tokens")),
    (Field::MaxToolCalls, NO_SETTING),
    (Field::Metadata, NOT_STORED),
    (Field::Modalities, ANSWERS_TEXT),
    (Field::N, Carry::Refused("it gives one answer")),
    (Field::ParallelToolCalls, NO_SETTING),
    (Field::Prediction, NO_SETTING),
    (Field::PresencePenalty, Carry::Key("presence_penalty")),
    (Field::PreviousResponse, STATELESS),
    (Field::Prompt, Carry::Refused("it knows no stored prompts")),
    (Field::PromptCacheKey, NO_SETTING),
    (Field::ReasoningEffort, NO_SETTING),
    (Field::ReasoningHistory, Carry::Dropped("its messages have no place for reasoning")),
    (Field::ReasoningSummary, NO_SETTING),
    (Field::ResponseFormat, Carry::Refused("it decides on the form of its answers itself")),
    (Field::SafetyIdentifier, NO_SETTING),
    (Field::Seed, NO_SETTING),
    (Field::ServiceTier, NO_SETTING),
    // A list always, where a client may send one string.
    (Field::Stop, Carry::Typed),
    (Field::Store, NOT_STORED),
    (Field::Temperature, Carry::Key("temperature")),
    (Field::ToolChoice, Carry::Refused("it chooses among the tools itself")),
    (Field::ToolHistory, Carry::Typed),
    (Field::Tools, Carry::Typed),
    (Field::TopK, Carry::Key("top_k")),
    (Field::TopLogprobs, NO_LOGPROBS),
    (Field::TopP, Carry::Key("top_p")),
    (Field::Truncation, NO_SETTING),
    (Field::User, NO_SETTING),
    (Field::Verbosity, NO_SETTING),
    (Field::WebSearch, NO_SETTING),
];
