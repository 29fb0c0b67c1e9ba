//! Which pairs of answers are worth a person's time, and how an answer reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::Example;
use crate::compare::{Observed, Said};
use crate::judge::{Judgement, Verdict};

impl Example {
    /// How bad it looks: what fails weighs most, then what gates; what is mostly noise weighs little.
    pub(super) fn badness(&self, judgement: &Judgement) -> f64 {
        let weight = |measure: &str| {
            let Some(judged) = judgement.measures.iter().find(|judged| judged.measure == measure) else { return 0.0 };
            let verdict = match judged.verdict {
                Verdict::Fail => 100.0,
                Verdict::Marginal => 10.0,
                Verdict::Insufficient | Verdict::Pass => 1.0,
            };
            let surprise = 1.0 - judged.noise.unwrap_or(0.0).min(judged.raw);
            verdict * surprise * if judged.gates { 10.0 } else { 1.0 }
        };
        self.comparison.different().map(weight).sum()
    }

    /// The differences that decided, as measure, place, and what each side has there.
    pub(super) fn telling(&self, judgement: &Judgement) -> Vec<[&str; 4]> {
        let decided = |measure: &str| {
            let judged = judgement.measures.iter().find(|judged| judged.measure == measure);
            judged.is_some_and(|judged| judged.gates && matches!(judged.verdict, Verdict::Fail | Verdict::Marginal))
        };
        let findings = self.comparison.findings().filter(|(measure, _)| decided(measure));
        let all = findings.flat_map(|(measure, finding)| {
            let unexplained = finding.differences.iter().filter(|difference| difference.explained.is_none());
            unexplained.map(move |difference| {
                let place = Some(difference.path.as_str()).filter(|path| !super::SAYS_NOTHING.contains(path));
                [measure, place.unwrap_or_default(), difference.left.as_str(), difference.right.as_str()]
            })
        });
        all.take(MOST_TOLD).collect()
    }

    /// In what it differs, as far as that decides: measures and places.
    fn kind(&self, judgement: &Judgement) -> Vec<(String, String)> {
        let gates = |measure: &str| judgement.measures.iter().any(|judged| judged.gates && judged.measure == measure);
        let findings = self.comparison.findings().filter(|(measure, _)| gates(measure));
        let places = findings.flat_map(|(measure, finding)| {
            finding.differences.iter().map(move |difference| (measure.to_owned(), difference.path.clone()))
        });
        places.collect()
    }

    /// The measures by which it differs, the one that says most first.
    pub(super) fn measures(&self, judgement: &Judgement) -> Vec<String> {
        let mut measures: Vec<_> = self.comparison.different().map(str::to_owned).collect();
        let noise = |measure: &str| {
            let judged = judgement.measures.iter().find(|judged| judged.measure == measure);
            judged.map_or(1.0, |judged| {
                let failing = if judged.verdict == Verdict::Fail { 0.0 } else { 2.0 };
                failing + if judged.gates { 0.0 } else { 1.0 } + judged.noise.unwrap_or(0.0)
            })
        };
        measures.sort_by(|a, b| noise(a).total_cmp(&noise(b)));
        measures
    }
}

/// Most differences that are told before the answers are shown.
const MOST_TOLD: usize = 4;

/// Most examples that differ in the same.
const ALIKE: usize = 2;

/// The worst examples, such that of the measures by which the two differ for certain each is shown first once, and that
/// what differs in the same places is shown twice only if there is nothing else to show.
pub(super) fn varied(sorted: Vec<Example>, judgement: &Judgement, most: usize) -> Vec<Example> {
    let (mut shown, mut kinds) = (BTreeSet::new(), BTreeMap::<Vec<(String, String)>, usize>::new());
    let (mut first, mut rest, mut alike) = (Vec::new(), Vec::new(), Vec::new());
    let differs = |measure: &str| {
        let judged = judgement.measures.iter().find(|judged| judged.measure == measure);
        judged.is_some_and(|judged| matches!(judged.verdict, Verdict::Fail | Verdict::Marginal))
    };
    for example in sorted {
        let leading = example.measures(judgement).into_iter().next().filter(|measure| differs(measure));
        let times = kinds.entry(example.kind(judgement)).or_default();
        *times += 1;
        if leading.is_some_and(|measure| shown.insert(measure)) {
            first.push(example);
        } else if *times <= ALIKE {
            rest.push(example);
        } else {
            alike.push(example);
        }
    }
    first.into_iter().chain(rest).chain(alike).take(most).collect()
}

/// Most bytes of an answer that are shown.
const LONGEST: usize = 6_000;

/// How an answer reads: what was called, what was said, and how it ended.
pub(super) fn readable(side: &Observed) -> String {
    let mut text = String::new();
    for item in &side.items {
        // Writing to a string cannot fail.
        let _ = match item {
            Said::Message { text: said, citations } => {
                let _ = writeln!(text, "{said}");
                citations.iter().try_for_each(|citation| writeln!(text, "▸ cites {}", source(citation)))
            }
            Said::Refusal { text: said } => writeln!(text, "▸ refuses\n{said}"),
            Said::Call { name, arguments, .. } => writeln!(text, "▸ calls {name}\n{}", pretty(arguments)),
            Said::Output { name, text: said } => writeln!(text, "▸ {name} answered\n{said}"),
            Said::Reasoning { text: said } => writeln!(text, "▸ thinks\n{said}"),
            Said::Other { kind } => writeln!(text, "▸ {kind}"),
        };
    }
    if let Some(outputs) = &side.custom_outputs {
        let _ = writeln!(text, "▸ custom outputs\n{}", serde_json::to_string_pretty(outputs).unwrap_or_default());
    }
    if let Some(failure) = &side.failure {
        let _ = writeln!(text, "▸ failed: {}\n{}", failure.code, failure.message);
    }
    for fault in &side.faults {
        let _ = writeln!(text, "▸ broke its format: {}\n{}", fault.name, fault.detail);
    }
    if let Some(finish) = side.finish.as_deref().filter(|finish| *finish != "stop") {
        let _ = writeln!(text, "▸ ended: {finish}");
    }
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    if end < text.len() {
        text.truncate(end);
        text.push_str("\n▸ and more");
    }
    text.truncate(text.trim_end().len());
    text
}

fn source(citation: &Value) -> String {
    let named = ["url", "file_id", "doc_uri", "filename", "title"].iter().find_map(|key| citation.get(key)?.as_str());
    named.map_or_else(|| citation.to_string(), str::to_owned)
}

fn pretty(arguments: &str) -> String {
    let value: Result<Value, _> = serde_json::from_str(arguments);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| arguments.to_owned())
}
