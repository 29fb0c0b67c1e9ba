//! Which links and e-mail addresses the text gives.

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings, both_answered, mentions};

/// One gives a link that the other does not.
pub(super) struct TextLinks;

impl Measure for TextLinks {
    fn name(&self) -> &'static str {
        "text_links"
    }

    fn about(&self) -> &'static str {
        "the text gives the same links"
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
        if !both_answered(left, right) {
            return Finding::not_applicable();
        }
        let mut differences = Differences::new(self.name(), settings);
        let (before, now) = (mentions::links(&left.text()), mentions::links(&right.text()));
        differences.sets("link", &before, &now);
        differences.finding_or_absent(before.is_empty() && now.is_empty())
    }
}
