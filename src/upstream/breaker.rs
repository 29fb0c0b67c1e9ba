//! The circuit breaker: a backend that keeps failing is left alone for a while, then tried with a few requests.
//!
//! ```text
//!            failures in a row, or too few successes          the pause is over
//!   Closed ------------------------------------------> Open ---------------------> HalfOpen
//!     ^                                                 ^                             |  |
//!     |                                                 +---- a probe failed: --------+  |
//!     |                                                       twice the pause            |
//!     +--------------------- a probe, or a request let through all the same, was answered
//! ```
//!
//! A state machine without a clock or a die: both are given. While it is closed nothing takes a lock.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::window::Window;
pub(super) use crate::config::Breaker as Policy;

/// What is known of a backend; it outlives reloads.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// The state's name, for whoever does not need to know more.
    standing: AtomicU8,
    /// Failures of the backend in a row.
    row: AtomicU32,
    /// Requests that went well, and that failed.
    ended: Window,
    state: Mutex<State>,
}

/// Whether requests go to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// They do.
    Closed,
    /// A few do, to see whether it is well again.
    HalfOpen,
    /// None do for a while.
    Open,
}

/// How a request was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// The backend is well as far as we know.
    Usual,
    /// To see whether it is well again.
    Probe,
    /// Although it is not, because there is no other.
    Forced,
}

#[derive(Debug, Default)]
struct State {
    /// When the pause is over; none while closed.
    until: Option<Duration>,
    /// Probes under way since the pause was over.
    probes: u32,
    /// How often in a row it has opened without getting well in between.
    times: u32,
}

