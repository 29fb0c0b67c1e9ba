//! The fake upstream: prebuilt bytes out of one thread, far cheaper than whatever is measured in front of it.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;

use crate::clock;
use crate::reactor::{Reactor, Ready};

mod client;
mod script;

use client::{Client, Next};
pub use script::Script;

/// The listener's number; clients are counted from 1.
const LISTENER: usize = 0;

/// Most clients at a time.
const CLIENTS: usize = 20_000;

/// Serves until the process ends.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut reactor = Reactor::new()?;
    reactor.watch(listener, LISTENER)?;
    let mut upstream =
        Upstream { clients: Vec::new(), free: Vec::new(), due: BinaryHeap::new(), copies: Rc::default() };
    let mut ready = Vec::new();
    let mut room = vec![0; 64 * 1024];
    loop {
        let until = upstream.due.peek().map(|Reverse(due)| due.at);
        reactor.wait(until, &mut ready)?;
        for Ready { token, readable, writable } in ready.iter().copied() {
            match token.checked_sub(1) {
                None => upstream.accept(listener, &reactor)?,
                Some(number) => upstream.serve(number, readable, writable, &mut room),
            }
        }
        upstream.speak();
    }
}

struct Upstream {
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    due: BinaryHeap<Reverse<Due>>,
    copies: Rc<Cell<u64>>,
}

/// The end of paths that copies are sent to, which are counted.
pub const COPY: &str = "/copy";

/// The path that tells how many there were.
pub const COPIES: &str = "/copies";

/// When a stream says its next word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: u64,
    client: usize,
    /// Which of the client's answers; what is due for an earlier one is void.
    answer: u64,
}

impl Upstream {
    fn accept(&mut self, listener: &TcpListener, reactor: &Reactor) -> io::Result<()> {
        loop {
            let socket = match listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let number = self.free.pop().unwrap_or(self.clients.len());
            if number >= CLIENTS {
                return Err(io::Error::other("too many clients"));
            }
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            reactor.watch(&socket, number + 1)?;
            let client = Some(Client::new(socket, Rc::clone(&self.copies)));
            match self.clients.get_mut(number) {
                Some(place) => *place = client,
                None => self.clients.push(client),
            }
        }
    }

    fn serve(&mut self, number: usize, readable: bool, writable: bool, room: &mut [u8]) {
        let Some(place) = self.clients.get_mut(number) else { return };
        let Some(client) = place else { return };
        let next = match (readable, writable) {
            (true, _) => client.read(room),
            (false, true) => client.write(),
            (false, false) => return,
        };
        match next {
            Next::Nothing => {}
            Next::Speak(at) => self.due.push(Reverse(Due { at, client: number, answer: client.answer })),
            Next::Gone => {
                *place = None;
                self.free.push(number);
            }
        }
    }

    /// Says what is due.
    fn speak(&mut self) {
        let now = clock::now();
        while let Some(Reverse(due)) = self.due.peek().copied().filter(|Reverse(due)| due.at <= now) {
            self.due.pop();
            let Some(Some(client)) = self.clients.get_mut(due.client) else { continue };
            if client.answer == due.answer
                && let Next::Speak(at) = client.speak(now)
            {
                self.due.push(Reverse(Due { at, ..due }));
            }
        }
    }
}

/// The script of a path, made anew only when the path is another one than last time.
#[derive(Default)]
struct Remembered {
    path: String,
    script: Option<Rc<Script>>,
    copies: Rc<Cell<u64>>,
}

impl Remembered {
    fn of(&mut self, path: &str) -> Option<Rc<Script>> {
        if path == COPIES {
            return Some(Rc::new(Script::count(self.copies.get())));
        }
        if path.ends_with(COPY) {
            self.copies.set(self.copies.get() + 1);
        }
        if self.path != path {
            path.clone_into(&mut self.path);
            self.script = Script::of(path).map(Rc::new);
        }
        self.script.clone()
    }
}
