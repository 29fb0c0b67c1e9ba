//! Event-stream framing as the WHATWG HTML specification (section 9.2) has it, without IO: bytes in, frames out.
//!
//! Any chunking gives the same frames. Line ends may be LF, CRLF or CR, a leading byte-order mark is skipped,
//! comments and unknown fields are ignored, several `data:` lines are joined by LF. A frame without data is no
//! frame. The buffer never grows beyond the limit given.

use memchr::memchr2;

/// One event of a stream, borrowed from the splitter's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The `id:` line of this very event; empty when there was none.
    pub id: &'a [u8],
    /// The `event:` line; empty when there was none.
    pub event: &'a [u8],
    /// The joined `data:` lines.
    pub data: &'a [u8],
}

impl Frame<'_> {
    /// Whether this is the `[DONE]` terminator (OpenAI's SDKs accept anything that begins with it).
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.data.trim_ascii_start().starts_with(b"[DONE]")
    }
}

/// An event is larger than the splitter may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// How many of these bytes are whole frames, for streams that are handed on as they are. A comment is whole at its line's
/// end: it may be there to keep the connection alive.
#[must_use]
pub fn whole_frames(bytes: &[u8]) -> usize {
    const BLANK: [&[u8]; 3] = [b"\n\n", b"\n\r\n", b"\r\r"];
    let until = |end: &usize| bytes.get(..*end).is_some_and(|part| BLANK.iter().any(|blank| part.ends_with(blank)));
    let whole = (1..=bytes.len()).rev().find(until).unwrap_or(0);
    let rest = bytes.get(whole..).unwrap_or_default();
    let comment = |line: &[u8]| line.is_empty() || line.starts_with(b":");
    let comments = rest.ends_with(b"\n") && rest.split(|byte| *byte == b'\n').all(comment);
    if comments { bytes.len() } else { whole }
}

/// A range of the buffer.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// The same bytes after `bytes` before them are gone; an empty span has no place to keep.
    fn moved_by(self, bytes: usize) -> Self {
        match self.start < self.end {
            true => Self { start: self.start - bytes, end: self.end - bytes },
            false => Self::default(),
        }
    }
}

/// Cuts a byte stream into frames.
#[derive(Debug)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Start of the line that is being read.
    line: usize,
    /// Where the search for the line's end goes on.
    scan: usize,
    /// The last line ended in CR at the end of the bytes so far; an LF that follows belongs to it.
    skip_lf: bool,
    /// The byte-order mark has been looked for.
    begun: bool,
    id: Span,
    event: Span,
    data: Option<Span>,
    /// Joined data when an event has more than one `data:` line.
    joined: Vec<u8>,
    multi: bool,
    /// The frame returned last is still in the buffer and has to go before the next.
    spent: bool,
    limit: usize,
}

