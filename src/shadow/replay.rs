//! The same comparison without live traffic: recorded requests to the candidate, held against the recorded answer or
//! against the primary's of today.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::account::now;
use super::copy::Original;
use super::funnel::{Fate, Why};
use super::heard::{self, Bounds, Flood};
use super::isolate::Isolation;
use super::mirror::{elsewhere, for_copies, is_marked};
use super::sample::Sample;
use super::ticket::Arrived;
use crate::auth::{Caller, Kind};
use crate::compare::{self, Comparison, Observed, Settings};
use crate::config::{self, Config, SideEffects};
use crate::credential::Client;
use crate::dialect::{self, ChatCompletions, Dialect, Transcoder};
use crate::ir::{Body, Calls, Item, Request, Role, Str};
use crate::route::{Sticky, state_places};
use crate::telemetry::Metrics;
use crate::upstream::Backend;

mod line;

pub use line::{Answered, Recorded};

/// What copies put before names.
const CANDIDATE: &str = "replay";
const PRIMARY: &str = "replay-primary";
const AGAIN: &str = "replay-noise";

/// A route whose recorded requests are sent again.
pub struct Replay {
    /// The candidate's name.
    pub candidate: String,
    /// The primary's name.
    pub primary: String,
    /// How many may be on their way at a time, and how many are sent in a second.
    pub limits: config::ShadowLimits,
    /// What a body with `messages` is.
    pub chat: &'static dyn Dialect,
    /// How answers are compared.
    pub settings: Settings,
    to: Arc<Backend>,
    from: Arc<Backend>,
    shadow: config::Shadow,
    noise: Sample,
    flood: Flood,
    /// Where conversations are named.
    sticky: Sticky,
    places: Vec<String>,
    caller: Arc<Caller>,
    token: Option<HeaderValue>,
    /// The primary is asked, whatever was recorded.
    ask_primary: bool,
}

/// What became of a recorded request.
pub enum Replayed {
    /// Both sides have been compared.
    Compared(Box<Compared>),
    /// It was not sent, and why.
    Left(Fate),
}

/// A pair of answers.
pub struct Compared {
    /// What was asked, in short.
    pub asked: String,
    /// The primary's answer, recorded or of today.
    pub primary: Observed,
    /// The candidate's.
    pub candidate: Observed,
    /// What was found.
    pub comparison: Comparison,
    /// What the primary differs in from itself, where it was asked twice.
    pub again: Option<Comparison>,
}

impl Replay {
    /// The replay of a route of a config; `token` is presented where a backend wants its caller's.
    ///
    /// # Errors
    /// When there is no such route, or it has no mirror, or nothing can be sent to its backends; the text says what to do.
    pub fn new(config: &Config, route: &str, token: Option<HeaderValue>, ask_primary: bool) -> Result<Self, String> {
        let names = || config.routes.iter().map(|route| route.name.as_str()).collect::<Vec<_>>().join(", ");
        let route = config.routes.iter().find(|known| known.name == route);
        let route = route.ok_or_else(|| format!("no such route; there are: {}", names()))?;
        let shadow = route.shadow.clone().ok_or_else(|| {
            "the route has no `shadow`; add one to the config: it says which backend is the candidate and what a second run \
             of the agent does"
                .to_owned()
        })?;
        let shadow = config::Shadow { pass_caller_token: shadow.pass_caller_token || token.is_some(), ..shadow };
        let backend_at = |place: usize| config.backends.get(place).ok_or_else(|| "no such backend".to_owned());
        let others = route.split.iter().filter(|share| share.backend != shadow.to);
        let primary = others.max_by_key(|share| share.basis_points).ok_or("the route has no other backend")?;
        let (to, from) = (backend_at(shadow.to)?, backend_at(primary.backend)?);
        let copies = for_copies(to, &shadow).ok_or_else(|| {
            format!("`{}` is called with its caller's token and there is none; set CUTOVER_REPLAY_TOKEN", to.name)
        })?;
        if ask_primary && token.is_none() && for_copies(from, &shadow).is_none() {
            return Err(format!(
                "`{}` is called with its caller's token and there is none; set CUTOVER_REPLAY_TOKEN",
                from.name
            ));
        }
        let metrics = Metrics::new().map_err(|error| error.to_string())?;
        let backend = |backend: &config::Backend| {
            let backend = config::Backend { health: None, ..backend.clone() };
            Backend::new(&backend, None, metrics.backend(&backend.name)).map(Arc::new)
        };
        let failed = |error: io::Error| format!("cannot set up TLS to the backends: {error}");
        Ok(Self {
            candidate: to.name.clone(),
            primary: from.name.clone(),
            limits: shadow.limits,
            chat: route.legacy_dialect.unwrap_or(&ChatCompletions),
            settings: Settings { now: now(), ..shadow.judging.clone() },
            to: backend(&copies).map_err(failed)?,
            from: backend(from).map_err(failed)?,
            noise: Sample::new(shadow.noise, "noise", &route.name),
            flood: Flood::default(),
            sticky: Sticky::new(route.sticky.as_deref()),
            places: state_places(route.sticky.as_deref()).chain(shadow.rewrite.iter().cloned()).collect(),
            shadow,
            caller: Arc::new(Caller::named("replay", Kind::Pat)),
            token,
            ask_primary,
        })
    }

