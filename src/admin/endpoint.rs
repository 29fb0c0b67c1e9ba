//! One row of the table of endpoints: what it is called by, who may call it, what it takes and gives, and what runs.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Running;
use super::path::{Params, Path};
use super::reply::Reply;
use crate::error::{Error, Kind};

const JSON: &str = "application/json";

/// Largest body of a request, unless the row says otherwise.
const LARGEST: usize = 64 << 10;

/// Who may call an endpoint. Whoever may change may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May look.
    Viewer,
    /// May change.
    Operator,
}

impl Role {
    /// Its name in the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// A request to an endpoint, once it is known to be one.
pub struct Ask<B = ()> {
    /// What it is about.
    pub running: Arc<Running>,
    /// Who asks, for the audit trail.
    pub who: Arc<str>,
    /// The body.
    pub body: B,
    params: Params,
    query: Params,
}

impl<B> Ask<B> {
    /// What stands in the path under this name.
    pub fn param(&self, name: &str) -> &str {
        find(&self.params, name).unwrap_or_default()
    }

    /// What stands behind the path under this name.
    pub fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }
}

fn find<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

/// A request with its body unread.
pub(super) struct Arrived {
    pub(super) running: Arc<Running>,
    pub(super) who: Arc<str>,
    pub(super) params: Params,
    pub(super) query: Params,
    pub(super) body: Bytes,
}

impl Arrived {
    fn ask<B>(self, read: Read<B>) -> Result<Ask<B>, Error> {
        let Self { running, who, params, query, body } = self;
        Ok(Ask { running, who, body: read(&body)?, params, query })
    }
}

type Later = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;
type Read<B> = fn(&Bytes) -> Result<B, Error>;

/// How a type describes itself.
pub(super) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// What an endpoint answers with.
pub(super) enum Gives {
    /// JSON of this form.
    Json(Describe),
    /// Something else, of this type.
    Text(&'static str),
}

/// A row of the table.
pub struct Endpoint {
    pub(super) method: Method,
    pub(super) path: Path,
    pub(super) summary: &'static str,
    /// What the names in the path and behind it mean.
    pub(super) about: Vec<(&'static str, &'static str)>,
    pub(super) queries: Vec<&'static str>,
    pub(super) needs: Option<Role>,
    pub(super) largest: usize,
    pub(super) takes: Option<Describe>,
    pub(super) gives: Gives,
    run: Box<dyn Fn(Arrived) -> Later + Send + Sync>,
}

impl Endpoint {
    /// Runs its handler.
    pub(super) fn run(&self, arrived: Arrived) -> Later {
        (self.run)(arrived)
    }

    /// Whether its method is one that changes nothing.
    pub(super) fn only_looks(&self) -> bool {
        self.method == Method::GET
    }

    /// Its method and path.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.method, self.path.0)
    }

    /// What stands behind the path; what is not known there is refused.
    pub(super) fn query(&self, query: Option<&str>) -> Result<Params, Error> {
        let mut params = Params::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let Some(known) = self.queries.iter().find(|known| **known == name) else {
                let there = match self.queries.as_slice() {
                    [] => Cow::Borrowed("there are none here"),
                    some => format!("there are {}", some.join(", ")).into(),
                };
                return Err(Error::new(Kind::InvalidField, format!("no such parameter; {there}")).param(name));
            };
            if find(&params, known).is_some() {
                return Err(Error::new(Kind::InvalidField, "stands there twice").param(name));
            }
            params.push((known, value.into_owned()));
        }
        Ok(params)
    }

    /// Takes JSON only: no page of another site can send that without asking first, and it is not allowed to.
    pub(super) fn check_type(&self, headers: &HeaderMap) -> Result<(), Error> {
        let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
        let is_json = given.is_some_and(|given| given.trim().eq_ignore_ascii_case(JSON));
        if is_json || (self.takes.is_none() && self.method == Method::DELETE) {
            return Ok(());
        }
        Err(Error::new(Kind::UnsupportedMediaType, format!("this takes `content-type: {JSON}` only")))
    }
}

/// A row that is being written; [`gives`](Self::gives) ends it.
#[must_use]
pub struct Draft<B> {
    method: Method,
    path: &'static str,
    summary: &'static str,
    about: Vec<(&'static str, &'static str)>,
    queries: Vec<&'static str>,
    needs: Option<Role>,
    largest: usize,
    takes: Option<Describe>,
    read: Read<B>,
}

