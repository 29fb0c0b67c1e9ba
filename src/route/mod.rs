//! Where a request goes: the first rule that matches, then a backend of its split by weight and conversation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use crate::auth::Caller;
use crate::config::{self, Allow, AnswerShape, Pattern, Rule};
use crate::dialect::{Dialect, Legacy};
use crate::error::{Error, Kind};
use crate::ir::{Body, Str};

mod allow;
mod conversations;
mod decision;
mod ratio;
mod rule;
mod split;
mod sticky;

pub use conversations::Conversation;
pub use decision::{By, Decision, LetGo, Noted, Witness};
pub use ratio::{Counted, Observed};
pub use rule::Miss;
pub use split::{Split, Standing};
pub use sticky::{Key, Place, Sticky, backends_id, mint_seed, state_places, tag};

use conversations::Conversations;
use rule::Asked;

/// What stands before the name of an app where a model is named.
const APPS: &str = "apps/";

/// The task of an agent that speaks Responses.
const RESPONSES: &str = "agent/v1/responses";

/// How long a conversation counts as alive where the route does not say by its `hold`.
const ALIVE: Duration = Duration::from_secs(1800);

/// All routes, in the order of the config.
#[derive(Debug)]
pub struct Table {
    routes: Vec<Route>,
    conversations: Arc<Conversations>,
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// In which shape `chat/completions` answers.
    pub answer: AnswerShape,
    /// The legacy chat dialect of its clients; it stays the same whatever the weights are.
    pub legacy: Option<&'static dyn Dialect>,
    /// Whether clients on OpenAI paths see the calls that the agent ran itself.
    pub show_server_tools: bool,
    /// Whether content that a backend has no place for is left out and named, or refused.
    pub drops_content: bool,
    /// What Databricks calls what its agents do.
    pub task: &'static str,
    /// Its split.
    pub split: Split,
    /// Which requests it takes.
    pub rule: Rule,
    /// How long a conversation may be silent and is still held where it was.
    pub hold: Option<Duration>,
    allow: Allow,
    sticky: Sticky,
    /// Its name as a number.
    id: u64,
}

/// What routing reads of a request.
#[derive(Clone, Copy, Debug)]
pub struct Peek<'a> {
    /// The model: from the path where it names one, else from the body.
    pub model: Option<&'a str>,
    /// The path.
    pub path: &'a str,
    /// Who asks.
    pub caller: &'a Caller,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The body's top-level fields.
    pub body: &'a Body<'a>,
    /// When it came.
    pub at: Instant,
}

/// How many conversations of a route a backend still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive {
    /// The backend; none for one that has left the split.
    pub backend: Option<usize>,
    /// How many conversations it served last, and that have not been silent for long since.
    pub conversations: usize,
}

