//! The agent's free-form outputs, field by field.

use serde_json::Value;

use super::{Basis, Differences, Finding, Gate, Layer, Measure, Observed, Settings, both_answered, json};

/// A field of the custom outputs differs.
pub(super) struct CustomOutputs;

impl Measure for CustomOutputs {
    fn name(&self) -> &'static str {
        "custom_outputs"
    }

    fn about(&self) -> &'static str {
        "the custom outputs are the same"
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
        let (before, now) = (left.custom_outputs.as_ref(), right.custom_outputs.as_ref());
        json::compare("", before.unwrap_or(&Value::Null), now.unwrap_or(&Value::Null), &mut differences);
        differences.finding_or_absent(before.is_none() && now.is_none())
    }
}
