//! Writes a whole answer for a Chat Completions client.

use serde::Serialize;
use serde_json::value::RawValue;

use super::chunk;
use crate::dialect::chat_agent::AgentMessage;
use crate::dialect::chat_messages::{self, Citation, Minted, TokenUsage, WholeCall};
use crate::dialect::{Ask, Legacy, Shape};
use crate::ir::{Answer, Finish, Long, Piece};

#[derive(Serialize)]
struct Completion<'a> {
    id: Minted<'a>,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<TokenUsage>,
    #[serde(flatten)]
    legacy: LegacyFields<'a>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<Long<'a>>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WholeCall<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Citation<'a>>,
}

/// What clients of a legacy dialect look for beside the choices.
#[derive(Default, Serialize)]
struct LegacyFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<AgentMessage<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_outputs: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_output: Option<&'a RawValue>,
}

/// Writes `answer`.
pub(super) fn write(answer: &Answer, ask: &Ask, out: &mut Vec<u8>) {
    let (text, refusal, reasoning) = (answer.text(), answer.refusal(), reasoning(answer));
    let tool_calls: Vec<_> = answer.items.iter().filter_map(|item| visible_call(&item.piece, ask)).collect();
    let finish_reason = answer.finish().unwrap_or(Finish::Stop).name();
    let wordless = text.is_empty() && (!tool_calls.is_empty() || !refusal.is_empty());
    let message = Message {
        role: "assistant",
        content: Some(Long(&text)).filter(|_| !wordless),
        refusal: given(&refusal),
        reasoning_content: given(&reasoning),
        tool_calls,
        annotations: annotations(answer),
    };
    let completion = Completion {
        id: Minted::completion(answer),
        object: "chat.completion",
        created: answer.created,
        model: &ask.model,
        choices: [Choice { index: 0, message, logprobs: (), finish_reason }],
        usage: answer.usage.map(TokenUsage::detailed),
        legacy: LegacyFields::of(answer, ask, finish_reason),
    };
    chat_messages::write_body(&completion, ask.wrapped, out);
}

impl<'a> LegacyFields<'a> {
    fn of(answer: &'a Answer, ask: &Ask, finish_reason: &'static str) -> Self {
        let Shape::Both(legacy) = ask.shape else {
            // Where the id of the trace is looked for by those who asked for it.
            let databricks_output = answer.databricks.as_deref().filter(|_| ask.trace.is_some());
            return Self { databricks_output, ..Self::default() };
        };
        let agent = legacy == Legacy::ChatAgent;
        Self {
            messages: agent.then(|| AgentMessage::all(answer, true)),
            finish_reason: agent.then_some(finish_reason),
            custom_outputs: answer.custom_outputs.as_deref(),
            databricks_output: answer.databricks.as_deref(),
        }
    }
}

fn visible_call<'a>(piece: &'a Piece, ask: &Ask) -> Option<WholeCall<'a>> {
    match piece {
        Piece::Call { call_id, name, arguments, .. } if ask.show_agents_calls || !piece.is_agents() => {
            Some(WholeCall::new(call_id, name, arguments))
        }
        _ => None,
    }
}

/// All thoughts, as separate ones are told apart everywhere: by an empty line.
fn reasoning(answer: &Answer) -> String {
    let thoughts = answer.items.iter().filter_map(|item| match &item.piece {
        Piece::Reasoning { text, .. } if !text.is_empty() => Some(text.as_str()),
        _ => None,
    });
    thoughts.collect::<Vec<_>>().join(chunk::BETWEEN_THOUGHTS)
}

fn annotations(answer: &Answer) -> Vec<Citation<'_>> {
    let (mut citations, mut before) = (Vec::new(), chunk::Before::default());
    for (index, item) in answer.items.iter().enumerate() {
        if let Piece::Message { annotations, .. } = &item.piece {
            let shift = before.item(answer, index);
            citations.extend(annotations.iter().filter_map(|raw| chat_messages::cite(raw, shift)));
        }
    }
    citations
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