impl Splitter {
    /// A splitter that refuses events of more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            line: 0,
            scan: 0,
            skip_lf: false,
            begun: false,
            id: Span::default(),
            event: Span::default(),
            data: None,
            joined: Vec::new(),
            multi: false,
            spent: false,
            limit,
        }
    }

    /// Takes in the next bytes of the stream.
    ///
    /// # Errors
    /// [`TooLong`] when the unfinished event would outgrow the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.forget_spent();
        self.compact();
        if self.buffer.len() + self.joined.len() + bytes.len() > self.limit.max(bytes.len()) {
            return Err(TooLong);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole frame, or `None` until more bytes come.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        self.forget_spent();
        if !self.begun && !self.skip_mark() {
            return None;
        }
        while let Some(line) = self.next_line() {
            if line.start < line.end {
                self.field(line);
            } else if self.data.is_some() {
                self.spent = true;
                return Some(self.frame());
            } else {
                self.forget_names();
            }
        }
        None
    }

    /// What is left when the stream has ended without a closing blank line, if it holds data.
    pub fn finish(&mut self) -> Option<Frame<'_>> {
        self.forget_spent();
        let rest = Span { start: self.line, end: self.buffer.len() };
        if rest.start < rest.end {
            self.line = rest.end;
            self.scan = rest.end;
            self.field(rest);
        }
        self.data?;
        self.spent = true;
        Some(self.frame())
    }

    fn frame(&self) -> Frame<'_> {
        let data = match self.data {
            _ if self.multi => self.joined.as_slice(),
            Some(span) => self.slice(span),
            None => &[],
        };
        Frame { id: self.slice(self.id), event: self.slice(self.event), data }
    }

    fn slice(&self, span: Span) -> &[u8] {
        self.buffer.get(span.start..span.end).unwrap_or_default()
    }

    /// Skips a byte-order mark; false while too few bytes are there to tell.
    fn skip_mark(&mut self) -> bool {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        if self.buffer.len() < MARK.len() && MARK.starts_with(&self.buffer) {
            return false;
        }
        self.begun = true;
        if self.buffer.starts_with(MARK) {
            self.line = MARK.len();
            self.scan = MARK.len();
        }
        true
    }

    /// The next whole line without its end.
    fn next_line(&mut self) -> Option<Span> {
        if self.skip_lf {
            match self.buffer.get(self.line) {
                None => return None,
                Some(b'\n') => {
                    self.line += 1;
                    self.scan = self.line;
                }
                Some(_) => {}
            }
            self.skip_lf = false;
        }
        let Some(offset) = memchr2(b'\n', b'\r', self.buffer.get(self.scan..)?) else {
            self.scan = self.buffer.len();
            return None;
        };
        let end = self.scan + offset;
        let line = Span { start: self.line, end };
        self.skip_lf = self.buffer.get(end) == Some(&b'\r');
        self.line = end + 1;
        self.scan = self.line;
        Some(line)
    }

    /// Takes in one non-empty line.
    fn field(&mut self, line: Span) {
        let bytes = self.slice(line);
        let colon = memchr::memchr(b':', bytes).unwrap_or(bytes.len());
        let space = usize::from(bytes.get(colon + 1) == Some(&b' '));
        let value = Span { start: (line.start + colon + 1 + space).min(line.end), end: line.end };
        match bytes.get(..colon) {
            Some(b"data") => self.add_data(value),
            Some(b"event") => self.event = value,
            Some(b"id") => self.id = value,
            _ => {}
        }
    }

    fn add_data(&mut self, value: Span) {
        match self.data {
            None => self.data = Some(value),
            Some(first) => {
                if !self.multi {
                    self.multi = true;
                    self.joined.extend_from_slice(self.buffer.get(first.start..first.end).unwrap_or_default());
                }
                self.joined.push(b'\n');
                self.joined.extend_from_slice(self.buffer.get(value.start..value.end).unwrap_or_default());
            }
        }
    }

    fn forget_spent(&mut self) {
        if self.spent {
            self.spent = false;
            self.forget_names();
            self.data = None;
            self.joined.clear();
            self.multi = false;
        }
    }

    fn forget_names(&mut self) {
        self.id = Span::default();
        self.event = Span::default();
    }

    /// Drops what has been read; the spans of an unfinished event move with their bytes.
    fn compact(&mut self) {
        let mut keep = self.line;
        for span in [Some(self.id), Some(self.event), self.data].into_iter().flatten() {
            if span.start < span.end {
                keep = keep.min(span.start);
            }
        }
        if keep == 0 {
            return;
        }
        self.buffer.drain(..keep);
        self.line -= keep;
        self.scan -= keep;
        self.id = self.id.moved_by(keep);
        self.event = self.event.moved_by(keep);
        self.data = self.data.map(|span| span.moved_by(keep));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_on_ends_with_a_frame() {
        let cases = [
            ("", 0),
            ("data: x", 0),
            ("data: x\n", 0),
            ("data: x\n\n", 9),
            ("data: x\n\nevent: y\n", 9),
            ("data: x\r\n\r\ndata", 11),
            ("data: x\r\rdata", 9),
            (": alive\n", 8),
            ("data: x\n\n: alive\n", 17),
            ("data: x\n\n: aliv", 9),
            (": alive\ndata: x\n", 0),
        ];
        for (bytes, whole) in cases {
            assert_eq!(whole_frames(bytes.as_bytes()), whole, "{bytes:?}");
        }
    }
    use proptest::prelude::*;

    /// Frames of `bytes` when they come in pieces of `step` bytes, as (event, data) texts.
    fn frames(bytes: &[u8], step: usize) -> Vec<(String, String)> {
        let mut splitter = Splitter::new(1 << 20);
        let mut seen = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for piece in bytes.chunks(step.max(1)) {
            splitter.push(piece).unwrap();
            while let Some(frame) = splitter.next_frame() {
                seen.push((text(frame.event), text(frame.data)));
            }
        }
        if let Some(frame) = splitter.finish() {
            seen.push((text(frame.event), text(frame.data)));
        }
        seen
    }

    fn pair(event: &str, data: &str) -> (String, String) {
        (event.to_owned(), data.to_owned())
    }

    #[test]
    fn every_line_end_gives_the_same_frames() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = ["event: a", "data: 1", "", "data:2", "", ": note", "", "data: [DONE]", "", ""].join(end);
            for step in 1..stream.len() {
                let expected = [pair("a", "1"), pair("", "2"), pair("", "[DONE]")];
                assert_eq!(frames(stream.as_bytes(), step), expected, "line end {end:?}, step {step}");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(frames("\u{feff}data: x\n\n".as_bytes(), 1), [pair("", "x")]);
    }

    #[test]
    fn data_lines_are_joined_and_only_one_space_is_taken() {
        assert_eq!(frames(b"data: a\ndata:  b\nid: 7\nretry: 1\n\n", 3), [pair("", "a\n b")]);
    }

    #[test]
    fn an_id_belongs_to_its_own_event() {
        let stream = b"id: 7\ndata: a\n\ndata: b\n\nid: 8\n\nevent: e\nid:9\ndata: c\n\n";
        for step in 1..stream.len() {
            let mut splitter = Splitter::new(1 << 10);
            let mut seen = Vec::new();
            for piece in stream.chunks(step) {
                splitter.push(piece).unwrap();
                while let Some(frame) = splitter.next_frame() {
                    seen.push([frame.id, frame.data].map(|text| String::from_utf8_lossy(text).into_owned()));
                }
            }
            assert_eq!(seen, [["7", "a"], ["", "b"], ["9", "c"]], "step {step}");
        }
    }

    #[test]
    fn blank_lines_and_events_without_data_are_no_frames() {
        assert_eq!(frames(b"\n\n\nevent: ping\n\ndata: x\n\n", 1), [pair("", "x")]);
    }

    #[test]
    fn an_unfinished_last_event_is_handed_out_at_the_end() {
        assert_eq!(frames(b"data: a\n\ndata: [DONE]", 5), [pair("", "a"), pair("", "[DONE]")]);
    }

    #[test]
    fn an_event_over_the_limit_is_refused_and_one_under_it_is_not() {
        let mut splitter = Splitter::new(64);
        splitter.push(b"data: ").unwrap();
        let mut refused = false;
        for _ in 0..100 {
            refused |= splitter.push(b"xxxxxxxxxx").is_err();
        }
        assert!(refused, "an event without an end must not grow for ever");
        let mut splitter = Splitter::new(64);
        for _ in 0..1000 {
            splitter.push(b"data: 0123456789\n\n").unwrap();
            assert!(splitter.next_frame().is_some());
            assert!(splitter.next_frame().is_none());
        }
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(bytes in proptest::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), any::<u8>()], 0..200,
        ), step in 1usize..9) {
            prop_assert_eq!(frames(&bytes, step), frames(&bytes, bytes.len().max(1)));
        }

        #[test]
        fn frames_survive_any_chunking(datas in proptest::collection::vec("[a-z:{}\" é]{1,20}", 1..8), step in 1usize..9) {
            let stream: String = datas.iter().flat_map(|data| ["data: ", data, "\n\n"]).collect();
            let expected: Vec<_> = datas.iter().map(|data| pair("", data)).collect();
            prop_assert_eq!(frames(stream.as_bytes(), step), expected);
        }
    }
}
