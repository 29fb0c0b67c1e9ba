//! Which numbers the text states: how a number is written does not matter, nor how often it is said.

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings, both_spoke, mentions};

/// One states a number that the other does not.
pub(super) struct TextNumbers;

impl Measure for TextNumbers {
    fn name(&self) -> &'static str {
        "text_numbers"
    }

    fn about(&self) -> &'static str {
        "the text states the same numbers"
    }

    fn layer(&self) -> Layer {
        Layer::Text
    }

    fn basis(&self) -> Basis {
        Basis::Noise
    }

    fn gate(&self) -> Gate {
        Gate::at(0.01)
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_spoke(left, right) {
            return Finding::not_applicable();
        }
        let mut differences = Differences::new(self.name(), settings);
        let (before, now) = (mentions::numbers(&left.text()), mentions::numbers(&right.text()));
        differences.sets("number", &before, &now);
        differences.finding_or_absent(before.is_empty() && now.is_empty())
    }
}
