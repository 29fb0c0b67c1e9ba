//! In which order tools were called, and which of them side by side.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Said, Settings, both_answered};

/// The same tools, in another order, or one after another instead of together.
pub(super) struct ToolOrder;

impl Measure for ToolOrder {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "tool_order",
                about: "the same tools are called in the same order",
                layer: Layer::Structure,
                basis: Basis::Noise,
                gate: Gate::at(0.05),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_answered(left, right) {
            return Finding::not_applicable();
        }
        let (before, now) = (rounds(left), rounds(right));
        let names = |rounds: &[Vec<&str>]| {
            let mut names: Vec<String> = rounds.iter().flatten().map(|name| (*name).to_owned()).collect();
            names.sort_unstable();
            names
        };
        let mut differences = Differences::new(self.name(), settings);
        // Which tools there are is another measure's business.
        if before != now && names(&before) == names(&now) {
            differences.note("order", &in_words(&before), &in_words(&now));
        }
        differences.finding_or_absent(before.is_empty() && now.is_empty())
    }
}

/// The tools of each round, sorted: a round ends where a tool has answered or something was said.
fn rounds(side: &Observed) -> Vec<Vec<&str>> {
    let mut rounds: Vec<Vec<&str>> = Vec::new();
    let mut open = false;
    for item in &side.items {
        match item {
            Said::Call { name, .. } => {
                match rounds.last_mut().filter(|_| open) {
                    Some(round) => round.push(name),
                    None => rounds.push(vec![name]),
                }
                open = true;
            }
            _ => open = false,
        }
    }
    for round in &mut rounds {
        round.sort_unstable();
    }
    rounds
}

/// `find, then read with list`.
fn in_words(rounds: &[Vec<&str>]) -> String {
    rounds.iter().map(|round| round.join(" with ")).collect::<Vec<_>>().join(", then ")
}
