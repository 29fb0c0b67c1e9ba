//! `shadow`: which requests of a route are mirrored, to whom, and what a copy may do and cost.

use std::time::Duration;

use http::HeaderName;

use super::backend::Declared;
use super::credential::Credential;
use super::judging;
use super::node::{Fields, Node};
use super::opinions::{self, Asking};
use super::pattern::Pattern;
use super::record::Record;
use super::route::{Share, is_field};
use super::split;
use crate::compare::Settings;

const SHARE: &str = "a share in percent such as `10%`, `0.5%` or `100%`";

/// What is to be said of a mirrored agent, and why nobody but the operator can say it.
const SIDE_EFFECTS: &str = "what a second run of the agent does to the world, which no request tells: `none` (the agent \
                            only reads, so every sampled request is mirrored), `marked` (only requests that match \
                            `safe:` are mirrored) or `accepted` (it acts, and acting twice is accepted)";

const SAFE: &str = "what marks a request as safe to run twice, such as `{ header: { x-read-only: 'true' } }`, `{ caller: \
                    tests }` or `{ body: { custom_inputs.read_only: 'true' } }`";

const REWRITE: &str = "a list of body fields such as `[ custom_inputs.user_id ]`";

/// Most of anything that is counted here.
const MOST: u64 = 1_000_000_000_000;

/// The mirror of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Shadow {
    /// The candidate's place in [`Config::backends`](super::Config::backends).
    pub to: usize,
    /// Share of the conversations that is mirrored, in hundredths of a percent.
    pub sample: u32,
    /// Share of the mirrored requests that the primary is asked a second time, in hundredths of a percent.
    pub noise: u32,
    /// What acting twice does.
    pub side_effects: SideEffects,
    /// Whether a copy may carry the token of whoever sent the request.
    pub pass_caller_token: bool,
    /// Further fields that name a state of the live agent's, so that a copy gets names of its own there.
    pub rewrite: Vec<String>,
    /// Longest time for a copy, from its call to its answer's end.
    pub deadline: Duration,
    /// What copies may take at a time.
    pub limits: ShadowLimits,
    /// What copies may take in a day.
    pub budget: Budget,
    /// When two answers are the same, and what is tolerated.
    pub judging: Settings,
    /// What is kept of them.
    pub record: Record,
    /// Who is asked about them.
    pub opinions: Vec<Asking>,
}

/// What a second run of the agent does to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SideEffects {
    /// Nothing: it only reads.
    None,
    /// Something, but not for requests with these marks.
    Marked(Safe),
    /// Something, and that is accepted.
    Accepted,
}

/// The marks of a request that is safe to run twice: all that are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Safe {
    /// Headers with what they must say.
    pub headers: Vec<(HeaderName, Pattern)>,
    /// Callers of whom it must be one, if there are any.
    pub callers: Vec<Pattern>,
    /// Fields of the body with what they must say.
    pub body: Vec<(String, Pattern)>,
}

/// What copies may take at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowLimits {
    /// Copies that wait.
    pub queue: usize,
    /// Bytes that all waiting copies hold, with the answers that they will be compared with.
    pub queue_bytes: usize,
    /// Copies on their way.
    pub concurrency: usize,
    /// Copies that are sent in a second.
    pub per_second: u32,
    /// Bytes of a request.
    pub body: usize,
    /// Bytes of an answer.
    pub answer: usize,
}

impl Default for ShadowLimits {
    fn default() -> Self {
        Self { queue: 256, queue_bytes: 64 << 20, concurrency: 16, per_second: 10, body: 1 << 20, answer: 1 << 20 }
    }
}

/// What copies may take in a day (of UTC), on each replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Copies.
    pub requests: u64,
    /// Tokens of copies and their answers.
    pub tokens: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { requests: 10_000, tokens: 10_000_000 }
    }
}

