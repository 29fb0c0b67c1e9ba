//! `match`: which requests a route takes, which rules can never be reached, and which stand in each other's way.

use std::fmt;

use http::HeaderName;

use super::auth::Auth;
use super::body_field;
use super::condition::{self, Condition};
use super::node::Node;
use super::pattern::Pattern;

/// The paths that lead to a route.
pub const PATHS: &[&str] = &[
    "/chat/completions",
    "/invocations",
    "/responses",
    "/serving-endpoints/chat/completions",
    "/serving-endpoints/completions",
    "/serving-endpoints/responses",
    "/v1/chat/completions",
    "/v1/responses",
    NAMED,
];

/// The path that names its endpoint.
const NAMED: &str = "/serving-endpoints/*/invocations";

/// Headers that a rule cannot go by, and what to write instead.
const HEADERS: &[(&str, &str)] = &[
    ("authorization", "who calls is asked for by `caller: { subject: ... }`"),
    ("proxy-authorization", "who calls is asked for by `caller: { subject: ... }`"),
    ("connection", "it belongs to the connection and not to the request"),
    ("content-length", "it belongs to the connection and not to the request"),
    ("transfer-encoding", "it belongs to the connection and not to the request"),
    ("host", "HTTP/2 clients send none; ask for the `path`, or for a header of your own"),
    ("content-type", "every body is read as JSON whatever it says; ask for the `path`, or for a header of your own"),
    ("x-forwarded-user", "we set it and do not read it; who calls is asked for by `caller: { subject: ... }`"),
    ("x-forwarded-email", "we set it and do not read it; who calls is asked for by `caller: { subject: ... }`"),
    (
        "x-forwarded-preferred-username",
        "we set it and do not read it; who calls is asked for by `caller: { subject: ... }`",
    ),
    ("x-cutover-backend", "it is one of answers, not of requests"),
    ("x-cutover-route", "it is one of answers, not of requests"),
    ("x-cutover-dropped", "it is one of answers, not of requests"),
];

/// Which requests a route takes: those that meet every condition there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The model that is asked for.
    pub model: Option<Pattern>,
    /// The path of the request.
    pub path: Option<Pattern>,
    /// Headers, by their names in lower case.
    pub headers: Vec<(HeaderName, Condition)>,
    /// Who calls.
    pub caller: Callers,
    /// Fields of the body, by their dotted paths.
    pub body: Vec<(String, Condition)>,
}

/// Which callers a rule is about; one of each list that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// Their subject, or the name that the config gives them.
    pub subjects: Vec<Pattern>,
    /// A group that they are in.
    pub groups: Vec<Pattern>,
    /// A scope that their token has.
    pub scopes: Vec<Pattern>,
}

impl Rule {
    pub(super) fn read(node: &Node<'_>, auth: Option<&Auth>) -> Option<Self> {
        // `match:` with nothing below it is what is left when its lines are commented out: everything matches.
        if node.is_null() {
            return Some(Self::default());
        }
        let fields = node.fields(&["model", "path", "header", "caller", "body"])?;
        let model = fields.or("model", None, |node| Some(Some(pattern(node, "the name of a model")?)));
        let path = fields.or("path", None, |node| path(node).map(Some));
        let headers = fields.or("header", Vec::new(), headers);
        let caller = fields.or("caller", Callers::default(), |node| Callers::read(node, auth));
        let body = fields.or("body", Vec::new(), body);
        Some(Self { model: model?, path: path?, headers: headers?, caller: caller?, body: body? })
    }

