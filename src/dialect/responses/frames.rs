//! Frames of a client's stream: numbered without gaps, each with the same beginning and written as a whole.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

/// Where something is said.
#[derive(Serialize)]
pub(super) struct Place<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
}

/// Writes frames.
pub(super) struct Frames {
    pub(super) sequence: u64,
    /// Whether frames have an `event:` line; MLflow's client chokes on them.
    pub(super) named: bool,
    /// The last frame that the client has already, of a stream that it takes up again.
    pub(super) after: Option<u64>,
}

impl Frames {
    /// Writes a frame.
    pub(super) fn write(&mut self, out: &mut BytesMut, kind: &'static str, body: &impl Serialize) {
        #[derive(Serialize)]
        struct Frame<'a, T> {
            r#type: &'static str,
            sequence_number: u64,
            #[serde(flatten)]
            body: &'a T,
        }

        if !self.begin(out, kind) {
            return;
        }
        let begin = out.len();
        let frame = Frame { r#type: kind, sequence_number: self.sequence, body };
        // Writing to a buffer cannot fail, and neither can strings, numbers and checked JSON.
        let written = serde_json::to_writer((&mut *out).writer(), &frame);
        debug_assert!(written.is_ok(), "{written:?}");
        // JSON that we pass on as it came may hold line ends between its tokens; they would end the frame.
        for byte in out.get_mut(begin..).unwrap_or_default() {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        out.put_slice(b"\n\n");
        self.sequence += 1;
    }

    /// Writes the frame of more text as [`write`](Self::write) would, but for the names of its fields, which nearly all of
    /// the time would go into.
    pub(super) fn text_delta(&mut self, out: &mut BytesMut, kind: &'static str, place: &Place<'_>, delta: &str) {
        if !self.begin(out, kind) {
            return;
        }
        text(out, &["{\"type\":\"", kind, "\",\"sequence_number\":"]);
        json(out, &self.sequence);
        text(out, &[",\"item_id\":"]);
        json(out, place.item_id);
        text(out, &[",\"output_index\":"]);
        json(out, &place.output_index);
        for (name, index) in
            [(",\"content_index\":", place.content_index), (",\"summary_index\":", place.summary_index)]
        {
            if let Some(index) = index {
                text(out, &[name]);
                json(out, &index);
            }
        }
        text(out, &[",\"delta\":"]);
        json(out, delta);
        text(out, &[",\"logprobs\":[]}\n\n"]);
        self.sequence += 1;
    }

    /// What stands before the JSON; false if the client has the frame already.
    fn begin(&mut self, out: &mut BytesMut, kind: &'static str) -> bool {
        if self.after.is_some_and(|last| self.sequence <= last) {
            self.sequence += 1;
            return false;
        }
        if self.named {
            text(out, &["event: ", kind, "\n"]);
        }
        text(out, &["data: "]);
        true
    }
}

fn text(out: &mut BytesMut, pieces: &[&str]) {
    for piece in pieces {
        out.put_slice(piece.as_bytes());
    }
}

/// Strings and numbers always serialise, and writing to a buffer cannot fail.
fn json(out: &mut BytesMut, value: &(impl Serialize + ?Sized)) {
    let written = serde_json::to_writer(out.writer(), value);
    debug_assert!(written.is_ok(), "{written:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_as_by_names() {
        #[derive(Serialize)]
        struct Says<'a> {
            #[serde(flatten)]
            place: &'a Place<'a>,
            delta: &'a str,
            logprobs: [(); 0],
        }

        for (named, after) in [(true, None), (false, None), (false, Some(7)), (true, Some(6))] {
            for (content_index, summary_index) in [(Some(0), None), (None, Some(3)), (None, None)] {
                for delta in ["a few words ", "\"\\\n\u{1}\u{2028}\u{e9}", ""] {
                    let place = Place { item_id: "msg_\"1", output_index: 12, content_index, summary_index };
                    let (mut one, mut other) = (BytesMut::new(), BytesMut::new());
                    let frames = || Frames { sequence: 7, named, after };
                    let (mut by_hand, mut by_names) = (frames(), frames());
                    by_hand.text_delta(&mut one, "response.output_text.delta", &place, delta);
                    by_names.write(
                        &mut other,
                        "response.output_text.delta",
                        &Says { place: &place, delta, logprobs: [] },
                    );
                    assert_eq!((one, by_hand.sequence), (other, by_names.sequence));
                }
            }
        }
    }
}
