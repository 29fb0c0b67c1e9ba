//! A route's mirror: which requests are copied, and the queue to the worker that sends the copies.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use tokio::sync::{Semaphore, mpsc};

use super::budget::Budget;
use super::copy::Original;
use super::funnel::{Fate, Funnel, Why};
use super::heard::{Bounds, Flood};
use super::ledger::Ledger;
use super::opinions::Opinions;
use super::pause::Pause;
use super::sample::Sample;
use super::ticket::{Arrived, Job, Place, Ticket};
use super::worker;
use super::workers::Workers;
use crate::config::{self, Credential, Identity, Safe, SideEffects};
use crate::credential::Client;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::upstream::Backend;

/// A route's mirror.
pub struct Mirror {
    shared: Arc<Shared>,
    sample: Sample,
    noise: Sample,
    queue: mpsc::Sender<Job>,
}

/// What would become of a request's copy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Foretold {
    /// Why there would be none. If there would be one, caps and pauses have their say when it is sent.
    pub fate: Option<Fate>,
    /// How likely it is in the sample at all, in percent, where only chance says so.
    pub chance: Option<f64>,
}

/// What the mirror and its worker both use.
pub(super) struct Shared {
    pub(super) ledger: Arc<Ledger>,
    pub(super) config: config::Shadow,
    /// The candidate, with a pool and a credential for copies alone; none if all it takes is the caller's token, which
    /// copies do not carry.
    pub(super) candidate: Option<Arc<Backend>>,
    /// Those who answer clients, as copies reach them.
    pub(super) primaries: HashMap<usize, Arc<Backend>>,
    /// Dotted paths to names of a state.
    pub(super) places: Vec<String>,
    pub(super) funnel: Arc<Funnel>,
    pub(super) pause: Arc<Pause>,
    pub(super) budget: Budget,
    /// Bytes that copies hold.
    pub(super) held: AtomicUsize,
    /// Whoever is asked about pairs of answers.
    pub(super) opinions: Opinions,
    store: Store,
    pub(super) flood: Flood,
    /// Whose turn it is to be compared: one thread at most works on that.
    pub(super) comparing: Semaphore,
}

impl Mirror {
    /// The mirror of a route, if it has one, with its worker started. `places` are the paths that
    /// a conversation's key is read from. Counts go on from those of `previous`.
    ///
    /// # Errors
    /// When certificate authorities or secrets of the candidate cannot be read.
    pub fn new(
        config: &config::Config,
        route: &config::Route,
        places: impl IntoIterator<Item = String>,
        store: &Store,
        metrics: &Metrics,
        workers: &Workers,
        previous: Option<&Self>,
    ) -> io::Result<Option<Arc<Self>>> {
        let Some(shadow) = &route.shadow else { return Ok(None) };
        // Copies are no clients: their calls are counted under a name of their own.
        let meters = |backend: &config::Backend| metrics.backend(&format!("shadow:{}", backend.name));
        let candidate = config.backends.get(shadow.to).and_then(|backend| for_copies(backend, shadow));
        let candidate =
            candidate.map(|backend| Backend::new(&backend, None, meters(&backend)).map(Arc::new)).transpose()?;
        let mut primaries = HashMap::new();
        for share in route.split.iter().filter(|share| shadow.noise > 0 && share.backend != shadow.to) {
            if let Some(backend) = config.backends.get(share.backend) {
                let backend = config::Backend { health: None, ..backend.clone() };
                primaries.insert(share.backend, Arc::new(Backend::new(&backend, None, meters(&backend))?));
            }
        }
        let before = previous.map(|previous| &previous.shared);
        let funnel = before.map(|before| Arc::clone(&before.funnel));
        let same = before.filter(|before| before.config.to == shadow.to);
        let budget = Budget::new(shadow.budget);
        if let Some(before) = before {
            budget.resume(&before.budget);
        }
        let name = config.backends.get(shadow.to).map_or("", |backend| backend.name.as_str());
        let lost = metrics.shadow.records_lost(&route.name);
        let ledger = before.map(|before| &*before.ledger);
        let ledger = Arc::new(Ledger::new(&route.name, name, shadow, store.clone(), lost, ledger));
        let before = before.map(|before| &before.opinions);
        let opinions = Opinions::new(config, &route.name, &shadow.opinions, metrics, before)?;
        let shared = Arc::new(Shared {
            ledger,
            config: shadow.clone(),
            candidate,
            primaries,
            places: places.into_iter().chain(shadow.rewrite.iter().cloned()).collect(),
            funnel: funnel.unwrap_or_else(|| Arc::new(Funnel::new(metrics, &route.name))),
            pause: same.map_or_else(Arc::default, |before| Arc::clone(&before.pause)),
            budget,
            held: AtomicUsize::new(0),
            opinions,
            store: store.clone(),
            flood: Flood::default(),
            comparing: Semaphore::new(1),
        });
        let (queue, jobs) = mpsc::channel(shadow.limits.queue);
        workers.start(worker::run(Arc::clone(&shared), jobs, workers.clone()))?;
        let sample = Sample::new(shadow.sample, "shadow", &route.name);
        let noise = Sample::new(shadow.noise, "noise", &route.name);
        Ok(Some(Arc::new(Self { shared, sample, noise, queue })))
    }

    /// Whether a request that has been routed is one to copy. If it is not, it has met its fate. Never waits.
    #[must_use]
    pub fn admit(self: &Arc<Self>, arrived: Arrived<'_>) -> Option<Ticket> {
        self.shared.funnel.begin();
        match self.fate(&arrived) {
            Some(fate) => {
                self.shared.funnel.end(fate);
                None
            }
            None => self.ticket(&arrived),
        }
    }

