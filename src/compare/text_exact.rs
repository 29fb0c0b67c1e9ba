//! Whether the text is the same to the letter.

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings, both_spoke, words};

/// The texts differ by at least a letter.
pub(super) struct TextExact;

impl Measure for TextExact {
    fn name(&self) -> &'static str {
        "text_exact"
    }

    fn about(&self) -> &'static str {
        "the text is the same to the letter"
    }

    fn layer(&self) -> Layer {
        Layer::Text
    }

    fn basis(&self) -> Basis {
        Basis::Noise
    }

    fn gate(&self) -> Gate {
        Gate::shown(0.05)
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_spoke(left, right) {
            return Finding::not_applicable();
        }
        let mut differences = Differences::new(self.name(), settings);
        let (before, now) = (left.text(), right.text());
        if before != now {
            let (before, now) = words::around_difference(&before, &now);
            differences.note("text", before, now);
        }
        differences.finding_or_absent(left.text().is_empty() && right.text().is_empty())
    }
}
