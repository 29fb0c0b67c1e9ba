//! Whether an answer came at all, and if not, which class of error came instead.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings};

/// Failed where the other one answered.
pub(super) struct Outcome;

impl Measure for Outcome {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "outcome",
                about: "an answer came, and not an error",
                layer: Layer::Transport,
                basis: Basis::Worse,
                gate: Gate::at(0.005),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        let in_words = |side: &Observed| {
            side.failure
                .as_ref()
                .map_or("answered".to_owned(), |failure| format!("{}: {}", failure.code, failure.message))
        };
        let mut differences = Differences::new(self.name(), settings);
        if left.failure.is_some() != right.failure.is_some() {
            let class = left.failure.as_ref().or(right.failure.as_ref()).map_or("", |failure| &failure.code);
            differences.note(class, &in_words(left), &in_words(right));
        }
        let finding = differences.finding();
        if right.failure.is_some() { finding } else { finding.reversed() }
    }
}
