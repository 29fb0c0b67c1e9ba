//! What the tests of the chat dialects share: ways to run a codec, and a checker for legal chat streams.

use bytes::BytesMut;
use serde_json::Value;

use crate::dialect::{Ask, Dialect, Legacy, Shape, Surface, Target};
use crate::error::Error;
use crate::ir::{Answer, Assembler, Body, Calls, Dropped, Event, Finish, Fragment, Request, Str, Usage};
use crate::sse::Splitter;

pub(crate) const USAGE: Usage = Usage { input: 3, output: 5, total: 8, cached: 1, reasoning: 2 };

/// What an ordinary OpenAI client asks for.
pub(crate) fn ask() -> Ask {
    Ask { model: "m".into(), ..Ask::default() }
}

pub(crate) fn both(legacy: Legacy) -> Ask {
    Ask { shape: Shape::Both(legacy), ..ask() }
}

pub(crate) fn invocations() -> Ask {
    Ask { surface: Surface::Invocations, show_agents_calls: true, ..ask() }
}

/// Reads a client's request. The text is leaked: it is a test.
pub(crate) fn request(dialect: &dyn Dialect, text: &str) -> Result<Request<'static>, Error> {
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    dialect.read_request(&Body::parse(text.as_bytes())?)
}

/// The field at fault and the message of a request that is refused.
pub(crate) fn refusal(dialect: &dyn Dialect, text: &str) -> (String, String) {
    let error = request(dialect, text).unwrap_err();
    assert_eq!(error.status().as_u16(), 400, "{text}");
    (error.field().unwrap_or_default().to_owned(), error.message().to_owned())
}

/// Writes a request for a backend; the names of what was dropped come with it.
pub(crate) fn written(dialect: &dyn Dialect, request: &Request<'_>, alike: bool) -> (Value, Vec<String>) {
    let mut dropped = Dropped::default();
    let target = Target { alike, ..Target::default() };
    let body = dialect.write_request(request, &target, &mut dropped).unwrap();
    (serde_json::from_slice(&body).unwrap(), dropped.names().to_vec())
}

/// A chat client's request as `dialect` passes it on to a backend of another family.
pub(crate) fn bridged(dialect: &dyn Dialect, text: &str) -> Value {
    written(dialect, &request(&crate::dialect::ChatCompletions, text).unwrap(), false).0
}

