//! The splitter: the same frames at any chunking, and streams that are handed on as they are end where a frame ends.

use cutover::sse::{Splitter, whole_frames};

type Frames = Vec<[Vec<u8>; 3]>;

/// The first byte is the size of the pieces.
pub fn check(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    let step = usize::from(*step).max(1);
    let whole = frames(bytes, bytes.len().max(1));
    assert_eq!(frames(bytes, step), whole, "the pieces make a difference");
    let (head, tail) = bytes.split_at(whole_frames(bytes));
    // A line end in two bytes may be cut between them: what is left of it is a blank line, which says nothing.
    let apart: Frames = [frames(head, step), frames(tail, step)].concat();
    if !tail.starts_with(b"\xEF\xBB\xBF") {
        assert_eq!(apart, whole, "what is handed on ends inside a frame");
    }
    limited(bytes, step);
}

fn frames(bytes: &[u8], step: usize) -> Frames {
    let mut splitter = Splitter::new(super::LIMIT);
    let mut seen = Vec::new();
    for piece in bytes.chunks(step) {
        splitter.push(piece).unwrap();
        while let Some(frame) = splitter.next_frame() {
            seen.push([frame.id, frame.event, frame.data].map(<[u8]>::to_vec));
        }
    }
    seen.extend(splitter.finish().map(|frame| [frame.id, frame.event, frame.data].map(<[u8]>::to_vec)));
    seen
}

/// A small limit refuses, or changes nothing.
fn limited(bytes: &[u8], step: usize) {
    let mut splitter = Splitter::new(64);
    for piece in bytes.chunks(step.min(64)) {
        if splitter.push(piece).is_err() {
            return;
        }
        while let Some(frame) = splitter.next_frame() {
            assert!(frame.data.len() <= 64, "the limit does not hold");
        }
    }
}
