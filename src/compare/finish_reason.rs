//! Why the answer ended: at its end, for a tool, at a limit, by a filter.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings};

/// The two ended for different reasons.
pub(super) struct FinishReason;

impl Measure for FinishReason {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "finish_reason",
                about: "it ends for the same reason",
                layer: Layer::Structure,
                basis: Basis::Noise,
                gate: Gate::at(0.01),
            }
        }
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