    /// Whether this rule takes everything that the other one would.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let covers = |ours: &Option<Pattern>, theirs: &Option<Pattern>| match (ours, theirs) {
            (None, _) => true,
            // Even `*` asks for a model that is named at all.
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => ours.covers(theirs),
        };
        covers(&self.model, &other.model)
            && covers(&self.path, &other.path)
            && self.caller.covers(&other.caller)
            && all_covered(&self.headers, &other.headers)
            && all_covered(&self.body, &other.body)
    }

    /// What both rules take although neither takes all that the other one does, where they go by the same thing: the
    /// model, say, by `support-*` and by `*-eu`. In words; `None` where rules only go by different things, which is how an
    /// exception before a general rule looks.
    pub(super) fn crosses(&self, other: &Self) -> Option<String> {
        let by_pattern = |what: &str, ours: Option<&Pattern>, theirs: Option<&Pattern>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => {
                let met = ours.meet(theirs)?;
                let crossing = !ours.covers(theirs) && !theirs.covers(ours);
                Some(crossing.then(|| format!("{what} `{met}`")))
            }
            _ => Some(None),
        };
        // An outer `None`: nothing is taken by both. An inner one: nothing crosses here.
        let mut crossing = vec![
            by_pattern("model", self.model.as_ref(), other.model.as_ref())?,
            by_pattern("path", self.path.as_ref(), other.path.as_ref())?,
            self.caller.crosses(&other.caller)?,
        ];
        crossing.extend(all_crossing("header", &self.headers, &other.headers)?);
        crossing.extend(all_crossing("body", &self.body, &other.body)?);
        crossing.into_iter().flatten().next()
    }
}

fn all_covered<N: PartialEq>(ours: &[(N, Condition)], theirs: &[(N, Condition)]) -> bool {
    ours.iter().all(|(name, ours)| theirs.iter().any(|(other, theirs)| name == other && ours.covers(theirs)))
}

fn all_crossing<N: PartialEq + fmt::Display>(
    what: &str,
    ours: &[(N, Condition)],
    theirs: &[(N, Condition)],
) -> Option<Vec<Option<String>>> {
    let shared = ours.iter().flat_map(|(name, ours)| {
        theirs.iter().filter(move |(other, _)| name == other).map(move |(_, theirs)| (name, ours, theirs))
    });
    shared
        .map(|(name, ours, theirs)| {
            let met = ours.meet(theirs)?;
            let crossing = !ours.covers(theirs) && !theirs.covers(ours);
            Some(crossing.then(|| format!("{what} `{name}: {met}`")))
        })
        .collect()
}

/// The rule in words, such as `model support-* and header x-beta present`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.model.as_ref().map(|model| format!("model {model}")));
        words.extend(self.path.as_ref().map(|path| format!("path {path}")));
        words.extend(self.headers.iter().map(|(name, condition)| format!("header {name} {condition}")));
        let listed = |what: &str, patterns: &[Pattern]| {
            let texts: Vec<_> = patterns.iter().map(ToString::to_string).collect();
            (!texts.is_empty()).then(|| format!("{what} {}", texts.join(" or ")))
        };
        words.extend(listed("subject", &self.caller.subjects));
        words.extend(listed("group", &self.caller.groups));
        words.extend(listed("scope", &self.caller.scopes));
        words.extend(self.body.iter().map(|(path, condition)| format!("body {path} {condition}")));
        f.write_str(if words.is_empty() { "everything" } else { "" })?;
        f.write_str(&words.join(" and "))
    }
}

