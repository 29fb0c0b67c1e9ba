//! What a Chat Completions server is given of each field.

use crate::ir::{Carry, Field};

const TEXT_ONLY: Carry = Carry::Refused("answers are carried as text");
const STATELESS: Carry = Carry::Refused("it keeps nothing between requests; send the whole conversation");
const NO_LOGPROBS: Carry = Carry::Dropped("log probabilities are not carried back");
const HINT: Carry = Carry::Dropped("a hint that older servers refuse; the answer is the same without it");
const NOT_STORED: Carry = Carry::Dropped("answers are not stored");

/// One row for each field.
pub(super) static FIELDS: &[(Field, Carry)] = &[
    (Field::AudioInput, Carry::Typed),
    (Field::AudioOutput, TEXT_ONLY),
    (Field::Background, Carry::Refused("it answers while the client waits")),
    (Field::Context, Carry::Typed),
    (Field::Conversation, STATELESS),
    (Field::CustomInputs, Carry::Typed),
    (Field::FileInput, Carry::Typed),
    (Field::FrequencyPenalty, Carry::Key("frequency_penalty")),
    (Field::ImageInput, Carry::Typed),
    (Field::Include, Carry::Dropped("answers hold nothing that could be added")),
    (Field::LogitBias, Carry::Key("logit_bias")),
    (Field::Logprobs, NO_LOGPROBS),
    // Older servers know only this spelling; newer ones know both.
    (Field::MaxTokens, Carry::Key("max_tokens")),
    (Field::MaxToolCalls, Carry::Dropped("it runs no hosted tools")),
    (Field::Metadata, NOT_STORED),
    (Field::Modalities, TEXT_ONLY),
    (Field::N, Carry::Refused("it gives one answer")),
    // Servers refuse it where there are no tools.
    (Field::ParallelToolCalls, Carry::Typed),
    (Field::Prediction, Carry::Key("prediction")),
    (Field::PresencePenalty, Carry::Key("presence_penalty")),
    (Field::PreviousResponse, STATELESS),
    (Field::Prompt, Carry::Refused("it knows no stored prompts")),
    (Field::PromptCacheKey, HINT),
    (Field::ReasoningEffort, Carry::Key("reasoning_effort")),
    // To servers whose client speaks this dialect too; dropped and named otherwise.
    (Field::ReasoningHistory, Carry::Typed),
    (Field::ReasoningSummary, Carry::Dropped("it shows its reasoning as it is, or not at all")),
    (Field::ResponseFormat, Carry::Typed),
    (Field::SafetyIdentifier, HINT),
    (Field::Seed, Carry::Key("seed")),
    (Field::ServiceTier, Carry::Key("service_tier")),
    (Field::Stop, Carry::Key("stop")),
    (Field::Store, NOT_STORED),
    (Field::Temperature, Carry::Key("temperature")),
    (Field::ToolChoice, Carry::Typed),
    (Field::ToolHistory, Carry::Typed),
    (Field::Tools, Carry::Typed),
    (Field::TopK, Carry::Key("top_k")),
    (Field::TopLogprobs, NO_LOGPROBS),
    (Field::TopP, Carry::Key("top_p")),
    (Field::Truncation, Carry::Dropped("it refuses what is too long")),
    (Field::User, Carry::Key("user")),
    (Field::Verbosity, Carry::Key("verbosity")),
    (Field::WebSearch, Carry::Key("web_search_options")),
];
