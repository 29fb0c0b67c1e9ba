//! Answers that are JSON documents, field by field.

use serde_json::Value;

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, both_spoke, json};

/// A field of the document differs, or one of the two is no document.
pub(super) struct JsonAnswer;

impl Measure for JsonAnswer {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "json_answer",
                about: "an answer in JSON has the same fields",
                layer: Layer::Structure,
                basis: Basis::Noise,
                gate: Gate::at(0.02),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_spoke(left, right) {
            return Finding::not_applicable();
        }
        let mut differences = Differences::new(self.name(), settings);
        let (before, now) = (document(&left.text()), document(&right.text()));
        match (&before, &now) {
            (Some(before), Some(now)) => json::compare("", before, now, &mut differences),
            (Some(_), None) => differences.note("document", "JSON", "not JSON"),
            (None, Some(_)) => differences.note("document", "not JSON", "JSON"),
            (None, None) => {}
        }
        differences.finding_or_absent(before.is_none() && now.is_none())
    }
}

/// The JSON document that a text is, also inside a fence; numbers and words alone are texts.
fn document(text: &str) -> Option<Value> {
    let text = text.trim();
    let fenced = text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).and_then(|t| t.strip_suffix("```"));
    let value: Value = serde_json::from_str(fenced.unwrap_or(text)).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}
