//! `opinions`: which models are asked about pairs of answers, about how many of them, and what that may cost.

use super::backend::Declared;
use super::credential::Credential;
use super::judging;
use super::node::Node;
use super::shadow::{Budget, share};
use super::split;
use crate::compare::{OPINIONS, Settings};

const WANTED: &str = "measures with who is asked, such as `{ llm_judge: { backend: judge, sample: 10% } }`";

/// What asking may take in a day, unless the config says otherwise.
const DAY: Budget = Budget { requests: 1_000, tokens: 1_000_000 };

/// A model that is asked about pairs of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// The measure that it is asked for.
    pub measure: &'static str,
    /// Its place in [`Config::backends`](super::Config::backends).
    pub backend: usize,
    /// Share of the pairs that it is asked about, in hundredths of a percent.
    pub sample: u32,
    /// What that may take in a day (of UTC), on each replica.
    pub budget: Budget,
}

/// Reads who is asked.
pub(super) fn read(node: &Node<'_>, backends: Option<&[Declared<'_>]>) -> Option<Vec<Asking>> {
    let entries = node.entries(WANTED)?.into_iter().map(|(name, node)| {
        let Some(opinion) = OPINIONS.iter().find(|opinion| opinion.name() == name) else {
            let names: Vec<_> = OPINIONS.iter().map(|opinion| opinion.name()).collect();
            return node.problem(format!("no model is asked for this; write one of {}", names.join(", ")));
        };
        let fields = node.fields(&["backend", "sample", "budget"])?;
        let backend = fields.required("backend", "the name of the backend that is asked, an OpenAI-compatible one");
        let backend = backend.and_then(|node| {
            let place = split::find(node, node.text("the name of a backend")?.value.as_str(), backends?)?;
            check(node, backends?.get(place)?)?;
            Some(place)
        });
        let sample = fields.or("sample", split::WHOLE, share);
        let budget = fields.or("budget", DAY, |node| Budget::read_over(node, DAY));
        Some(Asking { measure: opinion.name(), backend: backend?, sample: sample?, budget: budget? })
    });
    entries.collect::<Vec<_>>().into_iter().collect()
}

/// Whoever is asked is no agent of the route, and no caller is there whose token it could be shown.
fn check(node: &Node<'_>, declared: &Declared<'_>) -> Option<()> {
    let Some(backend) = &declared.backend else { return Some(()) };
    if backend.dialect.name() != "chat_completions" {
        return node.problem(format!(
            "speaks {}; who is asked here is OpenAI-compatible: write `dialect: chat_completions` there, with the URL that \
             questions are POSTed to (`.../chat/completions`, or `.../embeddings`)",
            backend.dialect.name()
        ));
    }
    if matches!(backend.credential, Credential::Caller | Credential::CallerOr(_) | Credential::Exchange(_)) {
        return node.problem(
            "is called with its caller's token, and nobody calls here; give it a credential of its own, such as `{ token: \
             '${env:JUDGE_TOKEN}' }`, or `none`",
        );
    }
    Some(())
}

/// A gate of which nobody is asked would hold up every verdict.
pub(super) fn check_gates(node: Option<&Node<'_>>, opinions: &[Asking], judging: &Settings) -> Option<()> {
    let asked = |name: &str| opinions.iter().any(|asking| asking.measure == name);
    let unasked = OPINIONS
        .iter()
        .map(|opinion| opinion.name())
        .find(|name| judging.gates.iter().any(|(gate, settings)| gate == name && settings.gates) && !asked(name));
    match (node, unasked) {
        (Some(node), Some(name)) => node.problem(format!(
            "{name} is to decide, and no model is asked for it; write `opinions: {{ {name}: {{ backend: ... }} }}` beside it"
        )),
        _ => Some(()),
    }
}

/// What a plan says of it.
pub(super) fn plan(opinions: &[Asking], name: impl Fn(usize) -> String) -> impl Iterator<Item = String> {
    opinions.iter().map(move |asking| {
        let Asking { measure, backend, sample, budget } = asking;
        let share = judging::percent(f64::from(*sample) / f64::from(split::WHOLE));
        format!(
            "{} about {share} of the pairs, for {measure}: at most {} requests and {} tokens a day",
            name(*backend),
            budget.requests,
            budget.tokens
        )
    })
}
