//! Whether the text is the same to the letter.

use super::{Basis, Facts, Finding, Gate, Layer, Measure, Observed, Settings, words};

/// The texts differ by at least a letter.
pub(super) struct TextExact;

impl Measure for TextExact {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "text_exact",
                about: "the text is the same to the letter",
                layer: Layer::Text,
                basis: Basis::Noise,
                gate: Gate::shown(0.05),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        words::compare(self.name(), str::to_owned, [left, right], settings)
    }
}