impl Breaker {
    /// Whether requests go to the backend, as of the last that did or wanted to.
    pub(super) fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Acquire) {
            0 => Standing::Closed,
            1 => Standing::HalfOpen,
            _ => Standing::Open,
        }
    }

    /// How long to wait until the backend is tried again; none if a request would be let through now.
    pub(super) fn pause(&self, policy: &Policy, now: Duration) -> Option<Duration> {
        if self.standing() == Standing::Closed {
            return None;
        }
        self.state().pause(policy, now)
    }

    /// Lets a request through, or says how long to wait. `forced` lets it through whatever is known.
    pub(super) fn admit(&self, policy: &Policy, now: Duration, forced: bool) -> Result<Pass, Duration> {
        if self.standing() == Standing::Closed {
            return Ok(Pass::Usual);
        }
        let mut state = self.state();
        match state.pause(policy, now) {
            _ if state.until.is_none() => return Ok(Pass::Usual),
            None => {}
            Some(_) if forced => return Ok(Pass::Forced),
            Some(left) => return Err(left),
        }
        state.probes += 1;
        self.stand(Standing::HalfOpen);
        Ok(Pass::Probe)
    }

    /// The backend has begun to answer, whatever it says: it is there again.
    pub(super) fn answered(&self, pass: Pass) {
        if pass == Pass::Usual || self.standing() == Standing::Closed {
            return;
        }
        let mut state = self.state();
        state.until = None;
        state.probes = 0;
        self.row.store(0, Ordering::Relaxed);
        self.ended.clear();
        self.stand(Standing::Closed);
    }

    /// An exchange ended well.
    pub(super) fn went_well(&self, policy: &Policy, now: Duration) {
        self.ended.add(policy.window, now, 1, 0);
        // Nothing is written where nothing changes: every request of every thread comes by here.
        if self.row.load(Ordering::Relaxed) != 0 {
            self.row.store(0, Ordering::Relaxed);
            self.state().times = 0;
        }
    }

    /// An exchange failed by the backend's fault. `row`: in a way that counts for failures in a row: the place was not
    /// there, did not speak or spoke no sense, where the agent in it was not even reached. `roll` is a random number from
    /// 0 to 1. True if the breaker has opened by it.
    pub(super) fn failed(&self, policy: &Policy, now: Duration, pass: Pass, row: bool, roll: f64) -> bool {
        self.ended.add(policy.window, now, 0, 1);
        let in_a_row =
            if row { self.row.fetch_add(1, Ordering::Relaxed) + 1 } else { self.row.load(Ordering::Relaxed) };
        let (well, badly) = self.ended.sum(policy.window, now);
        let all = well + badly;
        let too_many = all >= u64::from(policy.least) && well * 100 < all * u64::from(policy.success);
        let mut state = self.state();
        let opens = match (state.until, pass) {
            // What began before it opened says nothing new, nor does what was let through all the same.
            (Some(_), Pass::Usual | Pass::Forced) => false,
            // Of several probes the first that fails decides.
            (Some(_), Pass::Probe) => self.standing() == Standing::HalfOpen,
            (None, _) => policy.enabled && (in_a_row >= policy.failures || too_many),
        };
        if opens {
            let doubled = policy.open.saturating_mul(1 << state.times.min(16)).min(policy.most);
            state.until = Some(now + doubled.mul_f64(1.0 + roll.clamp(0.0, 1.0) / 4.0));
            state.times += 1;
            state.probes = 0;
            self.stand(Standing::Open);
        }
        opens
    }

    /// A request was given up before it told anything: its client went away.
    pub(super) fn abandoned(&self, pass: Pass) {
        if pass == Pass::Probe {
            let mut state = self.state();
            state.probes = state.probes.saturating_sub(1);
        }
    }

    /// Whether the backend's last words were failures.
    pub(super) fn is_failing(&self) -> bool {
        self.row.load(Ordering::Relaxed) > 0 || self.standing() != Standing::Closed
    }

    /// Requests that went well, and that failed, lately.
    pub(super) fn lately(&self, policy: &Policy, now: Duration) -> (u64, u64) {
        self.ended.sum(policy.window, now)
    }

    fn stand(&self, standing: Standing) {
        let number = match standing {
            Standing::Closed => 0,
            Standing::HalfOpen => 1,
            Standing::Open => 2,
        };
        self.standing.store(number, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pause(&self, policy: &Policy, now: Duration) -> Option<Duration> {
        match self.until?.checked_sub(now) {
            Some(left) if !left.is_zero() => Some(left),
            // All probes are under way; they will tell soon.
            _ => (self.probes >= policy.probes).then_some(Duration::from_secs(1)),
        }
    }
}

impl Standing {
    /// Its name in metrics and in what operators read.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn policy() -> Policy {
        Policy::default()
    }

    /// A breaker that has just opened at second zero, for five seconds.
    fn open() -> Breaker {
        let breaker = Breaker::default();
        let opened = (0..5).filter(|_| breaker.failed(&policy(), at(0), Pass::Usual, true, 0.0)).count();
        assert_eq!((opened, breaker.standing()), (1, Standing::Open));
        breaker
    }

    #[test]
    fn it_opens_after_five_failures_in_a_row_and_not_before() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 0..4 {
                assert!(!breaker.failed(&policy(), at(0), Pass::Usual, true, 0.0));
            }
            breaker.went_well(&policy(), at(0));
        }
        assert_eq!(breaker.admit(&policy(), at(0), false), Ok(Pass::Usual));
        let breaker = open();
        assert_eq!(breaker.admit(&policy(), at(1), false), Err(at(4)));
    }

    #[test]
    fn it_opens_when_fewer_than_four_of_five_go_well_and_there_were_twenty() {
        let breaker = Breaker::default();
        (0..15).for_each(|_| breaker.went_well(&policy(), at(0)));
        // The agent itself raises: that never counts as failures in a row.
        let opened: Vec<_> = (0..6).map(|_| breaker.failed(&policy(), at(1), Pass::Usual, false, 0.0)).collect();
        assert_eq!(opened, [false, false, false, false, true, false], "15 of 20 is below 80 %");
        let quiet = Breaker::default();
        assert!((0..19).all(|_| !quiet.failed(&policy(), at(0), Pass::Usual, false, 0.0)), "19 are too few to say");
        let old = Breaker::default();
        (0..19).for_each(|_| assert!(!old.failed(&policy(), at(0), Pass::Usual, false, 0.0)));
        assert!(!old.failed(&policy(), at(60), Pass::Usual, false, 0.0), "what is a minute ago is forgotten");
    }

    #[test]
    fn after_the_pause_a_few_are_let_through_and_one_that_is_answered_closes_it() {
        let breaker = open();
        let passes: Vec<_> = (0..5).map(|_| breaker.admit(&policy(), at(5), false)).collect();
        assert_eq!(passes[..3], [Ok(Pass::Probe); 3]);
        assert_eq!(passes[3..], [Err(at(1)); 2]);
        assert_eq!(breaker.standing(), Standing::HalfOpen);
        breaker.answered(Pass::Probe);
        assert_eq!(breaker.standing(), Standing::Closed);
        assert_eq!(breaker.admit(&policy(), at(5), false), Ok(Pass::Usual));
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_a_minute() {
        let breaker = open();
        let mut now = at(5);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            assert_eq!(breaker.admit(&policy(), now, false), Ok(Pass::Probe));
            assert!(breaker.failed(&policy(), now, Pass::Probe, true, 0.0));
            let pause = breaker.pause(&policy(), now).unwrap();
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [10, 20, 40, 60, 60, 60]);
        breaker.answered(breaker.admit(&policy(), now, false).unwrap());
        // Being there is not being well: only an answer that ended well lets the next pause be short again.
        (0..5).for_each(|_| _ = breaker.failed(&policy(), now, Pass::Usual, true, 0.0));
        assert_eq!(breaker.pause(&policy(), now), Some(at(60)));
        let breaker = open();
        breaker.answered(breaker.admit(&policy(), at(5), false).unwrap());
        breaker.failed(&policy(), at(5), Pass::Usual, true, 0.0);
        breaker.went_well(&policy(), at(5));
        (0..5).for_each(|_| _ = breaker.failed(&policy(), at(6), Pass::Usual, true, 0.0));
        assert_eq!(breaker.pause(&policy(), at(6)), Some(at(5)));
    }

    #[test]
    fn pauses_differ_so_that_replicas_do_not_come_back_together() {
        let breaker = Breaker::default();
        (0..5).for_each(|_| _ = breaker.failed(&policy(), at(0), Pass::Usual, true, 1.0));
        assert_eq!(breaker.pause(&policy(), at(0)), Some(Duration::from_millis(6_250)));
    }

    #[test]
    fn what_began_before_it_opened_says_nothing_new() {
        let breaker = open();
        for _ in 0..20 {
            assert!(!breaker.failed(&policy(), at(4), Pass::Usual, true, 0.0));
            breaker.answered(Pass::Usual);
        }
        assert_eq!(breaker.pause(&policy(), at(4)), Some(at(1)));
    }

    #[test]
    fn where_there_is_no_other_it_lets_through_and_closes_when_it_is_answered() {
        let breaker = open();
        assert_eq!(breaker.admit(&policy(), at(1), true), Ok(Pass::Forced));
        assert!(!breaker.failed(&policy(), at(1), Pass::Forced, true, 0.0));
        assert_eq!(breaker.pause(&policy(), at(1)), Some(at(4)), "a failure that was to be expected prolongs nothing");
        breaker.answered(Pass::Forced);
        assert_eq!(breaker.standing(), Standing::Closed);
    }

    #[test]
    fn a_client_that_goes_away_gives_its_probe_back() {
        let breaker = open();
        for _ in 0..10 {
            let pass = breaker.admit(&policy(), at(5), false);
            assert_eq!(pass, Ok(Pass::Probe));
            breaker.abandoned(Pass::Probe);
        }
    }

    #[test]
    fn it_can_be_switched_off() {
        let breaker = Breaker::default();
        let off = Policy { enabled: false, ..policy() };
        assert!((0..1_000).all(|_| !breaker.failed(&off, at(0), Pass::Usual, true, 0.0)));
    }

    proptest! {
        /// Whatever happens in whatever order: a backend that answers is in use again within the longest pause.
        #[test]
        fn it_never_locks_itself(steps in proptest::collection::vec((0u8..6, 0u64..20), 0..200)) {
            let (breaker, mut now, mut passes) = (Breaker::default(), at(0), Vec::new());
            for (what, wait) in steps {
                now += at(wait);
                match what {
                    0 | 1 => passes.extend(breaker.admit(&policy(), now, what == 1)),
                    2 => drop(passes.pop().map(|pass| breaker.failed(&policy(), now, pass, true, 0.5))),
                    3 => drop(passes.pop().map(|pass| breaker.failed(&policy(), now, pass, false, 0.5))),
                    4 => passes.pop().into_iter().for_each(|pass| { breaker.answered(pass); breaker.went_well(&policy(), now); }),
                    _ => passes.pop().into_iter().for_each(|pass| breaker.abandoned(pass)),
                }
            }
            // Those that are still out come back without a word.
            for pass in passes {
                breaker.abandoned(pass);
            }
            now += at(75);
            let pass = breaker.admit(&policy(), now, false);
            prop_assert!(pass.is_ok(), "{:?}", pass);
            breaker.answered(pass.unwrap());
            prop_assert_eq!(breaker.admit(&policy(), now, false), Ok(Pass::Usual));
        }
    }
}