impl Callers {
    fn read(node: &Node<'_>, auth: Option<&Auth>) -> Option<Self> {
        let fields = node.fields(&["subject", "group", "scope"])?;
        let patterns = |wanted: &'static str| {
            move |node: &Node<'_>| Some(node.texts(wanted)?.into_iter().map(Pattern::new).collect::<Vec<_>>())
        };
        let subjects = fields.or("subject", Vec::new(), patterns("a subject such as `ci` or `*@example.com`"));
        let groups = fields.or("group", Vec::new(), patterns("a group such as `support`"));
        let scopes = fields.or("scope", Vec::new(), patterns("a scope such as `all-apis`"));
        let callers = Self { subjects: subjects?, groups: groups?, scopes: scopes? };
        if callers == Self::default() {
            return node.problem("asks for nothing; remove it, or write `subject: ...`, `group: ...` or `scope: ...`");
        }
        if matches!(auth, Some(Auth::Anonymous)) {
            return node.problem(
                "can match nobody: with `auth: anonymous` no caller has a subject, a group or a scope; remove it, or \
                 write methods under `auth`",
            );
        }
        Some(callers)
    }

    fn covers(&self, other: &Self) -> bool {
        let covers = |ours: &[Pattern], theirs: &[Pattern]| {
            ours.is_empty()
                || (!theirs.is_empty() && theirs.iter().all(|theirs| ours.iter().any(|ours| ours.covers(theirs))))
        };
        covers(&self.subjects, &other.subjects)
            && covers(&self.groups, &other.groups)
            && covers(&self.scopes, &other.scopes)
    }

    /// A caller has one subject; groups and scopes it may have any, so lists of them never stand in each other's way.
    #[expect(clippy::option_option, reason = "as for the rule: nobody is taken by both, or nothing crosses")]
    fn crosses(&self, other: &Self) -> Option<Option<String>> {
        let (ours, theirs) = (&self.subjects, &other.subjects);
        if ours.is_empty() || theirs.is_empty() {
            return Some(None);
        }
        let met = ours.iter().find_map(|ours| theirs.iter().find_map(|theirs| ours.meet(theirs)))?;
        let all = |ours: &[Pattern], theirs: &[Pattern]| {
            theirs.iter().all(|theirs| ours.iter().any(|ours| ours.covers(theirs)))
        };
        Some((!all(ours, theirs) && !all(theirs, ours)).then(|| format!("subject `{met}`")))
    }
}

fn pattern(node: &Node<'_>, wanted: &str) -> Option<Pattern> {
    Some(Pattern::new(node.text(wanted)?.value.as_str()))
}

fn path(node: &Node<'_>) -> Option<Pattern> {
    let pattern = pattern(node, "a path such as `/v1/responses` or `/v1/*`")?;
    if !pattern.to_string().starts_with(['/', '*']) {
        return node.problem("a path begins with `/`; write `/v1/responses` or `/v1/*`, say");
    }
    if PATHS.iter().any(|known| Pattern::new(*known).meet(&pattern).is_some()) {
        return Some(pattern);
    }
    node.problem(format!("no client's request comes by this path; write one of {}", PATHS.join(", ")))
}

fn headers(node: &Node<'_>) -> Option<Vec<(HeaderName, Condition)>> {
    let entries = node.keyed("conditions by header such as `{ x-tenant: acme }`", |name| {
        let Ok(header) = HeaderName::try_from(name) else {
            return Some(format!("`{name}` is not the name of a header; write a name such as `x-tenant`"));
        };
        let known = HEADERS.iter().find(|(known, _)| *known == header.as_str());
        known.map(|(_, instead)| format!("no rule can go by this header: {instead}"))
    })?;
    let read: Vec<_> = entries
        .iter()
        .map(|(name, node)| Some((HeaderName::try_from(name.as_str()).ok()?, Condition::read(node)?)))
        .collect();
    let headers = read.into_iter().collect::<Option<Vec<_>>>()?;
    let twin = headers
        .iter()
        .enumerate()
        .find(|(place, (name, _))| headers.iter().take(*place).any(|(earlier, _)| earlier == name));
    if let Some((_, (name, _))) = twin {
        return node
            .problem(format!("`{name}` is there twice; names of headers are the same in any case, so remove one"));
    }
    Some(headers)
}

fn body(node: &Node<'_>) -> Option<Vec<(String, Condition)>> {
    let entries = node.keyed("conditions by field such as `{ custom_inputs.tenant: acme }`", |_| None)?;
    let read: Vec<_> = entries
        .into_iter()
        .map(|(path, node)| {
            if let Some(field) = node.first_key().filter(|field| *field != "present") {
                return node.problem(format!("has a field in it; write `{path}.{field}: {}`", condition::CHOICES));
            }
            let compares = !node.is_map();
            match body_field::refusal(&path, compares) {
                Some(message) => node.problem(message),
                None => Some((path, Condition::read(&node)?)),
            }
        })
        .collect();
    read.into_iter().collect()
}
