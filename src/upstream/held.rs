//! A backend's time that one exchange has: taken before the call, given back with what the exchange tells of the backend.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Backend;
use super::breaker::{Pass, Standing};
use super::slots::Slot;
use crate::error::{Error, Kind};

/// Held from before the call until the exchange is over. Dropped without a word, it tells nothing of the backend: the
/// client went away.
pub struct Held {
    backend: Arc<Backend>,
    pass: Pass,
    slot: Option<Slot>,
    since: Instant,
    told: bool,
}

impl Backend {
    /// Takes what an exchange needs: the breaker's leave and a slot. `forced` asks the breaker for none.
    ///
    /// # Errors
    /// `BackendResting` or `BackendFull`; the backend was not asked.
    pub async fn hold(self: &Arc<Self>, forced: bool) -> Result<Held, Error> {
        let pass = self.condition.admit(&self.breaker, forced).map_err(|left| self.resting(left))?;
        // From here on, whatever happens gives it back.
        let mut held = Held { backend: Arc::clone(self), pass, slot: None, since: Instant::now(), told: false };
        if let Some((slots, capacity)) = &self.slots {
            let slot = slots.take(capacity).await.map_err(|_| {
                self.meters.shed.inc();
                Error::new(Kind::BackendFull, "the agent's endpoint has all that it is given at a time").retry_after(1)
            });
            held.slot = Some(slot?);
        }
        self.tell();
        Ok(held)
    }

    /// The error of a backend that is left alone.
    #[must_use]
    pub fn resting(&self, left: Duration) -> Error {
        let seconds = u32::try_from(left.as_secs() + 1).unwrap_or(u32::MAX);
        Error::new(Kind::BackendResting, "the agent's endpoint keeps failing and is left alone for a while")
            .retry_after(seconds)
    }

    fn tell(&self) {
        self.meters.standing.set(match self.condition.standing() {
            Standing::Closed => 0,
            Standing::HalfOpen => 1,
            Standing::Open => 2,
        });
    }
}

impl Held {
    /// The backend has begun to answer.
    pub fn answered(&self) {
        if self.pass != Pass::Usual {
            self.backend.condition.answered(self.pass);
            self.backend.tell();
        }
    }

    /// The exchange ended well.
    pub fn went_well(mut self) {
        self.told = true;
        self.backend.condition.went_well(&self.backend.breaker, self.since.elapsed());
    }

    /// The exchange failed.
    pub fn failed(mut self, error: &Error) {
        self.told = true;
        if self.backend.condition.failed(&self.backend.breaker, self.pass, error) {
            self.backend.meters.opened.inc();
            tracing::warn!(backend = self.backend.name, reason = error.facts().code, "the circuit breaker has opened");
        }
        self.backend.tell();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.told {
            self.backend.condition.abandoned(self.pass);
        }
        self.backend.condition.left();
        self.slot = None;
    }
}
