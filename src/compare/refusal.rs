//! Whether the agent refused to do what it was asked.

use super::{Basis, Differences, Facts, Finding, Gate, Layer, Measure, Observed, Said, Settings, both_answered, words};

/// It refuses where the other one does not.
pub(super) struct Refusal;

impl Measure for Refusal {
    fn facts(&self) -> &'static Facts {
        const {
            &Facts {
                name: "refusal",
                about: "it refuses no more often",
                layer: Layer::Structure,
                basis: Basis::Worse,
                gate: Gate::at(0.005),
            }
        }
    }

    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding {
        if !both_answered(left, right) {
            return Finding::not_applicable();
        }
        let (before, now) = (refusal(left), refusal(right));
        let mut differences = Differences::new(self.name(), settings);
        if before.is_some() != now.is_some() {
            let or_answered = |refused: &Option<String>| refused.clone().unwrap_or_else(|| "answered".to_owned());
            differences.note("refusal", &or_answered(&before), &or_answered(&now));
        }
        let finding = differences.finding();
        if now.is_some() { finding } else { finding.reversed() }
    }
}

/// How refusals begin that do not say that they are one.
const BEGINNINGS: &[&str] = &[
    "i cannot assist",
    "i cannot comply",
    "i cannot help",
    "i can t assist",
    "i can t comply",
    "i can t help",
    "i m not able to help",
    "i m sorry but i can",
    "i m sorry i can",
    "i m unable to help",
    "i am sorry but i can",
    "i am unable to help",
    "i won t help",
    "sorry but i can",
    "sorry i can",
    "unfortunately i can t help",
    "es tut mir leid aber ich kann",
    "dabei kann ich nicht helfen",
    "je suis désolé mais je ne peux",
    "lo siento pero no puedo",
];

/// Whether it is one.
pub(super) fn refuses(side: &Observed) -> bool {
    refusal(side).is_some()
}

/// The refusal of an answer, if it is one.
fn refusal(side: &Observed) -> Option<String> {
    let said = side.items.iter().find_map(|item| match item {
        Said::Refusal { text } => Some(text.clone()),
        _ => None,
    });
    if said.is_some() {
        return said;
    }
    if side.finish.as_deref() == Some("content_filter") {
        return Some("cut off by a filter".to_owned());
    }
    let text = side.text();
    let start: String = words::normal(&text.chars().take(200).collect::<String>());
    BEGINNINGS.iter().any(|beginning| start.starts_with(beginning)).then_some(text)
}
