//! The frame that nearly all frames are: a little more text and nothing else that anybody needs. It is read without looking
//! for all that may stand in a frame; whatever is not just so is left to the reader that does.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::ir::Str;

/// More text.
pub(super) struct More<'a> {
    /// What the answer is called, if it is said.
    pub(super) answer: Option<Str<'a>>,
    /// The message that it belongs to, if it is said.
    pub(super) item: Option<Str<'a>>,
    pub(super) text: Str<'a>,
}

/// As chat servers send it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    #[serde(rename = "object")]
    _object: IgnoredAny,
    #[serde(rename = "created")]
    _created: IgnoredAny,
    #[serde(rename = "model")]
    _model: IgnoredAny,
    #[serde(rename = "system_fingerprint", default)]
    _system_fingerprint: IgnoredAny,
    #[serde(rename = "service_tier", default)]
    _service_tier: IgnoredAny,
    #[serde(borrow)]
    choices: (Choice<'a>,),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice<'a> {
    index: u32,
    #[serde(borrow)]
    delta: Delta<'a>,
    /// It has not finished.
    #[serde(rename = "finish_reason", default)]
    _finish_reason: (),
    #[serde(rename = "logprobs", default)]
    _logprobs: (),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Str<'a>,
}

/// As MLflow's `ChatAgent` sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentChunk<'a> {
    #[serde(borrow)]
    delta: AgentDelta<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentDelta<'a> {
    #[serde(borrow)]
    role: Str<'a>,
    #[serde(borrow)]
    content: Str<'a>,
    #[serde(borrow)]
    id: Str<'a>,
}

/// The text of a frame that holds nothing else.
pub(super) fn more(frame: &str) -> Option<More<'_>> {
    let named = |name: &Str<'_>| !name.is_empty();
    if frame.starts_with("{\"delta\"") {
        let AgentDelta { role, content, id } = serde_json::from_str::<AgentChunk<'_>>(frame).ok()?.delta;
        return (role == "assistant").then(|| More { answer: None, item: Some(id).filter(named), text: content });
    }
    let Chunk { id, choices: (choice,), .. } = serde_json::from_str::<Chunk<'_>>(frame).ok()?;
    let text = choice.delta.content;
    (choice.index == 0).then(|| More { answer: Some(id).filter(named), item: None, text })
}

#[cfg(test)]
mod tests {
    use super::super::{End, StreamReader, WRAPPINGS};
    use super::*;
    use crate::dialect::Reader as _;
    use crate::ir::Fragment;
    use crate::sse::Frame;

    const PLAIN: &[&str] = &[
        r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a \"b\"\n"},"finish_reason":null}]}"#,
        r#"{"choices":[{"delta":{"content":""},"index":0,"logprobs":null}],"id":"","model":"m","object":"o","created":1,"system_fingerprint":"f"}"#,
        r#"{"delta": {"role": "assistant", "content": "a", "id": "m1"}}"#,
        r#"{"delta": {"id": "", "content": "a", "role": "assistant"}}"#,
    ];

    const OTHER: &[&str] = &[
        r#"{"id":"c1","object":"o","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
        r#"{"id":"c1","object":"o","created":1,"model":"m","choices":[{"index":1,"delta":{"content":"a"}}]}"#,
        r#"{"id":"c1","object":"o","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a","refusal":"b"}}]}"#,
        r#"{"id":"c1","object":"o","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"}}],"usage":{}}"#,
        r#"{"id":"c1","object":"o","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"}},{"index":1}]}"#,
        r#"{"id":"c1","object":"o","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"}}],"error":{"message":"b"}}"#,
        r#"{"delta": {"role": "user", "content": "a", "id": "m1"}}"#,
        r#"{"delta": {"role": "assistant", "content": "a", "id": "m1"}, "finish_reason": "stop"}"#,
        r#"{"delta": {"role": "assistant", "content": null, "id": "m1"}}"#,
    ];

    fn read(read: impl FnOnce(&mut StreamReader, &mut dyn FnMut(Fragment<'_>))) -> String {
        let mut told = Vec::new();
        read(&mut StreamReader::new(End::FinishReason), &mut |fragment| told.push(format!("{fragment:?}")));
        told.join("\n")
    }

    #[test]
    fn it_tells_what_the_other_reader_tells() {
        for frame in PLAIN {
            let quickly = read(|reader, mut out| {
                reader.frame(Frame { id: b"", event: b"", data: frame.as_bytes() }, &mut out);
            });
            let slowly = read(|reader, mut out| {
                reader.json(frame, super::super::Extent::TextInPieces, WRAPPINGS, &mut out).unwrap();
            });
            assert!(more(frame).is_some() && quickly == slowly, "{frame}: {quickly} or {slowly}");
        }
    }

    #[test]
    fn what_is_not_just_so_is_left_to_the_other() {
        for frame in OTHER {
            assert!(more(frame).is_none(), "{frame}");
        }
    }
}
