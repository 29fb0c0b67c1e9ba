//! One connection to the fake upstream: requests are read no further than their length, answers are written as scripted.

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;

use super::Remembered;
use super::script::{Paced, Script};
use crate::clock;

/// Longest head of a request.
const HEAD: usize = 64 * 1024;

/// Bytes that may wait for a slow reader; until there are fewer, a stream says nothing more.
const WAITING: usize = 256 * 1024;

const UNKNOWN: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

/// What becomes of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is waited for.
    Nothing,
    /// It is to hear the next word at this time.
    Speak(u64),
    /// It has gone.
    Gone,
}

/// A connection.
pub(super) struct Client {
    socket: TcpStream,
    /// A head that has not come whole.
    head: Vec<u8>,
    /// Bytes of the request's body that are to come; `None` while its head is.
    body: Option<usize>,
    remembered: Remembered,
    /// What is to be said once the request is whole.
    asked: Option<Rc<Script>>,
    /// What is being said.
    script: Option<Rc<Script>>,
    /// How much of a script that is sent as a whole has been sent.
    sent: usize,
    /// Bytes of a stream that wait to be sent.
    waiting: Vec<u8>,
    stream: Option<Stream>,
    /// How many answers have begun.
    pub(super) answer: u64,
}

/// A stream at a pace.
#[derive(Default)]
struct Stream {
    began: u64,
    said: u64,
    text: Vec<u8>,
}

impl Client {
    pub(super) fn new(socket: TcpStream, copies: Rc<Cell<u64>>) -> Self {
        Self {
            socket,
            head: Vec::new(),
            body: None,
            remembered: Remembered { copies, ..Remembered::default() },
            asked: None,
            script: None,
            sent: 0,
            waiting: Vec::new(),
            stream: None,
            answer: 0,
        }
    }

    /// Reads what has come, and answers once a request is whole.
    pub(super) fn read(&mut self, room: &mut [u8]) -> Next {
        loop {
            let count = match self.socket.read(room) {
                Ok(0) => return Next::Gone,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.write(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Next::Gone,
            };
            match self.take(room.get(..count).unwrap_or_default()) {
                Ok(true) => return self.begin(),
                Ok(false) if count < room.len() => return self.write(),
                Ok(false) => {}
                Err(()) => return Next::Gone,
            }
        }
    }

    /// Takes in bytes; true when a request is whole.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, ()> {
        let mut bytes = bytes;
        if self.body.is_none() {
            let before = self.head.len();
            let gathered = if before == 0 {
                bytes
            } else {
                self.head.extend_from_slice(bytes);
                &self.head
            };
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut request = httparse::Request::new(&mut headers);
            match request.parse(gathered).map_err(drop)? {
                httparse::Status::Partial if gathered.len() > HEAD => return Err(()),
                httparse::Status::Partial => {
                    if before == 0 {
                        self.head.extend_from_slice(bytes);
                    }
                    return Ok(false);
                }
                httparse::Status::Complete(length) => {
                    self.asked = self.remembered.of(request.path.unwrap_or_default());
                    self.body = Some(body_length(request.headers)?);
                    bytes = bytes.get(length - before..).unwrap_or_default();
                }
            }
            self.head.clear();
        }
        let left = self.body.unwrap_or(0).checked_sub(bytes.len()).ok_or(())?;
        self.body = (left > 0).then_some(left);
        Ok(left == 0)
    }

    /// Begins the answer.
    fn begin(&mut self) -> Next {
        self.answer += 1;
        self.script = self.asked.take();
        self.sent = 0;
        self.stream = None;
        self.waiting.clear();
        match self.script.as_deref() {
            None => self.waiting.extend_from_slice(UNKNOWN),
            Some(Script::Whole(_)) => {}
            Some(Script::Silent(bytes)) => self.waiting.extend_from_slice(bytes),
            Some(Script::Paced(paced)) => {
                self.waiting.extend_from_slice(&paced.opening);
                let began = clock::now();
                let next = Next::Speak(began + paced.every);
                self.stream = Some(Stream { began, ..Stream::default() });
                return if self.write() == Next::Gone { Next::Gone } else { next };
            }
        }
        self.write()
    }

    /// Says all that is due by now.
    pub(super) fn speak(&mut self, now: u64) -> Next {
        let (Some(stream), Some(Script::Paced(paced))) = (&mut self.stream, self.script.as_deref()) else {
            return Next::Nothing;
        };
        let due = |said: u64| stream.began + (said + 1) * paced.every;
        if self.waiting.len() > WAITING {
            return Next::Speak(now + paced.every);
        }
        let mut said = stream.said;
        while said < paced.events as u64 && due(said) <= now {
            let mark = due(said);
            paced.delta(mark, &mut self.waiting);
            Paced::say(mark, &mut stream.text);
            said += 1;
        }
        let next = due(said);
        stream.said = said;
        let over = said >= paced.events as u64;
        if over {
            paced.close(&stream.text, &mut self.waiting);
            self.stream = None;
        }
        // That the client has gone is heard of when its socket is read.
        self.write();
        if over { Next::Nothing } else { Next::Speak(next) }
    }

    /// Writes what waits.
    pub(super) fn write(&mut self) -> Next {
        loop {
            let whole = match self.script.as_deref() {
                Some(Script::Whole(bytes)) if self.answer > 0 => bytes.get(self.sent..).unwrap_or_default(),
                _ => &[],
            };
            let bytes = if self.waiting.is_empty() { whole } else { &self.waiting };
            if bytes.is_empty() {
                return Next::Nothing;
            }
            match self.socket.write(bytes) {
                Ok(count) if self.waiting.is_empty() => self.sent += count,
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Next::Nothing,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Next::Gone,
            }
        }
    }
}

/// How long the body is.
fn body_length(headers: &[httparse::Header<'_>]) -> Result<usize, ()> {
    let value = |name: &str| headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    if value("transfer-encoding").is_some() {
        return Err(());
    }
    let Some(length) = value("content-length") else { return Ok(0) };
    std::str::from_utf8(length.value).ok().and_then(|length| length.parse().ok()).ok_or(())
}
