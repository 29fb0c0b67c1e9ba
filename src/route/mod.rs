//! Where a request goes: the first rule that matches, then a backend of its split by weight and conversation.

use http::HeaderMap;

use crate::auth::Caller;
use crate::config::{self, Allow, AnswerShape, Pattern};
use crate::dialect::{Dialect, Legacy};
use crate::error::{Error, Kind};
use crate::ir::Body;

mod allow;
mod split;
mod sticky;

pub use split::Split;
pub use sticky::{Sticky, backends_id, mint_seed, state_places, tag};

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
    model: Option<Pattern>,
    path: Option<Pattern>,
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

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'t> {
    /// The route's place in the table.
    pub index: usize,
    /// The route.
    pub route: &'t Route,
    /// The backend's place in the config.
    pub backend: usize,
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
        self.routes_for(caller).filter_map(|route| match &route.model {
            Some(Pattern::Exact(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The route of a model with this name that is for a caller; an app's model is `apps/{name}` at times.
    pub fn named(&self, name: &str, caller: &Caller) -> Option<&Route> {
        let is = |known: &str| known == name || known.strip_prefix(APPS) == Some(name);
        self.routes_for(caller).find(|route| matches!(&route.model, Some(Pattern::Exact(known)) if is(known)))
    }

    fn routes_for(&self, caller: &Caller) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(|route| allow::is_for(&route.allow, caller))
    }

    /// The first route that matches, if it is for this caller, and its backend for this request.
    pub fn pick(&self, peek: Peek<'_>) -> Result<Decision<'_>, Error> {
        let find = |peek: &Peek<'_>| self.routes.iter().enumerate().find(|(_, route)| route.matches(peek));
        // Databricks' SDK asks for `apps/support` where we may know it as `support`.
        let app = || find(&Peek { model: Some(peek.model?.strip_prefix(APPS)?), ..peek });
        let found = find(&peek).or_else(app);
        let Some((index, route)) = found else { return Err(self.no_match(&peek)) };
        allow::check(&route.allow, peek.caller)?;
        let made_by = peek.body.scalar_at("previous_response_id");
        let pinned = made_by.as_deref().and_then(|id| route.split.made(id));
        let chosen = pinned.or_else(|| route.split.pick(route.conversation(peek.body, peek.headers).as_deref()));
        let Some(backend) = chosen else {
            return Err(Error::new(Kind::Internal, format!("route `{}` has no backend", route.name)));
        };
        Ok(Decision { index, route, backend })
    }

    /// The backend that made the answer with this id, by the first route that leads to it and is for the caller.
    pub fn made(&self, id: &str, caller: &Caller) -> Result<Decision<'_>, Error> {
        let mut routes = self.routes.iter().enumerate().filter(|(_, route)| allow::is_for(&route.allow, caller));
        let found = routes.find_map(|(index, route)| Some(Decision { index, route, backend: route.split.made(id)? }));
        found.ok_or_else(|| Error::new(Kind::AnswerNotFound, "no answer with this id was made here").param("id"))
    }

    fn no_match(&self, peek: &Peek<'_>) -> Error {
        let mut names: Vec<String> =
            self.routes_for(peek.caller).filter_map(|route| route.model.as_ref().map(Pattern::to_string)).collect();
        names.dedup();
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
            split: Split::new(config.split.iter().map(|share| {
                (share.backend, backends.get(share.backend).copied().unwrap_or_default(), share.basis_points)
            })),
            model: config.rule.model.clone(),
            path: config.rule.path.clone(),
            allow: config.allow.clone(),
            sticky: Sticky::new(config.sticky.as_deref()),
        }
    }

    fn matches(&self, peek: &Peek<'_>) -> bool {
        let model = self.model.as_ref().is_none_or(|pattern| peek.model.is_some_and(|model| pattern.matches(model)));
        model && self.path.as_ref().is_none_or(|pattern| pattern.matches(peek.path))
    }

    /// What keeps the conversation of a request on its backend, if the client named one.
    #[must_use]
    pub fn conversation(&self, body: &Body<'_>, headers: &HeaderMap) -> Option<String> {
        self.sticky.key(body, headers)
    }

    /// Which legacy shape stands beside the OpenAI shape on this route.
    #[must_use]
    pub fn legacy_shape(&self) -> Option<Legacy> {
        self.legacy.map(|dialect| if dialect.name() == "chat_model" { Legacy::ChatModel } else { Legacy::ChatAgent })
    }
}
