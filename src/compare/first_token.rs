//! How long it took until a stream said its first.

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings, ratio};

/// One is several times as slow to begin.
pub(super) struct FirstToken;

impl Measure for FirstToken {
    fn name(&self) -> &'static str {
        "first_token"
    }

    fn about(&self) -> &'static str {
        "it begins about as soon"
    }

    fn layer(&self) -> Layer {
        Layer::Transport
    }

    fn basis(&self) -> Basis {
        Basis::Worse
    }

    fn gate(&self) -> Gate {
        Gate::at(0.10)
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
