//! What a route's mirrored exchanges add up to: counted here, kept in the store, carried over restarts.
//!
//! The store may be full, locked or gone. Counts wait in memory until it is back, because they are small; records are
//! not, so those that find no room are lost and counted. Nobody waits for either.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::IntCounter;

use super::budget::Budget;
use super::exchange::Exchange;
use super::funnel::Funnel;
use super::moments;
use super::redact::Redaction;
use crate::compare::{self, Comparison, Settings};
use crate::config::{self, Privacy};
use crate::judge::Tally;
use crate::store::{Counted, Fates, Fault, Kept, Record, Store};

/// Bytes of records that wait for the store.
const WAITING: usize = 32 << 20;

/// Bytes of one record; of an exchange that is larger the scores are kept.
const LARGEST: usize = 512 << 10;

/// The evidence about a candidate on a route.
pub struct Ledger {
    route: String,
    candidate: String,
    settings: Settings,
    record: config::Record,
    redaction: Redaction,
    store: Store,
    counts: Mutex<Counts>,
    waiting: Arc<AtomicUsize>,
    lost: IntCounter,
}

/// The counts, by how far they have come.
#[derive(Default)]
struct Counts {
    /// As the store has them, or as they are where there is none.
    kept: Tally,
    /// On their way to the store.
    leaving: Tally,
    /// Not yet.
    fresh: Tally,
    /// The store has been asked what it has.
    known: bool,
}

/// An exchange with what was found of it.
pub(super) struct Compared {
    pub(super) exchange: Exchange,
    pub(super) comparison: Comparison,
    /// What the primary's second answer differs in from its first.
    pub(super) again: Option<Comparison>,
    /// When, in milliseconds since 1970.
    at: i64,
    pub(super) settings: Settings,
}

/// Room for a record that waits for the store; given back when it is kept or lost.
struct Room {
    waiting: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Ledger {
    /// The evidence about `candidate` on a route; it goes on from `previous` if that is about the same candidate.
    pub(super) fn new(
        route: &str,
        candidate: &str,
        shadow: &config::Shadow,
        store: Store,
        lost: IntCounter,
        previous: Option<&Self>,
    ) -> Self {
        let before = previous.filter(|previous| previous.candidate == candidate).map(Self::tally);
        let counts = Counts { kept: before.unwrap_or_default(), ..Counts::default() };
        Self {
            route: route.to_owned(),
            candidate: candidate.to_owned(),
            settings: shadow.judging.clone(),
            record: shadow.record.clone(),
            redaction: Redaction::new(&shadow.record.redact),
            store,
            counts: Mutex::new(counts),
            waiting: Arc::new(AtomicUsize::new(0)),
            lost,
        }
    }

    /// What has been counted so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let counts = self.counts();
        let mut tally = counts.kept.clone();
        tally.merge(&counts.leaving);
        tally.merge(&counts.fresh);
        tally
    }

    /// How answers are compared here.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Compares an exchange. Takes as long as comparing takes.
    pub(super) fn compare(&self, exchange: Exchange) -> Compared {
        let at = now();
        let settings = Settings { now: at / 1_000, ..self.settings.clone() };
        let comparison = compare::compare(&exchange.primary, &exchange.candidate, &settings);
        let again = exchange.again.as_ref().map(|again| compare::compare(&exchange.primary, again, &settings));
        Compared { exchange, comparison, again, at, settings }
    }

    /// Counts and records what has been compared.
    pub(super) fn take(&self, compared: Compared) {
        let Compared { exchange, comparison, again, at, .. } = compared;
        {
            let mut counts = self.counts();
            counts.fresh.record(&comparison, again.as_ref());
            counts.fresh.spend(exchange.primary.tokens, exchange.candidate.tokens);
        }
        if self.store.is_some() {
            self.keep(self.record_of(exchange, comparison, at));
        }
    }

