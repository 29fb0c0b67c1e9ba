//! The Responses API: OpenAI's full form for clients, and what MLflow's agent servers make of it for backends.

use super::{
    Answer, Ask, Body, Carry, Dialect, Dropped, Error, Field, Part, Reader, Request, Role, Sink, Target, Writer,
};

mod answer;
mod backend_request;
mod frames;
mod input;
mod item;
mod lowered;
mod place;
mod progress;
mod reader;
mod request;
mod resource;
mod sealed;
mod settings;
mod value;
mod writer;

/// The dialect of `POST /responses`.
#[derive(Clone, Copy, Debug)]
pub struct Responses;

const NO_PLACE: &str = "the Responses API has no place for it";

const FIELDS: &[(Field, Carry)] = &[
    (Field::AudioInput, Carry::Typed),
    (Field::AudioOutput, Carry::Refused("the Responses API answers in text only")),
    (Field::Background, Carry::Key("background")),
    (Field::Context, Carry::Typed),
    (Field::Conversation, Carry::Key("conversation")),
    (Field::CustomInputs, Carry::Typed),
    (Field::FileInput, Carry::Typed),
    (Field::FrequencyPenalty, Carry::Key("frequency_penalty")),
    (Field::ImageInput, Carry::Typed),
    (Field::Include, Carry::Key("include")),
    (Field::LogitBias, Carry::Dropped(NO_PLACE)),
    (Field::Logprobs, Carry::Dropped("the Responses API asks for them through `include`")),
    (Field::MaxTokens, Carry::Key("max_output_tokens")),
    (Field::MaxToolCalls, Carry::Key("max_tool_calls")),
    (Field::Metadata, Carry::Key("metadata")),
    (Field::Modalities, Carry::Refused("the Responses API answers in text only")),
    (Field::N, Carry::Refused("the Responses API gives one answer")),
    (Field::ParallelToolCalls, Carry::Key("parallel_tool_calls")),
    (Field::Prediction, Carry::Refused(NO_PLACE)),
    (Field::PresencePenalty, Carry::Key("presence_penalty")),
    (Field::PreviousResponse, Carry::Key("previous_response_id")),
    (Field::Prompt, Carry::Key("prompt")),
    (Field::PromptCacheKey, Carry::Key("prompt_cache_key")),
    (Field::ReasoningEffort, Carry::Typed),
    (Field::ReasoningHistory, Carry::Typed),
    (Field::ReasoningSummary, Carry::Typed),
    (Field::ResponseFormat, Carry::Typed),
    (Field::SafetyIdentifier, Carry::Key("safety_identifier")),
    (Field::Seed, Carry::Dropped(NO_PLACE)),
    (Field::ServiceTier, Carry::Key("service_tier")),
    (Field::Stop, Carry::Refused(NO_PLACE)),
    (Field::Store, Carry::Key("store")),
    (Field::Temperature, Carry::Key("temperature")),
    (Field::ToolChoice, Carry::Typed),
    (Field::ToolHistory, Carry::Typed),
    (Field::Tools, Carry::Typed),
    (Field::TopK, Carry::Dropped(NO_PLACE)),
    (Field::TopLogprobs, Carry::Key("top_logprobs")),
    (Field::TopP, Carry::Key("top_p")),
    (Field::Truncation, Carry::Key("truncation")),
    (Field::User, Carry::Key("user")),
    (Field::Verbosity, Carry::Typed),
    (Field::WebSearch, Carry::Refused("it would have to become a hosted tool, which agents do not offer")),
];

impl Responses {
    /// The settings of a request that its response repeats, for [`Ask::echo`].
    #[must_use]
    pub fn echo(request: &Request<'_>) -> String {
        settings::write(request)
    }
}

impl Dialect for Responses {
    fn name(&self) -> &'static str {
        "responses"
    }

    fn fields(&self) -> &'static [(Field, Carry)] {
        FIELDS
    }

    fn own_fields(&self) -> &'static [&'static str] {
        &["phase"]
    }

    fn has_place(&self, part: &Part<'_>, speaker: Option<&Role>, target: &Target<'_>) -> bool {
        match part {
            Part::Text(_) | Part::Refusal(_) => true,
            Part::Image { .. } | Part::File(_) | Part::Audio(_) => speaker != Some(&Role::Assistant),
            Part::Opaque { .. } => target.alike,
        }
    }

    fn read_request<'a>(&self, body: &Body<'a>) -> Result<Request<'a>, Error> {
        request::read(body)
    }

    fn read_around<'a>(&self, body: &Body<'a>) -> Result<Request<'a>, Error> {
        request::read_around(body)
    }

    fn write_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        dropped: &mut Dropped,
    ) -> Result<Vec<u8>, Error> {
        backend_request::write(request, target, dropped)
    }

    fn read_answer(&self, body: &[u8], out: &mut dyn Sink) {
        answer::read(body, out);
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(reader::Stream::default())
    }

    fn write_answer(&self, answer: &Answer, ask: &Ask, out: &mut Vec<u8>) {
        resource::write(answer, ask, out);
    }

    fn writer(&self, ask: &Ask) -> Box<dyn Writer> {
        Box::new(writer::Stream::new(ask))
    }
}

#[cfg(test)]
mod tests;