impl Table {
    /// The routes of a config. Conversations, and what was seen of splits, are taken over from `previous`.
    #[must_use]
    pub fn new(config: &config::Config, previous: Option<&Self>) -> Self {
        let names: Vec<&str> = config.backends.iter().map(|backend| backend.name.as_str()).collect();
        let before = |name: &str| previous?.routes.iter().find(|route| route.name == name);
        let route = |route: &config::Route| Route::new(route, config, &names, before(&route.name));
        Self {
            routes: config.routes.iter().map(route).collect(),
            conversations: previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.conversations)),
        }
    }

    /// The routes in order.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// Names of models that a caller can call, as `GET /v1/models` lists them: globs cannot be called by name.
    pub fn models(&self, caller: &Caller) -> impl Iterator<Item = &str> {
        let mut names = Vec::new();
        for route in self.routes_for(caller) {
            match &route.rule.model {
                Some(Pattern::Exact(name)) if !names.contains(&name.as_str()) => names.push(name.as_str()),
                _ => {}
            }
        }
        names.into_iter()
    }

    /// The route of a model with this name that is for a caller; an app's model is `apps/{name}` at times.
    pub fn named(&self, name: &str, caller: &Caller) -> Option<&Route> {
        let is = |known: &str| known == name || known.strip_prefix(APPS) == Some(name);
        self.routes_for(caller).find(|route| matches!(&route.rule.model, Some(Pattern::Exact(known)) if is(known)))
    }

    fn routes_for(&self, caller: &Caller) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(|route| {
            allow::is_for(&route.allow, caller) && rule::misses_caller(&route.rule.caller, caller).is_none()
        })
    }

    /// The first route that matches, if it is for this caller, and its backend for this request. No conversation is held at
    /// a backend that is not `usable`. Nothing is changed by it; `witness` is told how it comes about.
    pub fn pick(
        &self,
        peek: &Peek<'_>,
        usable: impl Fn(usize) -> bool,
        witness: &mut impl Witness,
    ) -> Result<Decision<'_>, Error> {
        let (index, route) = self.find(peek, witness)?;
        witness.matched(route);
        allow::check(&route.allow, peek.caller)?;
        let key = route.sticky.key(peek);
        if let Some(key) = &key {
            witness.keyed(key);
        }
        let conversation = key.as_ref().map(|key| route.conversation_of(&key.text));
        let chosen = route
            .maker(peek)
            .map(|backend| (backend, By::Answer))
            .or_else(|| Some((self.held(route, conversation?, peek.at, usable, witness)?, By::Hold)))
            .or_else(|| match &key {
                Some(key) => Some((route.split.by_key(&key.text, witness)?, By::Key)),
                None => Some((route.split.by_chance()?, By::Chance)),
            });
        let Some((backend, by)) = chosen else {
            return Err(Error::new(Kind::Internal, format!("route `{}` has no backend", route.name)));
        };
        Ok(Decision { index, route, backend, by, conversation })
    }

    /// The backend at which a conversation is held.
    fn held(
        &self,
        route: &Route,
        conversation: Conversation,
        now: Instant,
        usable: impl Fn(usize) -> bool,
        witness: &mut impl Witness,
    ) -> Option<usize> {
        let (seed, silent) = self.conversations.place(conversation, route.hold?, now)?;
        let backend = route.split.weighted(seed);
        let let_go = match backend {
            None => Some(LetGo::NoWeight),
            Some(backend) => (!usable(backend)).then_some(LetGo::Unusable),
        };
        witness.held(backend, silent, let_go);
        backend.filter(|_| let_go.is_none())
    }

    /// A decision is gone by: its conversation is alive there, and it counts in what is seen of the split. Whatever is bound
    /// to a backend by more than key and weight does not count.
    pub fn note(&self, decision: &Decision<'_>, now: Instant) -> Noted {
        let Decision { route, backend, by, conversation, .. } = *decision;
        let seed = route.split.seed(backend).unwrap_or_default();
        let first = conversation.is_some_and(|one| self.conversations.note(one, route.id, seed, now));
        let counted = match by {
            By::Key if first => Some(Counted::Conversations),
            By::Chance => Some(Counted::Requests),
            _ => None,
        };
        Noted { counted, mismatch: route.split.note(backend, counted) }
    }

    /// The conversations of a route that are alive, by the backend that served them last: those within its `hold`, or
    /// within half an hour.
    #[must_use]
    pub fn alive(&self, route: &Route, now: Instant) -> Vec<Alive> {
        let counts = self.conversations.count(route.id, route.hold.unwrap_or(ALIVE), now);
        let backend =
            |seed| route.split.iter().map(|(backend, _)| backend).find(|one| route.split.seed(*one) == Some(seed));
        let alive =
            |count: conversations::Count| Alive { backend: backend(count.backend), conversations: count.conversations };
        counts.into_iter().map(alive).collect()
    }

    fn find(&self, peek: &Peek<'_>, witness: &mut impl Witness) -> Result<(usize, &Route), Error> {
        if let Some(found) = self.first(peek, witness)? {
            return Ok(found);
        }
        // Databricks' SDK asks for `apps/support` where we may know it as `support`.
        let Some(name) = peek.model.and_then(|model| model.strip_prefix(APPS)) else { return Err(self.no_match(peek)) };
        witness.renamed(name);
        self.first(&Peek { model: Some(name), ..*peek }, witness)?.ok_or_else(|| self.no_match(peek))
    }

    fn first(&self, peek: &Peek<'_>, witness: &mut impl Witness) -> Result<Option<(usize, &Route)>, Error> {
        let mut asked = Asked::default();
        for (index, route) in self.routes.iter().enumerate() {
            match rule::miss(&route.rule, peek, &mut asked)? {
                None => return Ok(Some((index, route))),
                Some(miss) => witness.missed(route, miss, peek),
            }
        }
        Ok(None)
    }

    /// The backend that made the answer with this id, by the first route that leads to it and is for the caller.
    pub fn made(&self, id: &str, caller: &Caller) -> Result<Decision<'_>, Error> {
        let mut routes = self.routes.iter().enumerate().filter(|(_, route)| allow::is_for(&route.allow, caller));
        let found = routes.find_map(|(index, route)| {
            Some(Decision { index, route, backend: route.split.made(id)?, by: By::Answer, conversation: None })
        });
        found.ok_or_else(|| Error::new(Kind::AnswerNotFound, "no answer with this id was made here").param("id"))
    }

    fn no_match(&self, peek: &Peek<'_>) -> Error {
        let mut names: Vec<String> = Vec::new();
        for name in self.routes_for(peek.caller).filter_map(|route| Some(route.rule.model.as_ref()?.to_string())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let there =
            if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) };
        match peek.model {
            Some(model) => Error::new(Kind::ModelNotFound, format!("no model `{model}` here; {there}")).param("model"),
            None => Error::new(Kind::InvalidField, format!("`model` is missing; {there}")).param("model"),
        }
    }
}

