//! What would become of a request and why, by the code that serves clients; nothing is sent, and nothing is changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request};
use schemars::JsonSchema;
use serde::Serialize;

use super::course::{Course, Detour};
use super::decide::{Received, decide};
use super::receive::Entrance;
use super::snapshot::Snapshot;
use super::translate::{Arrived, Outbound};
use crate::auth::Caller;
use crate::error::Error;
use crate::route::{By, Decision, LetGo, Miss, Peek, Route, Witness};
use crate::upstream::Backend;

mod mirrored;

pub use mirrored::Mirrored;

/// A request that is asked about, and who sends it.
pub struct Asked {
    /// The request.
    pub request: Request<Bytes>,
    /// The caller, as authentication would have known them.
    pub caller: Caller,
}

/// What becomes of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    /// The routes before the one that takes it, and what it fails each of them by.
    pub passed_over: Vec<PassedOver>,
    /// The name that the model is looked for by, where no route took it by the one that was asked for.
    pub renamed: Option<String>,
    /// The route that takes it.
    pub route: Option<String>,
    /// What that route takes, in words.
    pub rule: Option<String>,
    /// The key of its conversation.
    pub key: Option<Key>,
    /// Where its conversation was served last, on a route that holds conversations.
    pub held: Option<Held>,
    /// What decides among the route's backends: `answer`, `hold`, `key` or `chance`.
    pub decided_by: Option<&'static str>,
    /// The backend that gets it. By chance it may be any that has a weight.
    pub backend: Option<String>,
    /// The backend that would have got it, if it took calls now.
    pub instead_of: Option<String>,
    /// Every backend that it may go to, with what would become of it there.
    pub backends: Vec<Explained>,
    /// What becomes of its copy, on a route that is mirrored.
    pub mirror: Option<Mirrored>,
    /// Why no backend gets it.
    pub refused: Option<Refused>,
}

/// A route that does not take a request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PassedOver {
    /// The route.
    pub route: String,
    /// The first condition that the request does not meet.
    pub because: String,
}

/// The key of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Key {
    /// Where it was found.
    pub place: String,
    /// What it is.
    pub text: String,
}

/// Where a conversation was served last.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Held {
    /// The backend, if it is still one of the route.
    pub backend: Option<String>,
    /// Seconds since then.
    pub silent_seconds: u64,
    /// Why it is not held there.
    pub let_go: Option<&'static str>,
}

/// A backend and what would become of the request there.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Explained {
    /// The backend.
    pub backend: String,
    /// Its share of the split, in percent.
    pub percent: f64,
    /// Its score for the key; the highest wins.
    pub score: Option<f64>,
    /// Whether it takes calls now.
    pub usable: bool,
    /// What the client is answered in.
    pub client_dialect: Option<&'static str>,
    /// What it is asked in.
    pub backend_dialect: &'static str,
    /// The request goes there as it is.
    pub verbatim: bool,
    /// What is left out of the request, and why.
    pub dropped: Vec<Dropped>,
    /// Why the request cannot go there at all.
    pub refused: Option<Refused>,
}

/// A field that is left out.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Dropped {
    /// The field.
    pub field: String,
    /// Why.
    pub because: &'static str,
}

/// What the client is told instead of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// What went wrong, for programs.
    pub code: &'static str,
    /// What went wrong, for people.
    pub message: String,
    /// The field at fault.
    pub param: Option<String>,
}

impl Refused {
    fn of(error: &Error) -> Self {
        Self {
            status: error.status().as_u16(),
            code: error.facts().code,
            message: error.message().to_owned(),
            param: error.field().map(str::to_owned),
        }
    }
}

/// Makes a request for a backend.
type Translated<'a> = dyn Fn(&Arc<Backend>) -> Result<Box<Outbound>, Error> + 'a;

/// What a decision comes to; backends by their places.
struct Conclusion {
    decided_by: &'static str,
    backend: Option<usize>,
    instead: Option<usize>,
    backends: Vec<(usize, Explained)>,
    mirror: Option<Mirrored>,
    refused: Option<Refused>,
}

impl Snapshot {
    /// What would become of a request now.
    #[must_use]
    pub fn explain(&self, asked: Asked) -> Explanation {
        let Asked { request, caller } = asked;
        let (head, bytes) = request.into_parts();
        let caller = Arc::new(caller);
        let mut told = Told { snapshot: self, explanation: Explanation::default(), scores: Vec::new() };
        let followed = Entrance::of(&head.method, head.uri.path()).and_then(|entrance| {
            if let Entrance::Made(made) = &entrance {
                let decision = self.routes.made(&made.id, &caller)?;
                told.matched(decision.route);
                return self.conclude(&decision, None, None).map(Some);
            }
            if !entrance.leads_to_a_route() {
                return Ok(None);
            }
            let (at, id) = (Instant::now(), HeaderValue::from_static("explained"));
            let received = Received { entrance: &entrance, head: &head, bytes: &bytes, caller: &caller, at };
            decide(self, &received, &mut told, |decision, peeked| {
                let translated = |backend: &_| received.translated(peeked, decision.route, backend, &id);
                self.conclude(decision, Some(&translated), Some(&received.arrived(peeked, &id))).map(Some)
            })
        });
        let Told { mut explanation, scores, .. } = told;
        match followed {
            Ok(None) => {}
            Err(error) => explanation.refused = Some(Refused::of(&error)),
            Ok(Some(mut concluded)) => {
                for (place, explained) in &mut concluded.backends {
                    explained.score = scores.iter().find(|(scored, _)| scored == place).map(|(_, score)| *score);
                }
                self.write_down(concluded, &mut explanation);
            }
        }
        explanation
    }

