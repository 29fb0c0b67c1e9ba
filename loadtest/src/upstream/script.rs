//! What the fake upstream sends for a path, made once and kept as bytes.
//!
//! `/{voice}/plain/{bytes}`, `/{voice}/stream/{events}/{a second}` (0 a second: as fast as they are taken) and
//! `/{voice}/silent`, with anything behind.

use crate::clock::SECOND;
use crate::marks;
use crate::voice::{MARK, TEXT, Voice};

/// Most bytes of a plain answer, and most events of a stream.
const MOST: usize = 1 << 22;

/// What is sent for a path.
#[derive(Debug)]
pub enum Script {
    /// Bytes, all at once: plain answers, and streams as fast as they are taken.
    Whole(Vec<u8>),
    /// A stream at a pace.
    Paced(Paced),
    /// A stream that says one thing and falls silent.
    Silent(Vec<u8>),
}

/// A stream at a pace.
#[derive(Debug)]
pub struct Paced {
    /// Head and opening frames.
    pub opening: Vec<u8>,
    /// How many deltas.
    pub events: usize,
    /// Nanoseconds between them.
    pub every: u64,
    voice: Voice,
    before: &'static str,
    behind: &'static str,
}

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

impl Script {
    /// The script of a path.
    pub fn of(path: &str) -> Option<Self> {
        let mut steps = path.trim_start_matches('/').split('/');
        let name = steps.next()?;
        let voice = Voice::ALL.into_iter().find(|voice| voice.name() == name)?;
        let kind = steps.next()?;
        let mut number = || steps.next()?.parse::<usize>().ok().filter(|number| *number <= MOST);
        match kind {
            "plain" => Some(Self::Whole(plain(voice, number()?))),
            "stream" => {
                let (events, rate) = (number()?, number()?);
                let paced = Paced::new(voice, events, rate);
                Some(if rate == 0 { Self::Whole(paced.whole()) } else { Self::Paced(paced) })
            }
            "silent" => Some(Self::Silent(silent(voice))),
            _ => None,
        }
    }
}

impl Script {
    /// A number.
    pub fn count(count: u64) -> Self {
        Self::Whole(json(&count.to_string()))
    }
}

fn plain(voice: Voice, size: usize) -> Vec<u8> {
    json(&voice.plain(size))
}

fn json(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn silent(voice: Voice) -> Vec<u8> {
    let paced = Paced::new(voice, 1, 1);
    let mut bytes = paced.opening.clone();
    paced.delta(1, &mut bytes);
    bytes
}

impl Paced {
    fn new(voice: Voice, events: usize, rate: usize) -> Self {
        let mut opening = STREAM.as_bytes().to_vec();
        voice.opening().iter().for_each(|frame| chunk(&[frame.as_bytes()], &mut opening));
        let (before, behind) = voice.delta().split_once(MARK).unwrap_or_default();
        Self { opening, events, every: SECOND / (rate as u64).max(1), voice, before, behind }
    }

    /// Writes one delta.
    pub fn delta(&self, mark: u64, out: &mut Vec<u8>) {
        let mut text = Vec::with_capacity(24);
        marks::write(mark, &mut text);
        chunk(&[self.before.as_bytes(), &text, self.behind.as_bytes()], out);
    }

    /// Writes what deltas have said, for the closing frames.
    pub fn say(mark: u64, text: &mut Vec<u8>) {
        let (before, behind) = Voice::delta_text().split_once(MARK).unwrap_or_default();
        text.extend_from_slice(before.as_bytes());
        marks::write(mark, text);
        text.extend_from_slice(behind.as_bytes());
    }

    /// Writes the end.
    pub fn close(&self, text: &[u8], out: &mut Vec<u8>) {
        for frame in self.voice.closing() {
            match frame.split_once(TEXT) {
                Some((before, behind)) => chunk(&[before.as_bytes(), text, behind.as_bytes()], out),
                None => chunk(&[frame.as_bytes()], out),
            }
        }
        out.extend_from_slice(b"0\r\n\r\n");
    }

    /// The whole stream, its marks the numbers of its events.
    fn whole(&self) -> Vec<u8> {
        let (mut out, mut text) = (self.opening.clone(), Vec::new());
        for mark in 1..=self.events as u64 {
            self.delta(mark, &mut out);
            Self::say(mark, &mut text);
        }
        self.close(&text, &mut out);
        out
    }
}

/// Writes a frame as one chunk, which is how real servers send them.
fn chunk(parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum::<usize>() + 2;
    out.extend_from_slice(format!("{length:x}\r\n").as_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\n\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::Marks;
    use crate::wire::Answer;

    fn body(wire: &[u8]) -> (bool, Vec<u8>) {
        let (mut answer, mut text) = (Answer::default(), Vec::new());
        let whole = answer.take(wire, |body| text.extend_from_slice(body)).unwrap();
        (whole, text)
    }

    #[test]
    fn a_stream_holds_its_events_in_every_voice() {
        for voice in Voice::ALL {
            let Some(Script::Whole(wire)) = Script::of(&format!("/{}/stream/7/0/v1/x", voice.name())) else { panic!() };
            let (whole, text) = body(&wire);
            assert!(whole, "{voice:?} has no end");
            let (mut marks, mut found) = (Marks::default(), Vec::new());
            marks.find(&text, |mark| found.push(mark));
            assert_eq!(found, [1, 2, 3, 4, 5, 6, 7], "{voice:?}");
            assert!(text.ends_with(b"\n\n"));
        }
    }

    #[test]
    fn plain_answers_are_whole_and_silent_ones_are_not() {
        let Some(Script::Whole(wire)) = Script::of("/chat_completions/plain/1024/chat/completions") else { panic!() };
        assert!(body(&wire).0);
        let Some(Script::Silent(wire)) = Script::of("/responses/silent") else { panic!() };
        assert!(!body(&wire).0);
        for path in ["/", "/nobody/plain/1", "/responses/plain", "/responses/plain/99999999999", "/responses/loud"] {
            assert!(Script::of(path).is_none(), "{path}");
        }
    }
}
