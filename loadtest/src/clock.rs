//! Nanoseconds of the machine's monotonic clock, which all processes of a run share.

use rustix::time::{ClockId, clock_gettime};

/// A millisecond.
pub const MILLISECOND: u64 = 1_000_000;

/// A second.
pub const SECOND: u64 = 1_000_000_000;

/// Now.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds * SECOND + nanoseconds
}