impl Shadow {
    /// Reads the mirror of a route with this split; the split and the backends are none if they could not be read.
    pub(super) fn read(node: &Node<'_>, split: Option<&[Share]>, backends: Option<&[Declared<'_>]>) -> Option<Self> {
        let mut keys = vec![
            "to",
            "sample",
            "noise",
            "side_effects",
            "safe",
            "pass_caller_token",
            "rewrite",
            "deadline",
            "limits",
            "budget",
            "record",
            "opinions",
        ];
        keys.extend(judging::KEYS);
        let fields = node.fields(&keys)?;
        let to = fields.required("to", "the name of the backend that gets the copies").and_then(|node| {
            let to = split::find(node, node.text("the name of a backend")?.value.as_str(), backends?)?;
            check_candidate(node, to, split)?;
            Some(to)
        });
        let sample = fields.required("sample", SHARE).and_then(share);
        let noise = fields.or("noise", 0, share);
        let side_effects = side_effects(&fields);
        let pass_caller_token = fields.or("pass_caller_token", false, Node::flag);
        let rewrite = fields.or("rewrite", Vec::new(), rewrite);
        let deadline = fields.or("deadline", Duration::from_secs(120), Node::deadline);
        let limits = fields.or("limits", ShadowLimits::default(), ShadowLimits::read);
        let budget = fields.or("budget", Budget::default(), Budget::read);
        let judging = judging::read(&fields);
        let record = fields.or("record", Record::default(), Record::read);
        let opinions = fields.or("opinions", Vec::new(), |node| opinions::read(node, backends));
        if let (Some(judging), Some(opinions)) = (&judging, &opinions) {
            opinions::check_gates(fields.optional("gates"), opinions, judging)?;
        }
        warn_of_token(fields.optional("to"), to, pass_caller_token, backends);
        Some(Self {
            to: to?,
            sample: sample?,
            noise: noise?,
            side_effects: side_effects?,
            pass_caller_token: pass_caller_token?,
            rewrite: rewrite?,
            deadline: deadline?,
            limits: limits?,
            budget: budget?,
            judging: judging?,
            record: record?,
            opinions: opinions?,
        })
    }
}

/// A candidate may have a part of the split, or none; it may not be all there is.
fn check_candidate(node: &Node<'_>, to: usize, split: Option<&[Share]>) -> Option<()> {
    let others = |share: &&Share| share.backend != to;
    let Some(split) = split else { return Some(()) };
    if split.iter().filter(others).count() == 0 {
        return node.problem(
            "is the only backend of the split, so there is nobody to compare it with; name another one here, or add the \
             one that answers now to `split`",
        );
    }
    if split.iter().filter(others).all(|share| share.basis_points == 0) {
        node.warn("answers every request itself as the split stands, so nothing is mirrored");
    }
    Some(())
}

/// The caller's token is withheld from copies, so a candidate that takes nothing else gets none.
fn warn_of_token(
    node: Option<&Node<'_>>,
    to: Option<usize>,
    pass_caller_token: Option<bool>,
    backends: Option<&[Declared<'_>]>,
) {
    let candidate = to.and_then(|to| backends?.get(to)?.backend.as_ref());
    if let (Some(node), Some(candidate), Some(false)) = (node, candidate, pass_caller_token)
        && matches!(candidate.credential, Credential::Caller | Credential::Exchange(_))
    {
        node.warn(
            "is called with its caller's token, which is withheld from copies, so nothing is mirrored; give it a \
             credential of its own, or write `pass_caller_token: true`",
        );
    }
}

pub(super) fn share(node: &Node<'_>) -> Option<u32> {
    node.parsed(SHARE, |text| {
        let number = text.strip_suffix('%')?.trim_end();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 3) || !digits(decimals, 2) {
            return None;
        }
        format!("{whole}{decimals:0<2}").parse().ok().filter(|share| *share <= split::WHOLE)
    })
}

