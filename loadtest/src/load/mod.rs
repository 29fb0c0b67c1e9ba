//! The load client: many connections in one thread, at a rate of its own or as fast as answers come.
//!
//! At a rate, requests have intended times that do not wait for answers. A request that finds no free connection leaves
//! late, and its latency still counts from its intended time: what a slow peer holds up is not omitted (coordinated
//! omission).

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;

use crate::clock::{self, MILLISECOND, SECOND};
use crate::loopback::Loopback;
use crate::reactor::{Reactor, Ready};

mod lane;
mod outcome;

use lane::{Lane, News};
use outcome::Fault;
pub use outcome::{Outcome, Times};

/// Most connections of a run.
pub const CONNECTIONS: usize = 8_192;

/// Longest time of a run, and of what comes before it counts.
pub const LONGEST: u64 = 600 * SECOND;

/// How much of a run is one slice of its latencies.
const SLICE: u64 = 500 * MILLISECOND;

/// What is sent where, how, and for how long.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Where to.
    pub to: Loopback,
    /// The request, head and body.
    pub request: Vec<u8>,
    /// How many connections.
    pub connections: usize,
    /// Requests a second; `None` for as many as are answered.
    pub rate: Option<u64>,
    /// Whether marks are times, so that the way of each event can be measured.
    pub timed: bool,
    /// Before anything counts; requests begin spread over the first half of it.
    pub warm: u64,
    /// How long it counts.
    pub time: u64,
    /// Answers and events that are waited for however long that takes, for runs that show that something works on a
    /// machine that has much else to do.
    pub least: u64,
}

/// The moments between which it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// From now on.
    Begin,
    /// Not any more.
    End,
}

/// The request's bytes.
pub fn request(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    head.push_str(body);
    head.into_bytes()
}

/// Sends, counts, and tells of both edges.
pub fn run(spec: &Spec, edge: &mut dyn FnMut(Edge)) -> io::Result<Outcome> {
    let mut client = Client::connect(spec)?;
    let begin = client.started + spec.warm.min(LONGEST);
    let end = begin + spec.time.min(LONGEST);
    let (mut counting, mut slice) = (false, begin + SLICE);
    loop {
        let now = clock::now();
        if !counting && now >= begin {
            counting = true;
            client.outcome.restart();
            edge(Edge::Begin);
        }
        if now >= slice {
            client.outcome.cut();
            slice += SLICE;
        }
        let enough = client.outcome.answers + client.outcome.events >= spec.least || now >= begin + LONGEST;
        if now >= end && enough {
            edge(Edge::End);
            client.outcome.cut();
            client.outcome.finish(client.lanes.iter().filter(|lane| lane.is_open()).count(), now - begin);
            return Ok(client.outcome);
        }
        client.send(now);
        let next = if counting { end.max(now + MILLISECOND) } else { begin };
        client.receive(client.next_due().map_or(next, |due| due.min(next)))?;
    }
}

struct Client<'s> {
    spec: &'s Spec,
    reactor: Reactor,
    lanes: Vec<Lane>,
    free: VecDeque<usize>,
    /// Lanes that had more to read than they were given time for.
    again: Vec<usize>,
    ready: Vec<Ready>,
    room: Vec<u8>,
    started: u64,
    /// How many requests have been sent at a rate.
    sent: u64,
    outcome: Outcome,
}

impl<'s> Client<'s> {
    fn connect(spec: &'s Spec) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        let count = spec.connections.clamp(1, CONNECTIONS);
        let lanes =
            (0..count).map(|number| Lane::connect(spec.to, &reactor, number)).collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            spec,
            reactor,
            free: (0..count).collect(),
            again: Vec::new(),
            ready: Vec::new(),
            room: vec![0; 64 * 1024],
            started: clock::now(),
            sent: 0,
            outcome: Outcome::new()?,
            lanes,
        })
    }

    /// Between two requests of a rate, or while connections begin.
    fn interval(&self) -> Option<u64> {
        match self.spec.rate {
            Some(rate) => Some(SECOND / rate.max(1)),
            None if self.sent < self.lanes.len() as u64 => Some(self.spec.warm / 2 / self.lanes.len() as u64),
            None => None,
        }
    }

    /// When the next request is due; `None` while all connections are busy.
    fn next_due(&self) -> Option<u64> {
        self.free.front()?;
        Some(self.started + self.interval().map_or(0, |interval| self.sent * interval))
    }

    /// Sends all that is due.
    fn send(&mut self, now: u64) {
        while let Some(due) = self.next_due().filter(|due| *due <= now)
            && let Some(number) = self.free.pop_front()
        {
            let intended = if self.spec.rate.is_some() { due } else { now };
            self.sent += 1;
            if let Some(lane) = self.lanes.get_mut(number) {
                lane.send(&self.spec.request, intended);
            }
        }
    }

    /// Takes what comes until then.
    fn receive(&mut self, until: u64) -> io::Result<()> {
        let mut again = std::mem::take(&mut self.again);
        self.reactor.wait(Some(if again.is_empty() { until } else { 0 }), &mut self.ready)?;
        for number in again.drain(..) {
            self.serve(number, true, false)?;
        }
        for place in 0..self.ready.len() {
            let Some(Ready { token, readable, writable }) = self.ready.get(place).copied() else { break };
            self.serve(token, readable, writable)?;
        }
        Ok(())
    }

    fn serve(&mut self, number: usize, readable: bool, writable: bool) -> io::Result<()> {
        let Some(lane) = self.lanes.get_mut(number) else { return Ok(()) };
        if writable {
            lane.write(&self.spec.request);
        }
        if !readable {
            return Ok(());
        }
        match lane.read(&mut self.room, self.spec.timed, &mut self.outcome) {
            News::Nothing => {}
            News::More => self.again.push(number),
            News::Answered => self.free.push_back(number),
            News::Closed => {
                let idle = lane.is_idle();
                *lane = Lane::connect(self.spec.to, &self.reactor, number)?;
                if !idle {
                    self.outcome.fault(Fault::Cut);
                    self.free.push_back(number);
                }
            }
        }
        Ok(())
    }
}
