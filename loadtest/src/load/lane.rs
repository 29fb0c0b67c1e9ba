//! One connection of the client, with one request at a time.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use super::outcome::{Fault, Outcome};
use crate::clock;
use crate::loopback::Loopback;
use crate::marks::Marks;
use crate::reactor::Reactor;
use crate::wire::Answer;

/// Reads of one lane before others have their turn.
const READS: usize = 8;

/// What became of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It waits.
    Nothing,
    /// There is more to read.
    More,
    /// Its answer is whole.
    Answered,
    /// The peer has closed it.
    Closed,
}

/// A connection.
pub(super) struct Lane {
    socket: TcpStream,
    /// When its request was meant to be sent; `None` while it has none.
    intended: Option<u64>,
    /// How much of the request has been sent.
    sent: usize,
    answer: Answer,
    marks: Marks,
    /// Whether the answer has said anything.
    begun: bool,
}

impl Lane {
    pub(super) fn connect(to: Loopback, reactor: &Reactor, number: usize) -> io::Result<Self> {
        let socket = TcpStream::connect(to.address())?;
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        reactor.watch(&socket, number)?;
        Ok(Self { socket, intended: None, sent: 0, answer: Answer::default(), marks: Marks::default(), begun: false })
    }

    pub(super) fn is_idle(&self) -> bool {
        self.intended.is_none()
    }

    /// Whether a stream has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.begun && self.intended.is_some()
    }

    pub(super) fn send(&mut self, request: &[u8], intended: u64) {
        self.intended = Some(intended);
        self.sent = 0;
        self.answer = Answer::default();
        self.marks.restart();
        self.begun = false;
        self.write(request);
    }

    /// Sends what is left of the request. That the peer has gone is heard of when it is read.
    pub(super) fn write(&mut self, request: &[u8]) {
        while self.intended.is_some()
            && let Some(rest) = request.get(self.sent..).filter(|rest| !rest.is_empty())
            && let Ok(count) = self.socket.write(rest)
        {
            self.sent += count;
        }
    }

    pub(super) fn read(&mut self, room: &mut [u8], timed: bool, outcome: &mut Outcome) -> News {
        for _ in 0..READS {
            let count = match self.socket.read(room) {
                Ok(0) => return News::Closed,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return News::Nothing,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return News::Closed,
            };
            let Some(intended) = self.intended else { return News::Closed };
            match self.take(room.get(..count).unwrap_or_default(), intended, timed, outcome) {
                Ok(true) => return News::Answered,
                Ok(false) if count < room.len() => return News::Nothing,
                Ok(false) => {}
                Err(fault) => {
                    outcome.fault(fault);
                    self.intended = None;
                    return News::Closed;
                }
            }
        }
        News::More
    }

    fn take(&mut self, bytes: &[u8], intended: u64, timed: bool, outcome: &mut Outcome) -> Result<bool, Fault> {
        let now = clock::now();
        let (marks, begun) = (&mut self.marks, &mut self.begun);
        let whole = self.answer.take(bytes, |body| {
            marks.find(body, |mark| {
                outcome.event(timed.then(|| now.saturating_sub(mark)));
                if !*begun {
                    *begun = true;
                    outcome.first(now.saturating_sub(intended));
                }
            });
        });
        let whole = whole.map_err(|_| Fault::Garbage)?;
        if whole {
            self.intended = None;
            match self.answer.status {
                200 => outcome.answered(now.saturating_sub(intended)),
                _ => outcome.fault(Fault::Status),
            }
        }
        Ok(whole)
    }
}