    fn write_down(&self, concluded: Conclusion, explanation: &mut Explanation) {
        let name = |place: Option<usize>| place.map(|place| self.name_of(place));
        let goes_to = concluded.instead.or(concluded.backend);
        let there = concluded.backends.iter().find(|(place, _)| Some(*place) == goes_to);
        explanation.refused = concluded.refused.or_else(|| there.and_then(|(_, there)| there.refused.clone()));
        explanation.decided_by = Some(concluded.decided_by);
        explanation.backend = name(goes_to);
        explanation.instead_of = concluded.instead.and(name(concluded.backend));
        explanation.backends = concluded.backends.into_iter().map(|(_, explained)| explained).collect();
        explanation.mirror = concluded.mirror;
    }

    /// What a decision comes to. Who comes back for an answer has nothing to be translated, and goes to its maker.
    fn conclude(
        &self,
        decision: &Decision<'_>,
        translated: Option<&Translated<'_>>,
        arrived: Option<&Arrived<'_>>,
    ) -> Result<Conclusion, Error> {
        let Decision { route, backend, by, .. } = *decision;
        let standing = route.split.standing();
        let may = standing.iter().filter(|standing| standing.share > 0.0 || standing.backend == backend);
        let explained = may.map(|may| self.explained(may.backend, may.share * 100.0, translated));
        let mut concluded = Conclusion {
            decided_by: by.name(),
            backend: (by != By::Chance).then_some(backend),
            instead: None,
            backends: explained.collect(),
            mirror: None,
            refused: None,
        };
        let Some(arrived) = arrived else { return Ok(concluded) };
        let course = Course::planned(self, decision)?;
        if by != By::Chance {
            match course.detour(arrived.fields, arrived.headers) {
                Ok(Detour::None | Detour::Forced) => {}
                Ok(Detour::To(place)) => {
                    if standing.iter().all(|standing| standing.backend != place) {
                        concluded.backends.push((place, self.explained(place, 0.0, translated).1));
                    }
                    concluded.instead = Some(place);
                }
                Err(error) => concluded.refused = Some(Refused::of(&error)),
            }
        }
        concluded.mirror = self.mirrored(&course, arrived, &concluded);
        Ok(concluded)
    }

    /// What would become of a request at a backend.
    fn explained(&self, place: usize, percent: f64, translated: Option<&Translated<'_>>) -> (usize, Explained) {
        let backend = self.backends.get(place);
        let mut explained = Explained {
            backend: self.name_of(place),
            percent,
            score: None,
            usable: self.is_usable(place),
            client_dialect: None,
            backend_dialect: backend.map_or("", |backend| backend.dialect.name()),
            verbatim: false,
            dropped: Vec::new(),
            refused: None,
        };
        match translated.zip(backend).map(|(translated, backend)| translated(backend)) {
            None => {}
            Some(Ok(outbound)) => {
                explained.client_dialect = Some(outbound.plan.client.name());
                explained.verbatim = outbound.plan.verbatim;
                let dropped = outbound.dropped.iter();
                explained.dropped =
                    dropped.map(|(field, because)| Dropped { field: field.to_owned(), because }).collect();
            }
            Some(Err(error)) => explained.refused = Some(Refused::of(&error)),
        }
        (place, explained)
    }

    fn name_of(&self, backend: usize) -> String {
        self.backends.get(backend).map_or_else(String::new, |backend| backend.name.clone())
    }
}

/// Writes down what it is told.
struct Told<'s> {
    snapshot: &'s Snapshot,
    explanation: Explanation,
    scores: Vec<(usize, f64)>,
}

impl Witness for Told<'_> {
    fn missed(&mut self, route: &Route, miss: Miss<'_>, peek: &Peek<'_>) {
        self.explanation.passed_over.push(PassedOver { route: route.name.clone(), because: miss.told(peek) });
    }

    fn renamed(&mut self, model: &str) {
        self.explanation.passed_over.clear();
        self.explanation.renamed = Some(model.to_owned());
    }

    fn matched(&mut self, route: &Route) {
        self.explanation.route = Some(route.name.clone());
        self.explanation.rule = Some(route.rule.to_string());
    }

    fn keyed(&mut self, key: &crate::route::Key<'_, '_>) {
        self.explanation.key = Some(Key { place: key.place.to_string(), text: key.text.to_string() });
    }

    fn held(&mut self, backend: Option<usize>, silent: Duration, let_go: Option<LetGo>) {
        self.explanation.held = Some(Held {
            backend: backend.map(|backend| self.snapshot.name_of(backend)),
            silent_seconds: silent.as_secs(),
            let_go: let_go.map(LetGo::name),
        });
    }

    fn scored(&mut self, backend: usize, score: f64) {
        self.scores.push((backend, score));
    }
}