fn side_effects(fields: &Fields<'_>) -> Option<SideEffects> {
    let safe = fields.or("safe", None, |node| Safe::read(node).map(Some));
    let node = fields.required("side_effects", SIDE_EFFECTS)?;
    let words = [("none", 'n'), ("marked", 'm'), ("accepted", 'a')];
    let unmarked = |side_effects| match fields.optional("safe") {
        Some(node) => node.problem("has a meaning with `side_effects: marked` alone; write that, or remove this"),
        None => Some(side_effects),
    };
    match node.word("choice", &words)? {
        'n' => unmarked(SideEffects::None),
        'a' => unmarked(SideEffects::Accepted),
        _ => match safe? {
            Some(safe) => Some(SideEffects::Marked(safe)),
            None => node.problem(format!("`marked` needs `safe:` beside it: {SAFE}")),
        },
    }
}

impl Safe {
    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["header", "caller", "body"])?;
        let headers = fields.or("header", Vec::new(), |node| {
            marks(node, "headers such as `{ x-read-only: 'true' }`", |name| HeaderName::try_from(name).ok())
        });
        let callers = fields.or("caller", Vec::new(), |node| {
            Some(node.texts("a caller such as `ci`, or a list of them")?.into_iter().map(Pattern::new).collect())
        });
        let body = fields.or("body", Vec::new(), |node| {
            let field = |name: &str| name.split('.').all(is_field).then(|| name.to_owned());
            marks(node, "fields such as `{ custom_inputs.read_only: 'true' }`", field)
        });
        let safe = Self { headers: headers?, callers: callers?, body: body? };
        if safe == Self::default() {
            return node.problem(format!("asks for nothing, so every request would be safe; write {SAFE}"));
        }
        Some(safe)
    }
}

/// Names with what each must say.
fn marks<N>(node: &Node<'_>, wanted: &str, name: impl Fn(&str) -> Option<N>) -> Option<Vec<(N, Pattern)>> {
    let marks = node.entries(wanted)?.into_iter().map(|(key, node)| {
        let Some(name) = name(&key) else { return node.problem(format!("`{key}` cannot be one of {wanted}")) };
        Some((name, Pattern::new(node.text("what it must say")?.value.as_str())))
    });
    marks.collect::<Vec<_>>().into_iter().collect()
}

fn rewrite(node: &Node<'_>) -> Option<Vec<String>> {
    let field = |node: &Node<'_>| {
        node.parsed("a field such as `custom_inputs.user_id`", |text| {
            text.split('.').all(is_field).then(|| text.to_owned())
        })
    };
    node.items(REWRITE)?.iter().map(field).collect::<Vec<_>>().into_iter().collect()
}

impl ShadowLimits {
    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.fields(&["queue", "queue_bytes", "concurrency", "per_second", "body", "answer"])?;
        let default = Self::default();
        let queue = fields.or("queue", default.queue, |node| count(node, 100_000));
        let queue_bytes = fields.or("queue_bytes", default.queue_bytes, Node::size);
        let concurrency = fields.or("concurrency", default.concurrency, |node| count(node, 10_000));
        let per_second = fields.or("per_second", default.per_second, |node| count(node, 100_000));
        let body = fields.or("body", default.body, Node::size);
        let answer = fields.or("answer", default.answer, Node::size);
        Some(Self {
            queue: queue?,
            queue_bytes: queue_bytes?,
            concurrency: concurrency?,
            per_second: per_second?,
            body: body?,
            answer: answer?,
        })
    }
}

impl Budget {
    fn read(node: &Node<'_>) -> Option<Self> {
        Self::read_over(node, Self::default())
    }

    /// What is not said is as in `default`.
    pub(super) fn read_over(node: &Node<'_>, default: Self) -> Option<Self> {
        let fields = node.fields(&["requests", "tokens"])?;
        let requests = fields.or("requests", default.requests, |node| count(node, MOST));
        let tokens = fields.or("tokens", default.tokens, |node| count(node, MOST));
        Some(Self { requests: requests?, tokens: tokens? })
    }
}

/// A number from one to `most`.
fn count<T: TryFrom<u64>>(node: &Node<'_>, most: u64) -> Option<T> {
    let wanted = format!("a whole number from 1 to {most}");
    node.parsed(&wanted, |text| {
        let number: u64 = text.parse().ok()?;
        T::try_from(number).ok().filter(|_| (1..=most).contains(&number))
    })
}
