//! Whether the text has the same words in the same order: case, punctuation, white space and marks of emphasis aside.

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings, both_spoke, words};

/// The texts differ by at least a word.
pub(super) struct TextWords;

impl Measure for TextWords {
    fn name(&self) -> &'static str {
        "text_words"
    }

    fn about(&self) -> &'static str {
        "the text has the same words"
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
        let (before, now) = (words::normal(&left.text()), words::normal(&right.text()));
        if before != now {
            let (before, now) = words::around_difference(&before, &now);
            differences.note("text", before, now);
        }
        differences.finding_or_absent(left.text().is_empty() && right.text().is_empty())
    }
}
