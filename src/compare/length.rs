//! How much text an answer has.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, both_spoke, ratio};

/// One says several times as much.
pub(super) struct Length;

impl Measure for Length {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "length",
                about: "it says about as much",
                layer: Layer::Text,
                basis: Basis::Shifted,
                gate: Gate::at(0.10),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        // A sentence more or less.
        const FLOOR: f64 = 80.0;
        if !both_spoke(left, right) {
            return Finding::not_applicable();
        }
        let letters = |side: &Observed| f64::from(u32::try_from(side.text().chars().count()).unwrap_or(u32::MAX));
        let (before, now) = (letters(left), letters(right));
        if before + now == 0.0 {
            return Finding::not_applicable();
        }
        ratio::compare(Differences::new(self.name(), settings), before, now, FLOOR, " letters")
    }
}
