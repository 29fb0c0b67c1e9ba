//! How much we take on at a time: all together, and from one caller.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::auth::Caller;
use crate::config::ClientLimits;
use crate::error::{Error, Kind};

/// Callers are counted in so many parts, so that they seldom wait for one another.
const PARTS: usize = 16;

/// What is in hand; it outlives reloads.
#[derive(Debug)]
pub(super) struct Admission {
    in_flight: AtomicUsize,
    /// By a hash of the caller's name. Whoever has nothing in hand is not in it, so it stays as small as our work.
    callers: [Mutex<HashMap<u64, usize>>; PARTS],
    /// Nobody can choose names whose hashes collide without it.
    seed: u64,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    caller: Option<u64>,
}

impl Default for Admission {
    fn default() -> Self {
        Self { in_flight: AtomicUsize::default(), callers: Default::default(), seed: fastrand::u64(..) }
    }
}

impl Admission {
    /// Takes a place, if there is one: nobody waits here.
    pub(super) fn admit(self: &Arc<Self>, limits: &ClientLimits, caller: &Caller) -> Result<Admitted, Error> {
        let mut admitted = Admitted { admission: Arc::clone(self), caller: None };
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= limits.in_flight {
            return Err(Error::new(Kind::GatewayFull, "this gateway has all that it takes on at a time").retry_after(1));
        }
        if let Some(most) = limits.per_caller {
            let caller = xxh3_64_with_seed(caller.name.as_bytes(), self.seed);
            if !self.one_more(caller, most) {
                let message = format!("this caller has {most} requests under way, which is the most at a time");
                return Err(Error::new(Kind::CallerFull, message).retry_after(1));
            }
            admitted.caller = Some(caller);
        }
        Ok(admitted)
    }

    fn one_more(&self, caller: u64, most: usize) -> bool {
        let Some(part) = self.part(caller) else { return true };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        let count = part.entry(caller).or_default();
        let room = *count < most;
        *count += usize::from(room);
        room
    }

    fn one_less(&self, caller: u64) {
        let Some(part) = self.part(caller) else { return };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = part.get_mut(&caller) {
            *count -= 1;
            if *count == 0 {
                part.remove(&caller);
            }
        }
    }

    fn part(&self, caller: u64) -> Option<&Mutex<HashMap<u64, usize>>> {
        self.callers.get(usize::try_from(caller % PARTS as u64).ok()?)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(caller) = self.caller {
            self.admission.one_less(caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Kind as CallerKind;

    #[test]
    fn each_caller_has_its_share_and_all_have_theirs() {
        let limits = ClientLimits { in_flight: 3, per_caller: Some(2), ..ClientLimits::default() };
        let admission = Arc::new(Admission::default());
        let caller = |name: &str| Caller::named(name, CallerKind::Pat);
        let admit = |name| admission.admit(&limits, &caller(name)).map_err(|error| error.kind());
        let (one, two) = (admit("a").unwrap(), admit("a").unwrap());
        assert_eq!(admit("a").unwrap_err(), Kind::CallerFull);
        let three = admit("b").unwrap();
        assert_eq!(admit("c").unwrap_err(), Kind::GatewayFull);
        drop(one);
        assert!(admit("a").is_ok());
        drop((two, three));
        let left: usize = admission.callers.iter().map(|part| part.lock().unwrap().len()).sum();
        assert_eq!((left, admission.in_flight.load(Ordering::Relaxed)), (0, 0), "nothing is kept of those who left");
    }
}
