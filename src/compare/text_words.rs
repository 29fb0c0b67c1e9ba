//! Whether the text has the same words in the same order: case, punctuation, white space and marks of emphasis aside.

use super::{Basis, Facts, Finding, Gate, Layer, Measure, Observed, Settings, words};

/// The texts differ by at least a word.
pub(super) struct TextWords;

impl Measure for TextWords {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "text_words",
                about: "the text has the same words",
                layer: Layer::Text,
                basis: Basis::Noise,
                gate: Gate::shown(0.05),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        words::compare(self.name(), words::normal, [left, right], settings)
    }
}
