//! How a shadow's answers are compared and judged: what may be said, and what makes no sense.

use super::*;
use crate::compare::{Gate, Settings, named};

fn settings(more: &str) -> Settings {
    let text = with_route(&format!(
        "{{ name: r, split: {{ legacy: 1, app: 0 }}, shadow: {{ to: app, sample: 10%, side_effects: none, {more} }} }}"
    ));
    good(&text).routes.remove(0).shadow.expect("a shadow").judging
}

fn problem(more: &str) -> String {
    let text = with_route(&format!(
        "{{ name: r, split: {{ legacy: 1, app: 0 }}, shadow: {{ to: app, sample: 10%, side_effects: none, {more} }} }}"
    ));
    only_problem(&text)
}

#[test]
fn without_a_word_everything_has_its_default() {
    assert_eq!(settings("noise: 1%"), Settings::default());
}

#[test]
fn what_is_tolerated_can_be_said_for_each_measure() {
    let settings = settings("gates: { tool_arguments: 2.5%, text_dates: off }, false_alarms: 1%");
    assert_eq!(settings.gate(named("tool_arguments").unwrap()), Gate::at(0.025));
    assert!(!settings.gate(named("text_dates").unwrap()).gates);
    assert_eq!(settings.gate(named("outcome").unwrap()), named("outcome").unwrap().gate());
    assert!((settings.false_alarms - 0.01).abs() < 1e-9);
    let message = problem("gates: { tool_argument: 2% }");
    assert!(
        message.contains("gates.tool_argument: there is no measure of this name; did you mean `tool_arguments`?"),
        "{message}"
    );
    assert!(problem("gates: { outcome: 0% }").contains("write `0.5%`, say, or `off`"));
    assert!(problem("gates: { outcome: 2 }").contains("`2` is not a share in percent"));
    assert!(problem("false_alarms: 0%").contains("must be over 0%"));
}

#[test]
fn paths_are_ignored_by_measure() {
    let settings = settings(
        "compare: { ignore: { tool_arguments: [ find.at, '**.id' ], custom_outputs: trace }, tolerance: 0.1%, ratio: 2, similarity: 30% }",
    );
    let ignored: Vec<_> = settings.ignore.iter().map(|(measure, path)| format!("{measure} {path}")).collect();
    assert_eq!(ignored, ["tool_arguments find.at", "tool_arguments **.id", "custom_outputs trace"]);
    assert!((settings.tolerance - 0.001).abs() < 1e-9 && (settings.ratio - 2.0).abs() < 1e-9);
    assert!(problem("compare: { ratio: 1 }").contains("`1` is not a number over 1"));
    assert!(problem("compare: { ignore: { arguments: x } }").contains("there is no measure of this name"));
}

#[test]
fn an_explained_difference_has_a_reason_and_an_end() {
    let known = "measure: tool_arguments, path: find.limit, value: '50', reason: the new default, until: 2999-12-31";
    let settings = settings(&format!("explained: [ {{ {known} }} ]"));
    assert_eq!(settings.explained[0].reason, "the new default");
    let message = problem("explained: [ { measure: tool_arguments, path: x, until: 2999-12-31 } ]");
    assert!(message.contains("explained[0].reason: is missing; write why the difference is meant"), "{message}");
    let message = problem("explained: [ { measure: tool_arguments, path: x, reason: y } ]");
    assert!(message.contains("explained[0].until: is missing"), "{message}");
    assert!(
        problem(&format!("explained: [ {{ {} }} ]", known.replace("2999-12-31", "soon")))
            .contains("`soon` is not a date")
    );
}

#[test]
fn an_explained_difference_that_has_expired_is_told() {
    let text = with_route(
        "{ name: r, split: { legacy: 1, app: 0 }, shadow: { to: app, sample: 10%, side_effects: none, explained: [ { measure: outcome, path: '**', reason: x, until: 2020-01-01 } ] } }",
    );
    let warnings: Vec<_> = good(&text).warnings.iter().map(|warning| warning.in_file("")).collect();
    assert!(warnings.iter().any(|warning| warning.contains("explained[0].until: has passed")), "{warnings:?}");
}
