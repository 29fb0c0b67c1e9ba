//! Which dates and times of day the text states, however they are written.

use super::{Basis, Facts, Finding, Gate, Layer, Measure, Observed, Settings, mentions};

/// One states a date that the other does not.
pub(super) struct TextDates;

impl Measure for TextDates {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "text_dates",
                about: "the text states the same dates",
                layer: Layer::Text,
                basis: Basis::Noise,
                gate: Gate::at(0.02),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        mentions::compare(self.name(), "date", mentions::dates, [left, right], settings)
    }
}
