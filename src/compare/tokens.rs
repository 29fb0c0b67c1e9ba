//! How many tokens an answer takes, by the backends' own count.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, ratio};

/// One takes several times as many tokens.
pub(super) struct Tokens;

impl Measure for Tokens {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "tokens",
                about: "it takes about as many tokens",
                layer: Layer::Transport,
                basis: Basis::Shifted,
                gate: Gate::shown(0.10),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        const FLOOR: f64 = 20.0;
        let of = |side: &Observed| Some(f64::from(u32::try_from(side.tokens?.output).unwrap_or(u32::MAX)));
        match (of(left), of(right)) {
            (Some(left), Some(right)) => {
                ratio::compare(Differences::new(self.name(), settings), left, right, FLOOR, " tokens")
            }
            _ => Finding::not_applicable(),
        }
    }
}
