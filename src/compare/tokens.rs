//! How many tokens an answer takes, by the backends' own count.

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings, ratio};

/// One takes several times as many tokens.
pub(super) struct Tokens;

impl Measure for Tokens {
    fn name(&self) -> &'static str {
        "tokens"
    }

    fn about(&self) -> &'static str {
        "it takes about as many tokens"
    }

    fn layer(&self) -> Layer {
        Layer::Transport
    }

    fn basis(&self) -> Basis {
        Basis::Shifted
    }

    fn gate(&self) -> Gate {
        Gate::shown(0.10)
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