/// The fragments of a plain answer, one line each.
pub(crate) fn read_whole(dialect: &dyn Dialect, body: &str) -> Vec<String> {
    let mut lines = Vec::new();
    dialect.read_answer(body.as_bytes(), &mut |fragment: Fragment<'_>| lines.push(describe(fragment)));
    lines
}

/// The fragments of a stream, one line each; the same for every chunking.
pub(crate) fn read_stream(dialect: &dyn Dialect, stream: &str) -> Vec<String> {
    let expected = read_pieces(dialect, stream, stream.len().max(1));
    for step in [1, 2, 3, 7, 50] {
        assert_eq!(read_pieces(dialect, stream, step), expected, "in pieces of {step} bytes");
    }
    expected
}

fn read_pieces(dialect: &dyn Dialect, stream: &str, step: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut sink = |fragment: Fragment<'_>| lines.push(describe(fragment));
    let mut splitter = Splitter::new(1 << 20);
    let mut reader = dialect.reader();
    for piece in stream.as_bytes().chunks(step) {
        splitter.push(piece).unwrap();
        while let Some(frame) = splitter.next_frame() {
            reader.frame(frame, &mut sink);
        }
    }
    if let Some(frame) = splitter.finish() {
        reader.frame(frame, &mut sink);
    }
    reader.end(&mut sink);
    lines
}

/// A stream of these frames.
pub(crate) fn sse(frames: &[&str]) -> String {
    frames.iter().flat_map(|frame| ["data: ", frame, "\n\n"]).collect()
}

fn describe(fragment: Fragment<'_>) -> String {
    let named = |item: Option<Str<'_>>| item.map(|item| format!("({item})")).unwrap_or_default();
    match fragment {
        Fragment::Begin { id } => format!("begin{}", named(id)),
        Fragment::Text { item, delta } => format!("text{} {delta}", named(item)),
        Fragment::Refusal { item, delta } => format!("refusal{} {delta}", named(item)),
        Fragment::Reasoning { item, delta } => format!("reasoning{} {delta}", named(item)),
        Fragment::Annotation { annotation } => format!("annotation {annotation}"),
        Fragment::Message { item, text, refusal, annotations } => {
            let refusal = refusal.map(|refusal| format!(" refuses {refusal}")).unwrap_or_default();
            let annotations: String = annotations.iter().flat_map(|annotation| [" cites ", annotation.get()]).collect();
            format!("message{} {text}{refusal}{annotations}", named(item))
        }
        Fragment::Thought { item, text, .. } => format!("thought{} {text}", named(item)),
        Fragment::CallStart { slot, call_id, name } => {
            format!("call {slot} {} {}", call_id.unwrap_or_default(), name.unwrap_or_default())
        }
        Fragment::CallArguments { slot, delta } => format!("arguments {slot} {delta}"),
        Fragment::Call { slot: _, call_id, name, arguments } => format!("whole call {call_id} {name} {arguments}"),
        Fragment::CallOutput { call_id, name, output } => {
            format!("output {call_id} {} {output}", name.unwrap_or_default())
        }
        Fragment::Own { item, key, value } => format!("{key}{} {value}", named(item)),
        Fragment::Opaque { kind, .. } => format!("opaque {kind}"),
        Fragment::CustomOutputs(raw) => format!("custom {raw}"),
        Fragment::Databricks(raw) => format!("databricks {raw}"),
        Fragment::Trace(id) => format!("trace {id}"),
        Fragment::Conversation(name) => format!("conversation {name}"),
        Fragment::Usage(usage) => format!("usage {} {} {}", usage.input, usage.output, usage.total),
        Fragment::Finish(finish) => format!("finish {}", finish.name()),
        Fragment::Unknown => "unknown".to_owned(),
        Fragment::Waiting(status) => format!("waiting {status}"),
        Fragment::Done => "done".into(),
        Fragment::Failed(error) => format!("failed {:?} {}", error.kind(), error.message()),
    }
}

/// What an agent says, for the writers.
pub(crate) fn text(text: &str) -> Fragment<'_> {
    Fragment::Text { item: None, delta: text.into() }
}

pub(crate) fn call<'a>(id: &'a str, name: &'a str, arguments: &'a str) -> Fragment<'a> {
    Fragment::Call { slot: None, call_id: id.into(), name: name.into(), arguments: arguments.into() }
}

pub(crate) fn output<'a>(id: &'a str, output: &'a str) -> Fragment<'a> {
    Fragment::CallOutput { call_id: id.into(), name: None, output: output.into() }
}

pub(crate) fn custom(json: &str) -> Fragment<'_> {
    Fragment::CustomOutputs(std::borrow::Cow::Borrowed(serde_json::from_str(json).unwrap()))
}

pub(crate) fn databricks(json: &str) -> Fragment<'_> {
    Fragment::Databricks(std::borrow::Cow::Borrowed(serde_json::from_str(json).unwrap()))
}

pub(crate) fn finish(finish: Finish) -> Fragment<'static> {
    Fragment::Finish(finish)
}

fn assembler() -> Assembler {
    Assembler::new("s".into(), 7, Calls { hold: true, declared: vec!["mine".into()] }, 1 << 20)
}