    /// What would become of a request, by what [`Mirror::admit`] and the worker go by; nothing is counted or used up.
    #[must_use]
    pub fn foretell(&self, arrived: &Arrived<'_>) -> Foretold {
        let chance = arrived.key.is_none().then(|| self.sample.percent());
        let sampled = chance.map_or_else(|| self.sample.has(arrived.key), |percent| percent > 0.0);
        let unsendable = || {
            let candidate = self.shared.candidate.as_ref()?;
            worker::copy(&self.shared, candidate, &self.original(arrived, false)).err()
        };
        Foretold { fate: self.unfit(arrived, sampled).or_else(unsendable), chance }
    }

    /// A request that has been routed and cannot even be read.
    pub fn refused(&self) {
        self.shared.funnel.begin();
        self.shared.funnel.end(Fate::NotEligible(Why::Refused));
    }

    /// Its counts.
    #[must_use]
    pub fn funnel(&self) -> &Funnel {
        &self.shared.funnel
    }

    /// What its exchanges add up to.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// The candidate's place.
    #[must_use]
    pub fn to(&self) -> usize {
        self.shared.config.to
    }

    /// Puts a copy into the queue; where there is no room it is shed.
    pub(super) fn offer(&self, job: Job) {
        // What does not fit is dropped, and with that counted.
        let _ = self.queue.try_send(job);
    }

    /// What becomes of a request that is not copied.
    fn fate(&self, arrived: &Arrived<'_>) -> Option<Fate> {
        if let Some(fate) = self.unfit(arrived, self.sample.has(arrived.key)) {
            return Some(fate);
        }
        if self.shared.pause.is_on(Instant::now()) {
            return Some(Fate::Paused);
        }
        self.shared.budget.is_spent().then_some(Fate::OverBudget)
    }

    /// What becomes of a request that is not one to copy, whenever it comes.
    fn unfit(&self, arrived: &Arrived<'_>, sampled: bool) -> Option<Fate> {
        let shared = &self.shared;
        if arrived.backend == self.to() {
            return Some(Fate::NotEligible(Why::AnsweredByCandidate));
        }
        if !sampled {
            return Some(Fate::NotSampled);
        }
        if let SideEffects::Marked(safe) = &shared.config.side_effects
            && !is_marked(safe, arrived)
        {
            return Some(Fate::Unmarked);
        }
        if let Some(why) = elsewhere(arrived) {
            return Some(Fate::NotEligible(why));
        }
        if shared.candidate.is_none() {
            return Some(Fate::Withheld);
        }
        if arrived.bytes.len() > shared.config.limits.body {
            return Some(Fate::TooLarge);
        }
        None
    }

    fn ticket(self: &Arc<Self>, arrived: &Arrived<'_>) -> Option<Ticket> {
        let noise = self.noise.has(arrived.key);
        let original = self.original(arrived, noise);
        let place = Place::take(&self.shared, arrived.bytes.len())?;
        Some(Ticket { mirror: Arc::clone(self), place, original, noise })
    }

    /// What a copy needs of a request.
    fn original(&self, arrived: &Arrived<'_>, noise: bool) -> Original {
        // The token is kept only for a copy that may carry it: to a candidate by the route's leave, or once more to the
        // primary, which has had it already.
        let token = noise || self.shared.config.pass_caller_token;
        let authorization = arrived.headers.get(http::header::AUTHORIZATION).filter(|_| token);
        Original {
            body: arrived.bytes.clone(),
            reads: arrived.reads,
            key: arrived.key.map(str::to_owned),
            id: arrived.id.clone(),
            client: Client::new(Arc::clone(arrived.caller), authorization),
        }
    }
}

impl Shared {
    /// How far an answer may go.
    pub(super) fn bounds(&self) -> Bounds<'_> {
        Bounds { answer: self.config.limits.answer, deadline: self.config.deadline, flood: &self.flood }
    }

    /// Brings what is new to the store.
    pub(super) async fn flush(&self) {
        self.ledger.flush(&self.funnel, &self.budget).await;
        self.opinions.flush(&self.store).await;
    }
}

/// Whether a request has every mark that there is.
pub(super) fn is_marked(safe: &Safe, arrived: &Arrived<'_>) -> bool {
    let header = |name| arrived.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    safe.headers.iter().all(|(name, pattern)| header(name).is_some_and(|value| pattern.matches(value)))
        && (safe.callers.is_empty() || safe.callers.iter().any(|pattern| pattern.matches(&arrived.caller.name)))
        && safe
            .body
            .iter()
            .all(|(path, pattern)| arrived.body.scalar_at(path).is_some_and(|value| pattern.matches(&value)))
}

/// Why a request cannot be asked of anybody but the primary.
pub(super) fn elsewhere(arrived: &Arrived<'_>) -> Option<Why> {
    let given = |name| arrived.body.given(name);
    if given("previous_response_id").or_else(|| given("conversation")).is_some() {
        return Some(Why::StateElsewhere);
    }
    given("background").is_some_and(|value| value.get() != "false").then_some(Why::Background)
}

/// A candidate as copies reach it; none if it takes nothing but what they do not carry.
pub(super) fn for_copies(backend: &config::Backend, shadow: &config::Shadow) -> Option<config::Backend> {
    let mut backend = config::Backend { health: None, ..backend.clone() };
    if !shadow.pass_caller_token {
        backend.credential = without_callers(backend.credential)?;
        if backend.identity == Identity::ForwardedWithToken {
            backend.identity = Identity::Forwarded;
        }
    }
    Some(backend)
}

/// A credential that needs nothing of the caller's.
fn without_callers(credential: Credential) -> Option<Credential> {
    match credential {
        Credential::Caller | Credential::Exchange(_) => None,
        Credential::CallerOr(or) => without_callers(*or),
        own => Some(own),
    }
}
