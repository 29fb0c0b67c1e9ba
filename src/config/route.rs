//! `routes`: which requests go where, in which shares, and what clients see.

use http::HeaderName;

use super::allow::Allow;
use super::backend::Declared;
use super::deadlines::RouteTimeouts;
use super::fallback::Fallback;
use super::node::{Fields, Node};
use super::pattern::Pattern;
use super::retry::Retry;
use super::shadow::Shadow;
use super::split;
use crate::dialect::{ALL, Dialect};

/// What to write under `routes`.
pub(super) const CHOICES: &str = "a list of routes such as `[ { name: support, split: { legacy: 95, app: 5 } } ]`";

const STICKY: &str = "a list of places such as `[ custom_inputs.thread_id, header:x-session-id ]`";

const ANSWERS: [(&str, AnswerShape); 3] =
    [("both", AnswerShape::Both), ("openai", AnswerShape::OpenAi), ("legacy", AnswerShape::Legacy)];

/// The dialects that a client may know as chat from before OpenAI paths.
const LEGACY: [&str; 2] = ["chat_agent", "chat_model"];

/// What a route may say.
const KEYS: [&str; 12] = [
    "name",
    "match",
    "allow",
    "split",
    "sticky",
    "answer",
    "legacy_dialect",
    "show_server_tools",
    "timeouts",
    "retry",
    "fallback",
    "shadow",
];

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name in headers, logs and metrics.
    pub name: String,
    /// Which requests it takes.
    pub rule: Rule,
    /// Which callers it is for.
    pub allow: Allow,
    /// Its backends, in the order of the file.
    pub split: Vec<Share>,
    /// Where the key of a conversation is looked for; none: every explicit conversation id; empty: nowhere.
    pub sticky: Option<Vec<String>>,
    /// In which shape `chat/completions` answers.
    pub answer: AnswerShape,
    /// The legacy chat dialect of its clients: as the file says, or that of the first backend of the split that speaks
    /// one, whatever its weight, so that it stays the same when the last request has moved.
    pub legacy_dialect: Option<&'static dyn Dialect>,
    /// Whether clients on OpenAI paths see the calls that the agent ran itself.
    pub show_server_tools: bool,
    /// How long its backends may take, where that is not what they say themselves.
    pub timeouts: RouteTimeouts,
    /// What it sends again.
    pub retry: Retry,
    /// Who answers when the backend of the split does not.
    pub fallback: Option<Fallback>,
    /// Its mirror, if it has one.
    pub shadow: Option<Shadow>,
}

/// Which requests a route takes: those that fit every pattern there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The model that is asked for.
    pub model: Option<Pattern>,
    /// The path of the request.
    pub path: Option<Pattern>,
}

/// A backend's share of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The backend's place in [`Config::backends`](super::Config::backends).
    pub backend: usize,
    /// Hundredths of a percent; those of a route sum to 10,000.
    pub basis_points: u32,
}

/// In which shape `chat/completions` answers on a route with a legacy chat backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerShape {
    /// The OpenAI shape with the legacy fields beside it.
    #[default]
    Both,
    /// The OpenAI shape alone.
    OpenAi,
    /// The legacy shape alone.
    Legacy,
}

/// Reads all routes; `backends` is none if they could not be read themselves.
pub(super) fn read_all(node: &Node<'_>, backends: Option<&[Declared<'_>]>) -> Option<Vec<Route>> {
    let items = node.items(CHOICES)?;
    if items.is_empty() {
        return node.problem(format!("is empty; write {CHOICES}"));
    }
    let read: Vec<_> = items.iter().map(|item| (item, Route::read(item, backends))).collect();
    let whole: Vec<_> = read.iter().filter_map(|(node, route)| Some((*node, route.as_ref()?))).collect();
    check_names(&whole);
    check_reach(&whole);
    read.into_iter().map(|(_, route)| route).collect()
}

