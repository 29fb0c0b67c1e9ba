//! Why the answer ended: at its end, for a tool, at a limit, by a filter.

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings};

/// The two ended for different reasons.
pub(super) struct FinishReason;

impl Measure for FinishReason {
    fn name(&self) -> &'static str {
        "finish_reason"
    }

    fn about(&self) -> &'static str {
        "it ends for the same reason"
    }

    fn layer(&self) -> Layer {
        Layer::Structure
    }

    fn basis(&self) -> Basis {
        Basis::Noise
    }

    fn gate(&self) -> Gate {
        Gate::at(0.01)
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        let (Some(before), Some(now)) = (&left.finish, &right.finish) else { return Finding::not_applicable() };
        let mut differences = Differences::new(self.name(), settings);
        if before != now {
            differences.note("finish_reason", before, now);
        }
        differences.finding()
    }
}
