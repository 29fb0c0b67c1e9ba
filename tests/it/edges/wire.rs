//! Answers and requests on their way through the translator without a socket, and readers as strict as the strictest SDKs.

use bytes::BytesMut;
use cutover::dialect::{self, Ask, Dialect, Responses, Surface, Target, Transcoder};
use cutover::error::Error;
use cutover::ir::{Answer, Assembler, Body, Calls, Dropped, Event, Fragment};
use serde_json::{Value, json};

/// Most bytes of an answer, and of one event of it.
pub const LIMIT: usize = 16 << 20;

/// A client with what it asks.
pub struct Client {
    dialect: &'static dyn Dialect,
    body: String,
}

/// A client of the Responses API that asks the shortest question.
pub fn responses() -> Client {
    Client::new("responses", json!({"model": "agent", "input": "hi"}))
}

/// A client of Chat Completions that asks the shortest question.
pub fn chat() -> Client {
    let options = json!({"include_usage": true});
    let messages = json!([{"role": "user", "content": "hi"}]);
    Client::new("chat_completions", json!({"model": "agent", "messages": messages, "stream_options": options}))
}

/// A client of the Responses API with this history.
pub fn history(items: Value) -> Client {
    Client::new("responses", json!({"model": "agent", "input": items}))
}

impl Client {
    pub fn new(dialect: &str, body: Value) -> Self {
        Self { dialect: dialect::named(dialect).unwrap(), body: body.to_string() }
    }

    /// The same client with one more field in its request.
    pub fn with(self, key: &str, value: Value) -> Self {
        let mut body: Value = serde_json::from_str(&self.body).unwrap();
        body[key] = value;
        Self { body: body.to_string(), ..self }
    }

    /// The same client, which declares functions of these names.
    pub fn with_tools(self, names: &[&str]) -> Self {
        let chat = self.dialect.name() == "chat_completions";
        let tool = |name: &&str| match chat {
            true => json!({"type": "function", "function": {"name": name}}),
            false => json!({"type": "function", "name": name}),
        };
        self.with("tools", names.iter().map(tool).collect())
    }

    /// What a backend is sent, and the names of what it is not sent.
    pub fn asks(&self, backend: &str) -> Result<(Value, Vec<String>), Error> {
        let backend = dialect::named(backend).unwrap();
        let body = Body::parse(self.body.as_bytes())?;
        let request = self.dialect.read_request(&body)?;
        let mut dropped: Dropped = dialect::admit(&request, backend)?;
        let alike = backend.name() == self.dialect.name();
        let target = Target { stream: request.stream, alike, ..Target::default() };
        let sent = backend.write_request(&request, &target, &mut dropped)?;
        Ok((serde_json::from_slice(&sent).unwrap(), dropped.names().to_vec()))
    }

    /// What a backend is sent.
    pub fn sent(&self, backend: &str) -> Value {
        self.asks(backend).unwrap_or_else(|error| panic!("{error} in {}", self.body)).0
    }

    /// Why it is sent nothing: the field at fault and the message.
    pub fn refusal(&self, backend: &str) -> (String, String) {
        let error = self.asks(backend).expect_err("it is refused");
        assert_eq!(error.status().as_u16(), 400, "{error}");
        (error.field().unwrap_or_default().to_owned(), error.message().to_owned())
    }

    /// What it asks for, and what is done with calls, as the gateway makes it of a request.
    fn ask(&self) -> (Ask, Calls) {
        let body = Body::parse(self.body.as_bytes()).unwrap();
        let request = self.dialect.read_request(&body).unwrap();
        let ask = Ask {
            surface: Surface::OpenAi,
            model: "agent".into(),
            include_usage: request.include_usage,
            echo: if self.dialect.name() == "responses" { Responses::echo(&request) } else { String::new() },
            ..Ask::default()
        };
        (ask, Calls { hold: true, declared: request.declared().map(str::to_owned).collect() })
    }

    fn transcoder(&self, backend: &str) -> Transcoder {
        let (ask, calls) = self.ask();
        let assembler = Assembler::new("0seed0".into(), 1_700_000_000, calls, LIMIT);
        let reader = dialect::named(backend).unwrap().reader();
        let mut transcoder = Transcoder::new(reader, assembler, Some(self.dialect.writer(&ask)), LIMIT);
        transcoder.start();
        transcoder
    }

