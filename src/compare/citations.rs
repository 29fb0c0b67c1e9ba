//! What the answer cites, in whatever order.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Said, Settings, both_answered};

/// One cites what the other does not.
pub(super) struct Citations;

impl Measure for Citations {
    fn name(&self) -> &'static str {
        "citations"
    }

    fn about(&self) -> &'static str {
        "the same sources are cited"
    }

    fn layer(&self) -> Layer {
        Layer::Structure
    }

    fn basis(&self) -> Basis {
        Basis::Noise
    }

    fn gate(&self) -> Gate {
        Gate::at(0.02)
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_answered(left, right) {
            return Finding::not_applicable();
        }
        let mut differences = Differences::new(self.name(), settings);
        let (before, now) = (cited(left), cited(right));
        differences.sets("citation", &before, &now);
        differences.finding_or_absent(before.is_empty() && now.is_empty())
    }
}

/// What identifies each citation: its address, its file, or what it is called.
fn cited(side: &Observed) -> BTreeSet<String> {
    let citations = side.items.iter().flat_map(|item| match item {
        Said::Message { citations, .. } => citations.as_slice(),
        _ => &[],
    });
    let name = |citation: &Value| {
        let keys = ["url", "file_id", "doc_uri", "filename", "title"];
        let named = keys.iter().find_map(|key| citation.get(key).and_then(Value::as_str));
        named.map_or_else(|| citation.to_string(), str::to_owned)
    };
    citations.map(name).collect()
}
