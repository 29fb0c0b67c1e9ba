//! A token that is asked for: kept while it is good, renewed before it ends, asked for once for everybody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use http::HeaderValue;

use crate::error::{Error, Kind};
use crate::net::{Failed, Flight, Landing};

/// How long a request waits for a token; asking goes on behind it.
const PATIENCE: Duration = Duration::from_millis(1_800);

/// How long after a failure nobody asks again: first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How often a backend's refusal makes us ask for another token: a backend that refuses every one must not turn each
/// request into two.
const FORCED_EVERY: Duration = Duration::from_secs(10);

/// A token, and what is known of its life.
#[derive(Clone)]
pub(super) struct Granted {
    header: HeaderValue,
    renew_at: Instant,
    ends: Instant,
}

/// Why there is no token.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The endpoint will not give one; this is OAuth's code for why.
    Denied(String),
    /// The endpoint could not be asked, or did not make sense.
    Failed(String),
}

/// A token of which there is always a good one, as far as the endpoint lets us.
#[derive(Default)]
pub(super) struct Issued {
    granted: ArcSwapOption<Granted>,
    flight: Flight<Result<HeaderValue, Refusal>>,
    past: Mutex<Past>,
}

#[derive(Default)]
struct Past {
    /// The last failure, and until when it counts.
    failure: Option<(Refusal, Instant)>,
    failures: u32,
    forced: Option<Instant>,
}

/// What can be presented at once.
pub(super) enum Ready {
    /// This, for a while yet.
    Good(HeaderValue),
    /// This, but it is time for the next one.
    Ending(HeaderValue),
    /// Nothing.
    Nothing,
}

impl Granted {
    /// A token that is good for `life` from now. It is renewed at 80 % of it at the latest, at 75 % at the earliest: many
    /// gateways that began together do not ask together.
    pub(super) fn new(header: HeaderValue, life: Duration) -> Self {
        let now = Instant::now();
        Self { header, renew_at: now + life.mul_f64(0.8 - 0.05 * fastrand::f64()), ends: now + life }
    }
}

impl Issued {
    /// What there is now.
    pub(super) fn ready(&self) -> Ready {
        let now = Instant::now();
        match self.granted.load().as_deref() {
            Some(granted) if now < granted.renew_at => Ready::Good(granted.header.clone()),
            Some(granted) if now < granted.ends => Ready::Ending(granted.header.clone()),
            _ => Ready::Nothing,
        }
    }

    /// Asks for the next token behind the request's back. Whoever presents the old one meanwhile is fine.
    pub(super) fn renew_soon<F>(self: &Arc<Self>, ask: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = Result<Granted, Refusal>> + Send,
    {
        if self.failure().is_none() {
            drop(self.join(None, ask));
        }
    }

    /// A token, if one can be had in time.
    pub(super) async fn obtain<F>(
        self: &Arc<Self>,
        ask: impl FnOnce() -> F + Send + 'static,
    ) -> Result<HeaderValue, Refusal>
    where
        F: Future<Output = Result<Granted, Refusal>> + Send,
    {
        let landing = self.join(None, ask);
        landing.within(PATIENCE).await.unwrap_or_else(|| Err(Refusal::Failed("no token in time".into())))
    }

    /// Another token than one that was refused, if one can be had in time.
    pub(super) async fn instead_of<F>(
        self: &Arc<Self>,
        refused: &HeaderValue,
        ask: impl FnOnce() -> F + Send + 'static,
    ) -> Option<HeaderValue>
    where
        F: Future<Output = Result<Granted, Refusal>> + Send,
    {
        let landing = self.join(Some(refused.clone()), ask);
        landing.within(PATIENCE).await?.ok().filter(|header| header != refused)
    }

    fn join<F>(
        self: &Arc<Self>,
        refused: Option<HeaderValue>,
        ask: impl FnOnce() -> F + Send + 'static,
    ) -> Landing<Result<HeaderValue, Refusal>>
    where
        F: Future<Output = Result<Granted, Refusal>> + Send,
    {
        let this = Arc::clone(self);
        self.flight.join(|| async move { this.next(refused.as_ref(), ask).await })
    }

    /// The next token. Looks first whether the flight before has brought it.
    async fn next<F>(&self, refused: Option<&HeaderValue>, ask: impl FnOnce() -> F) -> Result<HeaderValue, Refusal>
    where
        F: Future<Output = Result<Granted, Refusal>>,
    {
        if let Ready::Good(header) = self.ready()
            && refused != Some(&header)
        {
            return Ok(header);
        }
        if let Some(refusal) = self.failure() {
            return Err(refusal);
        }
        if refused.is_some() && !self.may_force() {
            return Err(Refusal::Failed("another token was asked for a moment ago".into()));
        }
        let asked = ask().await;
        self.note(asked.as_ref().err());
        asked.map(|granted| {
            let header = granted.header.clone();
            self.granted.store(Some(Arc::new(granted)));
            header
        })
    }

    fn failure(&self) -> Option<Refusal> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.failure.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(refusal, _)| refusal.clone())
    }

    fn may_force(&self) -> bool {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let free = past.forced.is_none_or(|forced| forced.elapsed() >= FORCED_EVERY);
        if free {
            past.forced = Some(Instant::now());
        }
        free
    }

    fn note(&self, refusal: Option<&Refusal>) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(refusal) = refusal else {
            (past.failure, past.failures) = (None, 0);
            return;
        };
        let pause = FIRST_PAUSE.saturating_mul(1 << past.failures.min(5)).min(LONGEST_PAUSE);
        past.failures = past.failures.saturating_add(1);
        past.failure = Some((refusal.clone(), Instant::now() + pause));
        tracing::warn!(why = refusal.why(), "no token from a token endpoint");
    }
}

impl Refusal {
    fn why(&self) -> &str {
        let (Self::Denied(why) | Self::Failed(why)) = self;
        why
    }
}

impl From<Failed> for Refusal {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed.to_string())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let message = "the token for the agent's endpoint cannot be had right now; try again";
        Self::new(Kind::CredentialUnavailable, message).because(refusal.why())
    }
}
