//! Whether the stream was legal: it ended, its ids held, its pieces add up to its wholes, its arguments are JSON.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings};

/// The right one broke the rules of its wire format.
pub(super) struct Protocol;

impl Measure for Protocol {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "protocol",
                about: "its stream is legal from beginning to end",
                layer: Layer::Protocol,
                basis: Basis::Never,
                gate: Gate::at(0.005),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        let mut differences = Differences::new(self.name(), settings);
        for fault in &right.faults {
            let same = left.faults.iter().find(|known| known.name == fault.name);
            differences.note(&fault.name, same.map_or("", |known| &known.detail), &fault.detail);
        }
        differences.finding()
    }
}
