//! What the Responses dialect promises, by behaviour; every stream that is written is held against the same rules.

use bytes::BytesMut;
use serde_json::Value;

use super::*;
use crate::dialect::Surface;
use crate::ir::{Assembler, Calls, Event, Fragment};
use crate::sse::Splitter;

mod answers;
mod backend_requests;
mod legal;
mod requests;
mod streams_in;
mod streams_out;

/// What an ordinary client asks for.
fn ask() -> Ask {
    Ask { model: "agent".into(), echo: Responses::echo(&Request::default()), ..Ask::default() }
}

/// Asks as an invocation client does.
fn invocations() -> Ask {
    Ask { surface: Surface::Invocations, ..ask() }
}

/// How the gateway treats calls: held back until it is clear whose they are.
fn hold() -> Calls {
    Calls { hold: true, declared: Vec::new() }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The frames of a stream without `event:` lines, each its JSON on one line.
fn sse(frames: &[&str]) -> String {
    frames.iter().map(|frame| format!("data: {frame}\n\n")).collect::<Vec<_>>().concat()
}

/// Hands every fragment of a stream that comes in pieces of `step` bytes to `take`.
fn read_stream(bytes: &[u8], step: usize, mut take: impl FnMut(Fragment<'_>)) {
    let (mut splitter, mut reader) = (Splitter::new(1 << 20), Responses.reader());
    for piece in bytes.chunks(step) {
        splitter.push(piece).unwrap();
        while let Some(frame) = splitter.next_frame() {
            reader.frame(frame, &mut take);
        }
    }
    if let Some(frame) = splitter.finish() {
        reader.frame(frame, &mut take);
    }
    reader.end(&mut take);
}

/// The answer that a backend's stream comes to, and the stream that a client gets of it.
fn relay_in_steps(stream: &str, step: usize, calls: Calls, ask: &Ask) -> (Answer, String) {
    let (mut writer, mut out) = (Responses.writer(ask), BytesMut::new());
    let mut assembler = Assembler::new("0seed0".into(), 1_700_000_000, calls, 1 << 20);
    let mut emit = |event: &Event<'_>, answer: &Answer| writer.event(event, answer, &mut out);
    assembler.start(&mut emit);
    read_stream(stream.as_bytes(), step, |fragment| assembler.push(fragment, &mut emit));
    assert!(assembler.ended(), "every stream comes to an end");
    (assembler.into_answer(), String::from_utf8(out.to_vec()).unwrap())
}

fn relay(stream: &str, calls: Calls, ask: &Ask) -> (Answer, String) {
    relay_in_steps(stream, stream.len().max(1), calls, ask)
}

/// The answer that a plain body comes to.
fn answer_of(body: &str) -> Answer {
    let mut assembler = Assembler::new("0seed0".into(), 1_700_000_000, hold(), 1 << 20);
    let mut emit = |_: &Event<'_>, _: &Answer| {};
    Responses.read_answer(body.as_bytes(), &mut |fragment: Fragment<'_>| assembler.push(fragment, &mut emit));
    assert!(assembler.ended(), "every answer comes to an end");
    assembler.into_answer()
}

/// The plain answer that a client gets.
fn plain(answer: &Answer, ask: &Ask) -> Value {
    let mut out = Vec::new();
    Responses.write_answer(answer, ask, &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// The items of an answer, one short line each.
fn items(answer: &Answer) -> Vec<String> {
    use crate::ir::Piece;
    let line = |piece: &Piece| match piece {
        Piece::Message { text, refusal, annotations } => format!("says {text:?} {refusal:?} {}", annotations.len()),
        Piece::Call { call_id, name, arguments, by } => format!("{by:?} calls {call_id} {name} {arguments}"),
        Piece::CallOutput { call_id, name, output } => format!("output {call_id} {name} {output}"),
        Piece::Reasoning { text, encrypted } => format!("thinks {text:?} {encrypted:?}"),
        Piece::Opaque { kind, .. } => kind.clone(),
    };
    answer.items.iter().map(|item| line(&item.piece)).collect()
}

#[test]
fn every_field_has_its_place_in_the_table() {
    for field in Field::ALL {
        let rows = FIELDS.iter().filter(|(known, _)| known == field).count();
        assert_eq!(rows, 1, "{field:?}");
    }
}