    /// The stream that it gets of a backend's stream that comes in these pieces.
    pub fn stream_of<'a>(&self, backend: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut transcoder = self.transcoder(backend);
        for piece in pieces {
            transcoder.push(piece);
        }
        transcoder.end();
        assert!(transcoder.ended(), "every stream comes to an end");
        String::from_utf8(transcoder.out().to_vec()).unwrap()
    }

    /// The events or chunks that it gets of a backend's stream, which must be legal; the same for every chunking.
    pub fn gets(&self, backend: &str, stream: &str) -> Vec<Value> {
        let whole = self.stream_of(backend, [stream.as_bytes()]);
        for step in [1, 3, 17] {
            let pieces = self.stream_of(backend, stream.as_bytes().chunks(step));
            assert_eq!(pieces, whole, "in pieces of {step} bytes");
        }
        self.read(&whole)
    }

    fn read(&self, stream: &str) -> Vec<Value> {
        match self.dialect.name() {
            "responses" => super::strict::events(stream),
            _ => super::strict::chunks(stream),
        }
    }

    /// The response at the end of a stream, or what a chat client adds its chunks up to.
    pub fn adds_up(&self, backend: &str, stream: &str) -> Value {
        let frames = self.gets(backend, stream);
        match self.dialect.name() {
            "responses" => frames.last().unwrap()["response"].clone(),
            _ => super::strict::message(&frames),
        }
    }

    /// The plain answer that it gets of a backend's plain answer.
    pub fn plain(&self, backend: &str, body: &Value) -> Value {
        self.plain_text(backend, &body.to_string()).unwrap_or_else(|error| panic!("{error} of {body}"))
    }

    /// The plain answer that it gets of a backend's body.
    pub fn plain_text(&self, backend: &str, body: &str) -> Result<Value, Error> {
        let (ask, calls) = self.ask();
        let mut assembler = Assembler::new("0seed0".into(), 1_700_000_000, calls, LIMIT);
        let mut emit = |_: &Event<'_>, _: &Answer| {};
        let backend = dialect::named(backend).unwrap();
        backend.read_answer(body.as_bytes(), &mut |fragment: Fragment<'_>| assembler.push(fragment, &mut emit));
        let mut answer = assembler.into_answer();
        if let Some(error) = answer.failure.take() {
            return Err(error);
        }
        assert!(answer.finish.is_some(), "every answer has an end");
        let mut out = Vec::new();
        self.dialect.write_answer(&answer, &ask, &mut out);
        Ok(serde_json::from_slice(&out).unwrap())
    }

    /// The bytes of a stream without the checks, and how much memory the longest frame may have taken.
    pub fn survives(&self, backend: &str, stream: &[u8]) -> BytesMut {
        let mut transcoder = self.transcoder(backend);
        for piece in stream.chunks(16 << 10) {
            transcoder.push(piece);
        }
        transcoder.end();
        assert!(transcoder.ended(), "every stream comes to an end");
        transcoder.out().split()
    }
}

/// A backend's stream of these frames, ended by `[DONE]`.
pub fn sse(frames: &[Value]) -> String {
    cut(frames) + "data: [DONE]\n\n"
}

/// A backend's stream that breaks off after these frames.
pub fn cut(frames: &[Value]) -> String {
    frames.iter().map(|frame| format!("data: {frame}\n\n")).collect::<Vec<_>>().concat()
}

/// A chunk of a Chat Completions server.
pub fn chunk(delta: Value) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

/// The chunk with which it finishes.
pub fn finish(reason: &str) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

/// The first chunk of a call, with all that names it.
pub fn call(index: u64, id: &str, name: &str, arguments: &str) -> Value {
    chunk(json!({"tool_calls": [{"index": index, "id": id, "type": "function",
        "function": {"name": name, "arguments": arguments}}]}))
}

/// More of a call's arguments.
pub fn more(index: u64, arguments: &str) -> Value {
    chunk(json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}))
}

/// Text of a Chat Completions server.
pub fn text(text: &str) -> Value {
    chunk(json!({"content": text}))
}

/// A whole item of a Responses server.
pub fn done(item: Value) -> Value {
    json!({"type": "response.output_item.done", "item": item})
}

/// A message item.
pub fn message(id: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "role": "assistant", "content": [{"type": "output_text", "text": text}]})
}

/// A call item.
pub fn function_call(id: &str, call_id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": arguments})
}

/// The last event of a Responses server, with an output that is for the stream to fill.
pub fn completed() -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_u", "status": "completed", "output": [],
        "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}}})
}