    /// Hands a record to the store, if there is room for it.
    fn keep(&self, record: Record) {
        let bytes = size(&record);
        let fits = |waiting: usize| waiting.checked_add(bytes).filter(|waiting| *waiting <= WAITING);
        if self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            self.lost.inc();
            return;
        }
        let room = Room { waiting: Arc::clone(&self.waiting), bytes };
        let lost = self.lost.clone();
        self.store.tell(move |kept| {
            let _room = room;
            kept.add_record(&record).map(drop).inspect_err(|_| lost.inc())
        });
    }

    /// An exchange as far as it may be kept.
    fn record_of(&self, exchange: Exchange, mut comparison: Comparison, at: i64) -> Record {
        let Exchange { request_id, dialect, request, mut primary, mut candidate, mut again } = exchange;
        let different = comparison.different().map(str::to_owned).collect();
        let change = |text: &str| self.redaction.text(text);
        let request = match self.record.mode {
            Privacy::Full => String::from_utf8_lossy(&request).into_owned(),
            Privacy::Redacted => {
                for side in [Some(&mut primary), Some(&mut candidate), again.as_mut()].into_iter().flatten() {
                    side.redact(&change);
                }
                comparison.redact(&change);
                self.redaction.json(&request)
            }
            Privacy::Scores => {
                comparison.scores_only();
                String::new()
            }
        };
        let mut record = Record {
            id: 0,
            at,
            route: self.route.clone(),
            candidate: self.candidate.clone(),
            request_id,
            different,
            dialect: dialect.to_owned(),
            comparison: json(&comparison),
            ..Record::default()
        };
        if self.record.mode != Privacy::Scores {
            (record.primary, record.answer) = (json(&primary), json(&candidate));
            record.again = again.as_ref().map(json).unwrap_or_default();
            record.request = request;
            if size(&record) > LARGEST {
                for text in [&mut record.primary, &mut record.answer, &mut record.again, &mut record.request] {
                    text.clear();
                }
            }
        }
        record
    }

    /// Brings what is new to the store, and learns what it has from before a restart and from others.
    pub(super) async fn flush(&self, funnel: &Funnel, budget: &Budget) {
        let (fates, day) = (funnel.leaving(), budget.unkept());
        let fresh = {
            let mut counts = self.counts();
            let fresh = std::mem::take(&mut counts.fresh);
            if !self.store.is_some() {
                counts.kept.merge(&fresh);
                return;
            }
            if counts.known && fresh.exchanges == 0 && fates.is_empty() && day.requests == 0 && day.tokens == 0 {
                return;
            }
            counts.leaving = fresh.clone();
            fresh
        };
        let more: Vec<_> = fates
            .iter()
            .map(|(fate, count)| Fates { fate: fate.name().to_owned(), why: fate.why().to_owned(), count: *count })
            .collect();
        let (route, candidate) = (self.route.clone(), self.candidate.clone());
        let asked = self.store.ask(move |kept| {
            kept.add_fates(&route, &more)?;
            let day = kept.spend(&route, day)?;
            Ok((merge(kept, &route, &candidate, &fresh)?, day))
        });
        let asked = asked.await;
        let mut counts = self.counts();
        let leaving = std::mem::take(&mut counts.leaving);
        match asked {
            Ok((total, today)) => {
                (counts.kept, counts.known) = (total, true);
                budget.keep(day, today);
            }
            Err(_) => {
                counts.fresh.merge(&leaving);
                funnel.back(&fates);
            }
        }
    }

    /// Lets go of records and moments that are too old, and of records that are too many.
    pub(super) fn prune(&self) {
        let keep = i64::try_from(self.record.keep.as_millis()).unwrap_or(i64::MAX);
        let size = i64::try_from(self.record.size).unwrap_or(i64::MAX);
        let (route, before) = (self.route.clone(), now().saturating_sub(keep));
        self.store.tell(move |kept| {
            kept.prune_moments(&route, before)?;
            kept.prune_records(&route, before, size).map(drop)
        });
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds counts to those in the store, which may come from before a restart or from somebody else; what they add up to.
fn merge(kept: &mut dyn Kept, route: &str, candidate: &str, fresh: &Tally) -> Result<Tally, Fault> {
    let before = kept.tally(route, candidate)?;
    let mut total = match &before {
        // Counts that cannot be read are somebody's all the same: they are not written over.
        Some(before) => serde_json::from_str(&before.tally).map_err(|error| Fault::new(error.to_string()))?,
        None => Tally::default(),
    };
    if fresh.exchanges > 0 {
        let earlier = total.clone();
        total.merge(fresh);
        let at = now();
        let earlier = before.as_ref().map(|counted| (counted, &earlier));
        moments::keep(kept, [route, candidate], earlier, &total, at)?;
        kept.set_tally(route, candidate, &Counted { tally: json(&total), since: at, at })?;
    }
    Ok(total)
}

fn size(record: &Record) -> usize {
    let Record { request, primary, answer, again, comparison, .. } = record;
    [request, primary, answer, again, comparison].into_iter().map(String::len).sum()
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
