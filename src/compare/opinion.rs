//! Measures that need a model's opinion: without IO, each says what to ask next and what follows from what was answered.

use serde_json::Value;

use super::finding::shortened;
use super::{Finding, Measure, Observed, Outcome, Settings};

/// Most bytes of a text that a model gets to read.
const LONGEST: usize = 16 << 10;

/// A measure that needs a model's opinion. Its [`compare`](Measure::compare) has none, and compares nothing.
pub trait Opinion: Measure {
    /// The body of the next question, without its model; none when everything has been asked. `answered` holds the bodies
    /// of the answers so far.
    fn ask(&self, pair: &Pair<'_>, answered: &[Value]) -> Option<Value>;

    /// What follows from the answers to all questions.
    fn finding(&self, pair: &Pair<'_>, answered: &[Value], settings: &Settings) -> Finding;

    /// Whether the primary's two answers are to be asked about as well.
    fn asks_about_noise(&self) -> bool {
        self.basis() == super::Basis::Noise
    }
}

/// Two answers that a model is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// What the person said last.
    pub asked: &'a str,
    /// The primary's answer.
    pub left: &'a Observed,
    /// The other one.
    pub right: &'a Observed,
    /// By chance: the right one is shown first.
    pub swapped: bool,
}

/// Where a finding tells that a model's answer was none.
pub const NONSENSE: &str = "nonsense";

/// The model answered something that is no answer: it decides nothing, and is counted as what it is.
pub(super) fn nonsense(measure: &'static str, said: &str, settings: &Settings) -> Finding {
    let mut differences = super::Differences::new(measure, settings);
    differences.note(NONSENSE, "", &shortened(said));
    Finding { outcome: Outcome::NotApplicable, ..differences.finding() }
}

/// Both answered, and not the same: where they did not there is nothing to ask about, and where it is clear nothing need
/// be asked.
pub(super) fn is_open(pair: &Pair<'_>) -> bool {
    super::both_answered(pair.left, pair.right) && told(pair.left) != told(pair.right)
}

/// An answer as a model is shown it: what was said, and which tools were called with what.
pub(super) fn told(side: &Observed) -> String {
    let calls = side.calls().map(|(name, arguments)| format!("[calls {name}({arguments})]\n"));
    let text = calls.chain([side.text()]).collect::<String>();
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}
