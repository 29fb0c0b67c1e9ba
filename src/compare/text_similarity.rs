//! How many words the texts share, whatever their order.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, both_spoke, words};

/// The texts share too few words to be likely to say the same.
pub(super) struct TextSimilarity;

impl Measure for TextSimilarity {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "text_similarity",
                about: "the text is about the same",
                layer: Layer::Text,
                basis: Basis::Noise,
                gate: Gate::at(0.10),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_spoke(left, right) {
            return Finding::not_applicable();
        }
        let (before, now) = (words::normal(&left.text()), words::normal(&right.text()));
        let alike = words::shared(&before, &now);
        let mut differences = Differences::new(self.name(), settings);
        if alike < settings.similarity {
            differences.note("text", "", &format!("{:.0} % of the words are shared", alike * 100.0));
        }
        differences.finding_or_absent(before.is_empty() && now.is_empty())
    }
}