fn check_names(routes: &[(&Node<'_>, &Route)]) {
    for (place, (node, route)) in routes.iter().enumerate() {
        let earlier = routes.iter().take(place).find(|(_, earlier)| earlier.name == route.name);
        if let Some((first, _)) = earlier {
            node.problem::<()>(format!(
                "the name `{}` is taken by {}; every route needs its own",
                route.name,
                first.place()
            ));
        }
    }
}

fn check_reach(routes: &[(&Node<'_>, &Route)]) {
    for (place, (node, route)) in routes.iter().enumerate() {
        let earlier = routes.iter().take(place).find(|(_, earlier)| earlier.rule.covers(&route.rule));
        if let Some((first, winner)) = earlier {
            node.problem::<()>(format!(
                "route `{}` can never match: route `{}`, {}, comes first and matches everything that it does; move one \
                 of them or narrow its `match`",
                route.name,
                winner.name,
                first.place()
            ));
        }
    }
}

impl Route {
    fn read(node: &Node<'_>, backends: Option<&[Declared<'_>]>) -> Option<Self> {
        let fields = node.fields(&KEYS)?;
        let name = fields.required("name", "a name such as `support`").and_then(Node::name);
        let rule = fields.or("match", Rule::default(), Rule::read);
        let allow = fields.or("allow", Allow::default(), Allow::read);
        let split = fields.required("split", split::CHOICES).and_then(|node| split::read(node, backends));
        let sticky = fields.or("sticky", None, |node| sticky(node).map(Some));
        let legacy_clients = legacy_clients(&fields, split.as_deref(), backends);
        let answer = fields.or("answer", AnswerShape::default(), |node| answer(node, legacy_clients));
        let show_server_tools = fields.or("show_server_tools", false, Node::flag);
        let timeouts = fields.or("timeouts", RouteTimeouts::default(), RouteTimeouts::read);
        let retry = fields.or("retry", Retry::default(), Retry::read);
        let fallback = fields.or("fallback", None, |node| Fallback::read(node, backends, split.as_deref()).map(Some));
        let shadow = fields.or("shadow", None, |node| Shadow::read(node, split.as_deref(), backends).map(Some));
        Some(Self {
            name: name?,
            rule: rule?,
            allow: allow?,
            split: split?,
            sticky: sticky?,
            answer: answer?,
            legacy_dialect: legacy_clients?.0,
            show_server_tools: show_server_tools?,
            timeouts: timeouts?,
            retry: retry?,
            fallback: fallback?,
            shadow: shadow?,
        })
    }
}

impl Rule {
    fn read(node: &Node<'_>) -> Option<Self> {
        // `match:` with nothing below it is what is left when its lines are commented out: everything matches.
        if node.is_null() {
            return Some(Self::default());
        }
        let fields = node.fields(&["model", "path"])?;
        let model = fields.or("model", None, |node| Some(Some(pattern(node, "the name of a model")?)));
        let path = fields.or("path", None, |node| path(node).map(Some));
        Some(Self { model: model?, path: path? })
    }

    /// Whether this rule takes everything that the other one would.
    fn covers(&self, other: &Self) -> bool {
        let covers = |ours: &Option<Pattern>, theirs: &Option<Pattern>| match (ours, theirs) {
            (None, _) => true,
            // Even `*` asks for a model that is named at all.
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => ours.covers(theirs),
        };
        covers(&self.model, &other.model) && covers(&self.path, &other.path)
    }
}

fn pattern(node: &Node<'_>, wanted: &str) -> Option<Pattern> {
    Some(Pattern::new(node.text(wanted)?.value.as_str()))
}

fn path(node: &Node<'_>) -> Option<Pattern> {
    let pattern = pattern(node, "a path such as `/v1/responses` or `/v1/*`")?;
    if pattern.to_string().starts_with(['/', '*']) {
        return Some(pattern);
    }
    node.problem("a path begins with `/`; write `/v1/responses` or `/v1/*`, say")
}

fn sticky(node: &Node<'_>) -> Option<Vec<String>> {
    let places: Vec<_> = node.items(STICKY)?.iter().map(sticky_place).collect();
    places.into_iter().collect()
}

fn sticky_place(node: &Node<'_>) -> Option<String> {
    node.refuse_later("fingerprint")?;
    let wanted = "a field of the body such as `custom_inputs.thread_id`, or a header such as `header:x-session-id`";
    node.parsed(wanted, |text| {
        let fits = match text.strip_prefix("header:") {
            Some(name) => HeaderName::try_from(name).is_ok(),
            None => text.split('.').all(is_field),
        };
        fits.then(|| text.to_owned())
    })
}

pub(super) fn is_field(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What the legacy clients of a route speak, if it has any.
#[derive(Clone, Copy)]
struct LegacyClients(Option<&'static dyn Dialect>);

fn legacy_clients(
    fields: &Fields<'_>,
    split: Option<&[Share]>,
    backends: Option<&[Declared<'_>]>,
) -> Option<LegacyClients> {
    let legacy: Vec<_> = ALL.iter().copied().filter(|dialect| LEGACY.contains(&dialect.name())).collect();
    if let Some(node) = fields.optional("legacy_dialect") {
        let words: Vec<_> = legacy.iter().map(|dialect| (dialect.name(), *dialect)).collect();
        return node.word("legacy chat dialect", &words).map(|dialect| LegacyClients(Some(dialect)));
    }
    // If a backend of the split is not whole, its problem has been noted, and whether it is the one stays open.
    let spoken = split?.iter().map(|share| Some(backends?.get(share.backend)?.backend.as_ref()?.dialect));
    let spoken: Vec<_> = spoken.collect::<Option<_>>()?;
    Some(LegacyClients(spoken.into_iter().find(|dialect| LEGACY.contains(&dialect.name()))))
}

fn answer(node: &Node<'_>, legacy: Option<LegacyClients>) -> Option<AnswerShape> {
    let answer = node.word("answer", &ANSWERS)?;
    if answer == AnswerShape::Legacy && matches!(legacy, Some(LegacyClients(None))) {
        return node.problem(format!(
            "no backend of this route speaks {}, so there is no legacy shape; write `openai`, or add `legacy_dialect`",
            LEGACY.join(" or ")
        ));
    }
    Some(answer)
}
