//! What the steps of a request cost by themselves, in time and in allocations: peek, translate, re-frame.
//!
//! `cargo bench --bench micro`. Times are this machine's and this hour's; allocations are the same everywhere.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot go on says so by panicking")]

use std::fmt::Write as _;

use cutover::dialect::{self, Ask, Dialect, Legacy, Responses, Shape, Target};
use cutover::gateway::Transcoder;
use cutover::ir::{Assembler, Body, Calls, Request};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// Sizes of a request body, in bytes.
const SIZES: [usize; 3] = [512, 8 * 1024, 128 * 1024];

/// Events of one stream.
const EVENTS: usize = 1_000;

fn main() {
    divan::main();
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

/// The same as a Responses request.
fn input(size: usize) -> String {
    chat(size).replace("\"messages\"", "\"input\"")
}

#[divan::bench(args = SIZES)]
fn peek(bencher: Bencher<'_, '_>, size: usize) {
    let body = chat(size);
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let body = Body::parse(black_box(body.as_bytes())).unwrap();
        (body.scalar_at("model").is_some(), body.scalar_at("custom_inputs.thread_id").is_some())
    });
}

fn translate(bencher: Bencher<'_, '_>, text: &str, from: &str, to: &str) {
    let (from, to) = (dialect::named(from).unwrap(), dialect::named(to).unwrap());
    bencher.counter(BytesCount::new(text.len())).bench(|| {
        let body = Body::parse(black_box(text.as_bytes())).unwrap();
        let request = from.read_request(&body).unwrap();
        let mut dropped = dialect::admit(&request, to).unwrap();
        let target =
            Target { model: None, stream: request.stream, alike: from.name() == to.name(), ..Target::default() };
        to.write_request(&request, &target, &mut dropped).unwrap()
    });
}

#[divan::bench(args = SIZES)]
fn request_chat_to_responses(bencher: Bencher<'_, '_>, size: usize) {
    translate(bencher, &chat(size), "chat_completions", "responses");
}

#[divan::bench(args = SIZES)]
fn request_responses_to_chat(bencher: Bencher<'_, '_>, size: usize) {
    translate(bencher, &input(size), "responses", "chat_completions");
}

#[divan::bench(args = SIZES)]
fn request_responses_to_chat_agent(bencher: Bencher<'_, '_>, size: usize) {
    translate(bencher, &input(size), "responses", "chat_agent");
}

/// A stream of `EVENTS` text deltas as an AgentServer sends it.
fn agent_server() -> String {
    let mut text = String::new();
    for _ in 0..EVENTS {
        text.push_str(
            "data: {\"type\": \"response.output_text.delta\", \"item_id\": \"msg_1\", \"delta\": \"a few words \"}\n\n",
        );
    }
    text.push_str("data: [DONE]\n\n");
    text
}

/// The same as a ChatAgent endpoint sends it.
fn chat_agent() -> String {
    let mut text = String::new();
    for _ in 0..EVENTS {
        text.push_str(
            "data: {\"delta\": {\"role\": \"assistant\", \"content\": \"a few words \", \"id\": \"m1\"}}\n\n",
        );
    }
    text.push_str("data: {\"delta\": {\"role\": \"assistant\", \"content\": \"\", \"id\": \"m1\"}, \"finish_reason\": \"stop\"}\n\ndata: [DONE]\n\n");
    text
}

/// Re-frames a stream whose every event comes in a read of its own.
fn reframe(bencher: Bencher<'_, '_>, stream: &str, from: &'static dyn Dialect, to: &'static dyn Dialect, shape: Shape) {
    let frames: Vec<&[u8]> = stream.split_inclusive("\n\n").map(str::as_bytes).collect();
    let ask = Ask { model: "agent".to_owned(), shape, echo: Responses::echo(&Request::default()), ..Ask::default() };
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| {
        let assembler = Assembler::new("seed".to_owned(), 0, Calls { hold: true, declared: Vec::new() }, 1 << 24);
        let mut transcoder = Transcoder::new(from.reader(), assembler, Some(to.writer(&ask)), 1 << 20);
        transcoder.start();
        let mut written = 0;
        for frame in &frames {
            transcoder.push(black_box(frame));
            written += transcoder.out().len();
            transcoder.out().clear();
        }
        written
    });
}

#[divan::bench]
fn stream_agent_server_to_responses(bencher: Bencher<'_, '_>) {
    let responses = dialect::named("responses").unwrap();
    reframe(bencher, &agent_server(), responses, responses, Shape::OpenAi);
}

#[divan::bench]
fn stream_chat_agent_to_chat_completions(bencher: Bencher<'_, '_>) {
    let (from, to) = (dialect::named("chat_agent").unwrap(), dialect::named("chat_completions").unwrap());
    reframe(bencher, &chat_agent(), from, to, Shape::OpenAi);
}

#[divan::bench]
fn stream_chat_agent_to_both_shapes(bencher: Bencher<'_, '_>) {
    let (from, to) = (dialect::named("chat_agent").unwrap(), dialect::named("chat_completions").unwrap());
    reframe(bencher, &chat_agent(), from, to, Shape::Both(Legacy::ChatAgent));
}

#[divan::bench]
fn stream_chat_agent_to_responses(bencher: Bencher<'_, '_>) {
    let (from, to) = (dialect::named("chat_agent").unwrap(), dialect::named("responses").unwrap());
    reframe(bencher, &chat_agent(), from, to, Shape::OpenAi);
}
