//! Streams: whatever a backend sends, at any chunking, the client's stream is the same, legal, and says the same.

use std::collections::BTreeMap;

use cutover::dialect::{Dialect, Transcoder};
use cutover::ir::{Answer, Assembler, Calls};
use cutover::sse::Splitter;
use serde_json::value::RawValue;

use super::watched::Watched;
use super::{LIMIT, ask, backend, calls, client, is_object, same};

/// The first bytes are the backend's dialect, the client's, and the size of the pieces.
pub fn check(data: &[u8]) {
    let Some(([from, to, step], bytes)) = data.split_first_chunk() else { return };
    let (from, to, show) = (backend(*from), client(*to), *step % 2 == 1);
    let (out, answer) = transcode(from, to, show, bytes, bytes.len().max(1));
    let (pieces, _) = transcode(from, to, show, bytes, usize::from(*step).max(1));
    assert_eq!(String::from_utf8_lossy(&pieces), String::from_utf8_lossy(&out), "the pieces make a difference");
    legal(to, &out);
    if answer.finish.is_some() {
        same::after(&answer, to, show, &read(to, &out, 7), "stream", &out);
    }
}

/// What a client gets of a stream that comes in pieces of `step` bytes, and the answer in it.
fn transcode(from: &dyn Dialect, to: &dyn Dialect, show: bool, bytes: &[u8], step: usize) -> (Vec<u8>, Answer) {
    let ask = ask(to, show);
    let assembler = Assembler::new("0seed0".to_owned(), 1_700_000_000, calls(&ask), LIMIT);
    let mut transcoder = Transcoder::new(from.reader(), assembler, Some(Watched::over(to.writer(&ask))), LIMIT);
    transcoder.start();
    for piece in bytes.chunks(step) {
        transcoder.push(piece);
    }
    transcoder.end();
    // A durable run that told of nothing goes on elsewhere; here there is nowhere to go.
    let out = transcoder.out().to_vec();
    assert!(transcoder.ended(), "no end");
    (out, transcoder.into_answer())
}

/// The answer that a client reads from its stream.
pub(super) fn read(client: &dyn Dialect, bytes: &[u8], step: usize) -> Answer {
    let assembler = Assembler::new("1seed1".to_owned(), 0, Calls::default(), 2 * LIMIT);
    let mut transcoder = Transcoder::new(client.reader(), assembler, None, 2 * LIMIT);
    for piece in bytes.chunks(step) {
        transcoder.push(piece);
    }
    transcoder.end();
    transcoder.into_answer()
}

/// A client's stream is whole frames of JSON; events of the Responses API are numbered and named.
pub(super) fn legal(client: &dyn Dialect, out: &[u8]) {
    let text = std::str::from_utf8(out).unwrap();
    assert!(text.is_empty() || text.ends_with("\n\n"), "half a frame: {text}");
    assert!(!text.contains('\r') && !text.contains("\n\n\n"), "odd line ends: {text}");
    let mut splitter = Splitter::new(2 * LIMIT);
    splitter.push(out).unwrap();
    let (mut number, mut done) = (0, false);
    while let Some(frame) = splitter.next_frame() {
        assert!(!done, "something after the terminator");
        if frame.is_done() {
            done = true;
            continue;
        }
        let json = String::from_utf8_lossy(frame.data);
        assert!(is_object(frame.data), "no JSON object: {json}");
        if client.name() == "responses" {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(frame.data).unwrap();
            assert_eq!(fields["sequence_number"].get(), number.to_string(), "{json}");
            assert_eq!(fields["type"].get(), format!("\"{}\"", String::from_utf8_lossy(frame.event)), "{json}");
            number += 1;
        } else {
            assert!(frame.event.is_empty(), "{json}");
        }
    }
}
