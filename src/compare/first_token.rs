//! How long it took until a stream said its first.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, ratio};

/// One is several times as slow to begin.
pub(super) struct FirstToken;

impl Measure for FirstToken {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "first_token",
                about: "it begins about as soon",
                layer: Layer::Transport,
                basis: Basis::Worse,
                gate: Gate::at(0.10),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        // Below this, twice as long is no difference to anybody.
        const FLOOR: f64 = 20.0;
        match (left.first_event_ms, right.first_event_ms) {
            (Some(left), Some(right)) => {
                ratio::compare(Differences::new(self.name(), settings), left, right, FLOOR, " ms")
            }
            _ => Finding::not_applicable(),
        }
    }
}
