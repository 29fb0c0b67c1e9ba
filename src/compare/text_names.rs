//! Which names the text mentions: words with a capital where a sentence does not begin.

use super::{Basis, Facts, Finding, Gate, Layer, Measure, Observed, Settings, mentions};

/// One mentions a name that the other does not.
pub(super) struct TextNames;

impl Measure for TextNames {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "text_names",
                about: "the text mentions the same names",
                layer: Layer::Text,
                basis: Basis::Noise,
                gate: Gate::shown(0.05),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        mentions::compare(self.name(), "name", mentions::names, [left, right], settings)
    }
}
