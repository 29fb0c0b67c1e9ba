//! Which names the text mentions: words with a capital where a sentence does not begin.

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings, both_spoke, mentions};

/// One mentions a name that the other does not.
pub(super) struct TextNames;

impl Measure for TextNames {
    fn name(&self) -> &'static str {
        "text_names"
    }

    fn about(&self) -> &'static str {
        "the text mentions the same names"
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
        let (before, now) = (mentions::names(&left.text()), mentions::names(&right.text()));
        differences.sets("name", &before, &now);
        differences.finding_or_absent(before.is_empty() && now.is_empty())
    }
}