/// The plain answer to a client.
pub(crate) fn plain(dialect: &dyn Dialect, ask: &Ask, fragments: Vec<Fragment<'_>>) -> Value {
    let mut assembler = assembler();
    for fragment in fragments {
        assembler.push(fragment, &mut |_: &Event<'_>, _: &Answer| {});
    }
    let mut body = Vec::new();
    dialect.write_answer(assembler.answer(), ask, &mut body);
    serde_json::from_slice(&body).unwrap()
}

/// The stream to a client, byte for byte.
pub(crate) fn stream(dialect: &dyn Dialect, ask: &Ask, fragments: Vec<Fragment<'_>>) -> String {
    let mut assembler = assembler();
    let mut writer = dialect.writer(ask);
    let mut out = BytesMut::new();
    let mut emit = |event: &Event<'_>, answer: &Answer| writer.event(event, answer, &mut out);
    assembler.start(&mut emit);
    for fragment in fragments {
        assembler.push(fragment, &mut emit);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

/// The frames of a stream, without its terminator; checks the framing that every client can read.
pub(crate) fn frames(stream: &str) -> Vec<Value> {
    let frames = stream.split_terminator("\n\n").map(|frame| {
        let data = frame.strip_prefix("data: ").expect("only data lines");
        assert!(!data.contains(['\n', '\r']), "one line a frame: {data:?}");
        data
    });
    assert!(stream.is_empty() || stream.ends_with("\n\n"), "the last frame is whole");
    frames.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The frames of a stream for a Chat Completions client, which must be legal.
pub(crate) fn legal(ask: &Ask, stream: &str) -> Vec<Value> {
    let frames = frames(stream);
    let failed = frames.last().is_some_and(|frame| frame.get("error").is_some() || frame.get("error_code").is_some());
    assert_eq!(stream.ends_with("data: [DONE]\n\n"), !failed, "[DONE] ends what is complete and nothing else");
    assert_eq!(stream.matches("[DONE]").count(), usize::from(!failed));
    let chunks: Vec<&Value> = frames.iter().filter(|frame| frame.get("error").is_none()).collect();
    let first = chunks[0];
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        for constant in ["id", "created", "model"] {
            assert_eq!(chunk[constant], first[constant], "{constant} is constant");
        }
    }
    legal_choices(&chunks, failed, ask.show_agents_calls);
    legal_usage(ask, &chunks);
    frames
}

fn legal_choices(chunks: &[&Value], failed: bool, shows: bool) {
    let mut calls: Vec<String> = Vec::new();
    let mut reasons = Vec::new();
    for (place, chunk) in chunks.iter().enumerate() {
        let Some(choice) = chunk["choices"].get(0) else { continue };
        assert!(reasons.is_empty(), "nothing follows the finish chunk");
        assert_eq!(choice["index"], 0);
        let delta = choice["delta"].as_object().expect("every choice has a delta");
        assert_eq!(delta.contains_key("role"), place == 0, "the role comes once, first");
        let spoken = delta.get("content").and_then(Value::as_str);
        assert!(place == 0 || spoken != Some(""), "no empty texts");
        if let Some(call) = delta.get("tool_calls") {
            let call = &call[0];
            let index = usize::try_from(call["index"].as_u64().expect("an index")).unwrap();
            if index == calls.len() {
                assert!(call["id"].is_string() && call["function"]["name"].is_string());
                assert_eq!((&call["type"], &call["function"]["arguments"]), (&"function".into(), &"".into()));
                calls.push(String::new());
            } else {
                assert_eq!(index + 1, calls.len(), "one call after another");
                assert!(
                    call.get("id").is_none() && call.get("type").is_none() && call["function"].get("name").is_none()
                );
                calls[index].push_str(call["function"]["arguments"].as_str().unwrap());
            }
        }
        reasons.extend(choice["finish_reason"].as_str());
    }
    assert_eq!(reasons.len(), usize::from(!failed), "one finish reason");
    let cut = matches!(reasons.first(), Some(&"length" | &"content_filter")) || failed;
    // Calls that the agent ran itself are shown on request, and wait for nobody.
    assert!(cut || shows || reasons[0] == if calls.is_empty() { "stop" } else { "tool_calls" });
    for arguments in calls.iter().filter(|_| !cut) {
        assert!(serde_json::from_str::<Value>(arguments).is_ok(), "arguments are JSON: {arguments}");
    }
}

fn legal_usage(ask: &Ask, chunks: &[&Value]) {
    for (place, chunk) in chunks.iter().enumerate() {
        let last = place + 1 == chunks.len();
        match (ask.include_usage, chunk.get("usage")) {
            (false, usage) => assert_eq!(usage, None, "usage was not asked for"),
            (true, Some(usage)) if usage.is_object() => {
                assert!(last, "usage comes last");
                assert_eq!(chunk["choices"].as_array().unwrap().len(), 0);
            }
            (true, usage) => assert_eq!(usage, Some(&Value::Null)),
        }
    }
}
