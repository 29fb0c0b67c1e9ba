//! Sends copies, so many at a time and so many a second, and hands on what was answered.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};

use super::budget::Pace;
use super::copy::{Copy, Original};
use super::exchange::Exchange;
use super::funnel::Fate;
use super::heard::{self, Bounds, Heard};
use super::isolate::Isolation;
use super::mirror::Shared;
use super::ticket::Job;
use crate::upstream::Backend;

/// What the candidate's copies put before names.
const SHADOW: &str = "shadow";

/// What the primary's second copies put before names: it may share its store with the candidate.
const NOISE: &str = "shadow-noise";

/// Bytes of text for each token, where nobody counted.
const PER_TOKEN: u64 = 4;

/// How often what is new goes to the store, and how often what is old is let go of.
const FLUSH: Duration = Duration::from_secs(1);
const PRUNE: Duration = Duration::from_secs(60);

/// Works until the mirror is gone and the queue is empty.
pub(super) async fn run(shared: Arc<Shared>, mut jobs: mpsc::Receiver<Job>) {
    let keeper = tokio::spawn(keep(Arc::downgrade(&shared)));
    let permits = Arc::new(Semaphore::new(shared.config.limits.concurrency));
    let mut pace = Pace::new(shared.config.limits.per_second);
    while let Some(mut job) = jobs.recv().await {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        tokio::time::sleep_until(pace.turn(Instant::now()).into()).await;
        if shared.pause.is_on(Instant::now()) {
            job.place.fate = Fate::Paused;
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            mirror(&shared, job).await;
            drop(permit);
        });
    }
    // Those that are on their way have the last word.
    let all = u32::try_from(shared.config.limits.concurrency).unwrap_or(u32::MAX);
    let _ = permits.acquire_many(all).await;
    keeper.abort();
    shared.flush().await;
}

/// Brings what is new to the store from time to time, as long as there is a mirror.
async fn keep(shared: Weak<Shared>) {
    let mut pruned: Option<Instant> = None;
    while let Some(shared) = shared.upgrade() {
        shared.flush().await;
        if pruned.is_none_or(|pruned| pruned.elapsed() >= PRUNE) {
            shared.ledger.prune();
            pruned = Some(Instant::now());
        }
        drop(shared);
        tokio::time::sleep(FLUSH).await;
    }
}

/// The copy of a request for the candidate, or why there can be none.
pub(super) fn copy(shared: &Shared, candidate: &Backend, original: &Original) -> Result<Copy, Fate> {
    original.copy(candidate, Isolation::new(SHADOW, &shared.places), shared.config.pass_caller_token)
}

/// Sends one copy, and another one to the primary if the request is in that sample.
async fn mirror(shared: &Arc<Shared>, mut job: Job) {
    let Some(candidate) = &shared.candidate else { return };
    let copy = match copy(shared, candidate, &job.original) {
        Ok(copy) => copy,
        Err(fate) => return job.place.fate = fate,
    };
    if !shared.budget.take() {
        return job.place.fate = Fate::OverBudget;
    }
    job.place.fate = Fate::Mirrored;
    let bounds = Bounds { answer: shared.config.limits.answer, deadline: shared.config.deadline };
    let (heard, again) =
        tokio::join!(heard::ask(candidate, copy, bounds), again(shared, &job.original, job.primary.backend, job.noise));
    settle(shared, &job.original, &heard);
    let Job { place, original, primary, .. } = job;
    let ledger = Arc::clone(&shared.ledger);
    let compare = move || {
        ledger.take(Exchange::new(original, primary, heard, again));
        drop(place);
    };
    // Comparing may take a while, and clients are served by the threads that are left.
    if tokio::task::spawn_blocking(compare).await.is_err() {
        tracing::error!("a comparison panicked; the exchange is not counted");
    }
}

/// Asks the primary a second time, to know how much it differs from itself.
async fn again(shared: &Arc<Shared>, original: &Original, primary: usize, noise: bool) -> Option<Heard> {
    let primary = shared.primaries.get(&primary).filter(|_| noise)?;
    let copy = original.copy(primary, Isolation::new(NOISE, &shared.places), true).ok()?;
    if !shared.budget.take() {
        return None;
    }
    let bounds = Bounds { answer: shared.config.limits.answer, deadline: shared.config.deadline };
    let heard = heard::ask(primary, copy, bounds).await;
    shared.budget.used(tokens(original, &heard));
    Some(heard)
}

/// Books what a copy took, and whether the candidate is well.
fn settle(shared: &Shared, original: &Original, heard: &Heard) {
    shared.budget.used(tokens(original, heard));
    match heard.unwell {
        Some(wait) => shared.pause.failed(Instant::now(), wait),
        None => shared.pause.succeeded(),
    }
}

fn tokens(original: &Original, heard: &Heard) -> u64 {
    heard.tokens.unwrap_or_else(|| (original.body.len() + heard.observed.text().len()) as u64 / PER_TOKEN)
}
