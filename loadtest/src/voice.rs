//! What is said in each dialect: requests of a size, plain answers of a size, and the frames of a stream.

use std::fmt::Write as _;

/// How clients or agents speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Voice {
    /// OpenAI's Chat Completions.
    ChatCompletions,
    /// OpenAI's Responses, with all frames of a legal stream.
    Responses,
    /// Responses as MLflow's AgentServer streams them: deltas and the finished message, nothing else.
    AgentServer,
    /// MLflow's ChatAgent behind a Model Serving endpoint.
    ChatAgent,
}

/// Where the text so far goes in closing frames.
pub const TEXT: &str = "{TEXT}";

/// Where the mark goes in a delta.
pub const MARK: &str = "{MARK}";

impl Voice {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ChatCompletions, Self::Responses, Self::AgentServer, Self::ChatAgent];

    /// Its name in paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
            Self::AgentServer => "agent_server",
            Self::ChatAgent => "chat_agent",
        }
    }

    /// Its name in Cutover's config.
    pub fn dialect(self) -> &'static str {
        match self {
            Self::AgentServer => Self::Responses.name(),
            other => other.name(),
        }
    }

    /// Where its clients post to, below the base URL.
    pub fn door(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Responses | Self::AgentServer => "/v1/responses",
            Self::ChatAgent => "/serving-endpoints/agent/invocations",
        }
    }

    /// A request of about `size` bytes: a question, behind as much history as it takes.
    pub fn request(self, model: &str, size: usize, stream: bool) -> String {
        let messages = match self {
            Self::ChatCompletions | Self::ChatAgent => "messages",
            Self::Responses | Self::AgentServer => "input",
        };
        let mut body = format!(
            r#"{{"model":"{model}","stream":{stream},"temperature":0.2,"{messages}":[{{"role":"system","content":"Be brief."}}"#
        );
        let mut turn = 0;
        while body.len() + 160 < size {
            let role = if turn % 2 == 0 { "user" } else { "assistant" };
            let _ = write!(
                body,
                r#",{{"role":"{role}","content":"Turn {turn}: where is the order that was promised for Friday, and who signed?\nThanks."}}"#
            );
            turn += 1;
        }
        body.push_str(r#",{"role":"user","content":"And now?"}]}"#);
        body
    }

    /// A plain answer of about `size` bytes.
    pub fn plain(self, size: usize) -> String {
        let (before, behind) = match self {
            Self::ChatCompletions => (
                r#"{"id":"chatcmpl-1","object":"chat.completion","created":1760000000,"model":"agent","choices":[{"index":0,"message":{"role":"assistant","content":""#,
                r#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":200,"total_tokens":300}}"#,
            ),
            Self::Responses | Self::AgentServer => (
                r#"{"id":"resp_1","object":"response","created_at":1760000000,"status":"completed","model":"agent","output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","annotations":[],"text":""#,
                r#""}]}],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":0},"output_tokens":200,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":300}}"#,
            ),
            Self::ChatAgent => {
                (r#"{"messages":[{"role":"assistant","id":"m1","content":""#, r#""}],"finish_reason":"stop"}"#)
            }
        };
        let words = "The order left on Friday. ".repeat(size / 26 + 1);
        let room = size.saturating_sub(before.len() + behind.len()).min(words.len());
        format!("{before}{}{behind}", words.get(..room).unwrap_or_default())
    }

    /// Frames before the first delta.
    pub fn opening(self) -> &'static [&'static str] {
        match self {
            Self::ChatCompletions => &[
                r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,"model":"agent","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            ],
            Self::Responses => &[
                "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1760000000,\"status\":\"in_progress\",\"model\":\"agent\",\"output\":[],\"parallel_tool_calls\":true,\"tool_choice\":\"auto\",\"tools\":[]}}",
                "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"in_progress\",\"content\":[]}}",
                "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":2,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}",
            ],
            Self::AgentServer | Self::ChatAgent => &[],
        }
    }

    /// One delta.
    pub fn delta(self) -> &'static str {
        match self {
            Self::ChatCompletions => {
                r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,"model":"agent","choices":[{"index":0,"delta":{"content":"{MARK} a few words of text "},"finish_reason":null}]}"#
            }
            Self::Responses => {
                "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":3,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"logprobs\":[],\"delta\":\"{MARK} a few words of text \"}"
            }
            Self::AgentServer => {
                r#"data: {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "{MARK} a few words of text "}"#
            }
            Self::ChatAgent => {
                r#"data: {"delta": {"role": "assistant", "content": "{MARK} a few words of text ", "id": "m1"}}"#
            }
        }
    }

    /// The text of one delta, as closing frames repeat it.
    pub fn delta_text() -> &'static str {
        "{MARK} a few words of text "
    }

    /// Frames behind the last delta.
    pub fn closing(self) -> &'static [&'static str] {
        match self {
            Self::ChatCompletions => &[
                r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,"model":"agent","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                "data: [DONE]",
            ],
            Self::Responses => &[
                "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"sequence_number\":4,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"logprobs\":[],\"text\":\"{TEXT}\"}",
                "event: response.content_part.done\ndata: {\"type\":\"response.content_part.done\",\"sequence_number\":5,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"{TEXT}\",\"annotations\":[]}}",
                "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":6,\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"text\":\"{TEXT}\"}]}}",
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":7,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1760000000,\"status\":\"completed\",\"model\":\"agent\",\"output\":[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"text\":\"{TEXT}\"}]}],\"parallel_tool_calls\":true,\"tool_choice\":\"auto\",\"tools\":[],\"usage\":{\"input_tokens\":1,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":1,\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":2}}}",
            ],
            Self::AgentServer => &[
                r#"data: {"type": "response.output_item.done", "item": {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "{TEXT}", "annotations": []}]}}"#,
                "data: [DONE]",
            ],
            Self::ChatAgent => &[
                r#"data: {"delta": {"role": "assistant", "content": "", "id": "m1"}, "finish_reason": "stop"}"#,
                "data: [DONE]",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_and_about_as_large_as_asked() {
        for voice in Voice::ALL {
            for size in [1024, 16 * 1024] {
                let bodies = [voice.request("agent", size, true), voice.plain(size)];
                for body in bodies {
                    assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
                    assert!(body.len() <= size && body.len() + 200 > size, "{} for {size}", body.len());
                }
            }
            let delta = [voice.delta()];
            let frames = voice.opening().iter().chain(&delta).chain(voice.closing());
            for frame in frames {
                let data = frame.split("data: ").nth(1).unwrap();
                assert!(data == "[DONE]" || serde_json::from_str::<serde_json::Value>(data).is_ok(), "{data}");
            }
        }
    }
}
