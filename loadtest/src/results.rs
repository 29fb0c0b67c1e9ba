//! What came of a run, as it is written down.

use serde::{Deserialize, Serialize};

use crate::load::Times;

/// A whole run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// The day.
    pub date: String,
    /// Processor, cores, kernel.
    pub machine: String,
    /// What was compared, with versions.
    pub versions: Vec<(String, String)>,
    /// What was left out, and why.
    pub left_out: Vec<(String, String)>,
    /// Rounds of each work.
    pub rounds: usize,
    /// Seconds that each measurement counts.
    pub seconds: f64,
    /// Who did what.
    pub cells: Vec<Cell>,
}

/// One program at one task of one work.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cell {
    /// The work.
    pub work: String,
    /// The program.
    pub program: String,
    /// The task.
    pub task: String,
    /// KiB of memory before any load.
    pub idle: u64,
    /// One a round.
    pub rounds: Vec<Sample>,
}

/// One measurement.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds.
    pub seconds: f64,
    /// Whole answers.
    pub answers: u64,
    /// Events.
    pub events: u64,
    /// What went wrong.
    pub errors: u64,
    /// Streams that were open at the end.
    pub open: u64,
    /// Seconds of processor time.
    pub cpu: f64,
    /// KiB of memory at the end.
    pub memory: u64,
    /// Copies that reached the upstream.
    #[serde(default)]
    pub copies: u64,
    /// Instructions, where the machine counts them.
    pub instructions: Option<u64>,
    /// From a request's intended time to the end of its answer.
    pub latency: Times,
    /// From a request's intended time to its first event.
    pub first_event: Times,
    /// From an event's time to its arrival.
    pub event: Times,
}

/// A figure over rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// In the middle.
    pub median: f64,
    /// Smallest and largest.
    pub range: (f64, f64),
}

impl Figure {
    /// Of some values; `None` without any.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (first, last) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Self { median: f64::midpoint(*low, *high), range: (first, last) })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run fit")]
impl Sample {
    /// Microseconds of processor time for each answer.
    pub fn cpu_per_answer(&self) -> f64 {
        self.cpu * 1e6 / self.answers as f64
    }

    /// Microseconds of processor time for each event.
    pub fn cpu_per_event(&self) -> f64 {
        self.cpu * 1e6 / self.events as f64
    }

    /// Answers a second.
    pub fn answers_per_second(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    /// Events a second.
    pub fn events_per_second(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    /// Copies for each answer.
    pub fn mirrored(&self) -> f64 {
        self.copies as f64 / self.answers as f64
    }

    /// KiB of memory for each open stream.
    pub fn memory_per_stream(&self, idle: u64) -> f64 {
        self.memory.saturating_sub(idle) as f64 / self.open as f64
    }
}

impl Cell {
    /// A figure over the rounds.
    pub fn figure(&self, of: impl Fn(&Sample) -> f64) -> Option<Figure> {
        Figure::of(self.rounds.iter().map(of))
    }

    /// A figure of this cell for one of another in the same round.
    pub fn against(&self, other: &Self, of: impl Fn(&Sample) -> f64) -> Option<Figure> {
        Figure::of(self.rounds.iter().zip(&other.rounds).map(|(this, other)| of(this) / of(other)))
    }

    /// Everything that went wrong.
    pub fn errors(&self) -> u64 {
        self.rounds.iter().map(|sample| sample.errors).sum()
    }
}

impl Results {
    /// The cell of a work, a program and a task; the program's first where no task is named.
    pub fn cell(&self, work: &str, program: &str, task: Option<&str>) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|cell| cell.work == work && cell.program == program && task.is_none_or(|task| cell.task == task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_one_in_the_middle() {
        let of = |values: &[f64]| Figure::of(values.iter().copied());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some(Figure { median: 2.0, range: (1.0, 3.0) }));
        assert_eq!(of(&[4.0, 1.0, f64::INFINITY]), Some(Figure { median: 2.5, range: (1.0, 4.0) }));
        assert_eq!(of(&[]), None);
    }
}
