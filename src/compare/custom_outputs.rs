//! The agent's free-form outputs, field by field.

use serde_json::Value;

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, both_answered, json};

/// A field of the custom outputs differs.
pub(super) struct CustomOutputs;

impl Measure for CustomOutputs {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "custom_outputs",
                about: "the custom outputs are the same",
                layer: Layer::Structure,
                basis: Basis::Noise,
                gate: Gate::at(0.02),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_answered(left, right) {
            return Finding::not_applicable();
        }
        let mut differences = Differences::new(self.name(), settings);
        let (before, now) = (left.custom_outputs.as_ref(), right.custom_outputs.as_ref());
        json::compare("", before.unwrap_or(&Value::Null), now.unwrap_or(&Value::Null), &mut differences);
        differences.finding_or_absent(before.is_none() && now.is_none())
    }
}
