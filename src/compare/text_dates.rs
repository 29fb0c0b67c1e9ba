//! Which dates and times of day the text states, however they are written.

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings, both_spoke, mentions};

/// One states a date that the other does not.
pub(super) struct TextDates;

impl Measure for TextDates {
    fn name(&self) -> &'static str {
        "text_dates"
    }

    fn about(&self) -> &'static str {
        "the text states the same dates"
    }

    fn layer(&self) -> Layer {
        Layer::Text
    }

    fn basis(&self) -> Basis {
        Basis::Noise
    }

    fn gate(&self) -> Gate {
        Gate::at(0.02)
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_spoke(left, right) {
            return Finding::not_applicable();
        }
        let mut differences = Differences::new(self.name(), settings);
        let (before, now) = (mentions::dates(&left.text()), mentions::dates(&right.text()));
        differences.sets("date", &before, &now);
        differences.finding_or_absent(before.is_empty() && now.is_empty())
    }
}
