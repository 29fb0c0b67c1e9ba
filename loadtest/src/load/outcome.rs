//! What a run of the client saw.

use std::io;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::clock::SECOND;

/// Longest time that histograms tell apart.
const LONGEST: u64 = 120 * SECOND;

/// What can go wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection was closed before the answer was whole.
    Cut,
    /// It is not HTTP.
    Garbage,
    /// Its status is not 200.
    Status,
}

/// Counts and times, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whole answers with status 200.
    pub answers: u64,
    /// Events of streams.
    pub events: u64,
    /// Faults in the order of [`Fault`].
    faults: [u64; 3],
    /// Streams that were open at the end.
    pub open: usize,
    /// How long it counted.
    pub time: u64,
    latency: Histogram<u64>,
    first: Histogram<u64>,
    event: Histogram<u64>,
}

/// Some points of a histogram, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Half are faster.
    pub p50: f64,
    /// One in a hundred is slower.
    pub p99: f64,
    /// One in a thousand is slower.
    pub p999: f64,
}

impl Outcome {
    pub(super) fn new() -> io::Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 3).map_err(io::Error::other);
        Ok(Self {
            answers: 0,
            events: 0,
            faults: [0; 3],
            open: 0,
            time: 0,
            latency: histogram()?,
            first: histogram()?,
            event: histogram()?,
        })
    }

    /// Nothing so far counts.
    pub(super) fn restart(&mut self) {
        (self.answers, self.events, self.faults) = (0, 0, [0; 3]);
        [&mut self.latency, &mut self.first, &mut self.event].into_iter().for_each(Histogram::reset);
    }

    pub(super) fn finish(&mut self, open: usize, time: u64) {
        (self.open, self.time) = (open, time);
    }

    pub(super) fn answered(&mut self, latency: u64) {
        self.answers += 1;
        self.latency.saturating_record(latency);
    }

    pub(super) fn first(&mut self, latency: u64) {
        self.first.saturating_record(latency);
    }

    pub(super) fn event(&mut self, on_its_way: Option<u64>) {
        self.events += 1;
        if let Some(time) = on_its_way {
            self.event.saturating_record(time);
        }
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        if let Some(count) = self.faults.get_mut(fault as usize) {
            *count += 1;
        }
    }

    /// From a request's intended time to its answer's end.
    pub fn latency(&self) -> Times {
        times(&self.latency)
    }

    /// The longest of those, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "times of a run fit")]
    pub fn longest(&self) -> f64 {
        self.latency.max() as f64 / 1_000.0
    }

    /// From a request's intended time to the first event of its stream.
    pub fn first_event(&self) -> Times {
        times(&self.first)
    }

    /// From the time at which an event was due at the upstream to its arrival.
    pub fn event_time(&self) -> Times {
        times(&self.event)
    }

    /// Everything that went wrong.
    pub fn errors(&self) -> u64 {
        self.faults.iter().sum()
    }
}

#[expect(clippy::cast_precision_loss, reason = "times of a run fit")]
fn times(histogram: &Histogram<u64>) -> Times {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    Times { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
}