/// What Databricks calls what an agent of a dialect does.
fn task(dialect: &str) -> &'static str {
    match dialect {
        "chat_agent" => "agent/v2/chat",
        "chat_model" | "split_chat_messages" => "agent/v1/chat",
        "chat_completions" => "llm/v1/chat",
        _ => RESPONSES,
    }
}

impl Route {
    fn new(config: &config::Route, whole: &config::Config, backends: &[&str], previous: Option<&Self>) -> Self {
        let spoken = config.split.iter().find(|share| share.basis_points > 0);
        let spoken = spoken.and_then(|share| whole.backends.get(share.backend)).map(|backend| backend.dialect);
        let split = Split::new(
            config.split.iter().map(|share| (backends.get(share.backend).copied().unwrap_or_default(), *share)),
        );
        let sticky = Sticky::new(config.sticky.as_deref());
        // Under other keys, what was seen tells nothing.
        let previous = previous.filter(|previous| previous.sticky == sticky);
        Self {
            name: config.name.clone(),
            answer: config.answer,
            legacy: config.legacy_dialect,
            show_server_tools: config.show_server_tools,
            drops_content: config.drops_content,
            task: config.legacy_dialect.or(spoken).map_or(RESPONSES, |dialect| task(dialect.name())),
            split: match previous {
                Some(previous) => split.after(&previous.split),
                None => split,
            },
            rule: config.rule.clone(),
            allow: config.allow.clone(),
            hold: config.hold,
            sticky,
            id: xxh3_64(config.name.as_bytes()),
        }
    }

    /// The backend that made the answer which a request continues.
    fn maker(&self, peek: &Peek<'_>) -> Option<usize> {
        self.split.made(&peek.body.scalar_at("previous_response_id")?)
    }

    fn conversation_of(&self, key: &str) -> Conversation {
        Conversation(xxh3_128_with_seed(key.as_bytes(), self.id))
    }

    /// The name of a request's conversation, if the client has given it one.
    #[must_use]
    pub fn conversation<'a>(&self, body: &'a Body<'a>, headers: &'a HeaderMap) -> Option<Str<'a>> {
        self.sticky.name(body, headers)
    }

    /// Which legacy shape stands beside the OpenAI shape on this route.
    #[must_use]
    pub fn legacy_shape(&self) -> Option<Legacy> {
        self.legacy.map(|dialect| if dialect.name() == "chat_model" { Legacy::ChatModel } else { Legacy::ChatAgent })
    }
}

#[cfg(test)]
mod tests;
