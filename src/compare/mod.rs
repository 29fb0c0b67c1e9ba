//! Whether two answers to one request say and do the same: the measures, one file each, without statistics and without IO.
//!
//! Both sides are lifted into an [`Observed`] first, so the wire formats are gone before anything is compared and any
//! dialect compares with any other. Each [`Measure`] then looks at one thing and returns a [`Finding`]; all of them
//! together are a [`Comparison`], which is small, bounded and serialisable. Whether what was found is more than the
//! primary's own randomness is for [`judge`](crate::judge).
//!
//! This room is off the request path: it may take its time and build JSON trees.

use crate::compare::finding::Differences;

mod citations;
mod comparison;
mod custom_outputs;
mod embedding;
mod error_class;
mod finding;
mod finish_reason;
mod first_token;
mod json;
mod json_answer;
mod length;
mod llm_judge;
mod mentions;
mod observed;
mod opinion;
mod outcome;
mod path;
mod protocol;
mod ratio;
mod refusal;
mod settings;
mod text_dates;
mod text_exact;
mod text_links;
mod text_names;
mod text_numbers;
mod text_similarity;
mod text_words;
mod tokens;
mod tool_arguments;
mod tool_names;
mod tool_order;
mod total_time;
mod watch;
mod words;

pub use comparison::Comparison;
pub use finding::{Difference, Finding, Outcome};
pub use observed::{Failure, Fault, Observed, Said, Tokens};
pub use opinion::{NONSENSE, Opinion, Pair};
pub use path::Path;
pub use settings::{Explained, Gate, Settings};
pub use watch::{Watch, kind as fault};

/// Every measure, cheapest layer first. A new one is a file in this folder and a line here.
pub static ALL: &[&dyn Measure] = &[
    &outcome::Outcome,
    &error_class::ErrorClass,
    &first_token::FirstToken,
    &total_time::TotalTime,
    &tokens::Tokens,
    &protocol::Protocol,
    &finish_reason::FinishReason,
    &tool_names::ToolNames,
    &tool_arguments::ToolArguments,
    &tool_order::ToolOrder,
    &citations::Citations,
    &custom_outputs::CustomOutputs,
    &json_answer::JsonAnswer,
    &refusal::Refusal,
    &text_exact::TextExact,
    &text_words::TextWords,
    &text_numbers::TextNumbers,
    &text_dates::TextDates,
    &text_links::TextLinks,
    &text_names::TextNames,
    &text_similarity::TextSimilarity,
    &length::Length,
];

/// Measures for which a model is asked, on routes that say so. A new one is a file in this folder and a line here.
pub static OPINIONS: &[&dyn Opinion] = &[&embedding::Embedding, &llm_judge::LlmJudge];

/// Every measure, those for which a model is asked behind the others.
pub fn measures() -> impl Iterator<Item = &'static dyn Measure> {
    ALL.iter().copied().chain(OPINIONS.iter().map(|opinion| *opinion as &dyn Measure))
}

/// A measure by its name.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Measure> {
    measures().find(|measure| measure.name() == name)
}

/// One thing in which two answers may differ.
pub trait Measure: Sync {
    /// What is known of it before it has looked at anything.
    fn facts(&self) -> &'static Facts;

    /// Its name in the config, in reports, records and metrics.
    fn name(&self) -> &'static str {
        self.facts().name
    }

    /// What it looks at, in a few words for a person.
    fn about(&self) -> &'static str {
        self.facts().about
    }

    /// What a difference is held against.
    fn basis(&self) -> Basis {
        self.facts().basis
    }

    /// How much of it is tolerated unless the config says otherwise.
    fn gate(&self) -> Gate {
        self.facts().gate
    }

    /// Looks at both sides. `left` is the primary; `right` the candidate, or the primary's second answer.
    fn compare(&self, left: &Observed, right: &Observed, settings: &Settings) -> Finding;
}

/// What is known of a measure before it has looked at anything.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Its name in the config, in reports, records and metrics.
    pub name: &'static str,
    /// What it looks at, in a few words for a person.
    pub about: &'static str,
    /// Where it stands among the others.
    pub layer: Layer,
    /// What a difference is held against.
    pub basis: Basis,
    /// How much of it is tolerated unless the config says otherwise.
    pub gate: Gate,
}

/// The layers of a comparison, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Whether and how fast an answer came.
    Transport,
    /// Whether its stream was legal.
    Protocol,
    /// What was done, and in which shape.
    Structure,
    /// What was said.
    Text,
}

impl Layer {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Protocol => "protocol",
            Self::Structure => "structure",
            Self::Text => "text",
        }
    }
}

/// What a difference is held against before it counts against the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The two disagree: held against how often the primary disagrees with itself when it is asked twice.
    Noise,
    /// One of the two is worse, and both can be seen by themselves: how often the candidate is the worse one is held
    /// against how often the primary is. Needs nobody to be asked twice.
    Worse,
    /// As `Worse`, but neither direction is the better one.
    Shifted,
    /// Something that must not happen at all, whatever the primary does.
    Never,
}

/// How an answer is made says nothing where there is none.
fn both_answered(left: &Observed, right: &Observed) -> bool {
    left.failure.is_none() && right.failure.is_none()
}

/// Where one side answers and the other refuses, that is what they differ in; the words of the two say nothing more.
fn both_spoke(left: &Observed, right: &Observed) -> bool {
    both_answered(left, right) && refusal::refuses(left) == refusal::refuses(right)
}

/// Compares two sides by every measure.
#[must_use]
pub fn compare(left: &Observed, right: &Observed, settings: &Settings) -> Comparison {
    ALL.iter().map(|measure| (measure.name(), measure.compare(left, right, settings))).collect()
}
