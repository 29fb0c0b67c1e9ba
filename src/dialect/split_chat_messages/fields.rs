//! What such an agent is given of each field: nothing but a question and what was said before.

use crate::ir::{Carry, Field};

const TEXT_ONLY: Carry = Carry::Refused("it reads text only");
const ANSWERS_TEXT: Carry = Carry::Refused("it answers in text only");
const STATELESS: Carry = Carry::Refused("it keeps nothing between requests; send the whole conversation");
const ONLY_A_QUESTION: Carry = Carry::Dropped("it takes a question and its history, and nothing else");

/// One row for each field.
pub(super) static FIELDS: &[(Field, Carry)] = &[
    (Field::AudioInput, TEXT_ONLY),
    (Field::AudioOutput, ANSWERS_TEXT),
    (Field::Background, Carry::Refused("it answers while the client waits")),
    (Field::Context, ONLY_A_QUESTION),
    (Field::Conversation, STATELESS),
    (Field::CustomInputs, ONLY_A_QUESTION),
    (Field::FileInput, TEXT_ONLY),
    (Field::FrequencyPenalty, ONLY_A_QUESTION),
    (Field::ImageInput, TEXT_ONLY),
    (Field::Include, ONLY_A_QUESTION),
    (Field::LogitBias, ONLY_A_QUESTION),
    (Field::Logprobs, ONLY_A_QUESTION),
    (Field::MaxTokens, ONLY_A_QUESTION),
    (Field::MaxToolCalls, ONLY_A_QUESTION),
    (Field::Metadata, ONLY_A_QUESTION),
    (Field::Modalities, ANSWERS_TEXT),
    (Field::N, Carry::Refused("it gives one answer")),
    (Field::ParallelToolCalls, ONLY_A_QUESTION),
    (Field::Prediction, ONLY_A_QUESTION),
    (Field::PresencePenalty, ONLY_A_QUESTION),
    (Field::PreviousResponse, STATELESS),
    (Field::Prompt, Carry::Refused("it knows no stored prompts")),
    (Field::PromptCacheKey, ONLY_A_QUESTION),
    (Field::ReasoningEffort, ONLY_A_QUESTION),
    (Field::ReasoningHistory, ONLY_A_QUESTION),
    (Field::ReasoningSummary, ONLY_A_QUESTION),
    (Field::ResponseFormat, Carry::Refused("it decides on the form of its answers itself")),
    (Field::SafetyIdentifier, ONLY_A_QUESTION),
    (Field::Seed, ONLY_A_QUESTION),
    (Field::ServiceTier, ONLY_A_QUESTION),
    (Field::Stop, ONLY_A_QUESTION),
    (Field::Store, ONLY_A_QUESTION),
    (Field::Temperature, ONLY_A_QUESTION),
    (Field::ToolChoice, Carry::Refused("it cannot call the client's tools")),
    (Field::ToolHistory, ONLY_A_QUESTION),
    (Field::Tools, ONLY_A_QUESTION),
    (Field::TopK, ONLY_A_QUESTION),
    (Field::TopLogprobs, ONLY_A_QUESTION),
    (Field::TopP, ONLY_A_QUESTION),
    (Field::Truncation, ONLY_A_QUESTION),
    (Field::User, ONLY_A_QUESTION),
    (Field::Verbosity, ONLY_A_QUESTION),
    (Field::WebSearch, ONLY_A_QUESTION),
];
