//! Writes frames and bodies: `data:` lines of one JSON value each, as every known client reads them.

use bytes::{BufMut, BytesMut};
use memchr::memchr2_iter;
use serde::Serialize;

use crate::dialect::surface::OpenAiError;
use crate::error::Error;

/// Writes one frame.
pub(crate) fn write_frame(value: &impl Serialize, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    let start = out.len();
    // Writing to memory cannot fail, and strings and numbers always serialise.
    let _ = serde_json::to_writer(out.writer(), value);
    // JSON that is passed on as it came may hold line ends between its tokens; in a frame they would end the line.
    let written = out.get_mut(start..).unwrap_or_default();
    let ends: Vec<usize> = memchr2_iter(b'\n', b'\r', written).collect();
    for end in ends {
        if let Some(byte) = written.get_mut(end) {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\n\n");
}

/// Writes the terminator of a stream that is complete.
pub(crate) fn finish_stream(out: &mut BytesMut) {
    out.extend_from_slice(b"data: [DONE]\n\n");
}

/// Writes the last frame of a stream that failed, for OpenAI's clients: they raise at a top-level `error`.
pub(crate) fn fail_as_openai(error: &Error, out: &mut BytesMut) {
    #[derive(Serialize)]
    struct Failure<'a> {
        error: OpenAiError<'a>,
    }

    write_frame(&Failure { error: OpenAiError::of(error) }, out);
}

/// Writes a whole answer; `wrapped` in `predictions` if the request came in a dataframe.
pub(crate) fn write_body(value: &impl Serialize, wrapped: bool, out: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Wrapped<'v, T> {
        predictions: &'v T,
    }

    // As for frames.
    let _ = if wrapped {
        serde_json::to_writer(out, &Wrapped { predictions: value })
    } else {
        serde_json::to_writer(out, value)
    };
}
