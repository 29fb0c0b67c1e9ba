//! Answers that were made before: a client comes back for one by its id, which says which backend made it.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::course::Course;
use super::exchange::Exchange;
use super::snapshot::Snapshot;
use super::translate::{self, Kept, Outbound, Plan};
use crate::auth::Caller;
use crate::credential::Client;
use crate::dialect::{Ask, Dialect as _, Responses, Surface, Target};
use crate::error::{Error, Kind};
use crate::ir::{Calls, Dropped, Request};
use crate::route::backends_id;
use crate::upstream::Call;

/// An answer that a client came back for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// Its id, as we told it.
    pub(super) id: String,
    /// Whether it is to be cancelled.
    pub(super) cancel: bool,
}

/// What the query of a retrieval says.
#[derive(Default)]
struct Wish {
    stream: bool,
    starting_after: Option<u64>,
}

impl Made {
    /// The answer that a path names, if it names one.
    pub(super) fn of(path: &str) -> Option<Self> {
        let families = ["/v1/responses/", "/responses/", "/serving-endpoints/responses/"];
        let rest = families.iter().find_map(|family| path.strip_prefix(family))?;
        let (id, cancel) = rest.strip_suffix("/cancel").map_or((rest, false), |id| (id, true));
        let usable = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        usable.then(|| Self { id: id.to_owned(), cancel })
    }

    /// The call to the backend that made it, in steps 3 to 5: there is no body to peek into, the id is the route.
    pub(super) fn outbound<'s>(
        &self,
        snapshot: &'s Snapshot,
        head: &Parts,
        caller: &Arc<Caller>,
        exchange: &mut Exchange,
    ) -> Result<(Course<'s>, Box<Outbound>), Error> {
        let wish = Wish::of(head.uri.query().unwrap_or_default())?;
        let decision = snapshot.routes.made(&self.id, caller)?;
        let mut course = Course::of(snapshot, &decision, exchange)?;
        // Nobody else has the answer, so its backend is asked however it is.
        course.forced = true;
        let backend = Some(course.backend()?).filter(|backend| backend.dialect.name() == Responses.name());
        let (Some(backend), Some(theirs)) = (backend, backends_id(&self.id)) else {
            return Err(Error::new(Kind::AnswerNotFound, "the agent that made this answer keeps none").param("id"));
        };
        let rest = match (self.cancel, wish.stream) {
            (true, _) => (Method::POST, format!("/{theirs}/cancel")),
            (false, false) => (Method::GET, format!("/{theirs}")),
            // From its beginning: our frames are numbered anew, so the ones that the client has are left out here.
            (false, true) => (Method::GET, format!("/{theirs}?stream=true&starting_after=0")),
        };
        let ask = Ask {
            surface: Surface::OpenAi,
            model: decision.route.name.clone(),
            show_agents_calls: decision.route.show_server_tools || translate::asks_for_agents_calls(&head.headers),
            starting_after: wish.starting_after,
            ..Ask::default()
        };
        let call = Call {
            body: Bytes::new(),
            rest: Some(rest),
            stream: wish.stream,
            headers: translate::passed(&head.headers, false),
            client: Client::new(Arc::clone(caller), head.headers.get(AUTHORIZATION)),
        };
        let plan = Plan {
            backend: Arc::clone(backend),
            reader: backend.dialect.reader_for(&Request::default(), &Target::default()),
            follow: wish.stream.then(|| call.clone()),
            client: &Responses,
            calls: Calls { hold: !ask.show_agents_calls, declared: Vec::new() },
            ask,
            stream: wish.stream,
            verbatim: false,
            kept: Kept::Found,
        };
        let backend = Arc::clone(backend);
        Ok((course, Box::new(Outbound { backend, call, plan, dropped: Dropped::default(), unknown: 0 })))
    }
}

/// The backend has nothing at the path that the id makes: it does not know the answer (any more).
pub(super) fn unknown(error: Error) -> Error {
    match error.kind() {
        Kind::BackendPathNotFound => {
            Error::new(Kind::AnswerNotFound, "the agent keeps no answer with this id").param("id").because(error)
        }
        _ => error,
    }
}

impl Wish {
    fn of(query: &str) -> Result<Self, Error> {
        let mut wish = Self::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "stream" => wish.stream = value.eq_ignore_ascii_case("true"),
                "starting_after" => {
                    let number = value.parse().map_err(|_| {
                        Error::new(Kind::InvalidField, "`starting_after` must be the number of a frame").param(key)
                    })?;
                    wish.starting_after = Some(number);
                }
                _ => {}
            }
        }
        if wish.starting_after.is_some() && !wish.stream {
            let message = "`starting_after` takes a stream up again; it needs `stream=true`";
            return Err(Error::new(Kind::InvalidField, message).param("starting_after"));
        }
        Ok(wish)
    }
}
