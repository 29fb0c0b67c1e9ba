//! What tools were called with, as JSON: order of keys and white space do not matter, nor near numbers and ignored paths.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Settings, both_answered, json};

/// A tool was called with other arguments.
pub(super) struct ToolArguments;

impl Measure for ToolArguments {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "tool_arguments",
                about: "tools are called with the same arguments",
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
        let (mut before, mut now) = (by_tool(left), by_tool(right));
        let absent = before.is_empty() && now.is_empty();
        let mut differences = Differences::new(self.name(), settings);
        for (name, calls) in &mut before {
            let Some(others) = now.get_mut(name) else { continue };
            // Calls that are alike belong together, whatever their order; what is left is taken as it comes.
            calls.retain(|call| match others.iter().position(|other| json::equal(call, other, settings.tolerance)) {
                Some(place) => {
                    others.remove(place);
                    false
                }
                None => true,
            });
            for (call, other) in calls.iter().zip(others.iter()) {
                json::compare(name, call, other, &mut differences);
            }
        }
        differences.finding_or_absent(absent)
    }
}

/// The arguments of every call, by the name of the tool; what is no JSON is a text.
fn by_tool(side: &Observed) -> BTreeMap<String, Vec<Value>> {
    let mut calls = BTreeMap::<String, Vec<Value>>::new();
    for (name, arguments) in side.calls() {
        let value = serde_json::from_str(arguments).unwrap_or_else(|_| Value::String(arguments.to_owned()));
        calls.entry(name.to_owned()).or_default().push(value);
    }
    calls
}
