//! Which tools were called, and how often each, in whatever order.

use std::collections::BTreeMap;

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, both_answered};

/// One called a tool that the other did not.
pub(super) struct ToolNames;

impl Measure for ToolNames {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "tool_names",
                about: "the same tools are called",
                layer: Layer::Structure,
                basis: Basis::Noise,
                gate: Gate::at(0.01),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_answered(left, right) {
            return Finding::not_applicable();
        }
        let counted = |side: &Observed| {
            let mut counts = BTreeMap::<String, u32>::new();
            for (name, _) in side.calls() {
                *counts.entry(name.to_owned()).or_default() += 1;
            }
            counts
        };
        let (before, now) = (counted(left), counted(right));
        let mut differences = Differences::new(self.name(), settings);
        for name in before.keys().chain(now.keys().filter(|name| !before.contains_key(*name))) {
            let times = |counts: &BTreeMap<String, u32>| counts.get(name).copied().unwrap_or(0);
            if times(&before) != times(&now) {
                differences.note(name, &in_words(times(&before)), &in_words(times(&now)));
            }
        }
        differences.finding_or_absent(before.is_empty() && now.is_empty())
    }
}

fn in_words(times: u32) -> String {
    match times {
        0 => "not called".to_owned(),
        1 => "called once".to_owned(),
        _ => format!("called {times} times"),
    }
}
