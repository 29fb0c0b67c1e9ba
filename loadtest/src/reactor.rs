//! Many sockets and one point in time waited for in one thread, to the microsecond.
//!
//! A runtime's timers are good for milliseconds; added latency is measured in microseconds, and whatever the fake upstream
//! and the client take is taken from the core that they share.

use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use crate::clock::{self, SECOND};

/// Sockets that are told of in one go.
const AT_ONCE: usize = 512;

/// What a socket is ready for.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The socket's number.
    pub token: usize,
    /// There is something to read, an end or an error included.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
}

/// Waits.
pub struct Reactor {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Reactor {
    /// For this thread, whose timers become exact.
    pub fn new() -> io::Result<Self> {
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
        let empty = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: vec![empty; AT_ONCE] })
    }

    /// Watches a socket from now on; it is told of once each time it becomes ready.
    pub fn watch(&self, socket: impl AsFd, token: usize) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token as u64), flags)?)
    }

    /// Waits until a socket is ready or the time has come, and writes down which are.
    pub fn wait(&mut self, until: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let timeout = until.map(|until| {
            let left = until.saturating_sub(clock::now());
            #[expect(clippy::cast_possible_wrap, reason = "nobody waits for centuries")]
            Timespec { tv_sec: (left / SECOND) as i64, tv_nsec: (left % SECOND) as i64 }
        });
        let woken = match epoll::wait(&self.epoll, self.events.as_mut_slice(), timeout.as_ref()) {
            Ok(woken) => woken,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        ready.extend(self.events.iter().take(woken).map(|event| {
            let flags = event.flags;
            Ready {
                token: usize::try_from(event.data.u64()).unwrap_or(usize::MAX),
                readable: flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
                writable: flags.contains(EventFlags::OUT),
            }
        }));
        Ok(())
    }
}
