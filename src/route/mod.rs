//! Where a request goes: the first rule that matches, then a backend of its split by weight and conversation.

use http::HeaderMap;

use crate::auth::Caller;
use crate::config::{self, Allow, AnswerShape, Pattern, Rule};
use crate::dialect::{Dialect, Legacy};
use crate::error::{Error, Kind};
use crate::ir::{Body, Str};

mod allow;
mod decision;
mod rule;
mod split;
mod sticky;

pub use decision::{By, Decision, Witness};
pub use rule::Miss;
pub use split::Split;
pub use sticky::{Key, Place, Sticky, backends_id, mint_seed, tag};

use rule::Asked;

/// What stands before the name of an app where a model is named.
const APPS: &str = "apps/";

/// The task of an agent that speaks Responses.
const RESPONSES: &str = "agent/v1/responses";

/// All routes, in the order of the config.
#[derive(Debug)]
pub struct Table {
    routes: Vec<Route>,
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
    /// What Databricks calls what its agents do.
    pub task: &'static str,
    /// Its split.
    pub split: Split,
    /// Which requests it takes.
    pub rule: Rule,
    allow: Allow,
    sticky: Sticky,
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
}

impl Table {
    /// The routes of a config.
    #[must_use]
    pub fn new(config: &config::Config) -> Self {
        let names: Vec<&str> = config.backends.iter().map(|backend| backend.name.as_str()).collect();
        Self { routes: config.routes.iter().map(|route| Route::new(route, config, &names)).collect() }
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

    /// The first route that matches, if it is for this caller, and its backend for this request. `witness` is told how it
    /// comes about.
    pub fn pick(&self, peek: &Peek<'_>, witness: &mut impl Witness) -> Result<Decision<'_>, Error> {
        let (index, route) = self.find(peek, witness)?;
        witness.matched(route);
        allow::check(&route.allow, peek.caller)?;
        let Some((backend, by)) = route.choose(peek, witness) else {
            return Err(Error::new(Kind::Internal, format!("route `{}` has no backend", route.name)));
        };
        Ok(Decision { index, route, backend, by })
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
        let found = routes
            .find_map(|(index, route)| Some(Decision { index, route, backend: route.split.made(id)?, by: By::Answer }));
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
    fn new(config: &config::Route, whole: &config::Config, backends: &[&str]) -> Self {
        let spoken = config.split.iter().find(|share| share.basis_points > 0);
        let spoken = spoken.and_then(|share| whole.backends.get(share.backend)).map(|backend| backend.dialect);
        Self {
            name: config.name.clone(),
            answer: config.answer,
            legacy: config.legacy_dialect,
            show_server_tools: config.show_server_tools,
            task: config.legacy_dialect.or(spoken).map_or(RESPONSES, |dialect| task(dialect.name())),
            split: Split::new(
                config.split.iter().map(|share| (backends.get(share.backend).copied().unwrap_or_default(), *share)),
            ),
            rule: config.rule.clone(),
            allow: config.allow.clone(),
            sticky: Sticky::new(config.sticky.as_deref()),
        }
    }

    /// A backend of its split for a request, and what decided.
    fn choose(&self, peek: &Peek<'_>, witness: &mut impl Witness) -> Option<(usize, By)> {
        let made_by = peek.body.scalar_at("previous_response_id");
        if let Some(backend) = made_by.as_deref().and_then(|id| self.split.made(id)) {
            return Some((backend, By::Answer));
        }
        let Some(key) = self.sticky.key(peek) else { return Some((self.split.by_chance()?, By::Chance)) };
        witness.keyed(&key);
        Some((self.split.by_key(&key.text, witness)?, By::Key))
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
