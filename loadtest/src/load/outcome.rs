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
    /// The same of the present slice, and the slowest hundredth of each before it.
    slice: Histogram<u64>,
    slices: Vec<u64>,
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
    /// Nothing yet.
    pub fn new() -> io::Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 3).map_err(io::Error::other);
        Ok(Self {
            answers: 0,
            events: 0,
            faults: [0; 3],
            open: 0,
            time: 0,
            latency: histogram()?,
            slice: histogram()?,
            slices: Vec::new(),
            first: histogram()?,
            event: histogram()?,
        })
    }

    /// Adds what another run saw.
    pub fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.answers += other.answers;
        self.events += other.events;
        self.time += other.time;
        for (all, more) in self.faults.iter_mut().zip(&other.faults) {
            *all += more;
        }
        self.latency.add(&other.latency)?;
        self.slices.extend(&other.slices);
        self.first.add(&other.first)?;
        self.event.add(&other.event)?;
        Ok(())
    }

    /// Nothing so far counts.
    pub(super) fn restart(&mut self) {
        (self.answers, self.events, self.faults) = (0, 0, [0; 3]);
        self.slices.clear();
        [&mut self.latency, &mut self.slice, &mut self.first, &mut self.event].into_iter().for_each(Histogram::reset);
    }

    /// A slice of the run is over.
    pub(crate) fn cut(&mut self) {
        if !self.slice.is_empty() {
            self.slices.push(self.slice.value_at_quantile(0.99));
            self.slice.reset();
        }
    }

    pub(super) fn finish(&mut self, open: usize, time: u64) {
        (self.open, self.time) = (open, time);
    }

    /// An answer that took so many nanoseconds.
    pub(crate) fn answered(&mut self, latency: u64) {
        self.answers += 1;
        self.latency.saturating_record(latency);
        self.slice.saturating_record(latency);
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

    /// The slowest hundredth of a slice in the middle of all slices, in microseconds: one bad moment of the machine is one
    /// bad slice and no more.
    #[expect(clippy::cast_precision_loss, reason = "times of a run fit")]
    pub fn p99_of_slices(&self) -> f64 {
        let mut slices = self.slices.clone();
        slices.sort_unstable();
        slices.get(slices.len() / 2).map_or(0.0, |middle| *middle as f64 / 1_000.0)
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
