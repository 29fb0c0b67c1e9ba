//! How long it took until the answer was whole.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, ratio};

/// One takes several times as long in all.
pub(super) struct TotalTime;

impl Measure for TotalTime {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "total_time",
                about: "it is done about as soon",
                layer: Layer::Transport,
                basis: Basis::Worse,
                gate: Gate::at(0.10),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        // Below this, twice as long is no difference to anybody.
        const FLOOR: f64 = 20.0;
        // How soon something failed says nothing about how long an answer takes.
        match (left.total_ms, right.total_ms) {
            (Some(before), Some(now)) if left.failure.is_none() && right.failure.is_none() => {
                ratio::compare(Differences::new(self.name(), settings), before, now, FLOOR, " ms")
            }
            _ => Finding::not_applicable(),
        }
    }
}
