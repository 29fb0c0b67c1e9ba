//! The steps of a request by themselves, each a closure that does it once: authenticate, peek, translate, answer, re-frame.

use std::fmt::Write as _;

use cutover::auth::{Authenticator, digest};
use cutover::config::{Auth, Method, Pat, PatToken};
use cutover::dialect::{self, Ask, Dialect, Legacy, Responses, Shape, Surface, Target, Transcoder};
use cutover::ir::{Assembler, Body, Calls, Request};
use http::HeaderMap;

/// Bytes of a request.
const SIZES: [usize; 3] = [512, 8 * 1024, 128 * 1024];

/// Events of one stream.
pub(crate) const EVENTS: usize = 1_000;

/// A step.
pub(crate) struct Step {
    /// Its name.
    pub(crate) name: String,
    /// Does it once; what comes back is only there to be looked at.
    pub(crate) once: Box<dyn FnMut() -> usize>,
}

impl Step {
    fn new(name: impl Into<String>, once: impl FnMut() -> usize + 'static) -> Self {
        Self { name: name.into(), once: Box::new(once) }
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Step> {
    let mut steps = vec![authenticate()];
    for size in SIZES {
        steps.push(peek(size));
    }
    for (from, to) in [
        ("chat_completions", "chat_completions"),
        ("chat_completions", "responses"),
        ("responses", "chat_completions"),
        ("responses", "responses"),
        ("responses", "chat_agent"),
        ("chat_agent", "responses"),
    ] {
        steps.extend(SIZES.map(|size| request(from, to, size)));
    }
    for (from, to) in [
        ("responses", "chat_completions"),
        ("chat_completions", "responses"),
        ("chat_agent", "responses"),
        ("responses", "responses"),
    ] {
        steps.push(answer(from, to));
    }
    let both = Shape::Both(Legacy::ChatAgent);
    for (name, from, to, shape) in [
        ("agent_server to responses", agent_server(), "responses", Shape::OpenAi),
        ("agent_server to chat_completions", agent_server(), "chat_completions", Shape::OpenAi),
        ("chat_agent to chat_completions", chat_agent(), "chat_completions", Shape::OpenAi),
        ("chat_agent to both shapes", chat_agent(), "chat_completions", both),
        ("chat_agent to responses", chat_agent(), "responses", Shape::OpenAi),
        ("chat_completions to responses", chat_completions(), "responses", Shape::OpenAi),
    ] {
        steps.push(stream(name, &from, to, shape));
    }
    steps
}

/// A caller's token, known by its digest.
fn authenticate() -> Step {
    let token = PatToken { name: "ci".into(), sha256: digest("dapi-right"), expires: None, groups: Vec::new() };
    let auth = Authenticator::new(&Auth::Methods(vec![Method::Pat(Pat::Tokens(vec![token]))]), None).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, "Bearer dapi-right".parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    Step::new("authenticate a PAT", move || usize::from(runtime.block_on(auth.authenticate(&headers, None)).is_ok()))
}

/// A chat of about `size` bytes, turn by turn.
fn chat(size: usize) -> String {
    let mut body =
        r#"{"model":"agent","stream":true,"temperature":0.2,"messages":[{"role":"system","content":"Be brief."}"#
            .to_owned();
    let mut turn = 0;
    while body.len() + 160 < size {
        let role = if turn % 2 == 0 { "user" } else { "assistant" };
        write!(body, r#",{{"role":"{role}","content":"Turn {turn}: where is the order that was promised for Friday, and who signed?\nThanks."}}"#)
            .unwrap();
        turn += 1;
    }
    body.push_str(r#",{"role":"user","content":"And now?"}],"custom_inputs":{"thread_id":"t-1"}}"#);
    body
}

fn peek(size: usize) -> Step {
    let body = chat(size);
    Step::new(format!("peek {size}"), move || {
        let body = Body::parse(body.as_bytes()).unwrap();
        usize::from(body.scalar_at("model").is_some())
            + usize::from(body.scalar_at("custom_inputs.thread_id").is_some())
    })
}

fn request(from: &str, to: &str, size: usize) -> Step {
    let chat = chat(size);
    let text = if from == "responses" { chat.replace("\"messages\"", "\"input\"") } else { chat };
    let name = format!("request {from} to {to} {size}");
    let (from, to) = (dialect::named(from).unwrap(), dialect::named(to).unwrap());
    Step::new(name, move || {
        let body = Body::parse(text.as_bytes()).unwrap();
        let request = from.read_request(&body).unwrap();
        let alike = from.name() == to.name();
        let target = Target { model: None, stream: request.stream, alike, ..Target::default() };
        dialect::write(&request, to, &target).unwrap().0.len()
    })
}

fn answer(from: &'static str, to: &'static str) -> Step {
    let words = "The order left on Friday. ".repeat(25);
    let text = match from {
        "responses" => format!(
            r#"{{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"agent","output":[{{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{{"type":"output_text","annotations":[],"text":"{words}"}}]}}],"usage":{{"input_tokens":1,"output_tokens":2,"total_tokens":3}}}}"#
        ),
        "chat_agent" => {
            format!(r#"{{"messages":[{{"role":"assistant","id":"m1","content":"{words}"}}],"finish_reason":"stop"}}"#)
        }
        _ => format!(
            r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"agent","choices":[{{"index":0,"message":{{"role":"assistant","content":"{words}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}}}"#
        ),
    };
    let (reads, writes) = (dialect::named(from).unwrap(), dialect::named(to).unwrap());
    let ask = ask(Shape::OpenAi);
    Step::new(format!("answer {from} to {to}"), move || {
        let mut assembler = assembler();
        let mut ignore = |_: &cutover::ir::Event<'_>, _: &cutover::ir::Answer| {};
        assembler.start(&mut ignore);
        reads.read_answer(text.as_bytes(), &mut |fragment: cutover::ir::Fragment<'_>| {
            assembler.push(fragment, &mut ignore);
        });
        let mut out = Vec::with_capacity(1024);
        writes.write_answer(&assembler.into_answer(), &ask, &mut out);
        out.len()
    })
}

fn ask(shape: Shape) -> Ask {
    let echo = Responses::echo(&Request::default());
    Ask { surface: Surface::OpenAi, model: "agent".to_owned(), shape, echo, ..Ask::default() }
}

fn assembler() -> Assembler {
    Assembler::new("seed".to_owned(), 0, Calls { hold: true, declared: Vec::new() }, 1 << 24)
}

/// Re-frames a stream whose every event comes in a read of its own.
fn stream(name: &str, from: &(&'static str, Vec<String>), to: &str, shape: Shape) -> Step {
    let reads: &'static dyn Dialect = dialect::named(from.0).unwrap();
    let writes: &'static dyn Dialect = dialect::named(to).unwrap();
    let (frames, ask) = (from.1.clone(), ask(shape));
    Step::new(format!("stream {name}, {EVENTS} events"), move || {
        let mut transcoder = Transcoder::new(reads.reader(), assembler(), Some(writes.writer(&ask)), 1 << 20);
        transcoder.start();
        let mut written = 0;
        for frame in &frames {
            transcoder.push(frame.as_bytes());
            written += transcoder.out().len();
            transcoder.out().clear();
        }
        transcoder.end();
        written + transcoder.out().len()
    })
}

fn frames(dialect: &'static str, event: &str, last: &[&str]) -> (&'static str, Vec<String>) {
    let events = std::iter::repeat_n(event, EVENTS);
    (dialect, events.chain(last.iter().copied()).map(|data| format!("data: {data}\n\n")).collect())
}

/// As an AgentServer sends it.
fn agent_server() -> (&'static str, Vec<String>) {
    let event = r#"{"type": "response.output_text.delta", "item_id": "msg_1", "delta": "a few words "}"#;
    frames("responses", event, &["[DONE]"])
}

/// As a ChatAgent endpoint sends it.
fn chat_agent() -> (&'static str, Vec<String>) {
    let event = r#"{"delta": {"role": "assistant", "content": "a few words ", "id": "m1"}}"#;
    let end = r#"{"delta": {"role": "assistant", "content": "", "id": "m1"}, "finish_reason": "stop"}"#;
    frames("chat_agent", event, &[end, "[DONE]"])
}

/// As an OpenAI-compatible server sends it.
fn chat_completions() -> (&'static str, Vec<String>) {
    let event = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"agent","choices":[{"index":0,"delta":{"content":"a few words "},"finish_reason":null}]}"#;
    let end = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"agent","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    frames("chat_completions", event, &[end, "[DONE]"])
}