    /// Sends one recorded request, if it may be sent.
    pub async fn send(&self, recorded: Recorded) -> Replayed {
        let Recorded { id, body, reads, answer, took } = recorded;
        let original = match self.original(id.as_deref().unwrap_or_default(), &body, reads) {
            Ok(original) => original,
            Err(fate) => return Replayed::Left(fate),
        };
        let copy = original.copy(&self.to, Isolation::new(CANDIDATE, &self.places), self.shadow.pass_caller_token);
        let copy = match copy {
            Ok(copy) => copy,
            Err(fate) => return Replayed::Left(fate),
        };
        let asks = self.ask_primary || answer.is_none();
        let again = asks && self.noise.has(None);
        let (candidate, asked, again) = tokio::join!(
            heard::ask(&self.to, copy, self.bounds()),
            self.ask_primary(&original, PRIMARY, asks),
            self.ask_primary(&original, AGAIN, again)
        );
        let recorded = answer.map(|answer| match answer {
            Answered::Observed(observed) => *observed,
            Answered::Raw { status, body } => self.read(status, &body, original.calls(), took),
        });
        // This machine had no time to hear one of them: nothing is known of it.
        let Some(candidate) = candidate else { return Replayed::Left(Fate::Shed) };
        let primary = match asked {
            Err(fate) => return Replayed::Left(fate),
            Ok(asked) => asked.or(recorded),
        };
        let Some(primary) = primary else { return Replayed::Left(Fate::NotEligible(Why::Untranslatable)) };
        let candidate = candidate.observed();
        let comparison = compare::compare(&primary, &candidate, &self.settings);
        let again = again.ok().flatten().map(|again| compare::compare(&primary, &again, &self.settings));
        Replayed::Compared(Box::new(Compared { asked: asked_for(&original), primary, candidate, comparison, again }))
    }

    /// The primary's answer of today, if it is asked and can be.
    async fn ask_primary(
        &self,
        original: &Original,
        prefix: &'static str,
        asks: bool,
    ) -> Result<Option<Observed>, Fate> {
        if !asks {
            return Ok(None);
        }
        let Ok(copy) = original.copy(&self.from, Isolation::new(prefix, &self.places), true) else { return Ok(None) };
        let heard = heard::ask(&self.from, copy, self.bounds()).await.ok_or(Fate::Shed)?;
        Ok(Some(heard.observed()))
    }

    fn bounds(&self) -> Bounds<'_> {
        Bounds { answer: self.shadow.limits.answer, deadline: self.shadow.deadline, flood: &self.flood }
    }

    /// The request as a mirror would have seen it, or why it is not sent.
    fn original(&self, id: &str, bytes: &Bytes, reads: &'static dyn Dialect) -> Result<Original, Fate> {
        if bytes.len() > self.shadow.limits.body {
            return Err(Fate::TooLarge);
        }
        let unreadable = |_| Fate::NotEligible(Why::Refused);
        let body = Body::parse(bytes).map_err(unreadable)?;
        // What decides stands inside a scoring server's wrapping, if there is one.
        let fields = dialect::unwrapped(&body).map_err(unreadable)?;
        let (id, headers) = (HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("")), HeaderMap::new());
        let arrived = Arrived {
            bytes,
            body: fields.as_ref().unwrap_or(&body),
            reads,
            headers: &headers,
            caller: &self.caller,
            id: &id,
            key: None,
            backend: usize::MAX,
        };
        if let SideEffects::Marked(safe) = &self.shadow.side_effects
            && !is_marked(safe, &arrived)
        {
            return Err(Fate::Unmarked);
        }
        if let Some(why) = elsewhere(&arrived) {
            return Err(Fate::NotEligible(why));
        }
        let key = self.sticky.name(arrived.body, &headers).map(Str::into_string);
        let client = Client::new(Arc::clone(&self.caller), self.token.as_ref());
        Ok(Original { body: bytes.clone(), reads, key, id, client })
    }

    /// A recorded answer: one document, or a stream as it was sent.
    fn read(&self, status: StatusCode, body: &Bytes, calls: Calls, took: Option<f64>) -> Observed {
        let dialect = line::answers(body, self.from.dialect);
        let observed = match (status.is_success(), is_stream(body)) {
            (false, _) => Observed::failed(&dialect.read_error(status, None, body)),
            (true, false) => Observed::of(&heard::plain(dialect, body, calls, body.len().max(1 << 16) * 2)),
            (true, true) => {
                let room = body.len() * 2;
                let mut transcoder = Transcoder::new(dialect.reader(), heard::assembler(calls, room), None, room);
                transcoder.push(body);
                transcoder.end();
                Observed::of(&transcoder.into_answer())
            }
        };
        let observed = observed.status(status.as_u16());
        match took {
            Some(took) => observed.timed(None, Duration::from_secs_f64(took.clamp(0.0, 1e9) / 1e3)),
            None => observed,
        }
    }
}

fn is_stream(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    body.starts_with(b"data:") || body.starts_with(b"event:")
}

/// What the person said last.
fn asked_for(original: &Original) -> String {
    let body = Body::parse(&original.body);
    let request = body.as_ref().ok().and_then(|body| original.reads.read_request(body).ok());
    let last = |request: Request<'_>| {
        request.items.iter().rev().find_map(|item| match item {
            Item::Message(message) if message.role == Role::User => Some(message.joined(" ").into_string()),
            _ => None,
        })
    };
    request.and_then(last).unwrap_or_default()
}
