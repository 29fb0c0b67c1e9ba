//! Which numbers the text states: how a number is written does not matter, nor how often it is said.

use super::{Basis, Facts, Finding, Gate, Layer, Measure, Observed, Settings, mentions};

/// One states a number that the other does not.
pub(super) struct TextNumbers;

impl Measure for TextNumbers {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "text_numbers",
                about: "the text states the same numbers",
                layer: Layer::Text,
                basis: Basis::Noise,
                gate: Gate::at(0.01),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        mentions::compare(self.name(), "number", mentions::numbers, [left, right], settings)
    }
}