impl Draft<()> {
    /// Shows something, to viewers.
    pub fn get(path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::GET, path, summary).needs(Role::Viewer)
    }

    /// Does something.
    pub fn post(path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, path, summary)
    }

    /// Sets something.
    pub fn put(path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::PUT, path, summary)
    }

    /// Takes something away.
    pub fn delete(path: &'static str, summary: &'static str) -> Self {
        Self::new(Method::DELETE, path, summary)
    }

    fn new(method: Method, path: &'static str, summary: &'static str) -> Self {
        let (about, queries, needs) = (Vec::new(), Vec::new(), Some(Role::Operator));
        Self { method, path, summary, about, queries, needs, largest: LARGEST, takes: None, read: |_| Ok(()) }
    }

    /// Takes a body.
    pub fn takes<B: DeserializeOwned + JsonSchema>(self) -> Draft<B> {
        let Self { method, path, summary, about, queries, needs, largest, .. } = self;
        let takes: Describe = |generator| generator.subschema_for::<B>();
        Draft { method, path, summary, about, queries, needs, largest, takes: Some(takes), read: read_json }
    }

    /// Is for everybody who can reach us.
    pub fn open(self) -> Self {
        Self { needs: None, ..self }
    }

    /// Ends the row with what answers, in something else than JSON.
    pub fn shows(
        self,
        kind: &'static str,
        show: impl Fn(&Running) -> (StatusCode, Vec<u8>) + Send + Sync + 'static,
    ) -> Endpoint {
        self.ends(Gives::Text(kind), move |arrived: Arrived| {
            let (status, body) = show(&arrived.running);
            Box::pin(std::future::ready(Ok(Reply { status, kind, body: body.into() })))
        })
    }
}

impl<B: Send + 'static> Draft<B> {
    /// Needs another role than its method would.
    pub fn needs(self, role: Role) -> Self {
        Self { needs: Some(role), ..self }
    }

    /// Takes larger bodies.
    pub fn largest(self, bytes: usize) -> Self {
        Self { largest: bytes, ..self }
    }

    /// Says what a name in the path means.
    pub fn about(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.about.push((name, meaning));
        self
    }

    /// Takes this behind the path, if it is there.
    pub fn query(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.queries.push(name);
        self.about(name, meaning)
    }

    /// Ends the row with what answers.
    pub fn gives<R: Serialize + JsonSchema>(
        self,
        answer: impl Fn(&Ask<B>) -> Result<R, Error> + Send + Sync + 'static,
    ) -> Endpoint {
        let read = self.read;
        self.ends(json::<R>(), move |arrived: Arrived| {
            let reply = arrived.ask(read).and_then(|ask| Reply::json(&answer(&ask)?));
            Box::pin(std::future::ready(reply))
        })
    }

    /// Ends the row with what answers in time.
    pub fn gives_later<R, F>(self, answer: impl Fn(Ask<B>) -> F + Send + Sync + 'static) -> Endpoint
    where
        R: Serialize + JsonSchema,
        F: Future<Output = Result<R, Error>> + Send + 'static,
    {
        let read = self.read;
        self.ends(json::<R>(), move |arrived: Arrived| match arrived.ask(read) {
            Err(error) => Box::pin(std::future::ready(Err(error))),
            Ok(ask) => {
                let later = answer(ask);
                Box::pin(async move { Reply::json(&later.await?) })
            }
        })
    }

    fn ends(self, gives: Gives, run: impl Fn(Arrived) -> Later + Send + Sync + 'static) -> Endpoint {
        let Self { method, path, summary, about, queries, needs, largest, takes, .. } = self;
        let (path, run) = (Path(path), Box::new(run));
        Endpoint { method, path, summary, about, queries, needs, largest, takes, gives, run }
    }
}

fn json<R: JsonSchema>() -> Gives {
    Gives::Json(SchemaGenerator::subschema_for::<R>)
}

/// A body, or which field of it is wrong.
fn read_json<B: DeserializeOwned>(bytes: &Bytes) -> Result<B, Error> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json);
    let body = read.map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let malformed = !inner.is_data();
        let error = Error::new(if malformed { Kind::MalformedBody } else { Kind::InvalidField }, inner.to_string());
        if malformed || path == "." { error } else { error.param(path) }
    })?;
    json.end().map_err(|error| Error::new(Kind::MalformedBody, error.to_string()))?;
    Ok(body)
}
