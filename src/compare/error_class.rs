//! Which class of error came, where both sides failed.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings};

/// Both failed, each in its own way.
pub(super) struct ErrorClass;

impl Measure for ErrorClass {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "error_class",
                about: "where both fail, they fail alike",
                layer: Layer::Transport,
                basis: Basis::Noise,
                gate: Gate::shown(0.01),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        let (Some(before), Some(now)) = (&left.failure, &right.failure) else { return Finding::not_applicable() };
        let mut differences = Differences::new(self.name(), settings);
        if before.code != now.code {
            differences.note("code", &before.code, &now.code);
        }
        differences.finding()
    }
}
